"""Nodes of ``com.microsoft`` that ONNX Runtime's optimizer makes of several."""

from __future__ import annotations

from typing import Any

from seqir import dtypes
from seqir.reading.registry import reads
from seqir.reading.take import Take

_MICROSOFT = "com.microsoft"


@reads("Gelu", domain=_MICROSOFT)
def _gelu(take: Take) -> object:
    return take.ops.gelu(take.x(), approximate=False)


@reads("BiasGelu", domain=_MICROSOFT)
def _bias_gelu(take: Take) -> object:
    return take.ops.gelu(take.x(0) + take.x(1), approximate=False)


@reads("FastGelu", domain=_MICROSOFT)
def _fast_gelu(take: Take) -> object:
    x = take.x(0) + take.x(1) if take.given(1) else take.x(0)
    return take.ops.gelu(x, approximate=True)


@reads("QuickGelu", domain=_MICROSOFT)
def _quick_gelu(take: Take) -> object:
    x = take.x()
    return x * take.ops.sigmoid(x * take.attribute("alpha", 1.702))


@reads("BiasSoftmax", domain=_MICROSOFT)
def _bias_softmax(take: Take) -> object:
    if take.attribute("axis", 1) != take.x().ndim - 1:
        return None
    if take.attribute("is_inner_broadcast", 1):
        return None
    return take.ops.softmax(take.x(0) + take.x(1), -1)


@reads("SimplifiedLayerNormalization")
@reads("SimplifiedLayerNormalization", domain=_MICROSOFT)
def _simplified(take: Take) -> object:
    """Without a mean: over the root of the mean square."""
    if take.wants(1) or take.attribute("axis", -1) not in (-1, take.x().ndim - 1):
        return None
    return _rooted(take, take.x(0), take.attribute("epsilon", 1e-5)) * take.x(1)


@reads("SkipSimplifiedLayerNormalization", domain=_MICROSOFT)
def _skip_simplified(take: Take) -> object:
    total = _sum(take, 3)
    y = _rooted(take, total, take.attribute("epsilon", 1e-5)) * take.x(2)
    return None if take.wants(1) or take.wants(2) else (y, y, y, total)


@reads("SkipLayerNormalization", domain=_MICROSOFT)
def _skip(take: Take) -> object:
    """Of a sum of two and a bias, which is the last result."""
    if take.wants(1) or take.wants(2):
        return None
    ops, total = take.ops, _sum(take, 4)
    x = _wide(take, total)
    centred = x - ops.mean(x, -1, keepdims=True)
    variance = ops.mean(centred * centred, -1, keepdims=True)
    y = centred * ops.rsqrt(variance + take.attribute("epsilon", 1e-12))
    y = ops.cast(y, total.dtype) * take.x(2)
    y = y + take.x(3) if take.given(3) else y
    return y, y, y, total


def _sum(take: Take, bias: int) -> Any:
    total = take.x(0) + take.x(1)
    return total + take.x(bias) if take.given(bias) else total


def _rooted(take: Take, x: Any, epsilon: float) -> Any:
    wide = _wide(take, x)
    square = take.ops.mean(wide * wide, -1, keepdims=True)
    return take.ops.cast(wide * take.ops.rsqrt(square + epsilon), x.dtype)


def _wide(take: Take, x: Any) -> Any:
    """x as runtimes compute statistics: half precision in float32."""
    return take.ops.cast(x, dtypes.accumulator(x.dtype))
