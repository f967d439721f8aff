"""Layers that move pixels at random as they are: flips and crops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import ops, random
from seqir.arguments import integer, one_of
from seqir.fields import keyword
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import (
    UNIT,
    Augmentation,
    Drawn,
    Seed,
    images_in,
)
from seqir.ops.size import SizeLike, maximum_size, minimum_size
from seqir.ops.tensor import Result


class _Interpolated:
    """An argument of the layers themselves, which order it."""

    interpolation: str


class Moving(_Interpolated, Augmentation):
    """Pixels of images and of masks are moved in the same way."""

    def changed(self, images: Result, transformation: Drawn) -> Result:
        if transformation is None:
            return images
        return self.moved(images, transformation, self.interpolation)

    def moved(
        self, images: Result, transformation: Drawn, interpolation: str
    ) -> Result:
        """Images, or masks, whose pixels are moved as was drawn."""
        raise NotImplementedError(f"{type(self).__name__} moves nothing")

    def transform_bounding_boxes(
        self, bounding_boxes: Tensors, transformation: Drawn, training: bool = True
    ) -> Tensors:
        if not training or transformation is None:
            return bounding_boxes
        sizes = transformation["input_shape"]
        height, width = (sizes[axis] for axis in self.pixel_axes)
        return self.in_corners(
            bounding_boxes,
            (height, width),
            (height, width),
            lambda corners: self.moved_boxes(corners, transformation, height, width),
        )

    def moved_boxes(
        self, corners: Result, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        """Boxes[N, boxes, 4], left, top, right, bottom, in changed images."""
        raise NotImplementedError(f"{type(self).__name__} moves no boxes")

    def transform_segmentation_masks(
        self, segmentation_masks: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        if not training or transformation is None:
            return segmentation_masks
        return self.moved(segmentation_masks, transformation, "nearest")


class RandomFlip(Moving):
    """Images turned over with a probability of one half each.

    Shapes: x[N, H, W, C] -> y as x.
    Source: Keras 3 ``layers.RandomFlip``.
    """

    mode: str = "horizontal_and_vertical"
    seed: int | None = None
    data_format: str | None = None

    interpolation = "nearest"

    def setup(self) -> None:
        super().setup()
        known = ("horizontal", "vertical", "horizontal_and_vertical")
        self.mode = one_of("mode", self.mode, known)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        flips = self.draw_broadcast(data, UNIT, seed) <= 0.5
        return {"flips": flips, "input_shape": ops.shape(images_in(data))}

    def moved(
        self, images: Result, transformation: Drawn, interpolation: str
    ) -> Result:
        vertical, horizontal = self.pixel_axes
        if "horizontal" in self.mode:
            turned = ops.flip(images, horizontal)
            images = ops.where(transformation["flips"], turned, images)
        if "vertical" in self.mode:
            turned = ops.flip(images, vertical)
            images = ops.where(transformation["flips"], turned, images)
        return images

    def moved_boxes(
        self, corners: Result, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        x = ops.take(corners, [0, 2], -1), ops.take(corners, [2, 0], -1)
        y = ops.take(corners, [1, 3], -1), ops.take(corners, [3, 1], -1)
        flips = transformation["flips"][..., 0]
        horizontal, vertical = (way in self.mode for way in ("horizontal", "vertical"))
        right = ops.cast(width, "float32") - x[1] if horizontal else x[0]
        down = ops.cast(height, "float32") - y[1] if vertical else y[0]
        turned = ops.stack(
            [right[..., 0], down[..., 0], right[..., 1], down[..., 1]], -1
        )
        return ops.where(flips, turned, corners)


class RandomCrop(Augmentation):
    """Parts of images at a random place, the same for a whole batch.

    Of images that are not larger it is a part in the middle, resized. Where only the
    run knows the size of images, they must be as large as the result. In use the
    images stay whole, whatever `output` says of their size, as in Keras.

    Shapes: x[N, H, W, C] -> y[N, height, width, C].
    Source: Keras 3 ``layers.RandomCrop``.
    """

    height: int
    width: int
    seed: int | None = None
    data_format: str | None = None
    name: str | None = keyword(default=None)

    def setup(self) -> None:
        super().setup()
        self.height = integer("height", self.height, least=1)
        self.width = integer("width", self.width, least=1)

    @property
    def _size(self) -> tuple[int, int]:
        return self.height, self.width

    def get_random_transformation(
        self, data: Tensors, training: bool = True, seed: Seed = None
    ) -> Drawn:
        shape = ops.shape(images_in(data))
        old, new = [shape[axis] for axis in self.pixel_axes], self._size
        if training and all(map(_is_larger, old, new)):
            source = self.source(seed)
            shares = (random.uniform((), seed=source) for _ in new)
            rest = (n - m + 1 for n, m in zip(old, new, strict=True))
            begin = [
                ops.cast(share * ops.cast(n, "float32"), "int32")
                for share, n in zip(shares, rest, strict=True)
            ]
        else:
            begin = [
                (n - m) // 2 for n, m in zip(old, self._middle(old, new), strict=True)
            ]
        return (*begin, *old)

    def _middle(self, old: Sequence[SizeLike], new: Sequence[int]) -> list[SizeLike]:
        """Height and width of the part in the middle that is resized."""
        sizes = old[1] * new[0] // new[1], old[0] * new[1] // new[0]
        return [
            maximum_size(minimum_size(n, m), 1) for n, m in zip(old, sizes, strict=True)
        ]

    def transform_images(
        self, images: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        images = ops.cast(images, self.compute_dtype)
        if training:
            for axis, start, size in zip(
                self.pixel_axes, transformation[:2], self._size, strict=True
            ):
                images = _part(images, axis, start, size)
            sizes = images.shape
            if tuple(sizes[axis] for axis in self.pixel_axes) != self._size:
                resize = ops.image.resize
                images = resize(images, self._size, data_format=self.data_format)
        return images

    def transform_segmentation_masks(
        self, segmentation_masks: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Tensors, transformation: Drawn, training: bool = True
    ) -> Tensors:
        if not training:
            return bounding_boxes
        top, left, *old = transformation
        new = self._size
        part = new if all(map(_is_larger, old, new)) else self._middle(old, new)
        scale = [ops.cast(m, "float32") / n for n, m in zip(part, new, strict=True)]
        move = ops.cast(ops.stack([left, top, left, top]), "float32")
        return self.in_corners(
            bounding_boxes,
            old,
            new,
            lambda corners: (corners - move) * ops.stack([*scale[::-1]] * 2),
        )


def _is_larger(old: SizeLike, new: int) -> bool:
    """Whether there is something to choose; of an unknown size it is believed."""
    return not isinstance(old, int) or old > new


def _part(images: Result, axis: int, start: Any, size: int) -> Result:
    """That many places along an axis, or as many as there are."""
    if not isinstance(start, int):
        return ops.take(images, start + np.arange(size, dtype=np.int32), axis)
    cut = slice(start, start + size)
    return images[(*[slice(None)] * (axis % images.ndim), cut)]


__all__ = [
    "RandomCrop",
    "RandomFlip",
]
