"""Attention as ONNX Runtime's optimizer writes it, ``com.microsoft``."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir.reading.registry import reads
from seqir.reading.take import Take

_MICROSOFT = "com.microsoft"


@reads("Attention", domain=_MICROSOFT)
def _attention(take: Take) -> object:
    """Of x with itself, with the projections of all heads in one matrix."""
    ops, x, heads = take.ops, take.x(0), take.attribute("num_heads", 0)
    if not heads or take.attribute("qkv_hidden_sizes", None) or take.wants(1):
        return None
    if take.given(4) or take.given(6) or take.attribute("do_rotary", 0):
        return None
    projected = ops.matmul(x, take.x(1))
    if take.given(2):
        projected = projected + take.x(2)
    parts = ops.split(projected, 3, axis=-1)
    return _attended(take, heads, *parts, mask=take[3], bias=take[5])


@reads("MultiHeadAttention", domain=_MICROSOFT)
def _multi_head_attention(take: Take) -> object:
    """Of projected queries, keys and values; their biases stand side by side."""
    heads = take.attribute("num_heads", 0)
    if len(take) > 6 and any(take.given(place) for place in range(6, len(take))):
        return None
    if not heads or take.wants(1) or not (take.given(1) and take.given(2)):
        return None
    parts = [take.x(place) for place in range(3)]
    if any(part.ndim != 3 for part in parts):
        return None
    if take.given(3):
        widths = [part.shape[-1] for part in parts]
        known = [n for n in widths if n is not None]
        if len(known) < len(widths):
            return None
        ends = np.cumsum(known)[:-1].tolist()
        biases = take.ops.split(take.x(3), ends, axis=0)
        parts = [part + bias for part, bias in zip(parts, biases, strict=True)]
    return _attended(take, heads, *parts, mask=take[4], bias=take[5])


def _attended(
    take: Take, heads: int, q: Any, k: Any, v: Any, *, mask: Any, bias: Any
) -> Any:
    """Softmax of the products of q and k, times v, for each head: [N, T, H * D]."""
    ops, width = take.ops, q.shape[-1]
    if width is None or (mask is not None and mask.ndim != 2):
        return None
    batch, steps, _ = ops.shape(q)

    def apart(x: Any) -> Any:
        n, t, _ = ops.shape(x)
        return ops.transpose(ops.reshape(x, (n, t, heads, -1)), (0, 2, 1, 3))

    scale = take.attribute("scale", 0.0) or (width // heads) ** -0.5
    q, k, v = (apart(x) for x in (q, k, v))
    scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) * scale
    if bias is not None:
        scores = scores + bias
    least = take.attribute("mask_filter_value", -10000.0)
    if mask is not None:
        hidden = ops.cast(ops.equal(mask, 0), scores.dtype) * least
        scores = scores + ops.expand_dims(hidden, (1, 2))
    if take.attribute("unidirectional", 0):
        if steps != ops.shape(k)[2]:
            return None
        later = ops.logical_not(ops.tri(steps, dtype="bool"))
        scores = scores + ops.cast(later, scores.dtype) * least
    y = ops.transpose(ops.matmul(ops.softmax(scores, -1), v), (0, 2, 1, 3))
    return ops.reshape(y, (batch, steps, -1))
