"""Layers that change how many tones images have, and how these are spread."""

from __future__ import annotations

import numpy as np

from seqir import ops, random
from seqir.arguments import integer
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import (
    Drawn,
    Factor,
    Seed,
    Span,
    Valued,
    count_of,
    per_image,
    span,
    with_range,
)
from seqir.ops.tensor import Result

_BYTES: Span = (0.0, 255.0)


class RandomPosterization(Valued):
    """Images with as many tones as a random number of bits has.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: bits from 1 to 8, (low, high) for those from low to high - 1, or f
    for (1, f).
    Source: Keras 3 ``layers.RandomPosterization``.
    """

    factor: Factor
    value_range: Factor = (0, 255)
    data_format: str | None = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 1, 8)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        low, high = map(int, self.factor)
        high = max(high, low + 1)
        bits = random.randint((count_of(data),), low, high, seed=self.source(seed))
        return {"shift_factor": 8 - bits}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        lost = ops.cast(transformation["shift_factor"], images.dtype)
        step = per_image(ops.power(ops.cast(2.0, images.dtype), lost), images)
        x = ops.floor(with_range(images, self.value_range, _BYTES))
        return with_range(ops.floor(x / step) * step, _BYTES, self.value_range)


class Solarization(Valued):
    """Images with a random number added, whose bright tones become their negatives.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factors: shares of the range of values; f means from 0 to f.
    Source: Keras 3 ``layers.Solarization``.
    """

    addition_factor: Factor = 0.0
    threshold_factor: Factor = 0.0
    value_range: Factor = (0, 255)
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        for name in ("addition_factor", "threshold_factor"):
            setattr(self, name, span(name, getattr(self, name), 0, 1))

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:

        def shares(between: Span) -> Result:
            return self.draw_broadcast(data, (between[0], between[1] * 255), seed)

        additions = shares(self.addition_factor)
        return {"additions": additions, "thresholds": shares(self.threshold_factor)}

    def changed(self, images: Result, transformation: Drawn) -> Result:
        if transformation is None:
            return images
        additions, thresholds = (
            ops.cast(transformation[name], images.dtype)
            for name in ("additions", "thresholds")
        )
        x = with_range(images, self.value_range, _BYTES) + additions
        x = ops.clip(x, 0.0, 255.0)
        x = ops.where(x < thresholds, x, 255.0 - x)
        return with_range(x, _BYTES, self.value_range)


class AutoContrast(Valued):
    """Images whose channels reach from the smallest value to the largest.

    So also in use. A channel of one tone stays as it is.

    Shapes: x[N, H, W, C] -> y as x.
    Source: Keras 3 ``layers.AutoContrast``.
    """

    value_range: Factor = (0, 255)

    def transform_images(
        self, images: Result, transformation: Drawn = None, training: bool = True
    ) -> Result:
        return super().transform_images(images, transformation, training=True)

    def changed(self, images: Result, transformation: Drawn) -> Result:
        x = with_range(images, self.value_range, _BYTES)
        low = ops.min(x, self.pixel_axes, keepdims=True)
        spread = ops.max(x, self.pixel_axes, keepdims=True) - low
        flat = spread <= 0.0
        scale = 255.0 / ops.where(flat, ops.ones_like(spread), spread)
        y = ops.clip(x * scale - low * scale, 0.0, 255.0)
        return ops.where(flat, images, with_range(y, _BYTES, self.value_range))


class Equalization(Valued):
    """Images whose tones are as frequent as each other, in training.

    The tones of each channel are counted over the whole batch, as in Keras.

    Shapes: x[N, H, W, C] -> y as x, with a known number of channels.
    Units: bins: tones that are told apart.
    Source: Keras 3 ``layers.Equalization``.
    """

    value_range: Factor = (0, 255)
    bins: int = 256
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self.bins = integer("bins", self.bins, least=2)

    def changed(self, images: Result, transformation: Drawn) -> Result:
        count, last = self.color_count(images), self.bins - 1
        x = ops.moveaxis(images, self.color_axis, -1)
        x = ops.cast(with_range(x, self.value_range, _BYTES), "float32")
        first = np.arange(count, dtype=np.int32) * self.bins
        # The table counts x * last / 255 and is looked up at x / 255 * last: Keras's.
        counted = ops.clip(ops.cast(x * last / 255.0, "int32"), 0, last) + first
        ones = ops.ones_like(ops.reshape(counted, (-1,)))
        flat = ops.reshape(counted, (-1,))
        tones = ops.segment_sum(ones, flat, num_segments=count * self.bins)
        tones = ops.reshape(tones, (count, self.bins))
        below = ops.cast(ops.cumsum(tones, axis=1), "float64")
        every = below[:, -1:]
        lowest = ops.min(ops.where(below > 0, below, every), 1, keepdims=True)
        room = every - lowest
        table = (below - lowest) * 255.0 / ops.where(room > 0, room, 1.0)
        table = ops.cast(ops.clip(ops.round(table), 0.0, 255.0), "float32")
        place = ops.cast(ops.clip(x / 255.0 * last, 0, last), "int32") + first
        y = ops.take(ops.reshape(table, (-1,)), place)
        several = ops.sum(ops.cast(tones > 0, "int32"), 1) > 1
        y = with_range(ops.where(several, y, x), _BYTES, self.value_range)
        return ops.moveaxis(y, -1, self.color_axis)


__all__ = [
    "AutoContrast",
    "Equalization",
    "RandomPosterization",
    "Solarization",
]
