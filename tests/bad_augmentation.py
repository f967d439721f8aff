"""Wrong uses of layers that change images at random."""

from collections.abc import Callable
from typing import Any

import numpy as np

import seqir
from seqir import layers as k
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.layers.augmentation import Augmentation
from seqir.layers.augmentation_geometry import RandomFlip

Case = tuple[str, Callable[[], Any], type[Exception], str]
MOVING: Any = RandomFlip.__base__
AFFINE: Any = k.RandomZoom.__base__


def boxed() -> Any:
    images = np.ones((2, 3, 3, 3), np.float32)
    return {
        "images": images,
        "bounding_boxes": {"boxes": np.ones((2, 1, 4)), "labels": np.ones((2, 1))},
    }


CASES: list[Case] = [
    ("unknown way to flip", lambda: k.RandomFlip("up"), ArgumentError,
     "mode must be 'horizontal', 'vertical' or"),
    ("factor too large", lambda: k.RandomRotation(2), ArgumentError,
     "factor must be a number from -1 to 1, got 2"),
    ("factors above", lambda: k.RandomRotation((2, 3)), ArgumentError,
     "factor must be a number <= 1, got 2"),
    ("factors below", lambda: k.RandomRotation((-3, -2)), ArgumentError,
     "factor must be a number >= -1, got -2"),
    ("factor of another kind", lambda: k.RandomRotation("a"), ArgumentError,
     "factor must be a number from -1 to 1, got 'a'"),
    ("unknown filling", lambda: k.RandomRotation(0.1, "edge"), ArgumentError,
     "fill_mode must be 'reflect', 'wrap'"),
    ("unknown interpolation", lambda: k.RandomZoom(0.1, interpolation="area"),
     ArgumentError, "interpolation must be 'nearest' or 'bilinear'"),
    ("a zoom to nothing", lambda: k.RandomZoom(-1), ArgumentError,
     "height_factor must be a number > -1 and <= 1, got -1"),
    ("a shift too far", lambda: k.RandomTranslation(0.1, (0, 2)), ArgumentError,
     "width_factor must be a number from -1 to 1, got 2"),
    ("a crop of nothing", lambda: k.RandomCrop(0, 2), ArgumentError,
     "height must be an integer >= 1, got 0"),
    ("one value for a range", lambda: k.RandomContrast(0.1, 255), ArgumentError,
     "value_range must be two numbers, the smallest and the largest of a pixel, got"),
    ("no probability", lambda: k.RandomGrayscale(2), ArgumentError,
     "factor must be a number from 0 to 1, got 2"),
    ("no list of layers", lambda: k.Pipeline(k.RandomFlip()), ArgumentError,
     "Pipeline takes a list of layers, got <"),
    ("no images", lambda: k.RandomFlip()(np.ones((2, 3))), ShapeError,
     r"takes images, of rank 4, or one, of rank 3; got \(2, 3\)"),
    ("boxes of no format", lambda: k.RandomFlip()(boxed()), ArgumentError,
     "got bounding boxes and does not know their format: make it with"),
    ("boxes alone",
     lambda: k.RandomFlip(bounding_box_format="xyxy")(
         {"images": np.ones((1, 3, 3, 3)), "bounding_boxes": np.ones((1, 1, 4))}
     ),
     ArgumentError, "takes bounding boxes as a dictionary of 'boxes' and 'labels'"),
    ("boxes of a strange format",
     lambda: k.RandomFlip(bounding_box_format="corners"), ArgumentError,
     "bounding_box_format must be 'xyxy', 'yxyx', 'xywh'"),
    ("even sizes", lambda: k.RandomGaussianBlur(1, 4), ArgumentError,
     r"kernel_size must be odd, so that a pixel is in the middle, got \(4, 4\)"),
    ("boxes of a mix", lambda: k.CutMix(bounding_box_format="xyxy")(boxed()),
     UnsupportedError, r"\(CutMix\) changes no bounding boxes: train without"),
    ("unknown channels",
     lambda: seqir.Model(t := seqir.Input((4, 4, None)), k.RandomSharpness(1)(t)),
     ShapeError, "needs to know the channels of its images, got"),
    ("a change", lambda: Augmentation.changed(k.RandomCrop(1, 1), 1, {}),
     NotImplementedError, "RandomCrop changes no images"),
    ("a move", lambda: MOVING.moved(k.RandomFlip(), 1, {}, ""),
     NotImplementedError, "RandomFlip moves nothing"),
    ("moved boxes", lambda: MOVING.moved_boxes(k.RandomFlip(), 1, {}, 1, 1),
     NotImplementedError, "RandomFlip moves no boxes"),
    ("a matrix", lambda: AFFINE.matrix(k.RandomZoom(1), {}, 1, 1),
     NotImplementedError, "RandomZoom has no matrix"),
]  # fmt: skip
