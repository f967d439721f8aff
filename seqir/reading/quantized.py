"""Quantized nodes: what integers mean, and how numbers become such."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import dtypes, shapes
from seqir.reading.parse import DTYPE
from seqir.reading.registry import reads
from seqir.reading.take import Take


@reads("QuantizeLinear")
def _quantize(take: Take) -> object:
    """``round(x / scale) + zero``, cut off at the ends of the type."""
    x, scale, zero = take.x(0), take.x(1), take[2]
    take.hold(1)
    code = take.attribute("output_dtype", 0)
    usual = DTYPE.get(code) if code else "uint8"
    dtype = usual if zero is None else zero.dtype
    if scale.ndim > 1 or take.attribute("block_size", 0) or x.dtype != scale.dtype:
        return None
    if dtype is None or not dtypes.is_integer(dtype):
        return None
    axis = shapes.normalize_axis(take.attribute("axis", 1), max(x.ndim, 2))
    return to_integers(take, x / _around(take, scale, x, axis), zero, dtype, axis)


@reads("MatMulInteger")
def _matmul_integer(take: Take) -> object:
    """Of integers less their zeros; those of a are one for each row."""
    a, b = (take.ops.cast(take.x(place), "int32") for place in (0, 1))
    return take.ops.matmul(_less(take, a, 2, -2), _less(take, b, 3, -1))


@reads("QLinearMatMul")
def _quantized_matmul(take: Take) -> object:
    """a, its scale and zero, b, its scale and zero, scale and zero of the result."""
    ops = take.ops
    take.hold(1, 4, 6)
    if take.x(1).dtype != "float32":
        return None
    if any(take.x(place).shape not in ((), (1,)) for place in (1, 2, 4, 5, 6, 7)):
        return None
    a = ops.cast(take.x(0), "int32") - ops.cast(take.x(2), "int32")
    b = ops.cast(take.x(3), "int32") - ops.cast(take.x(5), "int32")
    y = ops.cast(ops.matmul(a, b), "float32")
    y = y * (take.x(1) * take.x(4) / take.x(6))
    return to_integers(take, y, take[7], take.x(7).dtype, 0)


def to_integers(take: Take, y: Any, zero: Any, dtype: str, axis: int) -> Any:
    """Numbers rounded, moved by a zero, and cut off at the ends of a type."""
    ops = take.ops
    y = ops.cast(ops.round(y), "float32")  # halves to the even one
    if zero is not None:
        y = y + ops.cast(_around(take, zero, y, axis), "float32")
    ends = np.iinfo(dtypes.to_numpy(dtype))
    return ops.cast(ops.clip(y, float(ends.min), float(ends.max)), dtype)


def _less(take: Take, x: Any, place: int, axis: int) -> Any:
    zero = take[place]
    if zero is None:
        return x
    zero = take.ops.cast(zero, "int32")
    if zero.ndim == 1 and axis == -2 and x.ndim > 1:
        zero = take.ops.expand_dims(zero, -1)
    return x - zero


def _around(take: Take, v: Any, x: Any, axis: int) -> Any:
    """A number, or one for each place along an axis, as it broadcasts to x."""
    if not v.ndim:
        return v
    if x.ndim == 1 or v.shape == (1,):
        return v
    return take.ops.reshape(v, tuple(-1 if i == axis else 1 for i in range(x.ndim)))
