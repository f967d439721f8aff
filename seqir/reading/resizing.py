"""``Resize``: along each axis a product with a matrix, or lookups in the run."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import shapes
from seqir.ir import Array
from seqir.operators.resize import Upsample
from seqir.operators.sizes import Range
from seqir.ops.size import Size, size_dim
from seqir.reading.registry import reads
from seqir.reading.take import NotKnown, Take


@reads("Resize")
def _enlarged(take: Take) -> object:
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
def _resize(take: Take) -> object:
    """By scales or to sizes that are known, of axes that are."""
    x = take.x()
    goals = _goals(take, x)
    if goals is None:
        return None
    outside: Any = None
    for axis, goal in goals.items():
        size = x.shape[axis]
        if size is None:
            return None
        crop = _crop(take, axis, x.ndim)
        new, scale = goal
        if new == size and scale == 1 and crop is None:
            continue
        aligned = _mode(take) == "align_corners"
        if aligned and take.given(2) and new != size * scale:
            return None  # runtimes are not of one mind
        take.expect_room(size, new)
        at = _places(take, size, new, scale, crop)
        x = take.ops.along(x, interpolation(take, size, at, scale), axis)
        if _mode(take) == "tf_crop_and_resize":
            rest = (1,) * (x.ndim - 1 - axis)
            beyond = ((at < 0) | (at > size - 1)).reshape(-1, *rest)
            outside = beyond if outside is None else outside | beyond
    if outside is None:
        return x
    value = np.array(take.attribute("extrapolation_value", 0.0), np.float32)
    return take.ops.where(outside, take.ops.cast(value, x.dtype), x)


@reads("Resize")
def _resize_unknown(take: Take) -> object:
    """Of unknown sizes, to such: places are computed in the run."""
    x, ops = take.x(), take.ops
    if take.attribute("antialias", 0) or take.attribute("mode", "nearest") == "cubic":
        return None
    if _mode(take) not in ("half_pixel", "asymmetric", "align_corners"):
        return None
    axes, scales = _axes(take, x), take.constant(2)
    if all(x.shape[axis] is not None for axis in axes):
        return None  # it was refused
    to = take.around(3) if take.given(3) else None
    kept = take.attribute("keep_aspect_ratio_policy", "stretch") != "stretch"
    if kept or (to is None and (scales is None or len(scales) != len(axes))):
        return None
    for place, axis in enumerate(axes):
        own = ops.shape(x)[axis]
        if to is None:
            factor = 1.0 if scales is None else float(scales[place])
            if factor == 1.0:
                continue
            if not factor.is_integer():
                return None
            new: Any = own * int(factor)
            steps = ops.arange(new, dtype="int32")
        elif to[place] == x.type.shape[axis]:
            continue
        else:
            new = take.x(3)[place : place + 1]
            steps = take.apply(Range(to[place]), new)
        x = _looked_up(take, x, axis, steps, own, new)
    return x


def _looked_up(take: Take, x: Any, axis: int, steps: Any, size: Any, new: Any) -> Any:
    """x at places between those along an axis, which the run computes."""
    ops = take.ops
    last = ops.cast(size - 1, "float64")
    i = ops.cast(steps, "float64")
    whole, wanted = (ops.cast(n, "float64") for n in (size, new))
    match _mode(take):
        case "align_corners":
            at = i * (last / ops.maximum(wanted - 1.0, 1.0))
        case "asymmetric":
            at = i * whole / wanted
        case _:
            at = (i + 0.5) * whole / wanted - 0.5
    if take.attribute("mode", "nearest") == "nearest":
        near = ops.clip(rounded(take, at, ops), 0.0, last)
        return ops.take(x, ops.cast(near, "int64"), axis)
    at = ops.clip(at, 0.0, last)
    before = ops.floor(at)
    share = ops.cast(at - before, x.dtype)
    share = ops.expand_dims(share, tuple(range(1, x.ndim - axis)))
    after = ops.minimum(before + 1.0, last)
    left, right = (ops.take(x, ops.cast(p, "int64"), axis) for p in (before, after))
    return left + (right - left) * share


def _mode(take: Take) -> str:
    """How new places lie among the old ones."""
    return take.attribute("coordinate_transformation_mode", "half_pixel")


def _axes(take: Take, x: Any) -> tuple[int, ...]:
    axes = take.attribute("axes", None)
    every = range(x.ndim) if axes is None else axes
    return tuple(shapes.normalize_axis(axis, x.ndim) for axis in every)


def _goals(take: Take, x: Any) -> dict[int, tuple[int, float]] | None:
    """The new size of each axis that is named, and the scale that it comes of."""
    axes = _axes(take, x)
    if take.given(3):
        sizes, own = take.ints(3), [x.shape[axis] for axis in axes]
        known = [n for n in own if n is not None]
        if sizes is None or len(known) < len(own):
            return None
        policy = take.attribute("keep_aspect_ratio_policy", "stretch")
        if policy == "stretch":
            goals = ((new, new / n) for new, n in zip(sizes, known, strict=True))
            return dict(zip(axes, goals, strict=True))
        each = [new / n for new, n in zip(sizes, known, strict=True)]
        scale = min(each) if policy == "not_larger" else max(each)
        return {
            a: (int(scale * n + 0.5), scale) for a, n in zip(axes, known, strict=True)
        }
    scales = take.constant(2)
    if scales is None or len(scales) != len(axes):
        return None
    found: dict[int, tuple[int, float]] = {}
    for axis, scale in zip(axes, map(float, scales), strict=True):
        size = x.shape[axis]
        if size is None and scale != 1:
            return None
        found[axis] = (int((size or 0) * scale), scale)
    return {axis: goal for axis, goal in found.items() if x.shape[axis] is not None}


def _crop(take: Take, axis: int, rank: int) -> tuple[float, float] | None:
    """Where the part begins and ends that is resized, as shares of an axis."""
    if _mode(take) != "tf_crop_and_resize":
        return None
    parts = take.constant(1)
    if parts is None:
        raise NotKnown
    axes = _axes(take, take.x())
    place = axes.index(axis)
    return float(parts[place]), float(parts[place + len(axes)])


def interpolation(take: Take, size: int, at: Array, scale: float) -> Array:
    """The matrix that resizes one axis: a row for each of the new places."""
    mode = take.attribute("mode", "nearest")
    if mode == "nearest":
        near = np.clip(rounded(take, at, np), 0, size - 1).astype(np.int64)
        return np.eye(size)[near]
    stretch = min(scale, 1.0) if take.attribute("antialias", 0) else 1.0
    reach = int(np.ceil((2 if mode == "cubic" else 1) / stretch)) + 1
    matrix = np.zeros((len(at), size))
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


def _places(
    take: Take, size: int, new: int, scale: float, crop: tuple[float, float] | None
) -> Array:
    """Where the new places lie among the old ones."""
    i = np.arange(new, dtype=np.float64)
    if crop is not None:
        begin, end = crop
        if new == 1:
            return 0.5 * (begin + end) * (size - 1) + i
        return begin * (size - 1) + i * (end - begin) * (size - 1) / (new - 1)
    match _mode(take):
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


def rounded(take: Take, at: Any, ops: Any) -> Any:
    """Places as those next to them; `ops` has `floor` and `ceil`."""
    match take.attribute("nearest_mode", "round_prefer_floor"):
        case "floor":
            return ops.floor(at)
        case "ceil":
            return ops.ceil(at)
        case "round_prefer_ceil":
            return ops.floor(at + 0.5)
        case _:
            return ops.ceil(at - 0.5)


def _cubic(d: Array, a: float) -> Array:
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))
