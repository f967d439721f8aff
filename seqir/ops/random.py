"""Random numbers: pure functions of a key and of the place of an element.

A number depends on nothing but the seed, the step of the run, the stream (one for
each random tensor of a graph) and where it stands in its tensor. So the same run gives
the same numbers on every runtime, and no state is carried from node to node.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from seqir.ir import Region, Trace
from seqir.operators.random import RandomBits
from seqir.ops.apply import apply
from seqir.ops.arith import minimum
from seqir.ops.convert import cast
from seqir.ops.tensor import Result, TensorLike, Traced
from seqir.ops.unary import cos, log, sqrt

_PARTNER: Final = 1 << 32
"""Offset of the second stream of those who need two; draws never count so far."""


class Key(NamedTuple):
    """What random numbers are a function of."""

    seed: Any
    """An int64 scalar: of the run, or of one layer."""
    step: Any
    """An int64 scalar: how often the graph has run."""
    stream: int
    """Which random tensor of the graph it is."""

    def partner(self) -> Key:
        """A key of other numbers."""
        return self._replace(stream=self.stream + _PARTNER)

    def next(self, count: int) -> Key:
        """A key behind so many others, each with a partner, for one random tensor."""
        return self._replace(stream=self.stream + 2 * _PARTNER * count)


_ITERATION: Final = 0x9E3779B1
"""An odd number whose multiples, modulo 2**32, are far from each other, as are those of
its powers: one for each loop inside of a loop."""


def run_key(b: Trace) -> tuple[Traced, Traced]:
    """Seed and step of the run; in a loop, others for each iteration."""
    if not isinstance(b, Region):
        seed, step = b.key()
        return Traced(b, seed), Traced(b, step)
    with b.traced.active():
        around = run_key(b.traced)
    seed, step = (Traced(b, b.capture(k.value)) for k in around)
    if b.loop:
        # With 32 bits, as `RandomBits`: not all runtimes have more.
        factor = np.uint32(pow(_ITERATION, b.depth, 1 << 32)).astype(np.int32)
        count = cast(Traced(b, b.count()), "int32") + 1
        mixed = cast(cast(step, "int32") + count * factor, "int64")
        assert isinstance(mixed, Traced), "a body is traced"
        step = mixed
    return seed, step


def bits(key: Key, like: TensorLike) -> Result:
    """32 random bits, as int32, for each element of a tensor or of a shape."""
    if isinstance(like, tuple):
        return apply(RandomBits(key.stream, like), key.seed, key.step)
    return apply(RandomBits(key.stream), key.seed, key.step, like)


def uniform(key: Key, like: TensorLike, dtype: str = "float32") -> Result:
    """Uniform numbers in [0, 1), for each element of a tensor or of a shape.

    They are bits / 2**32 + 1/2, rounded to 24 binary places (8 of bfloat16, 11 of
    float16).
    """
    u = cast(bits(key, like), "float32") * 2.0**-32 + 0.5
    return cast(minimum(u, np.float32(1 - 2.0 ** -_PLACES.get(dtype, 24))), dtype)


_PLACES: Final = {"bfloat16": 8, "float16": 11}


def normal(key: Key, like: TensorLike, dtype: str = "float32") -> Result:
    """Normal numbers of mean 0 and variance 1: √(-2 log(1 - u)) cos(2πv).

    Source: Box and Muller 1958, "A note on the generation of random normal deviates".
    """
    wide = dtype if dtype == "float64" else "float32"
    radius = sqrt(log(1.0 - uniform(key, like, wide)) * -2.0)
    turn = cast(bits(key.partner(), like), wide) * (2.0 * math.pi * 2.0**-32)
    return cast(radius * cos(turn), dtype)


def bernoulli(
    key: Key, like: TensorLike, probability: float, dtype: str = "float32"
) -> Result:
    """1 with this probability and 0 otherwise: bits below a threshold.

    Units: the probability is rounded to a multiple of 2**-32, 1 to 1 - 2**-32.
    """
    threshold = min(round(probability * 2.0**32) - 2**31, 2**31 - 1)
    return cast(bits(key, like) < np.int32(threshold), dtype)
