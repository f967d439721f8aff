"""Integer inputs of floating-point layers: cast, or refused."""

from __future__ import annotations

from collections.abc import Callable

from seqir import dtypes, ops
from seqir.errors import DTypeError
from seqir.ops.tensor import Result, Tensor


def as_float(x: Result, dtype: str) -> Result:
    """Integers and booleans as that floating-point type; floating-point as it is."""
    return x if dtypes.is_float(x.dtype) else ops.cast(x, dtype)


def as_wide(x: Result) -> Result:
    """Half precision as float32, for sums and squares that would leave its range."""
    return ops.cast(x, dtypes.accumulator(x.dtype))


def exactly(function: Callable[[Result], Tensor], x: Result) -> Result:
    """A function that moves numbers around, of integers as well: they stay integers."""
    if dtypes.is_float(x.dtype):
        return function(x)
    wide = "float32" if dtypes.itemsize(x.dtype) <= 2 else "float64"
    return ops.cast(function(ops.cast(x, wide)), x.dtype)


def require_float(x: Result, name: str) -> None:
    """DTypeError unless x is floating-point."""
    if not dtypes.is_float(x.dtype):
        raise DTypeError(
            f"layer {name!r} takes floating-point numbers, got {x.dtype}: cast its "
            "input with ops.cast, or give the Input dtype='float32'"
        )
