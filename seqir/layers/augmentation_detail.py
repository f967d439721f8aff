"""Layers that sharpen, blur and erase parts of images at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import ops, random
from seqir.arguments import integers, number
from seqir.errors import ArgumentError
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import (
    UNIT,
    Augmentation,
    Drawn,
    Factor,
    Seed,
    Valued,
    images_in,
    per_image,
    span,
)
from seqir.narrow import is_sequence
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result
from seqir.plain import listed


class RandomSharpness(Valued):
    """Images mixed with their blurred selves: below 0.5 softer, above it sharper.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: 0.5 changes nothing; f means from 0 to f.
    Source: Keras 3 ``layers.RandomSharpness``.
    """

    factor: Factor
    value_range: Factor = (0, 255)
    data_format: str | None = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 0, 1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        return {"factor": self.draw(data, self.factor, seed)}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        factor = per_image(ops.cast(transformation["factor"] * 2, images.dtype), images)
        kernel = np.full((3, 3, self.color_count(images), 1), 1 / 13, np.float32)
        kernel[1, 1] = 5 / 13
        smooth = ops.depthwise_conv(
            images, ops.cast(kernel, images.dtype), 1, "same", self.data_format
        )
        return self.clipped(images + (1.0 - factor) * (smooth - images))


class RandomGaussianBlur(Valued):
    """Images blurred with a probability, all of a batch by the same random width.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: the probability, or two between which it is drawn; f means from 0 to
    f. kernel_size: odd numbers of pixels, of width and height. sigma: deviations in
    pixels up to 1; s means from 0 to s.
    Source: Keras 3 ``layers.RandomGaussianBlur``.
    """

    factor: Factor = 1.0
    kernel_size: Factor = 3
    sigma: Factor = 1.0
    value_range: Factor = (0, 255)
    data_format: str | None = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 0, 1)
        self.sigma = span("sigma", self.sigma, 0, 1)
        self.kernel_size = integers("kernel_size", self.kernel_size, count=2, least=1)
        if any(n % 2 == 0 for n in self.kernel_size):
            raise ArgumentError(
                f"kernel_size must be odd, so that a pixel is in the middle, got "
                f"{self.kernel_size}"
            )

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        chosen = self.chosen(data, self.factor, seed)
        low, high = self.sigma
        widths = random.uniform((2,), low, high, seed=self.source(seed))
        return {"should_apply_blur": chosen, "blur_factor": widths + 1e-6}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        if transformation is None:
            return images
        blurred = ops.image.gaussian_blur(
            images, self.kernel_size, transformation["blur_factor"], self.data_format
        )
        chosen = per_image(transformation["should_apply_blur"], images)
        return self.clipped(ops.where(chosen, blurred, images))


class RandomErasing(Valued):
    """Images with a rectangle of noise, or of one colour, with a probability.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: the probability, or two between which it is drawn; f means from 0 to
    f. scale: squares of the shares of width and height that are erased.
    Source: Keras 3 ``layers.RandomErasing``; arXiv:1708.04896.
    """

    factor: Factor = 1.0
    scale: Factor = (0.02, 0.33)
    fill_value: Any = None
    value_range: Factor = (0, 255)
    seed: int | None = None
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 0, 1)
        self.scale = span("scale", self.scale, 0, 1)
        fill = listed(self.fill_value)
        if is_sequence(fill):
            self.fill_value = [number("fill_value", v) for v in fill]
        elif fill is not None:
            self.fill_value = number("fill_value", fill)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        shares = ops.sqrt(self.draw(data, self.scale, seed, 2))
        masks, _ = rectangles(self, data, shares[:, 0], shares[:, 1], seed)
        return {
            "apply_erasing": self.chosen(data, self.factor, seed),
            "batch_masks": masks,
            "fill_value": self._filling(images_in(data), seed),
        }

    def _filling(self, images: Result, seed: Seed) -> Result:
        """What stands in the rectangle, as it broadcasts to images."""
        if self.fill_value is None:
            noise = random.normal(ops.shape(images), seed=self.source(seed))
            return self.clipped(noise * self.value_range[1])
        colors = np.asarray(self.fill_value, np.float32)
        if colors.ndim and self.color_axis != -1:
            colors = colors.reshape(-1, 1, 1)
        return self.clipped(ops.convert_to_tensor(colors))

    def changed(self, images: Result, transformation: Drawn) -> Result:
        chosen = per_image(transformation["apply_erasing"], images)
        erased = ops.logical_and(chosen, transformation["batch_masks"])
        fill = ops.cast(transformation["fill_value"], images.dtype)
        return ops.where(erased, fill, images)


def rectangles(
    layer: Augmentation, data: Tensors, wide: Result, high: Result, seed: Seed
) -> tuple[Result, Result]:
    """Where pixels lie in a random rectangle of these shares, and its area.

    The first has one channel for each image, the second is in pixels.
    """
    sizes = ops.shape(images_in(data))
    height, width = (sizes[axis] for axis in layer.pixel_axes)

    def side(length: SizeLike, share: Result) -> tuple[Result, Result, Result]:
        """Which places of an axis are inside, and how long that is."""
        whole = ops.cast(length, "float32")
        part = share * whole
        begin = layer.draw(data, UNIT, seed) * (whole - part)
        end = begin + part
        place = ops.arange(length, dtype="float32")[None]
        inside = (place >= begin[:, None]) & (place < end[:, None])
        return inside, begin, end

    columns, x0, x1 = side(width, wide)
    rows, y0, y1 = side(height, high)
    inside = rows[:, :, None] & columns[:, None]
    area = (x1 - x0) * (y1 - y0)
    return ops.expand_dims(inside, layer.color_axis), area


__all__ = [
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomSharpness",
]
