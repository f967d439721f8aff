"""Nodes that pool in ways that the operators of the IR do not have by themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from seqir import dtypes, shapes
from seqir.operators.gather import Scatter
from seqir.operators.pool import AveragePool, MaxPool
from seqir.operators.taps import Ints, Pairs, Taps
from seqir.ops import rules
from seqir.reading.registry import reads
from seqir.reading.take import NotKnown, Take


def _spatial(x: Any) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


@reads("GlobalAveragePool")
def _global_average_pool(take: Take) -> object:
    x = take.x()
    return take.ops.mean(x, _spatial(x), keepdims=True)


@reads("GlobalMaxPool")
def _global_max_pool(take: Take) -> object:
    x = take.x()
    return take.ops.max(x, _spatial(x), keepdims=True)


@reads("GlobalLpPool")
def _global_lp_pool(take: Take) -> object:
    x, ops, p = take.x(), take.ops, float(take.attribute("p", 2))
    total = ops.sum(ops.power(ops.absolute(x), p), _spatial(x), keepdims=True)
    return ops.power(total, 1 / p)


@reads("AveragePool", "MaxPool")
def _pool(take: Take) -> object:
    """Pools that count zeros around, or whose last window may hang over the edge."""
    x, window = take.x(), windows(take, take.x())
    if window is None or max(window.dilations) > 1 or take.wants(1):
        return None
    pads = window.pads
    if take.attribute("count_include_pad", 0) and any(map(any, window.around)):
        x = take.ops.pad(x, ((0, 0), (0, 0), *window.around))
        pads = tuple((0, over) for over in window.over)
    kind = AveragePool if take.kind == "AveragePool" else MaxPool
    op = kind(window.kernel, window.strides, pads)
    if dtypes.is_float(x.dtype):
        return take.apply(op, x)
    return take.ops.cast(take.apply(op, take.ops.cast(x, "float32")), x.dtype)


@reads("AveragePool")
def _dilated_average_pool(take: Take) -> object:
    x, window = take.x(), windows(take, take.x())
    if window is None:
        return None
    ones, pads = take.ops.ones_like(x), window.pads
    if take.attribute("count_include_pad", 0):
        widths = ((0, 0), (0, 0), *window.around)
        x = take.ops.pad(x, widths)
        ones = take.ops.pad(ones, widths, constant_values=1)
        pads = tuple((0, over) for over in window.over)
    total, count = (reduce(add, _seen(take, window, pads, v)) for v in (x, ones))
    return take.ops.moveaxis(total / count, -1, 1)


@reads("MaxPool")
def _dilated_max_pool(take: Take) -> object:
    """The largest number of each window, and its place in the flat x if wanted."""
    x, ops, window = take.x(), take.ops, windows(take, take.x())
    if window is None or not dtypes.is_float(x.dtype):
        return None
    values = _seen(take, window, window.pads, x, -np.inf)
    if not take.wants(1):
        return ops.moveaxis(reduce(ops.maximum, values), -1, 1)
    found = shapes.known_shape(x.type.shape[2:])
    if found is None:
        return None
    inside = np.arange(math.prod(found))
    if take.attribute("storage_order", 0):
        inside = np.transpose(inside.reshape(found[::-1]))
    rows, columns = ops.shape(x)[:2]
    images = ops.cast(ops.arange(rows * columns, dtype="int32"), "int64") * inside.size
    images = ops.reshape(images, (rows, columns, *(1,) * len(found)))
    flat = images + inside.reshape(found).astype(np.int64)
    places = _seen(take, window, window.pads, flat)
    best, at = values[0], places[0]
    for value, place in zip(values[1:], places[1:], strict=True):
        larger = ops.greater(value, best)
        at = ops.where(larger, place, at)
        best = ops.maximum(best, value)
    return ops.moveaxis(best, -1, 1), ops.moveaxis(at, -1, 1)


@reads("LpPool")
def _lp_pool(take: Take) -> object:
    x, ops, window = take.x(), take.ops, windows(take, take.x())
    if window is None:
        return None
    p = float(take.attribute("p", 2))
    powers = ops.power(ops.absolute(x), p)
    total = reduce(add, _seen(take, window, window.pads, powers))
    return ops.moveaxis(ops.power(total, 1 / p), -1, 1)


@reads("MaxUnpool")
def _max_unpool(take: Take) -> object:
    """Maxima put back to their places in the flat result, and 0 elsewhere."""
    x, ops, kernel = take.x(0), take.ops, tuple(take.attribute("kernel_shape", ()))
    strides = tuple(take.attribute("strides", (1,) * len(kernel)))
    flat = take.attribute("pads", (0,) * 2 * len(kernel))
    pads = zip(flat[: len(kernel)], flat[len(kernel) :], strict=True)
    axes = zip(ops.shape(x)[2:], kernel, strides, pads, strict=True)
    sizes = (*ops.shape(x)[:2], *((n - 1) * s + k - sum(p) for n, k, s, p in axes))
    if take.given(2) and take.ints(2) != sizes:
        return None  # whose places those are, runtimes disagree on
    zeros = ops.zeros((math.prod(sizes),), x.dtype)
    places = ops.reshape(take.x(1), (-1, 1))
    y = take.apply(Scatter("none"), zeros, places, ops.reshape(x, (-1,)))
    return ops.reshape(y, sizes)


@dataclass
class Windows:
    """Where the windows of a pool lie."""

    kernel: Ints
    strides: Ints
    dilations: Ints
    around: Pairs
    """The padding that the node names."""
    over: Ints
    """How far the last window hangs over that."""

    @property
    def pads(self) -> Pairs:
        """All that a window sees outside of the image."""
        pairs = zip(self.around, self.over, strict=True)
        return tuple((begin, end + over) for (begin, end), over in pairs)


def windows(take: Take, x: Any) -> Windows | None:
    """The windows of a pool; None if they depend on an unknown size."""
    kernel = tuple(take.attribute("kernel_shape", ()))
    ones = (1,) * len(kernel)
    strides = tuple(take.attribute("strides", ones))
    dilations = tuple(take.attribute("dilations", ones))
    auto = take.attribute("auto_pad", "NOTSET")
    around: Pairs = ((0, 0),) * len(kernel)
    over: list[int | None] = [0] * len(kernel)
    if auto.startswith("SAME"):
        padding = Taps(kernel, strides, dilations, (), True).padding(x.type.shape[2:])
        if padding is None:
            return None
        lower = tuple((begin, end) for end, begin in padding)
        around = padding if auto == "SAME_UPPER" else lower
    elif auto == "NOTSET":
        flat = take.attribute("pads", (0,) * 2 * len(kernel))
        around = tuple(zip(flat[: len(kernel)], flat[len(kernel) :], strict=True))
    if take.attribute("ceil_mode", 0) and not auto.startswith("SAME"):
        reach = Taps(kernel, strides, dilations, around).reach
        axes = zip(x.shape[2:], reach, strides, around, strict=True)
        over = [_over(*each) for each in axes]
    known = tuple(n for n in over if n is not None)
    if len(known) < len(over):
        return None
    return Windows(kernel, strides, dilations, around, known)


def _seen(
    take: Take, window: Windows, pads: Pairs, x: Any, fill: float = 0.0
) -> list[Any]:
    """What each place of the window sees of x[N, C, *size]: [N, *out, C]."""
    taps = Taps(window.kernel, window.strides, window.dilations, pads)
    last: Any = take.ops.moveaxis(x, 1, -1)
    if not taps.placed(last.type.shape[1:-1]):
        raise NotKnown
    return taps.cut(rules, last, fill)


def _over(size: int | None, reach: int, stride: int, pads: Any) -> int | None:
    """How far a last window hangs over the end; one that only sees padding is none."""
    if size is None:
        return None
    begin, end = pads
    whole = size + begin + end
    count = -(-(whole - reach) // stride) + 1
    if (count - 1) * stride >= size + begin:
        count -= 1
    return max((count - 1) * stride + reach - whole, 0)
