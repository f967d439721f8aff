"""Resizing of pictures with the numbers of TensorFlow, which Keras reads folders with.

Every interpolation is a product with a matrix along each axis. Most of its entries are
zero, so it is kept as taps: for each new pixel the old ones that count, and how much.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np

from seqir.ir import Array
from seqir.operators.resize import KERNELS


def resize(picture: Array, size: tuple[int, int], interpolation: str) -> Array:
    """The picture in another size, as float32.

    Bicubic weights are exact here; TensorFlow rounds where a new pixel lies to 1/1024.

    Shapes: [height, width, channels] -> [*size, channels].
    Source: ``tf.image.resize``, with pixel centres and without antialiasing.
    """
    for axis, new in enumerate(size):
        picture = _along(picture, axis, new, interpolation)
    return picture.astype(np.float32, copy=False)


def cropped(picture: Array, size: tuple[int, int]) -> Array:
    """The largest part in the middle with the shape of a size."""
    height, width = picture.shape[:2]
    high = max(1, min(height, width * size[0] // size[1]))
    wide = max(1, min(width, height * size[1] // size[0]))
    top, left = (height - high) // 2, (width - wide) // 2
    return picture[top : top + high, left : left + wide]


def resize_padded(picture: Array, size: tuple[int, int], interpolation: str) -> Array:
    """The whole picture in its own shape, with zeros around it to fill a size.

    Source: ``tf.image.resize_with_pad``.
    """
    height, width = picture.shape[:2]
    ratio = max(height / size[0], width / size[1])
    high, wide = max(1, int(height / ratio)), max(1, int(width / ratio))
    top, left = (
        int((n - m / ratio) / 2) for n, m in zip(size, (height, width), strict=True)
    )
    padded = np.zeros((*size, picture.shape[2]), np.float32)
    within = resize(picture, (high, wide), interpolation)
    padded[top : top + high, left : left + wide] = within
    return padded


def _along(picture: Array, axis: int, new: int, interpolation: str) -> Array:
    """Resize one axis, also to its own size: some interpolations blur then."""
    places, weights = _taps(picture.shape[axis], new, interpolation)
    if interpolation == "nearest":
        return picture.take(places[:, 0], axis)
    shape = [1, 1, 1]
    shape[axis] = new
    total: Array = np.zeros((), np.float32)
    for place, weight in zip(places.T, weights.T, strict=True):
        total = total + picture.take(place, axis) * weight.reshape(shape)
    return total


@lru_cache(maxsize=64)
def _taps(old: int, new: int, interpolation: str) -> tuple[Array, Array]:
    """For each new pixel, the places of the old ones that count, and their weights."""
    matrix = INTERPOLATIONS[interpolation](old, new)
    begins: Array = (matrix != 0).argmax(1)
    ends: Array = old - (matrix[:, ::-1] != 0).argmax(1)
    places: Array = begins[:, None] + np.arange(int((ends - begins).max()))
    within: Array = places < old
    places = np.minimum(places, old - 1)
    near: Array = np.take_along_axis(matrix, places, 1)
    return places, np.asarray(near * within, np.float32)


def _nearest(old: int, new: int) -> Array:
    """Source: ``tf.image.resize``, "nearest" with pixel centres."""
    places = np.floor((np.arange(new) + 0.5) * (old / new)).astype(int)
    return np.eye(old)[np.minimum(places, old - 1)]


def _area(old: int, new: int) -> Array:
    """The mean of what a new pixel covers."""
    begin = np.arange(new)[:, None] * (old / new)
    place = np.arange(old)
    covered = np.minimum(begin + old / new, place + 1) - np.maximum(begin, place)
    return np.maximum(covered, 0) / (old / new)


def _by_distance(kernel: Callable[[Array], Array]) -> Callable[[int, int], Array]:
    """An interpolation whose weights are a function of the distance, adding up to 1."""

    def matrix(old: int, new: int) -> Array:
        # In single precision, as TensorFlow: where a kernel ends just at a pixel, it
        # is the rounding that decides.
        step = 1 / np.float32(new / old)
        centres = (np.arange(new, dtype=np.float32) + 0.5) * step
        places = np.arange(old, dtype=np.float32) + 0.5
        weights = kernel(np.abs(places - centres[:, None]))
        return weights / weights.sum(1, keepdims=True)

    return matrix


def _gaussian(d: Array) -> Array:
    """A bell of deviation 1/2, cut off at 3/2."""
    return np.where(d < 1.5, np.exp(-2 * d**2), 0)


def _mitchell(d: Array) -> Array:
    """B = C = 1/3. Source: Mitchell and Netravali, doi:10.1145/378456.378514."""
    near = 7 / 6 * d**3 - 2 * d**2 + 8 / 9
    far = -7 / 18 * d**3 + 2 * d**2 - 10 / 3 * d + 16 / 9
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


INTERPOLATIONS: Final[dict[str, Callable[[int, int], Array]]] = {
    "bilinear": _by_distance(KERNELS["linear"]),
    "nearest": _nearest,
    "bicubic": _by_distance(KERNELS["cubic"]),
    "area": _area,
    "lanczos3": _by_distance(KERNELS["lanczos3"]),
    "lanczos5": _by_distance(KERNELS["lanczos5"]),
    "gaussian": _by_distance(_gaussian),
    "mitchellcubic": _by_distance(_mitchell),
}
