"""How much boxes have in common, and what leads from anchors to boxes."""

from __future__ import annotations

import math
from typing import Any

from seqir import config
from seqir.arguments import one_of
from seqir.errors import ArgumentError, ShapeError
from seqir.narrow import is_dict
from seqir.ops.apply import rank_of, type_of_operand
from seqir.ops.arith import logical_or, maximum, minimum, where
from seqir.ops.boxes import convert_format, corners
from seqir.ops.call import operation
from seqir.ops.indexing import getitem
from seqir.ops.movement import expand_dims
from seqir.ops.parts import concatenate
from seqir.ops.reduce import max as max_
from seqir.ops.unary import arctan, exp, log


def _in(boxes: Any, source: str, target: str, image_shape: Any) -> Any:
    height, width, *_ = (None, None) if image_shape is None else image_shape
    return convert_format(boxes, source, target, height, width)


@operation
def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Any:
    """The area that two boxes share over that of both together, for each pair.

    With `use_masking` it is `mask_val` for a box of numbers below 0.
    Shapes: boxes1[N, M, 4] or [M, 4], boxes2[N, K, 4] or [K, 4] -> y[N, M, K].
    Source: ``keras.utils.bounding_boxes.compute_iou``.
    """
    both = [_in(b, bounding_box_format, "xyxy", image_shape) for b in (boxes1, boxes2)]
    ranks = [rank_of(b) for b in both]
    if not {*ranks} <= {2, 3}:
        raise ShapeError(
            "compute_iou takes boxes [boxes, 4] or [N, boxes, 4], got "
            f"{type_of_operand(boxes1)} and {type_of_operand(boxes2)}"
        )
    first, second = expand_dims(both[0], -2), expand_dims(both[1], -3)
    shared, areas = _areas(first, second)
    y = shared / (areas - shared + config.epsilon())
    y = getitem(y, (..., 0))
    if not use_masking:
        return y
    nothing = logical_or(max_(first, -1) < 0.0, max_(second, -1) < 0.0)
    return where(nothing, float(mask_val), y)


def _areas(first: Any, second: Any) -> tuple[Any, Any]:
    """The area that boxes share, and the sum of both, [..., 1]."""
    (l1, t1, r1, b1), (l2, t2, r2, b2) = corners(first), corners(second)
    wide = maximum(minimum(r1, r2) - maximum(l1, l2), 0.0)
    high = maximum(minimum(b1, b2) - maximum(t1, t2), 0.0)
    return wide * high, (r1 - l1) * (b1 - t1) + (r2 - l2) * (b2 - t2)


@operation
def compute_ciou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None
) -> Any:
    """The shared area of boxes, less for distance and another ratio of sides.

    Shapes: boxes[..., 4] twice -> y[...].
    Source: ``keras.utils.bounding_boxes.compute_ciou``; arXiv:1911.08287.
    """
    first, second = (
        _in(b, bounding_box_format, "xyxy", image_shape) for b in (boxes1, boxes2)
    )
    tiny = config.epsilon()
    (l1, t1, r1, b1), (l2, t2, r2, b2) = corners(first), corners(second)
    shared, _ = _areas(first, second)
    w1, h1, w2, h2 = r1 - l1, b1 - t1 + tiny, r2 - l2, b2 - t2 + tiny
    iou = shared / (w1 * h1 + w2 * h2 - shared + 2 * tiny)
    wide = maximum(r1, r2) - minimum(l1, l2)
    high = maximum(b1, b2) - minimum(t1, t2)
    right, down = (l1 + r1 - l2 - r2) / 2.0, (t1 + b1 - t2 - b2) / 2.0
    away = (right * right + down * down) / (wide * wide + high * high + tiny)
    turn = arctan(w2 / h2) - arctan(w1 / h1)
    v = turn * turn * (4.0 / math.pi**2)
    y = iou - (away + v * (v / (v - iou + (1.0 + tiny))))
    return getitem(y, (..., 0))


def _check_encoding(name: str, encoding: str, variance: Any) -> None:
    one_of(name, encoding, ("center_xywh", "center_yxhw"))
    if variance is not None and type_of_operand(variance).shape[-1:] != (4,):
        raise ArgumentError(f"variance must be 4 numbers, got {variance!r}")


@operation
def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """What leads from anchors to boxes: shifts by sizes, and logarithms of sizes.

    Shapes: anchors[M, 4], boxes[M, 4] or [N, M, 4] -> y as boxes.
    Source: ``keras.utils.bounding_boxes.encode_box_to_deltas``.
    """
    _check_encoding("encoding_format", encoding_format, variance)
    anchor = _in(anchors, anchor_format, encoding_format, image_shape)
    box = _in(boxes, box_format, encoding_format, image_shape)
    middle, size = (..., slice(None, 2)), (..., slice(2, None))
    sizes = maximum(getitem(anchor, size), config.epsilon())
    shift = (getitem(box, middle) - getitem(anchor, middle)) / sizes
    growth = log(maximum(getitem(box, size), config.epsilon()) / sizes)
    y = concatenate([shift, growth], -1)
    return y if variance is None else y / variance


@operation
def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """The boxes that deltas lead to from anchors; for dictionaries, of each level.

    Source: ``keras.utils.bounding_boxes.decode_deltas_to_boxes``.
    """
    _check_encoding("encoded_format", encoded_format, variance)

    def decoded(anchors: Any, delta: Any) -> Any:
        anchor = _in(anchors, anchor_format, encoded_format, image_shape)
        delta = delta if variance is None else delta * variance
        size = getitem(anchor, (..., slice(2, None)))
        middle = getitem(delta, (..., slice(None, 2))) * size
        middle = middle + getitem(anchor, (..., slice(None, 2)))
        sizes = exp(getitem(delta, (..., slice(2, None)))) * size
        box = concatenate([middle, sizes], -1)
        return _in(box, encoded_format, box_format, image_shape)

    if is_dict(anchors) and is_dict(boxes_delta):
        return {level: decoded(a, boxes_delta[level]) for level, a in anchors.items()}
    return decoded(anchors, boxes_delta)
