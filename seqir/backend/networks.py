"""Functions of networks that ``keras.backend`` had in Keras 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from seqir import activations, ops, random
from seqir.arguments import one_of
from seqir.config import check_data_format, floatx
from seqir.dtypes import DTypeLike
from seqir.ops.apply import rank_of
from seqir.ops.call import operation
from seqir.ops.tensor import Result, TensorLike
from seqir.shapes import Axes

# What has the same arguments in seqir.ops.
binary_crossentropy = ops.binary_crossentropy
categorical_crossentropy = ops.categorical_crossentropy
elu = ops.elu
sigmoid = ops.sigmoid
softmax = ops.softmax
softplus = ops.softplus
softsign = ops.softsign
sparse_categorical_crossentropy = ops.sparse_categorical_crossentropy
tanh = ops.tanh
depthwise_conv2d = ops.depthwise_conv
separable_conv2d = ops.separable_conv


@operation
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    var: TensorLike,
    beta: TensorLike | None,
    gamma: TensorLike | None,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Result:
    """gamma * (x - mean) / sqrt(var + epsilon) + beta; `axis` says nothing."""
    y = ops.subtract(x, mean) * ops.rsqrt(ops.add(var, epsilon))
    y = y if gamma is None else ops.multiply(y, gamma)
    return y if beta is None else ops.add(y, beta)


def bias_add(x: TensorLike, bias: TensorLike, data_format: str | None = None) -> Result:
    """x + bias, which belongs to the channels."""
    if check_data_format(data_format) == "channels_first" and rank_of(bias) == 1:
        bias = ops.reshape(bias, (-1, *[1] * (rank_of(x) - 2)))
    return ops.add(x, bias)


def conv1d(
    x: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Result:
    """The convolution of 1 to 3 axes. Source: ``conv1d``, ``conv2d``, ``conv3d``."""
    if padding == "causal":
        behind = (int(ops.shape(kernel)[0]) - 1) * int(np.ravel(dilation_rate)[0])
        axis = 1 if check_data_format(data_format) == "channels_last" else 2
        x = ops.pad(x, [(behind, 0) if i == axis else (0, 0) for i in range(3)])
        padding = "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def dropout(
    x: TensorLike,
    level: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: int | None = None,
) -> Result:
    """x with a share `level` of it set to 0, and the rest larger to make up for it."""
    return random.dropout(x, level, noise_shape, seed)


@operation
def hard_sigmoid(x: TensorLike) -> Result:
    """min(max(0.2 x + 0.5, 0), 1): Keras 2's, which is steeper than that of ops."""
    return ops.clip(ops.convert_to_tensor(x) * 0.2 + 0.5, 0.0, 1.0)


@operation
def l2_normalize(x: TensorLike, axis: Axes | None = None) -> Result:
    """x / |x|, and 0 for 0."""
    length = ops.sum(ops.square(x), axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(length, 1e-12))


def pool2d(
    x: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: Literal["max", "avg"] = "max",
) -> Result:
    """The largest values of windows, or their means.

    Raises: ArgumentError for another `pool_mode`.
    """
    kind = one_of("pool_mode", pool_mode, ("max", "avg"))
    pool = ops.max_pool if kind == "max" else ops.average_pool
    return pool(x, pool_size, strides, padding, data_format)


def random_bernoulli(
    shape: Any,
    p: float = 0.0,
    dtype: DTypeLike | None = None,
    seed: int | None = None,
) -> Result:
    """1 with the probability p, else 0."""
    return random.bernoulli(shape, p, dtype or floatx(), seed)


def random_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | None = None,
) -> Result:
    """Normal numbers."""
    return random.normal(shape, mean, stddev, dtype or floatx(), seed)


def random_uniform(
    shape: Any,
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | None = None,
) -> Result:
    """Uniform numbers."""
    return random.uniform(shape, minval, maxval, dtype or floatx(), seed)


def relu(
    x: TensorLike,
    alpha: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Result:
    """max(x, 0), with a slope below the threshold and a ceiling."""
    return activations.relu(x, alpha, max_value, threshold)


@operation
def resize_images(
    x: TensorLike,
    height_factor: int,
    width_factor: int,
    data_format: str | None = None,
    interpolation: str = "nearest",
) -> Result:
    """Pictures that are so many times as high and as wide."""
    form = check_data_format(data_format)
    first = 1 if form == "channels_last" else 2
    height, width = ops.shape(x)[first : first + 2]
    size = height * height_factor, width * width_factor
    return ops.image.resize(x, size, interpolation, data_format=form)


@operation
def resize_volumes(
    x: TensorLike,
    depth_factor: int,
    height_factor: int,
    width_factor: int,
    data_format: str | None = None,
) -> Result:
    """Volumes with each value repeated so many times along its axes."""
    first = 1 if check_data_format(data_format) == "channels_last" else 2
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), first):
        x = ops.repeat(x, factor, axis)
    return ops.convert_to_tensor(x)


def temporal_padding(x: TensorLike, padding: Sequence[int] = (1, 1)) -> Result:
    """x[batch, time, k] with zeros before and behind."""
    return ops.pad(x, ((0, 0), tuple(padding), (0, 0)))


def spatial_2d_padding(
    x: TensorLike,
    padding: Sequence[Sequence[int]] = ((1, 1), (1, 1)),
    data_format: str | None = None,
) -> Result:
    """Zeros around the axes between batch and channels. Source: also 3D."""
    around = [tuple(pair) for pair in padding]
    if check_data_format(data_format) == "channels_last":
        return ops.pad(x, [(0, 0), *around, (0, 0)])
    return ops.pad(x, [(0, 0), (0, 0), *around])


def spatial_3d_padding(
    x: TensorLike,
    padding: Sequence[Sequence[int]] = ((1, 1), (1, 1), (1, 1)),
    data_format: str | None = None,
) -> Result:
    """Zeros around the axes of volumes."""
    return spatial_2d_padding(x, padding, data_format)


def truncated_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | None = None,
) -> Result:
    """Normal numbers within two standard deviations."""
    return random.truncated_normal(shape, mean, stddev, dtype or floatx(), seed)


conv2d = conv3d = conv1d
pool3d = pool2d


__all__ = [
    "batch_normalization",
    "bias_add",
    "binary_crossentropy",
    "categorical_crossentropy",
    "conv1d",
    "conv2d",
    "conv3d",
    "depthwise_conv2d",
    "dropout",
    "elu",
    "hard_sigmoid",
    "l2_normalize",
    "pool2d",
    "pool3d",
    "random_bernoulli",
    "random_normal",
    "random_uniform",
    "relu",
    "resize_images",
    "resize_volumes",
    "separable_conv2d",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "spatial_2d_padding",
    "spatial_3d_padding",
    "tanh",
    "temporal_padding",
    "truncated_normal",
]
