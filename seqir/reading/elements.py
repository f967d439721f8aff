"""Nodes that compute one element, or reduce axes, in other words than the IR has."""

from __future__ import annotations

import functools
import operator
from typing import Any

from seqir import dtypes
from seqir.operators.arith import FloorDiv
from seqir.ops.several import followed
from seqir.reading.registry import reads
from seqir.reading.take import Take


def _operands(take: Take) -> list[Any]:
    return [take.x(i) for i in range(len(take))]


@reads("Greater")
def _greater(take: Take) -> object:
    return take.ops.less(take.x(1), take.x(0))


@reads("GreaterOrEqual")
def _greater_equal(take: Take) -> object:
    return take.ops.less_equal(take.x(1), take.x(0))


@reads("Sum")
def _sum(take: Take) -> object:
    return functools.reduce(operator.add, _operands(take))


@reads("Mean")
def _mean(take: Take) -> object:
    return functools.reduce(operator.add, _operands(take)) / float(len(take))


@reads("Max")
def _max(take: Take) -> object:
    return functools.reduce(take.ops.maximum, _operands(take))


@reads("Min")
def _min(take: Take) -> object:
    return functools.reduce(take.ops.minimum, _operands(take))


@reads("Div", whole=False)
def _divided_sizes(take: Take) -> object:
    """A quotient of sizes, of which none is below 0."""
    x, y = take.x(0), take.x(1)
    counts = [followed(v) for v in (x, y)]
    if any(found is None for found in counts):
        return None
    numbers = [n for found in counts if found is not None for n in found.flat]
    if any(isinstance(n, int) and n < 0 for n in numbers):
        return None
    return take.apply(FloorDiv(), x, y)


@reads("Div")
def _divided_integers(take: Take) -> object:
    """ONNX's quotient of integers is rounded towards 0."""
    x, y, ops = take.x(0), take.x(1), take.ops
    if not dtypes.is_integer(x.dtype):
        return None
    quotient = ops.floor_divide(ops.absolute(x), ops.absolute(y))
    return ops.where((x < 0) == (y < 0), quotient, -quotient)


@reads("CastLike", whole=False)
def _cast_like(take: Take) -> object:
    return take.ops.cast(take.x(0), take.x(1).dtype)


@reads("ReduceL1", "ReduceLogSum", "ReduceSumSquare")
def _reduce(take: Take) -> object:
    x, ops = take.x(), take.ops
    axes = take.option("axes", 1, ())
    if not axes and take.attribute("noop_with_empty_axes", 0):
        return None
    axes = axes or tuple(range(x.ndim))
    keep = bool(take.attribute("keepdims", 1))
    match take.kind:
        case "ReduceL1":
            return ops.sum(ops.absolute(x), axes, keepdims=keep)
        case "ReduceSumSquare":
            return ops.sum(x * x, axes, keepdims=keep)
        case _:
            return ops.log(ops.sum(x, axes, keepdims=keep))


@reads("Hardmax")
def _hardmax(take: Take) -> object:
    """1 at the first largest number along an axis, 0 elsewhere."""
    x, ops = take.x(), take.ops
    axis: int = take.attribute("axis", -1)
    size = x.shape[axis]
    if size is None:
        return None
    places = ops.one_hot(ops.argmax(x, axis), size, dtype=x.dtype)
    return ops.moveaxis(places, -1, axis)


@reads("DequantizeLinear")
def _dequantize(take: Take) -> object:
    """``(x - zero) * scale``, along one axis where those are vectors."""
    x, scale, zero = take.x(0), take.x(1), take[2]
    take.hold(1)
    if scale.ndim > 1 or take.attribute("block_size", 0):
        return None
    axis, ops = take.attribute("axis", 1), take.ops

    def around(v: Any) -> Any:
        if not v.ndim:
            return v
        sizes = [1] * x.ndim
        sizes[axis] = -1
        return ops.reshape(v, sizes)

    y = ops.cast(x, scale.dtype)
    if zero is not None:
        y = y - around(ops.cast(zero, scale.dtype))
    return y * around(scale)
