"""Nodes that pool in ways that the operators of the IR do not have by themselves."""

from __future__ import annotations

from typing import Any

from seqir.operators.pool import AveragePool, MaxPool
from seqir.reading.registry import reads
from seqir.reading.take import Take


def _spatial(x: Any) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


@reads("GlobalAveragePool")
def _global_average_pool(take: Take) -> Any:
    x = take.x()
    return take.ops.mean(x, _spatial(x), keepdims=True)


@reads("GlobalMaxPool")
def _global_max_pool(take: Take) -> Any:
    x = take.x()
    return take.ops.max(x, _spatial(x), keepdims=True)


@reads("GlobalLpPool")
def _global_lp_pool(take: Take) -> Any:
    x, ops, p = take.x(), take.ops, float(take.attribute("p", 2))
    total = ops.sum(ops.power(ops.absolute(x), p), _spatial(x), keepdims=True)
    return ops.power(total, 1 / p)


@reads("AveragePool", "MaxPool")
def _pool(take: Take) -> Any:
    """Pools that count zeros around, or whose last window may hang over the edge."""
    x, kernel = take.x(), tuple(take.attribute("kernel_shape", ()))
    ones = (1,) * len(kernel)
    strides = tuple(take.attribute("strides", ones))
    if tuple(take.attribute("dilations", ones)) != ones or take.wants(1):
        return None
    if take.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return None
    flat = take.attribute("pads", (0,) * 2 * len(kernel))
    pads = tuple(zip(flat[: len(kernel)], flat[len(kernel) :], strict=True))
    more: list[int | None] = [0] * len(kernel)
    if take.attribute("ceil_mode", 0):
        around = zip(x.shape[2:], kernel, strides, pads, strict=True)
        more = [_over(*each) for each in around]
    if take.attribute("count_include_pad", 0) and any(map(any, pads)):
        x = take.ops.pad(x, ((0, 0), (0, 0), *pads))
        pads = ((0, 0),) * len(kernel)
    if None in more:
        return None
    ends = zip(pads, more, strict=True)
    pads = tuple((begin, end + (extra or 0)) for (begin, end), extra in ends)
    kind = AveragePool if take.kind == "AveragePool" else MaxPool
    return take.apply(kind(kernel, strides, pads), x)


def _over(size: int | None, kernel: int, stride: int, pads: Any) -> int | None:
    """How far a last window hangs over the end; one that only sees padding is none."""
    if size is None:
        return None
    begin, end = pads
    whole = size + begin + end
    count = -(-(whole - kernel) // stride) + 1
    if (count - 1) * stride >= size + begin:
        count -= 1
    return max((count - 1) * stride + kernel - whole, 0)
