"""What variables begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import config, dtypes, initializers
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, DTypeError, ShapeError
from seqir.initializers.base import check_shape
from seqir.ir import Array


def made(
    name: str,
    initializer: Any,
    shape: int | Sequence[int] | None,
    dtype: DTypeLike | None,
) -> Array:
    """The values that an initializer, or an array, gives a variable.

    Raises: what `Variable` raises.
    """
    make = initializers.get(initializer) if isinstance(initializer, str) else None
    make = make or (initializer if callable(initializer) else None)
    if make is None:
        written = not hasattr(initializer, "dtype")  # numbers of Python have no type
        array = np.asarray(initializer)
        if array.dtype == object:
            raise DTypeError(f"variable {name!r} cannot hold Python objects")
        if written and dtype is None and array.dtype.kind in "if":
            array = array.astype(
                "int32" if array.dtype.kind == "i" else config.floatx()
            )
        if shape is not None and check_shape(shape) != array.shape:
            raise ShapeError(
                f"variable {name!r} would have shape {check_shape(shape)}, its initial "
                f"value has shape {array.shape}; leave shape out"
            )
        return array
    if shape is None:
        raise ArgumentError(
            f"variable {name!r} needs a shape to be initialized by {initializer!r}; "
            "pass shape="
        )
    kind = dtypes.canonical(dtype or config.floatx())
    return np.asarray(make(check_shape(shape), dtype=kind))
