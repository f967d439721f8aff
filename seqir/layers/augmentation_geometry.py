"""Layers that move pixels at random as they are: flips and crops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqir import ops, random
from seqir.arguments import integer, one_of
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


class Moving(Augmentation):
    """Pixels of images and of masks are moved in the same way."""

    boxes_stay = False

    if TYPE_CHECKING:  # a field of the layers themselves, which order them
        interpolation: str

    def changed(self, images: Result, transformation: Drawn) -> Result:
        if transformation is None:
            return images
        return self.moved(images, transformation, self.interpolation)

    def moved(
        self, images: Result, transformation: Drawn, interpolation: str
    ) -> Result:
        """Images, or masks, whose pixels are moved as was drawn."""
        raise NotImplementedError(f"{type(self).__name__} moves nothing")

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
    name: str | None = None

    boxes_stay = False

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
            return tuple(
                ops.cast(share * ops.cast(n, "float32"), "int32")
                for share, n in zip(shares, rest, strict=True)
            )
        kept = old[1] * new[0] // new[1], old[0] * new[1] // new[0]
        return tuple(
            (n - maximum_size(minimum_size(n, m), 1)) // 2
            for n, m in zip(old, kept, strict=True)
        )

    def transform_images(
        self, images: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        images = ops.cast(images, self.compute_dtype)
        if training:
            for axis, start, size in zip(
                self.pixel_axes, transformation, self._size, strict=True
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
