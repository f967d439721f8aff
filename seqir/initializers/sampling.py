"""Seeds, and fast samples by blocks that stay in the cache."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.random import Generator, Philox

from seqir.initializers.base import Array, Sizes, Work, check_seed

_BLOCK: Final = 1 << 16  # numbers per step: what a core's cache holds

_seeds = np.random.default_rng()


def set_random_seed(seed: int) -> None:
    """Make the seeds of all initializers made from now on repeatable.

    Raises: ArgumentError if `seed` is not an integer from 0 to 2**64 - 1.
    """
    global _seeds
    _seeds = Generator(Philox(key=check_seed(seed)))


def draw_seed() -> int:
    """The next seed of the module's one generator (see `set_random_seed`)."""
    return int(_seeds.integers(1, 2**63))


def _blocks(sizes: Sizes, work: Work) -> tuple[Array, list[Array]]:
    flat = np.empty(math.prod(sizes), work)
    starts = range(0, flat.size, _BLOCK)
    return flat.reshape(sizes), [flat[start : start + _BLOCK] for start in starts]


def uniform(rng: Generator, sizes: Sizes, work: Work, low: float, high: float) -> Array:
    """Samples between low and high."""
    out, blocks = _blocks(sizes, work)
    for block in blocks:
        rng.random(dtype=work.type, out=block)
        block *= high - low
        block += low
        np.minimum(block, high, out=block)  # the sum may round to just above
    return out


def normal(rng: Generator, sizes: Sizes, work: Work, mean: float, std: float) -> Array:
    """``mean + std·z``, z normal."""
    out, blocks = _blocks(sizes, work)
    for block in blocks:
        rng.standard_normal(dtype=work.type, out=block)
        block *= std
        block += mean
    return out


def truncated(
    rng: Generator, sizes: Sizes, work: Work, mean: float, std: float
) -> Array:
    """``mean + std·z``, z normal and drawn again where |z| > 2."""
    out, blocks = _blocks(sizes, work)
    for block in blocks:
        rng.standard_normal(dtype=work.type, out=block)
        far = np.flatnonzero(np.abs(block) > 2)
        while far.size:
            block[far] = rng.standard_normal(far.size, dtype=work.type)
            far = far[np.abs(block[far]) > 2]
        block *= std
        block += mean
    return out


__all__ = ["draw_seed", "set_random_seed"]
