"""What layers are called with, and what their arguments may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from seqir.constraints import Constraint
from seqir.initializers.base import Initializer
from seqir.ir import Array
from seqir.ops.tensor import Result
from seqir.regularizers import Regularizer

Tensors: TypeAlias = "Result | Sequence[Tensors] | Mapping[str, Tensors]"
"""A tensor, or a structure of tensors."""
Masks: TypeAlias = "Result | Sequence[Masks] | None"
"""A mask for each tensor of a structure, None where there is none."""
Shape: TypeAlias = tuple[int | None, ...]
"""The sizes of a tensor, None where one is not known."""
SizesLike: TypeAlias = int | str | Sequence[int | str | None] | None
"""Sizes of an input; an unknown one is None or a name."""
Function: TypeAlias = Callable[..., object]
Stored: TypeAlias = Mapping[str, object]
"""What a configuration has in place of an object."""
InitializerLike: TypeAlias = str | Initializer | Function | Stored | Array | None
RegularizerLike: TypeAlias = str | Regularizer | Function | Stored | None
ConstraintLike: TypeAlias = str | Constraint | Function | Stored | None
