"""Changes of one picture, as programs of Keras 2 make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from seqir import config
from seqir.arguments import number, one_of
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.images import array_to_img, img_to_array
from seqir.ir import Array
from seqir.narrow import is_sequence
from seqir.plain import is_array

Random: TypeAlias = Any
"""NumPy's module of random numbers, or a `RandomState` of it."""
Change: TypeAlias = Mapping[str, Any]
"""What is done to a picture: `theta`, `tx`, ..., `brightness`."""
FILL_MODES: Final = ("constant", "nearest", "reflect", "wrap")


def flip_axis(x: Array, axis: int) -> Array:
    """The picture, turned around along an axis."""
    return np.flip(np.asarray(x), axis)


def apply_affine_transform(
    x: Array,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> Array:
    """The picture rotated, shifted, sheared and zoomed around its middle.

    Units: `theta` and `shear` in degrees, `tx` and `ty` in rows and columns.
    Raises: ShapeError for other axes than those of a picture; UnsupportedError for an
        `order` but 0 and 1, of nearest and linear interpolation.
    Source: ``keras.preprocessing.image.apply_affine_transform`` of Keras 2.
    """
    if {row_axis, col_axis, channel_axis} != {0, 1, 2} or np.ndim(x) != 3:
        raise ShapeError(
            "a picture has the three axes row_axis, col_axis and channel_axis, from 0 "
            f"to 2; got {row_axis}, {col_axis} and {channel_axis} of the shape "
            f"{np.shape(x)}"
        )
    one_of("fill_mode", fill_mode, FILL_MODES)
    if order not in (0, 1):
        raise UnsupportedError(
            f"pictures are interpolated with order 0 (nearest) or 1 (linear), got "
            f"{order!r}"
        )
    matrix = _matrix(theta, tx, ty, shear, zx, zy)
    if matrix is None:
        return x
    height, width = x.shape[row_axis], x.shape[col_axis]
    middle = np.array([height / 2 - 0.5, width / 2 - 0.5])
    turn, shift = matrix[:2, :2], matrix[:2, 2]
    shift = shift + middle - turn @ middle
    if col_axis > row_axis:  # the matrix is of columns and rows
        turn, shift = turn[::-1, ::-1], shift[::-1]
    planes = np.moveaxis(x, channel_axis, 0)
    rows, columns = np.mgrid[: planes.shape[1], : planes.shape[2]]
    places = np.einsum("ij,jrc->irc", turn, np.stack((rows, columns)))
    places = places + shift[:, None, None]
    found = _sampled(planes, places, fill_mode, cval, order).astype(x.dtype)
    return np.moveaxis(found, 0, channel_axis)


def _matrix(
    theta: float, tx: float, ty: float, shear: float, zx: float, zy: float
) -> Array | None:
    """What is done to places, one change after the other; None for nothing."""
    if not (theta or tx or ty or shear) and zx == zy == 1:
        return None
    a, b = np.deg2rad(theta), np.deg2rad(shear)
    rotation = np.array(
        [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]
    )
    shifts = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1.0]])
    sheared = np.array([[1, -np.sin(b), 0], [0, np.cos(b), 0], [0, 0, 1]])
    return rotation @ shifts @ sheared @ np.diag([zx, zy, 1.0])


def _sampled(
    planes: Array, places: Array, fill_mode: str, cval: float, order: int
) -> Array:
    """The planes at fractional places, (2, rows, columns).

    Source: ``scipy.ndimage.affine_transform``.
    """
    sizes = planes.shape[1:]
    outside = np.zeros(places.shape[1:], bool)
    inside: list[Array] = []
    for at, size in zip(places, sizes, strict=True):
        outside |= (at < 0) | (at > size - 1)
        inside.append(_filled(at, size, fill_mode))
    steps = [np.floor(at + 0.5) if order == 0 else np.floor(at) for at in inside]
    total = np.zeros((len(planes), *places.shape[1:]))
    for down in range(order + 1):
        for right in range(order + 1):
            weight: float | Array = 1.0
            where: list[Array] = []
            for at, first, more, size in zip(
                inside, steps, (down, right), sizes, strict=True
            ):
                share = at - first
                if order:
                    weight = weight * (share if more else 1 - share)
                where.append((first + more).clip(0, size - 1).astype(np.intp))
            total += planes[:, where[0], where[1]] * weight
    return np.where(outside, cval, total) if fill_mode == "constant" else total


