"""What networks are made of, beyond activations: normalization, losses, attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import config, dtypes, shapes
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.narrow import is_a
from seqir.ops.activation import log_softmax, softmax, softplus
from seqir.ops.apply import (
    coerce,
    common_dtype,
    floating,
    precise,
    rank_of,
    type_of_operand,
)
from seqir.ops.arith import add, clip, divide, maximum, multiply, power, subtract, where
from seqir.ops.call import operation
from seqir.ops.create import at_or_below
from seqir.ops.gather import one_hot, take_along_axis
from seqir.ops.movement import expand_dims, reshape, shape, squeeze
from seqir.ops.parts import repeat
from seqir.ops.products import einsum
from seqir.ops.reduce import axes_of, mean, var
from seqir.ops.reduce import max as max_
from seqir.ops.reduce import sum as sum_
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import absolute, log, log10, negative, rsqrt
from seqir.shapes import Axes


@operation
def normalize(
    x: TensorLike, axis: Axes = -1, order: int = 2, epsilon: Any = None
) -> Result:
    """x divided by its length along an axis, or by epsilon if that is more.

    The power of the length is bounded before the root is taken, whose slope at 0 is
    infinite. Source: ``keras.ops.normalize``.
    """
    if not is_a(order, int) or order < 1:
        raise ArgumentError(f"order must be a positive integer, got {order!r}")
    dtype, (x,) = precise(x)
    if not rank_of(x):
        x = reshape(x, (1,))
    epsilon = config.epsilon() if epsilon is None else epsilon
    least = max(epsilon**order, float(dtypes.finfo(x.dtype).smallest_subnormal))
    if order == 2:
        total = sum_(multiply(x, x), axis, keepdims=True)
        return coerce(multiply(x, rsqrt(maximum(total, least))), dtype)
    total = sum_(power(absolute(x), order), axis, keepdims=True)
    return coerce(divide(x, power(maximum(total, least), 1 / order)), dtype)


def _along(x: TensorLike, vector: TensorLike, axes: Sequence[int]) -> TensorLike:
    """A vector (or array of the axes' sizes) shaped to broadcast to x."""
    rank = rank_of(x)
    if rank_of(vector) in (0, rank) or list(axes) == [rank - 1]:
        return vector
    own, given = type_of_operand(x).shape, type_of_operand(vector).shape
    sizes = [own[i] for i in axes]
    known = all(isinstance(d, int) for d in sizes)
    places = iter(given if len(given) == len(axes) and not known else sizes)
    wanted = [next(places) if i in axes else 1 for i in range(rank)]
    return reshape(vector, tuple(-1 if isinstance(d, str) else d for d in wanted))


@operation
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> Result:
    """(x - mean) / √(variance + epsilon) * scale + offset, along one axis.

    Source: ``keras.ops.batch_normalization``.
    """
    axes = axes_of(x, axis)
    factor = rsqrt(add(variance, epsilon))
    factor = factor if scale is None else multiply(factor, scale)
    summand = negative(multiply(mean, factor))
    summand = summand if offset is None else add(summand, offset)
    return add(multiply(x, _along(x, factor, axes)), _along(x, summand, axes))


@operation
def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: Axes = -1,
    epsilon: float | None = None,
) -> Result:
    """(x - mean) / √(variance + epsilon) * gamma + beta, statistics along axes.

    Source: ``keras.ops.layer_normalization``.
    """
    (dtype, (wide,)), axes = precise(x), axes_of(x, axis)
    centred = wide - mean(wide, axes, keepdims=True)
    spread = var(wide, axes, keepdims=True)
    y = multiply(
        centred, rsqrt(spread + (config.epsilon() if epsilon is None else epsilon))
    )
    y = y if gamma is None else multiply(y, _along(x, gamma, axes))
    y = y if beta is None else add(y, _along(x, beta, axes))
    return coerce(y, dtype)


@operation
def rms_normalization(
    x: TensorLike,
    scale: TensorLike | None = None,
    axis: Axes = -1,
    epsilon: float | None = None,
) -> Result:
    """x / √(mean(x²) + epsilon) * scale. Source: ``keras.ops.rms_normalization``."""
    (dtype, (wide,)), axes = precise(x), axes_of(x, axis)
    square = mean(multiply(wide, wide), axes, keepdims=True)
    y = multiply(
        wide, rsqrt(square + (config.epsilon() if epsilon is None else epsilon))
    )
    y = y if scale is None else multiply(y, _along(x, scale, axes))
    return coerce(y, dtype)


