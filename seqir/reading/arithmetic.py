"""Arithmetic of integers and of mixed types, as ONNX rounds it; running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqir import dtypes, shapes
from seqir.reading.registry import reads
from seqir.reading.take import Take


@reads("Mod")
def _mod(take: Take) -> object:
    """With the sign of the first one if `fmod` says so, else of the second."""
    x, y, ops = take.x(0), take.x(1), take.ops
    if not dtypes.is_integer(x.dtype):
        return None  # what is infinite is left to the runtime
    return ops.fmod(x, y) if take.attribute("fmod", 0) else ops.mod(x, y)


@reads("Pow")
def _pow(take: Take) -> object:
    """The result is of the type of the base, whatever the exponent is of."""
    x, y, ops = take.x(0), take.x(1), take.ops
    inner = x.dtype if dtypes.is_float(x.dtype) else "float64"
    return ops.cast(ops.power(ops.cast(x, inner), ops.cast(y, inner)), x.dtype)


@reads("BitShift")
def _bit_shift(take: Take) -> object:
    left = take.attribute("direction", "") == "LEFT"
    shift = take.ops.left_shift if left else take.ops.right_shift
    return shift(take.x(0), take.x(1))


@reads("BitwiseNot")
def _bitwise_not(take: Take) -> object:
    return take.ops.bitwise_not(take.x())


@reads("Clip")
def _clip(take: Take) -> object:
    """Between bounds that are computed, or of a type that `Clip` is not there for."""
    x, ops = take.x(), take.ops
    y = ops.maximum(x, take.x(1)) if take.given(1) else x
    return ops.minimum(y, take.x(2)) if take.given(2) else y


@reads("Shrink")
def _shrink(take: Take) -> object:
    x, ops = take.x(), take.ops
    bias, limit = take.attribute("bias", 0.0), take.attribute("lambd", 0.5)
    y = ops.cast(x, "float32") if dtypes.is_integer(x.dtype) else x
    inside = ops.where(y > limit, y - bias, ops.zeros_like(y))
    return ops.cast(ops.where(y < -limit, y + bias, inside), x.dtype)


@reads("ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd")
def _reduced(take: Take) -> object:
    """Of types in which runtimes reduce and the IR does not."""
    x, ops = take.x(), take.ops
    axes = take.option("axes", 1, ())
    if not axes and take.attribute("noop_with_empty_axes", 0):
        return None
    functions: dict[str, Callable[..., Any]] = {
        "ReduceMax": ops.max,
        "ReduceMin": ops.min,
        "ReduceSum": ops.sum,
        "ReduceProd": ops.prod,
    }
    keep = bool(take.attribute("keepdims", 1))
    y = functions[take.kind](x, axes or tuple(range(x.ndim)), keepdims=keep)
    return ops.cast(y, x.dtype)


@reads("ArgMax", "ArgMin")
def _arg(take: Take) -> object:
    """Of narrow types, and the last one of equal numbers."""
    x, ops = take.x(), take.ops
    axis = shapes.normalize_axis(take.attribute("axis", 0), x.ndim)
    keep = bool(take.attribute("keepdims", 1))
    find = ops.argmax if take.kind == "ArgMax" else ops.argmin
    if not take.attribute("select_last_index", 0):
        return ops.cast(find(x, axis, keepdims=keep), "int64")
    places = ops.cast(find(ops.flip(x, axis), axis, keepdims=keep), "int64")
    return ops.subtract(ops.cast(ops.shape(x)[axis] - 1, "int64"), places)


@reads("CumSum", "CumProd")
def _running(take: Take) -> object:
    """Running sums and products, each with its own number or without."""
    x, axis, ops = take.x(), take.ints(1), take.ops
    if axis is None:
        return None
    place = shapes.normalize_axis(axis[0], x.ndim)
    run, start = (ops.cumsum, 0) if take.kind == "CumSum" else (ops.cumprod, 1)
    turned = bool(take.attribute("reverse", 0))
    y = ops.flip(x, place) if turned else x
    y = ops.cast(run(y, place), x.dtype)
    if take.attribute("exclusive", 0):
        widths = [(int(i == place), 0) for i in range(x.ndim)]
        key = [slice(None)] * x.ndim
        key[place] = slice(0, -1)
        y = ops.pad(y[tuple(key)], widths, constant_values=start)
    return ops.flip(y, place) if turned else y
