"""Bounding boxes: four numbers each, along the last axis.

A format says what they are: corners or a middle, sizes, in pixels or as shares of the
image. The functions of ``keras.utils.bounding_boxes``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from seqir.arguments import one_of
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.narrow import is_dict
from seqir.ops.apply import rank_of, type_of_operand
from seqir.ops.arith import maximum, minimum, where
from seqir.ops.call import operation
from seqir.ops.convert import cast
from seqir.ops.indexing import getitem
from seqir.ops.movement import expand_dims
from seqir.ops.parts import concatenate, split, stack
from seqir.ops.reduce import max as max_
from seqir.ops.reduce import min as min_
from seqir.ops.tensor import Result
from seqir.ops.unary import cos, sin, tan

Boxes = Any
"""Numbers[..., 4], or a dictionary that has them as "boxes"."""
Four = tuple[Result, Result, Result, Result]
"""Left, top, right and bottom, each [..., 1]."""


def _plain(a: Result, b: Result, c: Result, d: Result) -> Four:
    return a, b, c, d


def _turned(a: Result, b: Result, c: Result, d: Result) -> Four:
    return b, a, d, c


def _from_sizes(left: Result, top: Result, wide: Result, high: Result) -> Four:
    return left, top, left + wide, top + high


def _to_sizes(left: Result, top: Result, right: Result, bottom: Result) -> Four:
    return left, top, right - left, bottom - top


def _from_middle(x: Result, y: Result, wide: Result, high: Result) -> Four:
    return x - wide / 2, y - high / 2, x + wide / 2, y + high / 2


def _to_middle(left: Result, top: Result, right: Result, bottom: Result) -> Four:
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _from_turned_middle(y: Result, x: Result, high: Result, wide: Result) -> Four:
    return _from_middle(x, y, wide, high)


def _to_turned_middle(left: Result, top: Result, right: Result, bottom: Result) -> Four:
    return _turned(*_to_middle(left, top, right, bottom))


_CORNERS: Final[dict[str, tuple[Callable[..., Four], Callable[..., Four]]]] = {
    "xyxy": (_plain, _plain),
    "yxyx": (_turned, _turned),
    "xywh": (_from_sizes, _to_sizes),
    "center_xywh": (_from_middle, _to_middle),
    "center_yxhw": (_from_turned_middle, _to_turned_middle),
}
"""By format: four numbers as corners, and corners as these four numbers."""
_RELATIVE: Final = ("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")
FORMATS: Final = (*_CORNERS, *_RELATIVE)


def check_format(name: str, value: object) -> str:
    """The format in small letters.

    Raises: ArgumentError for one that nobody knows.
    """
    return one_of(name, value.lower() if isinstance(value, str) else value, FORMATS)


def is_relative(name: str) -> bool:
    """Whether numbers of this format are shares of the image."""
    return name.startswith("rel_")


def corners(boxes: Result) -> Four:
    """The four numbers, each [..., 1]."""
    left, top, right, bottom = split(boxes, 4, axis=-1)
    return left, top, right, bottom


def _checked(boxes: Result) -> Result:
    """ShapeError unless these are rows of four numbers."""
    t = type_of_operand(boxes)
    if not t.rank or t.shape[-1] != 4:
        raise ShapeError(f"boxes must be four numbers along the last axis, got {t}")
    return boxes


def _with(boxes: Boxes, change: Callable[[Any], Any]) -> Boxes:
    """The boxes changed, in a dictionary the rest beside them."""
    if is_dict(boxes):
        return {**boxes, "boxes": change(boxes["boxes"])}
    return change(boxes)


@operation
def convert_format(
    boxes: Boxes,
    source: str,
    target: str,
    height: Any = None,
    width: Any = None,
    dtype: DTypeLike = "float32",
) -> Boxes:
    """Boxes of one format as those of another.

    Units: height, width: those of the image, in pixels.
    Raises: ArgumentError for an unknown format, or a relative one without the size.
    Source: ``keras.utils.bounding_boxes.convert_format``.
    """
    source, target = check_format("source", source), check_format("target", target)
    relative = is_relative(source), is_relative(target)
    if any(relative) and (height is None or width is None):
        raise ArgumentError(
            f"boxes from {source!r} to {target!r} need the height and the width of "
            f"the image, got height={height} and width={width}"
        )

    def converted(x: Any) -> Any:
        x = cast(_checked(x), dtype)
        if source == target:
            return x
        numbers = _CORNERS[source.removeprefix("rel_")][0](*corners(x))
        if relative[0] != relative[1]:
            sizes = [cast(n, dtype) for n in (width, height, width, height)]
            numbers = [
                n * size if relative[0] else n / size
                for n, size in zip(numbers, sizes, strict=True)
            ]
        return concatenate(_CORNERS[target.removeprefix("rel_")][1](*numbers), -1)

    return _with(boxes, converted)


def _corners_only(name: str, value: str, known: tuple[str, ...] = ("xyxy",)) -> None:
    if value not in known:
        raise ArgumentError(
            f"bounding_boxes.{name} takes boxes of the format {' or '.join(known)}, "
            f"got {value!r}: use convert_format"
        )


@operation
def clip_to_image_size(
    bounding_boxes: Boxes,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Boxes:
    """Boxes without what is outside of the image; the label of an empty one is -1.

    Shapes: a dictionary of boxes[..., 4] and labels[...], or without labels.
    Raises: ArgumentError without the size of the image, for boxes in pixels.
    Source: ``keras.utils.bounding_boxes.clip_to_image_size``.
    """
    _corners_only("clip_to_image_size", bounding_box_format, ("xyxy", "rel_xyxy"))
    if is_relative(bounding_box_format):
        height = width = 1.0
    elif height is None or width is None:
        raise ArgumentError(
            "boxes in pixels are clipped to a height and a width, got "
            f"height={height} and width={width}"
        )
    boxes = _inside(_checked(bounding_boxes["boxes"]), height, width)
    found = {**bounding_boxes, "boxes": boxes}
    if bounding_boxes.get("labels") is not None:
        labels = bounding_boxes["labels"]
        left, top, right, bottom = corners(boxes)
        area = getitem((right - left) * (bottom - top), (..., 0))
        if rank_of(labels) > rank_of(area):  # one number for each class
            area = expand_dims(area, -1)
        found["labels"] = where(
            area > 0, labels, cast(-1, type_of_operand(labels).dtype)
        )
    return found


def _inside(boxes: Result, height: Result, width: Result) -> Result:
    """Corners that are at most at the edges of an image."""
    dtype = type_of_operand(boxes).dtype
    ends = [cast(n, dtype) for n in (width, height, width, height)]
    numbers = zip(corners(boxes), ends, strict=True)
    return concatenate([minimum(maximum(n, 0), end) for n, end in numbers], -1)


@operation
def crop(
    boxes: Any,
    top: Any,
    left: Any,
    height: Any,
    width: Any,
    bounding_box_format: str = "xyxy",
) -> Result:
    """Boxes in a part of the image, clipped to it.

    Source: ``keras.utils.bounding_boxes.crop``.
    """
    _corners_only("crop", bounding_box_format)
    return _inside(_moved(boxes, -top, -left), height, width)


@operation
def pad(
    boxes: Any,
    top: Any,
    left: Any,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Result:
    """Boxes in an image with so many pixels more at its edges.

    Source: ``keras.utils.bounding_boxes.pad``.
    """
    _corners_only("pad", bounding_box_format)
    return _moved(boxes, top, left)


def _moved(boxes: Result, down: Result, right: Result) -> Result:
    numbers = corners(_checked(boxes))
    moves = (right, down, right, down)
    return concatenate([n + m for n, m in zip(numbers, moves, strict=True)], -1)


def around(
    boxes: Result, move: Callable[[Result, Result], tuple[Result, Result]]
) -> Result:
    """The smallest boxes around the four moved corners of boxes."""
    left, top, right, bottom = corners(boxes)
    x = concatenate([left, right, left, right], -1)
    y = concatenate([top, top, bottom, bottom], -1)
    both = move(x, y)
    ends = [min_(n, -1) for n in both] + [max_(n, -1) for n in both]
    return stack(ends, -1)


@operation
def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Result:
    """The boxes around turned, scaled, sheared and shifted ones.

    Shapes: boxes[N, boxes, 4], and for each of N images a number of each kind.
    Units: angles: degrees; shifts and the centre: shares of the image.
    Source: ``keras.utils.bounding_boxes.affine_transform``.
    """
    _corners_only("affine_transform", bounding_box_format)
    radians = math.pi / 180.0
    turn, sx, sy = (n * -radians for n in (angle, shear_x, shear_y))
    high, wide = (cast(n, "float32") - 1.0 for n in (height, width))
    cx = (0.5 if center_x is None else center_x) * wide
    cy = (0.5 if center_y is None else center_y) * high
    a, c = cos(turn - sy) / cos(sy), -sin(turn - sy) / cos(sy)
    b, d = a * tan(sx) + sin(turn), cos(turn) - c * tan(sx)
    (a0, a1), (b0, b1) = (d * scale, -b * scale), (-c * scale, a * scale)
    x0, y0 = cx - translate_x * wide, cy - translate_y * high
    a2, b2 = cx - a0 * x0 - a1 * y0, cy - b0 * x0 - b1 * y0
    a0, a1, a2, b0, b1, b2 = (expand_dims(n, (1, 2)) for n in (a0, a1, a2, b0, b1, b2))
    return around(
        cast(_checked(boxes), type_of_operand(a0).dtype),
        lambda x, y: (a0 * x + a1 * y + a2, b0 * x + b1 * y + b2),
    )
