"""Sizes that only the run knows, as operands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir.ir import Op
from seqir.operators.sizes import Range
from seqir.ops.apply import apply, coerce, vector
from seqir.ops.size import SizeLike, dim_of
from seqir.ops.tensor import Result, Tensor


def apply_sizes(op: Op, sizes: Sequence[Any], *operands: Any) -> Result:
    """The result of an operator whose last operand is a vector of sizes."""
    return apply(op, *operands, vector(*sizes))


def counting(size: SizeLike | Result) -> Result:
    """0, 1, 2, ... as int32: as many as a size says."""
    if not isinstance(size, Tensor):
        return np.arange(int(size), dtype=np.int32)
    return coerce(apply_sizes(Range(dim_of(size)), [size]), "int32")
