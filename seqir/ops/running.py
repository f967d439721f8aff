"""Running products and sums."""

from __future__ import annotations

from seqir import dtypes, shapes
from seqir.dtypes import DTypeLike
from seqir.errors import ShapeError
from seqir.operators.kinds import wide
from seqir.ops.apply import (
    coerce,
    common_dtype,
    is_floating,
    operand,
    rank_of,
    type_of_operand,
)
from seqir.ops.arith import multiply, where
from seqir.ops.call import operation
from seqir.ops.indexing import getitem
from seqir.ops.movement import reshape, shape
from seqir.ops.parts import pad
from seqir.ops.reduce import cumsum
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import isnan


@operation
def cumprod(
    x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None
) -> Result:
    """Running product along an axis. Source: ``keras.ops.cumprod``.

    After k rounds each number is the product of the 2ᵏ up to it.

    Raises: ShapeError if the size of the axis is not known.
    """
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    rank = rank_of(x)
    axis = shapes.normalize_axis(axis, rank)
    size = shape(x)[axis]
    if not isinstance(size, int):
        raise ShapeError(
            f"cumprod needs an axis of a known size, got {type_of_operand(x)} and "
            f"axis {axis}: give the Input that size"
        )
    wanted = dtypes.canonical(dtype) if dtype else common_dtype(x)
    wanted = "int32" if wanted == "bool" else wanted
    y = coerce(coerce(x, wanted), wide(wanted))
    reach = 1
    while reach < size:
        before = [(reach if i == axis else 0, 0) for i in range(rank)]
        first = getitem(y, (*(slice(None),) * axis, slice(None, size - reach)))
        y = multiply(y, pad(first, before, constant_values=1))
        reach *= 2
    return coerce(y, wanted)


@operation
def nancumsum(
    x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None
) -> Result:
    """`cumsum` with 0 for NaN. Source: ``keras.ops.nancumsum``."""
    return cumsum(_known(x, 0), axis, dtype)


@operation
def nancumprod(
    x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None
) -> Result:
    """`cumprod` with 1 for NaN. Source: ``keras.ops.nancumprod``."""
    return cumprod(_known(x, 1), axis, dtype)


def _known(x: TensorLike, filler: int) -> Result:
    return where(isnan(x), filler, x) if is_floating(x) else operand(x)


__all__ = ["cumprod", "nancumprod", "nancumsum"]
