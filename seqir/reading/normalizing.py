"""Nodes that normalize: LayerNormalization and its relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqir import dtypes, shapes
from seqir.operators.norm import LayerNorm
from seqir.reading.registry import reads
from seqir.reading.take import Take


def _wide(take: Take, x: Any) -> Any:
    """x as these operators compute with it: half precision in float32."""
    return take.ops.cast(x, "float32") if dtypes.itemsize(x.dtype) < 4 else x


def _standard(take: Take, x: Any, axes: Sequence[int]) -> tuple[Any, Any, Any]:
    """x with mean 0 and variance 1 over the axes; the mean; 1 / the deviation."""
    ops, wide = take.ops, _wide(take, x)
    mean = ops.mean(wide, axes, keepdims=True)
    centred = wide - mean
    variance = ops.mean(centred * centred, axes, keepdims=True)
    inverse = ops.rsqrt(variance + take.attribute("epsilon", 1e-5))
    return ops.cast(centred * inverse, x.dtype), mean, inverse


def _axes_from(take: Take, x: Any) -> tuple[int, ...]:
    axis = shapes.normalize_axis(take.attribute("axis", -1), x.ndim)
    return tuple(range(axis, x.ndim))


@reads("LayerNormalization")
def _layer_normalization(take: Take) -> object:
    x, scale, bias = take.x(0), take.x(1), take[2]
    axes = _axes_from(take, x)
    own = x.type.with_shape(x.type.shape[axes[0] :])
    if scale.type == own and not (take.wants(1) or take.wants(2)):
        op = LayerNorm(axes[0], take.attribute("epsilon", 1e-5))
        return take.apply(
            op, x, scale, take.ops.zeros_like(scale) if bias is None else bias
        )
    y, mean, inverse = _standard(take, x, axes)
    y = y * scale
    return (y if bias is None else y + bias), mean, inverse


@reads("RMSNormalization")
def _rms_normalization(take: Take) -> object:
    x, ops = take.x(0), take.ops
    wide = _wide(take, x)
    square = ops.mean(wide * wide, _axes_from(take, x), keepdims=True)
    y = wide * ops.rsqrt(square + take.attribute("epsilon", 1e-5))
    return ops.cast(y, x.dtype) * take.x(1)


@reads("InstanceNormalization")
def _instance_normalization(take: Take) -> object:
    x = take.x(0)
    y, *_ = _standard(take, x, tuple(range(2, x.ndim)))
    return y * _channels(take, take.x(1), x) + _channels(take, take.x(2), x)


@reads("GroupNormalization")
def _group_normalization(take: Take) -> object:
    """Until opset 21 there is a scale for each group, since then for each channel."""
    x, ops, groups = take.x(0), take.ops, take.attribute("num_groups", 1)
    sizes, channels = ops.shape(x), x.shape[1]
    if channels is None:
        return None
    y, *_ = _standard(take, ops.reshape(x, (sizes[0], groups, -1)), (2,))
    scale, bias = take.x(1), take.x(2)
    if take.version < 21:
        scale, bias = (ops.repeat(v, channels // groups) for v in (scale, bias))
    y = ops.reshape(y, sizes)
    return y * _channels(take, scale, x) + _channels(take, bias, x)


@reads("LpNormalization")
def _lp_normalization(take: Take) -> object:
    x, ops, axis = take.x(), take.ops, take.attribute("axis", -1)
    if take.attribute("p", 2) == 1:
        length = ops.sum(ops.absolute(x), axis, keepdims=True)
    else:
        length = ops.sqrt(ops.sum(x * x, axis, keepdims=True))
    return ops.where(length == 0.0, 0.0, x / ops.where(length == 0.0, 1.0, length))


@reads("LRN")
def _local_response(take: Take) -> object:
    """``x / (bias + alpha / size * sum(x²))^beta``, the sum over channels around."""
    x, ops, size = take.x(), take.ops, take.attribute("size", 1)
    before, channels = (size - 1) // 2, x.shape[1]
    if channels is None or size > 2 * channels:
        return None
    widths = [(0, 0)] * x.ndim
    widths[1] = (before, size - 1 - before)
    squares = ops.pad(x * x, widths)
    total: Any = 0.0
    for i in range(size):
        total = total + squares[:, i : i + channels]
    scale = take.attribute("alpha", 1e-4) / size
    divisor = take.attribute("bias", 1.0) + total * scale
    return x / ops.power(divisor, take.attribute("beta", 0.75))


@reads("BatchNormalization")
def _training_batch_normalization(take: Take) -> object:
    """With the statistics of the batch, and the running ones that come of them."""
    x, ops, keep = take.x(0), take.ops, take.attribute("momentum", 0.9)
    if not take.attribute("training_mode", 0):
        return None
    axes, wide = (0, *range(2, x.ndim)), _wide(take, x)
    y, mean, _ = _standard(take, x, axes)
    variance = ops.mean(ops.square(wide - mean), axes)
    y = y * _channels(take, take.x(1), x) + _channels(take, take.x(2), x)
    pairs = ((take.x(3), ops.squeeze(mean, axes)), (take.x(4), variance))
    return y, *(
        old * keep + ops.cast(new, old.dtype) * (1 - keep) for old, new in pairs
    )


def _channels(take: Take, vector: Any, x: Any) -> Any:
    """A number for each channel, to be multiplied with x[N, C, ...]."""
    return take.ops.reshape(vector, (-1, *(1,) * (x.ndim - 2)))