@operation
def multi_hot(
    inputs: TensorLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Result:
    """1 at every place that an index names. Source: ``keras.ops.multi_hot``.

    `num_tokens` is what older releases of Keras called `num_classes`.
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs:
        raise ArgumentError(f"multi_hot has no argument {next(iter(kwargs))!r}")
    if sparse or num_classes is None:
        raise ArgumentError("multi_hot needs num_classes and gives dense tensors")
    hot = one_hot(inputs, num_classes, axis, dtype)
    return max_(hot, 1 if rank_of(inputs) > 1 else 0)


@operation
def categorical_crossentropy(
    target: Any, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Result:
    """-sum(target * log(output)) along an axis. Source: ``keras.ops``."""
    _check_same_shape(target, output)
    output = floating(output)
    if from_logits:
        logs = log_softmax(output, axis)
    else:
        logs = _log_probability(divide(output, sum_(output, axis, keepdims=True)))
    return negative(sum_(multiply(target, logs), axis))


@operation
def sparse_categorical_crossentropy(
    target: Any, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Result:
    """-log(output[target]) along an axis. Source: ``keras.ops``."""
    output = floating(output)
    places = class_places(target, output, axis)
    if from_logits:
        logs = take_along_axis(log_softmax(output, axis), places, axis)
    else:
        found = take_along_axis(output, places, axis)
        logs = _log_probability(divide(found, sum_(output, axis, keepdims=True)))
    return negative(squeeze(logs, axis))


def class_places(target: Any, output: TensorLike, axis: int) -> Result:
    """Class numbers as indices that `take_along_axis` looks up along an axis.

    Raises: ShapeError unless there is one for each sample of the output.
    """
    if rank_of(target) == rank_of(output) and type_of_operand(target).shape[axis] == 1:
        target = squeeze(target, axis)
    labels, scores = type_of_operand(target), type_of_operand(output)
    samples = list(scores.shape)
    del samples[shapes.normalize_axis(axis, scores.rank)]
    if not shapes.agree(labels.shape, samples):
        raise ShapeError(
            f"target {labels} must have the shape of output {scores} "
            f"without axis {axis}: class numbers, one for each sample"
        )
    return expand_dims(target, axis)


def _log_probability(p: TensorLike) -> Result:
    epsilon = config.epsilon()
    return log(clip(p, epsilon, 1.0 - epsilon))


def _check_same_shape(target: Any, output: TensorLike) -> None:
    wanted, found = type_of_operand(output), type_of_operand(target)
    if not wanted.rank or not shapes.agree(found.shape, wanted.shape):
        raise ShapeError(f"target {found} and output {wanted} must have one shape")


@operation
def binary_crossentropy(
    target: Any, output: TensorLike, from_logits: bool = False
) -> Result:
    """-(t*log(o) + (1 - t)*log(1 - o)), element by element.

    From logits x it is log(1 + eˣ) - t*x, which no logit makes infinite.

    Source: ``keras.ops`` (from logits as on JAX, where NumPy clips).
    """
    _check_same_shape(target, output)
    target, output = floating(target), floating(output)
    if from_logits:
        return softplus(output) - multiply(target, output)
    epsilon = config.epsilon()
    output = clip(output, epsilon, 1.0 - epsilon)
    hit = multiply(target, log(output))
    return negative(add(hit, multiply(1.0 - target, log(1.0 - output))))


@operation
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Result:
    """softmax(query · key * scale + bias) · value, where the mask holds.

    `flash_attention` changes nothing: which algorithm computes it is up to the
    runtime. A soft cap is refused, as in Keras everywhere but on TPUs.

    Shapes: query[B, T, N, H], key and value[B, S, K, H] (K divides N), mask and bias
        broadcast to [B, N, T, S] -> [B, T, N, H].
    Source: ``keras.ops.dot_product_attention``; arXiv:1706.03762.
    """
    if not rank_of(query) == rank_of(key) == rank_of(value) == 4:
        raise ShapeError("dot_product_attention takes tensors of rank 4")
    if attn_logits_soft_cap is not None:
        raise UnsupportedError(
            "dot_product_attention has no attn_logits_soft_cap: cap the logits by "
            "cap * tanh(logits / cap) with ops.einsum, ops.tanh and ops.softmax"
        )
    dtype = common_dtype(query, key, value, floating=True)
    query, key, value = (coerce(x, dtype) for x in (query, key, value))
    *_, n, h = type_of_operand(query).shape
    *_, k, _ = type_of_operand(key).shape
    if not all(isinstance(d, int) for d in (n, k, h)) or n % k:  # pyright: ignore[reportOperatorIssue]
        raise ShapeError(f"{n} query heads cannot share {k} key heads")
    if n != k:
        key, value = (repeat(x, n // k, 2) for x in (key, value))  # pyright: ignore[reportOperatorIssue]
    _, (logits,) = precise(einsum("btnh,bsnh->bnts", query, key))
    logits = multiply(logits, 1 / math.sqrt(h) if scale is None else float(scale))  # pyright: ignore[reportArgumentType]
    logits = logits if bias is None else add(logits, coerce(bias, logits.dtype))
    lowest = -0.7 * float(np.finfo(np.float32).max)
    if is_causal:
        seen = at_or_below(shape(query)[1], shape(key)[1])
        logits = where(seen, logits, lowest)
    logits = logits if mask is None else where(mask, logits, lowest)
    return einsum("bnts,bsnh->btnh", coerce(softmax(logits), dtype), value)


@operation
def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> Result:
    """How close two signals are: ``20·log10(max_val) - 10·log10(mean((x1 - x2)²))``.

    Units: dB.
    Source: ``keras.ops.psnr``.
    """
    found = [type_of_operand(x) for x in (x1, x2)]
    if not shapes.agree(*(t.shape for t in found)):
        raise ShapeError(
            f"psnr takes two signals of one shape, got {found[0]} and {found[1]}"
        )
    difference = floating(subtract(x1, x2))
    peak = coerce(max_val, difference.dtype)
    error = mean(multiply(difference, difference))
    return subtract(multiply(log10(peak), 20.0), multiply(log10(error), 10.0))


__all__ = [
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "dot_product_attention",
    "layer_normalization",
    "multi_hot",
    "normalize",
    "psnr",
    "rms_normalization",
    "sparse_categorical_crossentropy",
]
