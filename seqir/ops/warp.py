"""Images read at other places than their pixels'."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.arguments import one_of
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array
from seqir.ops.apply import coerce, floating, numeric, type_of_operand
from seqir.ops.arith import (
    add,
    clip,
    divide,
    floor_divide,
    greater_equal,
    less,
    logical_and,
    mod,
    multiply,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.gather import take
from seqir.ops.indexing import getitem
from seqir.ops.layout import images_of, on_batch
from seqir.ops.movement import expand_dims, moveaxis, reshape, shape
from seqir.ops.size import SizeLike, maximum_size
from seqir.ops.sizes import counting
from seqir.ops.tensor import Result, Tensor, TensorLike
from seqir.ops.unary import absolute, floor, sign
from seqir.plain import is_array

_ORDERS = {"nearest": 0, "bilinear": 1}


_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def _round(x: TensorLike) -> Result:
    """The nearest whole number; halves go away from 0."""
    return multiply(sign(x), floor(add(absolute(x), 0.5)))


def _mirrored(index: TensorLike, size: SizeLike) -> Result:
    """A whole number, sent back at the first and the last of so many."""
    last = size - 1
    turn = maximum_size(2 * last, 1)
    return absolute(subtract(mod(add(index, last), turn), last))


def _inside(index: TensorLike, size: SizeLike, mode: str) -> Result:
    """The pixel that stands for one outside."""
    if mode == "wrap":
        return mod(index, size)
    if mode == "mirror":
        return _mirrored(index, size)
    if mode == "reflect":
        twice = _mirrored(add(multiply(index, 2), 1), 2 * size + 1)
        return floor_divide(subtract(twice, 1), 2)
    return clip(index, 0, size - 1)


def _neighbours(
    place: Any, size: SizeLike, order: int, mode: str
) -> list[tuple[Any, Any, Any]]:
    """The pixels that a place is made of: index, weight, and whether it is inside."""
    low = _round(place) if order == 0 else floor(place)
    weights = [None]
    if order == 1:
        above = subtract(place, low)
        weights = [subtract(1.0, above), above]
    if mode in ("constant", "nearest"):  # far away is as good as just outside
        low = clip(low, -2.0, size + 1.0)
    index = coerce(low, "int32")
    found: list[tuple[Any, Any, Any]] = []
    for step, weight in enumerate(weights):
        here = add(index, step) if step else index
        known = logical_and(greater_equal(here, 0), less(here, size))
        valid = known if mode == "constant" else None
        found.append((_inside(here, size, mode), weight, valid))
    return found


def _sampled(
    pixels: Callable[[list[Any]], Any],
    places: Sequence[Any],
    sizes: Sequence[SizeLike],
    order: int,
    mode: str,
    value: TensorLike,
    *,
    channels: bool,
) -> Result:
    """Pixels at places between them; `pixels` looks up whole ones."""

    def spread(x: Result) -> Result:
        return expand_dims(x, -1) if channels else x

    every = (
        _neighbours(place, size, order, mode)
        for place, size in zip(places, sizes, strict=True)
    )
    terms: list[Result] = []
    for corner in itertools.product(*every):
        y = pixels([index for index, _, _ in corner])
        for valid in (spread(v) for _, _, v in corner if v is not None):
            y = where(valid, y, coerce(value, y.dtype))
        for weight in (spread(w) for _, w, _ in corner if w is not None):
            y = multiply(y, weight)
        terms.append(y)
    return functools.reduce(add, terms)


def _like(y: Result, dtype: str) -> Result:
    """The result in the type of the images."""
    if not dtypes.is_float(dtype) and dtypes.is_float(y.dtype):
        y = _round(y)
    return coerce(y, dtype)


@operation
def map_coordinates(
    inputs: TensorLike,
    coordinates: TensorLike,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0,
) -> Result:
    """Inputs at the places that the coordinates say, one row for each axis.

    `order` is 0 (the nearest) or 1 (linear). Outside is `fill_value`, or what
    `fill_mode` says: "nearest", "wrap", "mirror" or "reflect".
    Shapes: inputs[*n], coordinates[axes of inputs, *m] -> y[*m].
    Source: ``keras.ops.image.map_coordinates``.
    """
    one_of("order", order, (0, 1))
    one_of("fill_mode", fill_mode, _MODES)
    x, where_to = numeric(inputs), floating(coordinates)
    t, c = type_of_operand(x), type_of_operand(where_to)
    if c.rank < 2 or c.shape[0] != t.rank:
        raise ShapeError(
            f"ops.image.map_coordinates of {t} takes coordinates [{t.rank}, ...], "
            f"got {c}"
        )
    sizes = _sizes("map_coordinates", x, range(t.rank))
    flat = reshape(x, (-1,))
    places = [getitem(where_to, i) for i in range(t.rank)]
    y = _sampled(
        lambda index: take(flat, _linear(index, sizes)),
        places,
        sizes,
        order,
        fill_mode,
        fill_value,
        channels=False,
    )
    return _like(y, t.dtype)


def _sizes(name: str, x: TensorLike, axes: Sequence[int]) -> list[SizeLike]:
    t = type_of_operand(x)
    if any(t.shape[axis] == 0 for axis in axes):
        raise ShapeError(f"ops.image.{name} finds no pixels in {t}")
    every = shape(x)
    return [every[axis] for axis in axes]


def _linear(index: Sequence[Any], sizes: Sequence[SizeLike]) -> Result:
    """The place in the flat tensor."""
    steps = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    terms = (multiply(i, s) for i, s in zip(index, steps, strict=True))
    return _total(list(terms))


def _total(terms: list[Any]) -> Result:
    total = terms[0]
    for term in terms[1:]:
        total = add(total, term)
    return total


def _grid(height: SizeLike, width: SizeLike) -> tuple[Result, Result]:
    """Row and column of each pixel, as they broadcast."""
    rows, columns = (coerce(counting(n), "float32") for n in (height, width))
    return reshape(rows, (-1, 1)), reshape(columns, (1, -1))


def _warped(
    name: str,
    images: TensorLike,
    places: Callable[[SizeLike, SizeLike], tuple[Any, Any]],
    interpolation: str,
    mode: str,
    value: TensorLike,
    data_format: str | None,
) -> Result:
    """Each pixel of images read elsewhere: `places` gives rows and columns."""
    order = _ORDERS[one_of("interpolation", interpolation, _ORDERS)]
    x, channel, spatial = images_of(name, images, data_format)
    t = type_of_operand(x)
    height, width = _sizes(name, x, spatial)
    channel -= t.rank

    def warped(x: TensorLike) -> Result:
        x = moveaxis(x, channel, -1)
        count, *_, channels = shape(x)
        rows = reshape(x, (count * height * width, channels))
        first = multiply(counting(count), height * width)
        first = reshape(first, (count, 1, 1))
        y = _sampled(
            lambda index: take(rows, add(_linear(index, (height, width)), first), 0),
            places(height, width),
            (height, width),
            order,
            mode,
            value,
            channels=True,
        )
        return moveaxis(_like(y, t.dtype), -1, channel)

    return on_batch(warped, x)


def displaced(
    images: TensorLike,
    down: Result,
    right: Result,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
    data_format: str | None,
) -> Result:
    """Each pixel read so far below and to the right of it: moves are [N, H, W]."""

    def places(height: SizeLike, width: SizeLike) -> tuple[Result, Result]:
        y, x = _grid(height, width)
        return add(y, down), add(x, right)

    return _warped(
        "elastic_transform",
        images,
        places,
        interpolation,
        fill_mode,
        fill_value,
        data_format,
    )


@operation
def affine_transform(
    images: TensorLike,
    transform: TensorLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Result:
    """Pixel (x, y) of the result is that at ``(a0·x + a1·y + a2, b0·x + b1·y + b2)``.

    `transform` is ``[a0, a1, a2, b0, b1, b2, 0, 0]``, or one row of these for each
    image; its last two numbers are not read.
    Source: ``keras.ops.image.affine_transform``.
    """
    one_of("fill_mode", fill_mode, _MODES)
    found = type_of_operand(transform)
    if found.rank not in (1, 2) or found.shape[-1] != 8:
        raise ShapeError(f"transform must be 8 numbers or rows of them, got {found}")
    t = reshape(floating(transform), (-1, 8, 1, 1))

    def places(height: SizeLike, width: SizeLike) -> tuple[Result, Result]:
        y, x = _grid(height, width)
        a0, a1, a2, b0, b1, b2 = (getitem(t, (slice(None), i)) for i in range(6))
        return (
            _total([multiply(b1, y), multiply(b0, x), b2]),
            _total([multiply(a1, y), multiply(a0, x), a2]),
        )

    return _warped(
        "affine_transform",
        images,
        places,
        interpolation,
        fill_mode,
        fill_value,
        data_format,
    )


@operation
def perspective_transform(
    images: TensorLike,
    start_points: TensorLike,
    end_points: TensorLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Result:
    """Images seen so that each start point comes to lie at its end point.

    Points are (x, y): four, or four for each image.
    Source: ``keras.ops.image.perspective_transform``.
    """
    h = homography(*_points(start_points, end_points))

    def places(height: SizeLike, width: SizeLike) -> tuple[Result, Result]:
        y, x = _grid(height, width)
        x, y = projected([expand_dims(n, (1, 2)) for n in h], x, y)
        return y, x

    return _warped(
        "perspective_transform",
        images,
        places,
        interpolation,
        "constant",
        fill_value,
        data_format,
    )


def _points(start: TensorLike, end: TensorLike) -> tuple[Any, Any]:
    """Points of both, [n, 4, 2]; those that are numbers are checked."""
    found = [type_of_operand(p) for p in (start, end)]
    shapes = [t.shape for t in found]
    if shapes[0] != shapes[1] or shapes[0][-2:] != (4, 2) or found[0].rank > 3:
        raise ShapeError(
            "start_points and end_points must be (4, 2) or (n, 4, 2), got "
            f"{shapes[0]} and {shapes[1]}"
        )
    both = [
        coerce(p, "float32") if isinstance(p, Tensor) else np.asarray(p, np.float64)
        for p in (start, end)
    ]
    first, last = (reshape(p, (-1, 4, 2)) for p in both)
    if is_array(last) and not _areas(last).all():
        raise ArgumentError(
            "end_points must be the corners of a quadrilateral, three of them lie on "
            "one line"
        )
    return first, last


def _areas(points: Array) -> Array:
    """Twice the areas of the triangles between three of four points each."""
    three = [np.delete(points, i, 1) for i in range(4)]
    sides = [(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]) for p in three]
    return np.array([a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] for a, b in sides])


def homography(start: Any, end: Any) -> list[Any]:
    """Eight numbers for each of n, which send end points[n, 4, 2] to start points.

    Both are images of the corners of the unit square, by matrices S and E; so it is
    S times the inverse of E, and of that the adjugate is enough.
    Source: Heckbert 1989, "Fundamentals of texture mapping and image warping".
    """
    (a, b, c), (d, e, f), (g, h, i) = _of_square(end)
    inverse = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    product = [
        sum(row[k] * inverse[k][column] for k in range(3))
        for row in _of_square(start)
        for column in range(3)
    ]
    return [coerce(n / product[8], "float32") for n in product[:8]]


def _of_square(points: Any) -> tuple[tuple[Any, Any, Any], ...]:
    """Rows of the matrix that sends (0, 0), (1, 0), (0, 1), (1, 1) to four points."""
    p = [[points[:, k, axis] for k in range(4)] for axis in range(2)]
    (x1, y1), (x2, y2), (x, y) = (
        (p[0][1] - p[0][3], p[1][1] - p[1][3]),
        (p[0][2] - p[0][3], p[1][2] - p[1][3]),
        (n[0] - n[1] - n[2] + n[3] for n in p),
    )
    depth = x1 * y2 - x2 * y1
    g, h = (x * y2 - x2 * y) / depth, (x1 * y - x * y1) / depth
    first, second = ((n[1] - n[0] + g * n[1], n[2] - n[0] + h * n[2], n[0]) for n in p)
    return first, second, (g, h, g * 0.0 + 1.0)


def projected(h: Sequence[Any], x: Any, y: Any) -> tuple[Any, Any]:
    """Where a homography sends places."""
    depth = h[6] * x + h[7] * y + 1.0
    return (
        divide(h[0] * x + h[1] * y + h[2], depth),
        divide(h[3] * x + h[4] * y + h[5], depth),
    )
