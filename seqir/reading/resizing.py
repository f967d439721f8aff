"""``Resize``: along each axis a product with a matrix, as the sizes are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import shapes
from seqir.ir import Array
from seqir.operators.resize import Upsample
from seqir.ops.size import Size, size_dim
from seqir.reading.registry import reads
from seqir.reading.take import Take


@reads("Resize")
def _enlarged(take: Take) -> Any:
    """Images of unknown sizes, whose sides become some times as long."""
    x, scales = take.x(), take.constant(2)
    if take.attribute("axes", None) is not None or x.ndim < 3:
        return None
    if take.given(3):
        pairs = zip(take.sizes(3), x.type.shape, strict=True)
        factors = [_times(new, own) for new, own in pairs]
    elif scales is None or not scales.size:
        return None
    else:
        factors = [int(s) if s == int(s) else 0 for s in scales.tolist()]
    if factors[:2] != [1, 1] or min(factors) < 1:
        return None
    mode, places, near = (
        take.attribute(name, default)
        for name, default in (
            ("mode", "nearest"),
            ("coordinate_transformation_mode", "half_pixel"),
            ("nearest_mode", "round_prefer_floor"),
        )
    )
    centres = places in ("half_pixel", "pytorch_half_pixel")
    if mode == "nearest":
        known = places == "asymmetric" and near == "floor"
        known = known or (centres and near == "round_prefer_floor")
    else:
        known = mode == "linear" and centres
    return take.apply(Upsample(tuple(factors[2:]), mode), x) if known else None


def _times(new: Any, own: shapes.Dim) -> int:
    """How many times an axis becomes as long; 0 if that is no whole number."""
    size = size_dim(new) if isinstance(new, Size) else new
    if not isinstance(size, int | str):
        return 0
    factor = shapes.floordiv(size, own)
    return factor if isinstance(factor, int) and shapes.mul(own, factor) == size else 0


@reads("Resize")
def _resize(take: Take) -> Any:
    x, axes = take.x(), take.attribute("axes", None)
    axes = tuple(range(x.ndim)) if axes is None else tuple(a % x.ndim for a in axes)
    if take.attribute("coordinate_transformation_mode", "") == "tf_crop_and_resize":
        return None
    if take.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        return None
    scales, sizes = take.constant(2), take.sizes(3) if take.given(3) else None
    if sizes is None and (scales is None or not scales.size):
        return None
    for place, axis in enumerate(axes):
        size, scale = x.shape[axis], None
        if sizes is not None and _same(sizes[place], take.ops.shape(x)[axis]):
            continue
        if sizes is None:
            assert scales is not None
            scale = float(scales[place])
            if scale == 1.0:
                continue
        new = sizes[place] if sizes is not None else size and int(size * (scale or 1))
        if not isinstance(new, int) or size is None:
            return None
        if (
            scale is not None
            and new != size * scale
            and take.attribute("coordinate_transformation_mode", "") == "align_corners"
        ):
            return None  # runtimes are not of one mind
        matrix = interpolation(take, size, new, new / size if scale is None else scale)
        x = take.ops.along(x, matrix, axis)
    return x


def _same(size: Any, own: Any) -> bool:
    """Whether an axis stays as it is."""
    return size is own or (isinstance(size, int) and size == own)


def interpolation(take: Take, size: int, new: int, scale: float) -> Array:
    """The matrix that resizes one axis: a row for each new place."""
    mode = take.attribute("mode", "nearest")
    at = _places(take, size, new, scale)
    if mode == "nearest":
        near = np.clip(_rounded(take, at), 0, size - 1).astype(np.int64)
        return np.eye(size)[near]
    stretch = min(scale, 1.0) if take.attribute("antialias", 0) else 1.0
    reach = int(np.ceil((2 if mode == "cubic" else 1) / stretch)) + 1
    matrix = np.zeros((new, size))
    for row, place in enumerate(at):
        around = np.arange(
            int(np.floor(place)) - reach, int(np.floor(place)) + reach + 1
        )
        distance = np.abs(place - around) * stretch
        a = take.attribute("cubic_coeff_a", -0.75)
        weights = (
            _cubic(distance, a) if mode == "cubic" else np.maximum(1 - distance, 0)
        )
        if take.attribute("exclude_outside", 0):
            weights = np.where((around < 0) | (around >= size), 0, weights)
        weights = weights / weights.sum()
        np.add.at(matrix[row], np.clip(around, 0, size - 1), weights)
    return matrix


def _places(take: Take, size: int, new: int, scale: float) -> Array:
    """Where the new places lie among the old ones."""
    i = np.arange(new, dtype=np.float64)
    match take.attribute("coordinate_transformation_mode", "half_pixel"):
        case "align_corners":
            return i * (size - 1) / (new - 1) if new > 1 else 0 * i
        case "asymmetric":
            return i / scale
        case "pytorch_half_pixel" if new == 1:
            return 0 * i
        case "half_pixel_symmetric":
            middle = size / 2 * (1 - new / (scale * size))
            return middle + (i + 0.5) / scale - 0.5
        case _:
            return (i + 0.5) / scale - 0.5


def _rounded(take: Take, at: Array) -> Array:
    match take.attribute("nearest_mode", "round_prefer_floor"):
        case "floor":
            return np.floor(at)
        case "ceil":
            return np.ceil(at)
        case "round_prefer_ceil":
            return np.floor(at + 0.5)
        case _:
            return np.ceil(at - 0.5)


def _cubic(d: Array, a: float) -> Array:
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))
