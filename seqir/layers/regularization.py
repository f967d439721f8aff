"""Layers that disturb what goes through them in training, or add to the loss."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from seqir import random, regularizers
from seqir.arguments import number
from seqir.config import check_data_format
from seqir.errors import ArgumentError
from seqir.layer.base import Layer
from seqir.layers.spatial import spatial_axes
from seqir.narrow import is_sequence
from seqir.ops.tensor import Result


class _Noise(Layer):
    """The identity when the model runs, and `disturb` in training."""

    supports_masking = True

    def setup(self) -> None:
        declared: Any = self  # each kind of noise has a seed, the last of its fields
        self.seed_generator = random.SeedGenerator(declared.seed)

    def call(self, x: Result, training: bool = False) -> Result:
        return self.disturb(x) if training else x

    def disturb(self, x: Result) -> Result:
        """What comes out in training."""
        raise NotImplementedError(f"{type(self).__name__} has no disturb")


class _Dropping(_Noise):
    """Noise of a rate."""

    rate: float

    def setup(self) -> None:
        super().setup()
        random.check_share("rate", self.rate)


class Dropout(_Dropping):
    """In training a share `rate` of x is 0 and the rest x / (1 - rate); else y = x.

    A layer with a `seed` draws the same masks in every run, whatever the run's seed.

    Shapes: x -> y as x; where `noise_shape` has a 1, an axis is dropped as a whole.
    Units: rate: fraction of elements dropped.
    Source: Keras 3 ``layers.Dropout``; Srivastava et al. 2014, "Dropout".
    """

    noise_shape: Any = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.noise_shape = _noise_shape(self.noise_shape)

    def disturb(self, x: Result) -> Result:
        return random.dropout(x, self.rate, self.noise_shape, self.seed_generator)


class _SpatialDropout(_Dropping):
    """Dropout of whole channels."""

    data_format: ClassVar[str | None] = "channels_last"

    def disturb(self, x: Result) -> Result:
        pixels = spatial_axes(x.ndim, self.data_format)
        shape = [1 if i in pixels else None for i in range(x.ndim)]
        return random.dropout(x, self.rate, shape, self.seed_generator)

    def _described(self) -> dict[str, object]:
        """The arguments; Keras's layer has no `trainable`, and nothing to train."""
        config = super()._described()
        del config["trainable"]
        return config


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of sequences: one mask for all steps.

    Shapes: x[N, T, C] -> y as x.
    Units: rate: fraction of channels dropped.
    Source: Keras 3 ``layers.SpatialDropout1D``; arXiv:1411.4280.
    """

    seed: int | None = None

    ndim = 3


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images: one mask for all pixels.

    Shapes: x[N, H, W, C] (or x[N, C, H, W], as `data_format` says) -> y as x.
    Units: rate: fraction of channels dropped.
    Source: Keras 3 ``layers.SpatialDropout2D``; arXiv:1411.4280.
    """

    data_format: Any = None
    seed: int | None = None

    ndim = 4

    def setup(self) -> None:
        super().setup()
        self.data_format = check_data_format(self.data_format)


class SpatialDropout3D(SpatialDropout2D):
    """Dropout of whole channels of volumes: one mask for all voxels.

    Shapes: x[N, D, H, W, C] (or x[N, C, D, H, W], as `data_format` says) -> y as x.
    Units: rate: fraction of channels dropped.
    Source: Keras 3 ``layers.SpatialDropout3D``; arXiv:1411.4280.
    """

    ndim = 5


class GaussianDropout(_Dropping):
    """In training y = x * n, n normal of mean 1 and variance rate / (1 - rate).

    Source: Keras 3 ``layers.GaussianDropout``; Srivastava et al. 2014, "Dropout".
    """

    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        if self.rate == 1:
            raise ArgumentError(
                "rate of GaussianDropout must be below 1: at 1 the noise is infinite"
            )

    def disturb(self, x: Result) -> Result:
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        if not stddev:
            return x
        return x * random.normal(x, 1.0, stddev, x.dtype, self.seed_generator)


class GaussianNoise(_Noise):
    """In training y = x + n, n normal of mean 0.

    Units: stddev: standard deviation of the noise, in units of x.
    Source: Keras 3 ``layers.GaussianNoise``.
    """

    stddev: float
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        number("stddev", self.stddev, least=0)

    def disturb(self, x: Result) -> Result:
        if not self.stddev:
            return x
        return x + random.normal(x, 0.0, self.stddev, x.dtype, self.seed_generator)


_SATURATED = -1.6732632423543772 * 1.0507009873554805
"""What selu tends to for very negative numbers."""


class AlphaDropout(_Dropping):
    """In training a share of x is selu's lowest value, then a scale and a shift.

    The two keep mean 0 and variance 1 where x has them, as outputs of selu do::

        y = a * (x or lowest) + b
        a = ((1 - rate) * (1 + rate * lowest²)) ** -0.5,  b = -a * lowest * rate

    Shapes: x -> y as x; where `noise_shape` has a 1, an axis is dropped as a whole.
    Units: rate: fraction of elements dropped.
    Source: Keras 3 ``layers.AlphaDropout``; arXiv:1706.02515.
    """

    noise_shape: Any = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.noise_shape = _noise_shape(self.noise_shape)
        if self.rate == 1:
            raise ArgumentError(
                "rate of AlphaDropout must be below 1: at 1 nothing is left to scale"
            )

    def disturb(self, x: Result) -> Result:
        if not self.rate:
            return x
        low, share = _SATURATED, 1.0 - self.rate
        like = random.noise(x, self.noise_shape)
        kept = random.bernoulli(like, share, x.dtype, self.seed_generator)
        a = (share * (1.0 + self.rate * low**2)) ** -0.5
        # Two factors of the mask, so that x is read once.
        return x * (kept * a) + (kept * (-a * low) + a * low * share)


class ActivityRegularization(Layer):
    """y = x; l1 * sum(|x|) + l2 * sum(x²), per sample, is added to the loss.

    Source: Keras 3 ``layers.ActivityRegularization``.
    """

    l1: float = 0.0
    l2: float = 0.0

    supports_masking = True

    def setup(self) -> None:
        self.activity_regularizer = regularizers.L1L2(self.l1, self.l2)

    def _described(self) -> dict[str, object]:
        config = super()._described()
        del config["activity_regularizer"]  # l1 and l2 say it
        return config

    def call(self, x: Result) -> Result:
        return x


def _noise_shape(value: Any) -> tuple[int | None, ...] | None:
    """The shape as a tuple.

    Raises: ArgumentError for what is not a size of an axis.
    """
    if value is None:
        return None
    found = tuple(value) if is_sequence(value) else (value,)
    known = [d for d in found if d is not None]
    if any(type(d) is not int or d < 1 for d in known):
        raise ArgumentError(
            "noise_shape must be a tuple of positive integers, or None for the "
            f"axes of the inputs' size, got {value!r}"
        )
    return found


__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]
