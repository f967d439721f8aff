"""Fourier transforms, windows, and images looked up between their pixels."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from seqir import dtypes, shapes
from seqir.ir import Array
from seqir.reading.parse import DTYPE
from seqir.reading.registry import reads
from seqir.reading.take import Take


@reads("DFT")
def _dft(take: Take) -> object:
    """A product with a matrix along an axis; real and imaginary are the last one."""
    x, length = take.x(), take.ints(1)
    if take.given(1) and length is None:
        return None
    axis = take.attribute("axis", 1) if take.version < 20 else -2
    if take.given(2):
        found = take.ints(2)
        if found is None:
            return None
        (axis,) = found
    axis = shapes.normalize_axis(axis, x.ndim)
    size = x.shape[axis]
    inverse = bool(take.attribute("inverse", 0))
    if size is None or x.shape[-1] not in (1, 2):
        return None
    count = length[0] if length else size
    half = bool(take.attribute("onesided", 0))
    if half and inverse:
        return None
    return _transformed(take, x, axis, count, half=half, inverse=inverse)


@reads("STFT")
def _stft(take: Take) -> object:
    """The transforms of parts of a signal, each times a window."""
    x, step, window, length = take.x(), take.ints(1), take[2], take.ints(3)
    size = x.shape[1]
    count = length[0] if length else window.shape[0] if window is not None else None
    if step is None or size is None or count is None or x.ndim != 3:
        return None
    ops, frames = take.ops, (size - count) // step[0] + 1
    take.expect_room(frames, count)
    places = np.arange(frames)[:, None] * step[0] + np.arange(count)
    parts = ops.take(x, places, 1)
    if window is not None:
        if window.shape != (count,):
            return None
        parts = parts * ops.expand_dims(window, -1)
    half = bool(take.attribute("onesided", 1))
    return _transformed(take, parts, 2, count, half=half, inverse=False)


def _transformed(
    take: Take, x: Any, axis: int, count: int, *, half: bool, inverse: bool
) -> Any:
    ops = take.ops
    size: int = x.shape[axis]
    take.expect_room(count, size)
    rows = np.arange(count // 2 + 1 if half else count)
    seen = np.arange(min(size, count))
    angle: Array = 2 * np.pi / count * (rows[:, None] * seen)
    scale = 1 / count if inverse else 1.0
    key = [slice(None)] * x.ndim
    key[axis] = slice(0, min(size, count))
    x = x[tuple(key)]
    cos, sin = np.cos(angle) * scale, np.sin(angle) * (scale if inverse else -scale)
    real = x[..., 0]
    first, second = (ops.along(real, matrix, axis) for matrix in (cos, sin))
    if x.shape[-1] == 2:
        more, less = (ops.along(x[..., 1], matrix, axis) for matrix in (cos, sin))
        first, second = first - less, second + more
    return ops.stack([first, second], -1)


@reads("HannWindow", "HammingWindow", "BlackmanWindow")
def _window(take: Take) -> object:
    """Sums of cosines over the places of a window of known size."""
    size, dtype = take.ints(0), DTYPE.get(take.attribute("output_datatype", 1))
    if size is None or dtype is None or not dtypes.is_float(dtype):
        return None
    shares = {
        "HannWindow": (0.5, -0.5),
        "HammingWindow": (25 / 46, -21 / 46),
        "BlackmanWindow": (0.42, -0.5, 0.08),
    }[take.kind]
    (n,) = size
    period = n if take.attribute("periodic", 1) else n - 1
    turns = 2 * np.pi * np.arange(n) / period
    values = sum(share * np.cos(k * turns) for k, share in enumerate(shares))
    return take.array(np.asarray(values).astype(dtypes.to_numpy(dtype)))


@reads("AffineGrid")
def _affine_grid(take: Take) -> object:
    """Places of pixels, -1 to 1 across an image, moved by matrices."""
    theta, sizes = take.x(0), take.ints(1)
    if sizes is None:
        return None
    aligned = bool(take.attribute("align_corners", 0))
    axes = [_spread(n, aligned=aligned) for n in sizes[2:]]
    grid = [g.reshape(-1) for g in np.meshgrid(*axes, indexing="ij")][::-1]
    places = np.stack([*grid, np.ones_like(grid[0])], -1)
    kind = dtypes.to_numpy(theta.dtype)
    moved = take.ops.matmul(places.astype(kind), take.ops.swapaxes(theta, 1, 2))
    batch = take.ops.shape(theta)[0]
    return take.ops.reshape(moved, (batch, *sizes[2:], len(axes)))


def _spread(n: int, *, aligned: bool) -> Array:
    if aligned:
        return np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
    return (2 * np.arange(n) + 1) / n - 1


@reads("GridSample")
def _grid_sample(take: Take) -> object:
    """x where a grid says, -1 to 1 across the image, the last axis first."""
    x, grid, ops = take.x(0), take.x(1), take.ops
    mode: str = take.attribute("mode", "linear").removeprefix("bi")
    rank = x.ndim - 2
    sizes = shapes.known_shape(x.type.shape[1:])
    if sizes is None or (mode == "cubic" and rank != 2):
        return None
    channels, *spatial = sizes
    wide = ops.cast(grid, dtypes.accumulator(grid.dtype))
    taps = [
        _taps(take, wide[..., rank - 1 - k], n, mode) for k, n in enumerate(spatial)
    ]
    batch, *out = ops.shape(grid)[:-1]
    flat = ops.reshape(x, (batch, channels, math.prod(spatial)))
    total: Any = 0.0
    for each in product(*taps):
        place: Any = 0
        weight: Any = 1.0
        for (index, share), n in zip(each, spatial, strict=True):
            place, weight = place * n + index, weight * share
        places = ops.expand_dims(ops.reshape(place, (batch, -1)), 1)
        places = places + np.zeros((1, channels, 1), np.int64)
        seen = ops.take_along_axis(flat, places, 2)
        shares = ops.expand_dims(ops.reshape(weight, (batch, -1)), 1)
        total = total + seen * ops.cast(shares, x.dtype)
    return ops.reshape(total, (batch, channels, *out))


def _taps(take: Take, at: Any, size: int, mode: str) -> list[tuple[Any, Any]]:
    """The places along one axis that a place between them is made of, with shares."""
    ops, around = take.ops, take.attribute("padding_mode", "zeros")
    aligned = bool(take.attribute("align_corners", 0))
    low, high = (0.0, size - 1.0) if aligned else (-0.5, size - 0.5)
    at = (at + 1) * ((size - 1) / 2) if aligned else ((at + 1) * size - 1) / 2

    def inside(v: Any) -> Any:
        if around == "border":
            return ops.clip(v, 0.0, size - 1.0)
        if around == "reflection" and high > low:
            turn = ops.mod(v - low, 2 * (high - low))
            return ops.minimum(turn, 2 * (high - low) - turn) + low
        return v

    if mode == "nearest":
        places = [(ops.round(at), ops.ones_like(at))]
    elif mode == "linear":
        at = inside(at)
        first = ops.floor(at)
        share = at - first
        places = [(first, 1 - share), (first + 1, share)]
    else:
        first = ops.floor(at)
        share = at - first
        places = [
            (first + i, _cubic(ops.absolute(share - i), near=i in (0, 1)))
            for i in range(-1, 3)
        ]
    found: list[tuple[Any, Any]] = []
    for place, share in places:
        place = inside(place)
        if around == "zeros":
            seen = ops.logical_and(place >= 0.0, place <= size - 1.0)
            share = share * ops.cast(seen, share.dtype)
        found.append((ops.cast(ops.clip(place, 0.0, size - 1.0), "int64"), share))
    return found


def _cubic(d: Any, *, near: bool) -> Any:
    """Keys's kernel with a = -3/4, of distances below 1 if `near`, else below 2."""
    if near:
        return (1.25 * d - 2.25) * d * d + 1
    return ((-0.75 * d + 3.75) * d - 6) * d + 3
