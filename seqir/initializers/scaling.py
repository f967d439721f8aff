"""Initializers whose variance follows from the shape: Glorot, He, LeCun."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from numpy.random import Generator

from seqir.arguments import number, one_of
from seqir.errors import ArgumentError, ShapeError
from seqir.fields import fixed, keyword
from seqir.initializers.base import (
    Array,
    Sizes,
    Work,
    check_axes,
    check_shape,
)
from seqir.initializers.random import RandomInitializer
from seqir.initializers.sampling import normal, truncated, uniform

TRUNCATED_STD: Final = math.sqrt(
    1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))
)
"""Standard deviation of a unit normal cut at 2: √(1 - 4·φ(2)/(2·Φ(2) - 1)) ≈ 0.88."""


def compute_fans(
    shape: Iterable[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """How many inputs and outputs a weight of this shape joins.

    Rank 0: ``1, 1``. Rank 1: ``n, n``. Else the last two sizes, each times the product
    of all others; with both axes given: the products of the sizes at those axes.

    Raises: ShapeError if an axis is not in the shape.
    """
    sizes = check_shape(shape)
    if input_axes is not None and output_axes is not None:
        try:
            fan_in = math.prod(sizes[axis] for axis in input_axes)
            return fan_in, math.prod(sizes[axis] for axis in output_axes)
        except IndexError:
            raise ShapeError(
                f"input_axes={input_axes} and output_axes={output_axes} "
                f"do not fit shape {sizes} of rank {len(sizes)}"
            ) from None
    if len(sizes) < 2:
        return math.prod(sizes), math.prod(sizes)
    field = math.prod(sizes[:-2])
    return field * sizes[-2], field * sizes[-1]


class VarianceScaling(RandomInitializer):
    """Zero mean and variance ``scale / max(1, n)``, n the fan that `mode` selects.

    `mode` is "fan_in", "fan_out" or "fan_avg" (their mean); `distribution` is
    "uniform", "untruncated_normal", or "truncated_normal" (also called "normal").
    See `compute_fans` for what the fans are.

    Raises: ArgumentError for a scale that is not positive, an unknown mode or
        distribution, axes that are not integers, or one kind of axes without the other.
    Source: He et al. 2015, arXiv:1502.01852; Glorot and Bengio 2010, PMLR 9:249.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    input_axes: Sequence[int] | None = keyword(default=None)
    output_axes: Sequence[int] | None = keyword(default=None)
    order = ("scale", "mode", "distribution", "seed")

    def _setup(self) -> None:
        self.scale = number("scale", self.scale, above=0, finite=True)
        one_of("mode", self.mode, ("fan_in", "fan_out", "fan_avg"))
        known = ("uniform", "truncated_normal", "untruncated_normal", "normal")
        found = one_of("distribution", str(self.distribution).lower(), known)
        self.distribution = "truncated_normal" if found == "normal" else found
        self.input_axes = check_axes("input_axes", self.input_axes)
        self.output_axes = check_axes("output_axes", self.output_axes)
        if (self.input_axes is None) != (self.output_axes is None):
            raise ArgumentError(
                f"input_axes={self.input_axes} and output_axes={self.output_axes}: "
                "give both or neither"
            )

    def _sample(self, rng: Generator, sizes: Sizes, work: Work) -> Array:
        fan_in, fan_out = compute_fans(sizes, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        std = math.sqrt(self.scale / max(1.0, fans[self.mode]))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * std
            return uniform(rng, sizes, work, -limit, limit)
        if self.distribution == "untruncated_normal":
            return normal(rng, sizes, work, 0.0, std)
        return truncated(rng, sizes, work, 0.0, std / TRUNCATED_STD)


class _Preset(VarianceScaling):
    """A VarianceScaling whose scale, mode and distribution the class fixes."""

    scale: float = fixed(1.0)
    mode: str = fixed("fan_avg")
    distribution: str = fixed("truncated_normal")


class GlorotUniform(_Preset):
    """Uniform within ``±√(6 / (fan_in + fan_out))``."""

    distribution: str = fixed("uniform")


class GlorotNormal(_Preset):
    """Truncated normal of standard deviation ``√(2 / (fan_in + fan_out))``."""


class HeUniform(_Preset):
    """Uniform within ``±√(6 / fan_in)``."""

    scale: float = fixed(2.0)
    mode: str = fixed("fan_in")
    distribution: str = fixed("uniform")


class HeNormal(_Preset):
    """Truncated normal of standard deviation ``√(2 / fan_in)``."""

    scale: float = fixed(2.0)
    mode: str = fixed("fan_in")


class LecunUniform(_Preset):
    """Uniform within ``±√(3 / fan_in)``."""

    mode: str = fixed("fan_in")
    distribution: str = fixed("uniform")


class LecunNormal(_Preset):
    """Truncated normal of standard deviation ``√(1 / fan_in)``."""

    mode: str = fixed("fan_in")


__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "VarianceScaling",
    "compute_fans",
]
