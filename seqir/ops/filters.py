"""Images convolved with small kernels, and how alike two images are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import dtypes, shapes
from seqir.arguments import integers
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array
from seqir.operators.conv import static
from seqir.ops.apply import coerce, common_dtype, floating, type_of_operand
from seqir.ops.arith import add, divide, multiply, subtract
from seqir.ops.call import operation
from seqir.ops.indexing import getitem
from seqir.ops.layout import check_fractions, images_of, on_batch
from seqir.ops.movement import expand_dims, moveaxis, reshape, shape
from seqir.ops.parts import concatenate, repeat, split
from seqir.ops.reduce import mean
from seqir.ops.reduce import sum as sum_
from seqir.ops.spatial import depthwise_conv
from seqir.ops.tensor import Result, Tensor, TensorLike
from seqir.ops.unary import exp


def _gaussian(size: int, sigma: float) -> Array:
    """Weights ``exp(-x² / 2σ²)`` around the middle, of sum 1."""
    if not sigma > 0:
        raise ArgumentError(f"sigma must be above 0, got {sigma!r}")
    x = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (x / sigma) ** 2)
    return weights / weights.sum()


def _drawn_gaussian(sizes: tuple[int, int], sigma: Tensor) -> Result:
    """The weights of a blur whose deviations the graph computes: width, height."""
    high, wide = (np.arange(n) - (n - 1) / 2 for n in sizes)

    def weights(x: Array, place: int) -> Result:
        y = divide(x.astype(np.float32), coerce(getitem(sigma, place), "float32"))
        return exp(multiply(multiply(y, y), -0.5))

    kernel = multiply(expand_dims(weights(high, 1), 1), weights(wide, 0))
    return divide(kernel, sum_(kernel))


def _filtered(
    x: Result, kernels: Result, axis: int, padding: str, data_format: str | None
) -> Result:
    """Each channel of a batch convolved with each kernel[h, w, count]."""
    (channels,) = static(type_of_operand(x).shape[axis : axis + 1])
    if isinstance(kernels, Tensor):
        w = coerce(repeat(expand_dims(kernels, 2), channels, 2), x.dtype)
    else:
        w = np.repeat(kernels[:, :, None], channels, 2).astype(dtypes.to_numpy(x.dtype))
    return depthwise_conv(x, w, 1, padding, check_data_format(data_format))


@operation
def gaussian_blur(
    images: TensorLike,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Result:
    """Each pixel a mean of those around it, by a Gaussian; outside is 0.

    The first of `kernel_size` and `sigma` is along the width.
    Source: ``keras.ops.image.gaussian_blur``.
    """
    x, axis, _ = images_of("gaussian_blur", images, data_format)
    check_fractions("gaussian_blur", x)
    width, height = integers("kernel_size", kernel_size, count=2, least=1)
    if isinstance(sigma, Tensor):
        kernel = _drawn_gaussian((height, width), sigma)
    else:
        spread = np.ravel(np.asarray(sigma, np.float64)).tolist()
        if len(spread) != 2:
            raise ArgumentError(f"sigma must be two numbers, got {sigma!r}")
        kernel = np.outer(_gaussian(height, spread[1]), _gaussian(width, spread[0]))
    channels = axis - type_of_operand(x).rank
    return on_batch(
        lambda y: _filtered(y, kernel[..., None], channels % 4, "same", data_format), x
    )


_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
"""The slope along the width. Source: Sobel and Feldman 1968."""


@operation
def sobel_edges(images: TensorLike, data_format: str | None = None) -> Result:
    """Slopes along height and width, as a new last axis; outside is 0.

    Shapes: x[N, H, W, C] -> y[N, H, W, C, 2].
    Source: ``keras.ops.image.sobel_edges``.
    """
    x, axis, _ = images_of("sobel_edges", images, data_format)
    t = type_of_operand(x)
    if t.rank != 4:
        raise ShapeError(f"ops.image.sobel_edges takes images, of rank 4; got {t}")
    kernels = np.stack([_SOBEL.T, _SOBEL], -1)
    y = _filtered(floating(x), kernels, axis, "same", data_format)
    sizes = shape(x)
    y = reshape(y, (*sizes[: axis + 1], 2, *sizes[axis + 1 :]))
    y = moveaxis(y, axis + 1, -1)
    return y if dtypes.is_float(t.dtype) else coerce(coerce(y, "int32"), t.dtype)


@operation
def ssim(
    image1: TensorLike,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Result:
    """How alike images are in light, contrast and structure: 1 if they are equal.

    The mean over all windows and channels.
    Shapes: x[N, H, W, C] -> y[N]; x[H, W, C] -> y[].
    Source: ``keras.ops.image.ssim``; Wang et al. 2004, doi:10.1109/TIP.2003.819861.
    """
    found = [type_of_operand(x) for x in (image1, image2)]
    if not shapes.agree(found[0].shape, found[1].shape):
        raise ShapeError(
            f"ops.image.ssim takes images of one shape, got {found[0]} and {found[1]}"
        )
    dtype = common_dtype(image1, image2, floating=True)
    _, axis, spatial = images_of("ssim", image1, data_format)
    (size,) = integers("filter_size", filter_size, count=1, least=1)
    for i in spatial:
        n = found[0].shape[i]
        if isinstance(n, int) and n < size:
            raise ShapeError(
                f"ops.image.ssim with filter_size={size} takes images of at least "
                f"{size} by {size}, got {found[0]}"
            )
    gaussian = _gaussian(size, filter_sigma)
    kernel = np.outer(gaussian, gaussian)[..., None]
    a, b = coerce(image1, dtype), coerce(image2, dtype)
    every = (a, b, multiply(a, a), multiply(b, b), multiply(a, b))
    channels = (axis - found[0].rank) % 4

    def alike(x: Result) -> Result:
        means = _filtered(x, kernel, channels, "valid", data_format)
        mu1, mu2, square1, square2, product = split(means, 5, axis=channels)
        both = multiply(mu1, mu2)
        squares = add(multiply(mu1, mu1), multiply(mu2, mu2))
        c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
        light = add(multiply(both, 2.0), c1)
        structure = add(multiply(subtract(product, both), 2.0), c2)
        spread = add(subtract(add(square1, square2), squares), c2)
        y = divide(multiply(light, structure), multiply(add(squares, c1), spread))
        return mean(y, (1, 2, 3))

    return coerce(on_batch(alike, concatenate(every, axis)), found[0].dtype)
