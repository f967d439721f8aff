"""Layers that mix images with others of the batch, or change them in several ways."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seqir import dtype_policies, nest, ops, random
from seqir.arguments import integer, number, one_of
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import (
    Augmentation,
    Drawn,
    Factor,
    Seed,
    Valued,
    count_of,
    images_in,
    span,
)
from seqir.layers.augmentation_affine import (
    RandomRotation,
    RandomShear,
    RandomTranslation,
)
from seqir.layers.augmentation_color import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
)
from seqir.layers.augmentation_detail import RandomSharpness, rectangles
from seqir.layers.augmentation_tone import (
    AutoContrast,
    Equalization,
    RandomPosterization,
    Solarization,
)
from seqir.ops.tensor import Result


class _Mixing(Augmentation):
    """Images and labels mixed with those of other places of the batch."""

    boxes_stay = False

    def transform_labels(
        self, labels: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        if not training or transformation is None:
            return labels
        labels = ops.cast(labels, self.compute_dtype)
        return mixed(labels, transformation)

    def order(self, data: Tensors, seed: Seed) -> Result:
        """The place of the other image for each image."""
        return random.shuffle(ops.arange(count_of(data)), seed=self.source(seed))


def mixed(x: Result, transformation: Drawn) -> Result:
    """``w x + (1 - w) others`` with a weight for each image."""
    others = ops.take(x, transformation["permutation_order"], 0)
    weight = ops.cast(transformation["mix_weight"], x.dtype)
    weight = ops.reshape(weight, (-1, *(1,) * (x.ndim - 1)))
    return weight * x + (1.0 - weight) * others


class MixUp(_Mixing):
    """Images and labels as weighted means with those of other images.

    Shapes: x[N, H, W, C] -> y as x; labels[N, K] as one-hot or as shares.
    Units: alpha: both parameters of the beta distribution of the weights.
    Source: Keras 3 ``layers.MixUp``; arXiv:1710.09412.
    """

    alpha: float = 0.2
    data_format: str | None = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        number("alpha", self.alpha, above=0)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        order = self.order(data, seed)
        source, count = self.source(seed), count_of(data)
        weight = random.beta((count,), self.alpha, self.alpha, seed=source)
        return {"mix_weight": weight, "permutation_order": order}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        return mixed(images, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: Tensors, transformation: Drawn, training: bool = True
    ) -> Tensors:
        if not training:
            return bounding_boxes
        order = transformation["permutation_order"]
        return nest.map_structure(
            lambda x: ops.concatenate([x, ops.take(x, order, 0)], 1), bounding_boxes
        )

    def transform_segmentation_masks(
        self, segmentation_masks: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        if not training:
            return segmentation_masks
        return mixed(ops.cast(segmentation_masks, self.compute_dtype), transformation)


class CutMix(_Mixing):
    """Images with a rectangle of other images, and labels by the shares of area.

    Shapes: x[N, H, W, C] -> y as x; labels[N, K] as one-hot or as shares.
    Units: factor: both parameters of the beta distribution of the area that stays, or
    two numbers between which they are drawn; f means from 0 to f.
    Source: Keras 3 ``layers.CutMix``; arXiv:1905.04899.
    """

    factor: Factor = 1.0
    seed: int | None = None
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 0, 1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        source, count = self.source(seed), count_of(data)
        low, high = self.factor
        alpha = random.uniform((), low, high, seed=source) + 1e-6
        share = ops.sqrt(1.0 - random.beta((count,), alpha, alpha, seed=source))
        masks, area = rectangles(self, data, share, share, seed)
        sizes = ops.shape(images_in(data))
        height, width = (ops.cast(sizes[axis], "float32") for axis in self.pixel_axes)
        return {
            "permutation_order": self.order(data, seed),
            "batch_masks": masks,
            "mix_weight": ops.reshape(1.0 - area / (height * width), (-1, 1, 1, 1)),
        }

    def changed(self, images: Result, transformation: Drawn) -> Result:
        if transformation is None:
            return images
        others = ops.take(images, transformation["permutation_order"], 0)
        return ops.where(transformation["batch_masks"], others, images)

    def transform_segmentation_masks(
        self, segmentation_masks: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        return self.transform_images(segmentation_masks, transformation, training)


class RandAugment(Valued):
    """Images with `num_ops` random changes, the same kinds for a whole batch.

    Shapes: x[N, H, W, 3] -> y as x.
    Units: factor: strength of the changes; f means from 0 to f.
    Source: Keras 3 ``layers.RandAugment``; arXiv:1909.13719.
    """

    value_range: Factor = (0, 255)
    num_ops: int = 2
    factor: Factor = 0.5
    interpolation: str = "bilinear"
    seed: int | None = None
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self.num_ops = integer("num_ops", self.num_ops, least=1)
        self.factor = span("factor", self.factor, 0, 1)
        one_of("interpolation", self.interpolation, ("nearest", "bilinear"))
        self._steps = steps = random_steps(self, self.factor, self.interpolation)
        for name, step in steps.items():
            setattr(self, name, step)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        source, steps = self.source(seed), self._steps
        kinds = random.randint((self.num_ops,), 0, len(steps), seed=source)
        drawn = {
            name: step.get_random_transformation(data, seed=source)
            for name, step in steps.items()
        }
        return {"transforms": drawn, "layer_idxes": kinds}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        return self._applied("transform_images", images, transformation)

    def transform_segmentation_masks(
        self, segmentation_masks: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        if not training:
            return segmentation_masks
        method = "transform_segmentation_masks"
        return self._applied(method, segmentation_masks, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: Tensors, transformation: Drawn, training: bool = True
    ) -> Tensors:
        if not training:
            return bounding_boxes
        return self._applied("transform_bounding_boxes", bounding_boxes, transformation)

    def _applied(self, method: str, x: Any, transformation: Drawn) -> Any:
        """What the layers that were drawn make of x, one after the other."""
        kinds, drawn = transformation["layer_idxes"], transformation["transforms"]
        for i in range(self.num_ops):
            x = one_of_steps(self._steps, method, x, kinds[i], drawn)
        return x


def random_steps(
    layer: Valued, factor: Factor, interpolation: str, left_out: Sequence[str] = ()
) -> dict[str, Augmentation]:
    """The layers that `RandAugment` and `AugMix` choose from, by their names."""
    every: dict[str, Any] = {
        "data_format": layer.data_format,
        "bounding_box_format": layer.bounding_box_format,
        "dtype": dtype_policies.serialize(layer.dtype_policy),
    }
    drawn: dict[str, Any] = every | {"seed": layer.seed}
    moves: dict[str, Any] = drawn | {"interpolation": interpolation}
    values: dict[str, Any] = {"value_range": layer.value_range}
    tones: dict[str, Any] = drawn | values
    undrawn: dict[str, Any] = every | values
    bits: Factor = max(1, int(8 * factor[1]))
    steps: dict[str, Callable[[], Augmentation]] = {
        "random_shear": lambda: RandomShear(factor, factor, **moves),
        "random_translation": lambda: RandomTranslation(factor, factor, **moves),
        "random_rotation": lambda: RandomRotation(factor, **moves),
        "random_brightness": lambda: RandomBrightness(factor, **tones),
        "random_color_degeneration": lambda: RandomColorDegeneration(factor, **tones),
        "random_contrast": lambda: RandomContrast(factor, **tones),
        "random_sharpness": lambda: RandomSharpness(factor, **tones),
        "random_posterization": lambda: RandomPosterization(bits, **tones),
        "solarization": lambda: Solarization(factor, factor, **tones),
        "auto_contrast": lambda: AutoContrast(**undrawn),
        "equalization": lambda: Equalization(**undrawn),
    }
    return {name: make() for name, make in steps.items() if name not in left_out}


def one_of_steps(
    steps: Mapping[str, Augmentation], method: str, x: Any, kind: Result, drawn: Drawn
) -> Any:
    """What the layer of that number makes of x; x itself behind the last number."""
    changes: list[Callable[[Any], Any]] = [
        functools.partial(getattr(step, method), transformation=drawn[name])
        for name, step in steps.items()
    ]
    return ops.switch(kind, [*changes, _unchanged], x)


def _unchanged(x: Any) -> Any:
    return x


__all__ = [
    "CutMix",
    "MixUp",
    "RandAugment",
]
