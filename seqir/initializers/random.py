"""Initializers that sample a distribution with fixed parameters, and Orthogonal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator, Philox

from seqir import dtypes
from seqir.arguments import number
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.fields import keyword
from seqir.initializers.base import (
    Array,
    Initializer,
    Sizes,
    Work,
    check_seed,
    check_shape,
    float_name,
)
from seqir.initializers.sampling import draw_seed, normal, truncated, uniform
from seqir.initializers.seeds import SeedGenerator
from seqir.stored import unstore


class RandomInitializer(Initializer):
    """Base of the random ones: a subclass samples in `_sample`.

    A `SeedGenerator` as seed gives other values at every call.

    Raises: ArgumentError if `seed` is neither None, a `SeedGenerator` nor an integer
        from 0 to 2**64 - 1; DTypeError if called with an element type without
        fractions.
    """

    last = ("seed",)

    seed: SeedGenerator | int = keyword(default=None)

    def __init__(self, seed: SeedGenerator | int | None = None) -> None:
        if isinstance(seed, Mapping):
            seed = SeedGenerator.from_config(unstore(seed, "random")[1])
        if seed is not None and not isinstance(seed, SeedGenerator):
            seed = check_seed(seed)
        self._given_seed = seed
        self.seed = draw_seed() if seed is None else seed

    def __call__(self, shape: Iterable[int], dtype: DTypeLike | None = None) -> Array:
        """Random values: always the same for the same shape and type."""
        sizes = check_shape(shape)
        name = float_name(type(self).__name__, dtype)
        work = np.dtype("float64" if name == "float64" else "float32")
        values = self._sample(Generator(Philox(key=self._key())), sizes, work)
        return values.astype(dtypes.to_numpy(name), copy=False)

    def _key(self) -> int | Array:
        if isinstance(self.seed, SeedGenerator):
            return np.stack(self.seed.next()).view(np.uint64)
        return self.seed

    def _sample(self, rng: Generator, sizes: Sizes, work: Work) -> Array:
        raise NotImplementedError(f"{type(self).__name__} has no _sample")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal initializer; `seed` as it was given."""
        seed = self._given_seed
        stored = seed.stored() if isinstance(seed, SeedGenerator) else seed
        return {"seed": stored, **super().get_config()}


class RandomUniform(RandomInitializer):
    """Uniform in ``[minval, maxval]``; ArgumentError if minval > maxval."""

    minval: float = -0.05
    maxval: float = 0.05

    def _setup(self) -> None:
        self.minval = number("minval", self.minval, finite=True)
        self.maxval = number("maxval", self.maxval, finite=True)
        if self.minval > self.maxval:
            raise ArgumentError(f"minval={self.minval} is above maxval={self.maxval}")

    def _sample(self, rng: Generator, sizes: Sizes, work: Work) -> Array:
        return uniform(rng, sizes, work, self.minval, self.maxval)


class RandomNormal(RandomInitializer):
    """Normal with this mean and standard deviation; ArgumentError if stddev < 0."""

    mean: float = 0.0
    stddev: float = 0.05

    def _setup(self) -> None:
        self.mean = number("mean", self.mean, finite=True)
        self.stddev = number("stddev", self.stddev, least=0, finite=True)

    def _sample(self, rng: Generator, sizes: Sizes, work: Work) -> Array:
        return normal(rng, sizes, work, self.mean, self.stddev)


class TruncatedNormal(RandomNormal):
    """Normal, redrawn where it is more than two `stddev` from `mean`.

    `stddev` is that of the normal before the cut; after it is `TRUNCATED_STD` times it.
    """

    def _sample(self, rng: Generator, sizes: Sizes, work: Work) -> Array:
        return truncated(rng, sizes, work, self.mean, self.stddev)


class Orthogonal(RandomInitializer):
    """`gain` times a random matrix with orthonormal columns (or rows, if fewer).

    The rows are all sizes but the last, flattened. The columns of Q in ``A = QR`` of a
    normal A, with the signs of R's diagonal: uniform over such matrices.

    Raises: ShapeError if the shape has fewer than two sizes.
    Source: Saxe et al. 2014, arXiv:1312.6120; Mezzadri 2007, arXiv:math-ph/0609050.
    """

    gain: float = 1.0

    def _setup(self) -> None:
        self.gain = number("gain", self.gain, finite=True)

    def _sample(self, rng: Generator, sizes: Sizes, work: Work) -> Array:
        if len(sizes) < 2:
            raise ShapeError(f"Orthogonal needs two or more sizes, got shape {sizes}")
        rows, columns = math.prod(sizes[:-1]), sizes[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(normal(rng, tall, work, 0.0, 1.0))
        q = q * np.where(np.diagonal(r) < 0, -self.gain, self.gain).astype(work)
        return np.ascontiguousarray(q if rows >= columns else q.T).reshape(sizes)


__all__ = ["Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal"]
