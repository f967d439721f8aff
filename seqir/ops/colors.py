"""Colours of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import dtypes
from seqir.errors import ShapeError
from seqir.ops.apply import coerce, floating, type_of_operand
from seqir.ops.arith import (
    add,
    clip,
    divide,
    equal,
    greater,
    less,
    maximum,
    minimum,
    mod,
    multiply,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.layout import check_fractions, images_of
from seqir.ops.parts import concatenate, split
from seqir.ops.reduce import sum as sum_
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import absolute


@operation
def rgb_to_grayscale(images: TensorLike, data_format: str | None = None) -> Result:
    """``0.2989·R + 0.587·G + 0.114·B``; images of one channel stay as they are.

    Source: ``keras.ops.image.rgb_to_grayscale``.
    """
    x, axis, _ = images_of("rgb_to_grayscale", images, data_format)
    t = type_of_operand(x)
    if t.shape[axis] == 1:
        return x
    _check_colors("rgb_to_grayscale", x, axis, "3 channels or 1")
    bright = floating(x)
    weights = np.array([0.2989, 0.5870, 0.1140]).reshape(_along(axis, t.rank))
    weights = weights.astype(dtypes.to_numpy(bright.dtype))
    return coerce(sum_(multiply(bright, weights), axis, keepdims=True), t.dtype)


def _along(axis: int, rank: int) -> list[int]:
    return [-1 if i == axis else 1 for i in range(rank)]


def _check_colors(
    name: str, x: TensorLike, axis: int, wanted: str = "3 channels"
) -> None:
    t = type_of_operand(x)
    if t.shape[axis] != 3:
        raise ShapeError(f"ops.image.{name} takes images of {wanted}, got {t}")


def _colors(name: str, images: TensorLike, data_format: str | None) -> tuple[Any, int]:
    x, axis, _ = images_of(name, images, data_format)
    check_fractions(name, x)
    _check_colors(name, x, axis)
    return x, axis


@operation
def rgb_to_hsv(images: TensorLike, data_format: str | None = None) -> Result:
    """Hue, saturation and value of red, green and blue from 0 to 1.

    Source: ``keras.ops.image.rgb_to_hsv``; Smith 1978, doi:10.1145/965139.807361.
    """
    x, axis = _colors("rgb_to_hsv", images, data_format)
    x = where(less(absolute(x), float(dtypes.finfo(x.dtype).eps)), 0.0, x)
    r, g, b = split(x, 3, axis=axis)
    value = maximum(maximum(r, g), b)
    spread = subtract(value, minimum(minimum(r, g), b))
    saturation = where(
        greater(value, 0), divide(spread, where(greater(value, 0), value, 1.0)), 0.0
    )
    sixth = divide(1.0, multiply(where(greater(spread, 0), spread, 1.0), 6.0))
    hue = where(
        equal(value, g),
        add(multiply(sixth, subtract(b, r)), 2 / 6),
        add(multiply(sixth, subtract(r, g)), 4 / 6),
    )
    hue = where(equal(value, r), multiply(sixth, subtract(g, b)), hue)
    turn = coerce(less(hue, 0), x.dtype)
    hue = add(where(greater(spread, 0), hue, 0.0), turn)
    return concatenate((hue, saturation, value), axis)


@operation
def hsv_to_rgb(images: TensorLike, data_format: str | None = None) -> Result:
    """Red, green and blue of hue, saturation and value.

    Source: ``keras.ops.image.hsv_to_rgb``; Smith 1978, doi:10.1145/965139.807361.
    """
    x, axis = _colors("hsv_to_rgb", images, data_format)
    hue, saturation, value = split(x, 3, axis=axis)
    turns = multiply(mod(hue, 1.0), 6.0)
    # Distances from green and blue fall, that from cyan rises.
    centres = np.array([3.0, 2.0, 4.0]).reshape(_along(axis, type_of_operand(x).rank))
    signs = np.array([1.0, -1.0, -1.0]).reshape(centres.shape)
    kind = dtypes.to_numpy(x.dtype)
    away = absolute(subtract(turns, centres.astype(kind)))
    offsets = np.array([-1.0, 2.0, 2.0]).reshape(centres.shape)
    pure = clip(add(multiply(away, signs.astype(kind)), offsets.astype(kind)), 0.0, 1.0)
    return multiply(value, add(subtract(1.0, saturation), multiply(saturation, pure)))
