"""Layers that change the colours of images at random."""

from __future__ import annotations

from typing import Any

from seqir import config, dtype_policies, ops
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import (
    UNIT,
    Augmentation,
    Drawn,
    Factor,
    Seed,
    Valued,
    per_image,
    span,
    with_range,
)
from seqir.ops.tensor import Result
from seqir.random import check_share


class RandomContrast(Valued):
    """Images whose distance from the mean of each channel is scaled at random.

    ``y = (x - mean) * c + mean`` with c from ``1 - low`` to ``1 + high``.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: (low, high), or f for (0, f).
    Source: Keras 3 ``layers.RandomContrast``.
    """

    factor: Factor
    value_range: Factor = (0, 255)
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 0, 1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        low, high = self.factor
        drawn = self.draw_broadcast(data, (1.0 - low, 1.0 + high), seed)
        return {"contrast_factor": drawn}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        factor = ops.cast(transformation["contrast_factor"], images.dtype)
        mean = ops.mean(images, self.pixel_axes, keepdims=True)
        return self.clipped((images - mean) * factor + mean)


class RandomBrightness(Valued):
    """Images with a random number added.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: share of the range of values; f means from -f to f.
    Source: Keras 3 ``layers.RandomBrightness``.
    """

    factor: Factor
    value_range: Factor = (0, 255)
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, -1, 1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        low, high = self.value_range
        shares = self.draw_broadcast(data, self.factor, seed)
        return {"rgb_delta": shares * (high - low)}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        delta = ops.cast(transformation["rgb_delta"], images.dtype)
        return self.clipped(images + delta)


class RandomHue(Valued):
    """Images whose hues are turned at random.

    Shapes: x[N, H, W, 3] -> y as x.
    Units: factor: the largest turn is half of it, either way; 1 is a whole turn.
    Source: Keras 3 ``layers.RandomHue``.
    """

    factor: Factor
    value_range: Factor = (0, 255)
    data_format: str | None = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 0, 1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        back = self.draw(data, UNIT, seed) > 0.5
        factor = self.draw(data, self.factor, seed)
        return {"factor": ops.where(back, -factor, factor) * 0.5}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        images = with_range(images, self.value_range, (0.0, 1.0))
        factor = per_image(ops.cast(transformation["factor"], images.dtype), images)
        hsv = ops.image.rgb_to_hsv(images, self.data_format)
        hue, *rest = ops.split(hsv, 3, axis=self.color_axis)
        hue = hue + factor
        hue = ops.where(hue > 1.0, hue - 1.0, hue)
        hue = ops.where(hue < 0.0, hue + 1.0, hue)
        hsv = ops.concatenate([hue, *rest], self.color_axis)
        rgb = ops.clip(ops.image.hsv_to_rgb(hsv, self.data_format), 0.0, 1.0)
        return with_range(rgb, (0.0, 1.0), self.value_range)


class RandomSaturation(Valued):
    """Images whose saturation is multiplied by ``f / (1 - f)`` with a random f.

    Shapes: x[N, H, W, 3] -> y as x.
    Units: factor: 0 is grey, 0.5 changes nothing; f means from 0 to f.
    Source: Keras 3 ``layers.RandomSaturation``.
    """

    factor: Factor
    value_range: Factor = (0, 255)
    data_format: str | None = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, -1, 1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        factor = self.draw(data, self.factor, seed)
        return {"factor": factor / (1.0 - factor + config.epsilon())}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        factor = per_image(ops.cast(transformation["factor"], images.dtype), images)
        hsv = ops.image.rgb_to_hsv(images, self.data_format)
        hue, saturation, value = ops.split(hsv, 3, axis=self.color_axis)
        saturation = self.clipped(saturation * factor)
        hsv = ops.concatenate([hue, saturation, value], self.color_axis)
        return ops.image.hsv_to_rgb(hsv, self.data_format)


class RandomColorJitter(Valued):
    """Images with a random brightness, contrast, saturation and hue, as far as given.

    Shapes: x[N, H, W, 3] -> y as x.
    Source: Keras 3 ``layers.RandomColorJitter``.
    """

    value_range: Factor = (0, 255)
    brightness_factor: Factor = None
    contrast_factor: Factor = None
    saturation_factor: Factor = None
    hue_factor: Factor = None
    seed: int | None = None
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        kinds: dict[str, Any] = {
            "brightness": RandomBrightness,
            "contrast": RandomContrast,
            "saturation": RandomSaturation,
            "hue": RandomHue,
        }
        self._steps: dict[str, Augmentation] = {}
        for name, kind in kinds.items():
            factor = getattr(self, f"{name}_factor")
            step = None
            if factor is not None:
                step = self._steps[name] = kind(
                    factor,
                    value_range=self.value_range,
                    seed=self.seed,
                    data_format=self.data_format,
                    dtype=dtype_policies.serialize(self.dtype_policy),
                )
            setattr(self, f"random_{name}", step)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        source = self.source(seed)
        return {
            name: step.get_random_transformation(data, seed=source)
            for name, step in self._steps.items()
        }

    def changed(self, images: Result, transformation: Drawn) -> Result:
        for name, step in self._steps.items():
            images = step.transform_images(images, transformation[name])
        return images


class RandomColorDegeneration(Valued):
    """Images mixed with what they are in grey, by a random share.

    Shapes: x[N, H, W, 3] -> y as x.
    Units: factor: 0 changes nothing, 1 is grey; f means from -f to f.
    Source: Keras 3 ``layers.RandomColorDegeneration``.
    """

    factor: Factor
    value_range: Factor = (0, 255)
    data_format: str | None = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, -1, 1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        return {"factor": self.draw(data, self.factor, seed, 1, 1, 1)}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        factor = ops.cast(transformation["factor"], images.dtype)
        grey = ops.image.rgb_to_grayscale(images, self.data_format)
        return self.clipped(images + factor * (grey - images))


class RandomGrayscale(Augmentation):
    """Images in grey with a probability.

    Shapes: x[N, H, W, 3] -> y as x.
    Units: factor: the probability.
    Source: Keras 3 ``layers.RandomGrayscale``.
    """

    factor: float = 0.5
    data_format: str | None = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        check_share("factor", self.factor)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        return self.draw(data, UNIT, seed, 1, 1, 1) < self.factor

    def changed(self, images: Result, transformation: Drawn) -> Result:
        grey = ops.image.rgb_to_grayscale(images, self.data_format)
        return ops.where(transformation, grey, images)


class RandomInvert(Valued):
    """Images as their negatives, the largest value minus x, with a probability.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: the probability, or two between which it is drawn; f means from 0 to
    f.
    Source: Keras 3 ``layers.RandomInvert``.
    """

    factor: Factor = 1.0
    value_range: Factor = (0, 255)
    seed: int | None = None
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 0, 1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        return {"apply_inversion": self.chosen(data, self.factor, seed)}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        chosen = per_image(transformation["apply_inversion"], images)
        return ops.where(chosen, self.value_range[1] - images, images)


__all__ = [
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomSaturation",
]