def _filled(at: Array, size: int, fill_mode: str) -> Array:
    """Places along an axis, with those outside where they are taken from."""
    if size == 1:
        return np.zeros_like(at)
    if fill_mode == "reflect":  # d c b a | a b c d | d c b a
        at = np.mod(at, 2 * size)
        return np.where(at > size - 1, 2 * size - 1 - at, at).clip(0)
    if fill_mode == "wrap":  # as in SciPy: the last one is the first again
        wrapped = np.mod(at, size - 1)
        return np.where((at < 0) | (at > size - 1), wrapped, at)
    return at.clip(0, size - 1)


def apply_channel_shift(x: Array, intensity: float, channel_axis: int = 0) -> Array:
    """x + intensity, within the lowest and highest value of the picture."""
    del channel_axis  # all channels have the same bounds
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(
    x: Array,
    brightness: float,
    scale: bool = True,
    *,
    data_format: config.DataFormat | None = None,
) -> Array:
    """The picture times `brightness`, rounded and cut off as pictures of 8 bits are.

    Source: ``keras.preprocessing.image.apply_brightness_shift`` of Keras 2.
    """
    from PIL import ImageEnhance

    low, high = np.min(x), np.max(x)
    beyond = bool(low < 0 or high > 255)
    picture = array_to_img(x, data_format, scale=beyond or scale)
    changed = ImageEnhance.Brightness(picture).enhance(brightness)
    found = img_to_array(changed, data_format)
    return found / 255 * (high - low) + low if beyond and not scale else found


# Changes of random size; the numbers are those of NumPy's global generator.


def random_rotation(
    x: Array,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """The picture, rotated by up to `rg` degrees."""
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, np.random.uniform(-rg, rg), 0, 0, 0, 1, 1, *axes)


def random_shift(
    x: Array,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """The picture, shifted by up to a share `wrg` of its width, `hrg` of its height."""
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(x, 0, tx, ty, 0, 1, 1, *axes)


def random_shear(
    x: Array,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """The picture, sheared by up to `intensity` degrees."""
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    shear = np.random.uniform(-intensity, intensity)
    return apply_affine_transform(x, 0, 0, 0, shear, 1, 1, *axes)


def random_zoom(
    x: Array,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> Array:
    """The picture, each axis zoomed by a number of a range."""
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    zx, zy = zooms(zoom_range, np.random)
    return apply_affine_transform(x, 0, 0, 0, 0, zx, zy, *axes)


def random_channel_shift(
    x: Array, intensity_range: float, channel_axis: int = 0
) -> Array:
    """The picture, lighter or darker by up to `intensity_range`."""
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis)


def random_brightness(
    x: Array, brightness_range: Sequence[float], scale: bool = True
) -> Array:
    """The picture times a number of a range."""
    low, high = pair("brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(low, high), scale)


def zooms(zoom_range: Sequence[float], draw: Random) -> tuple[float, float]:
    """A number of a range for each axis."""
    low, high = pair("zoom_range", zoom_range)
    return (1.0, 1.0) if low == high == 1 else tuple(draw.uniform(low, high, 2))


def pair(name: str, given: object) -> tuple[float, float]:
    """Two numbers. Raises: ArgumentError for anything else."""
    if not (is_sequence(given) or is_array(given)) or len(given) != 2:
        raise ArgumentError(f"{name} must be two numbers, got {given!r}")
    return number(name, given[0]), number(name, given[1])
