"""Seeds that count: a source of other numbers at every call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from seqir.initializers.base import Array, check_seed
from seqir.initializers.sampling import draw_seed
from seqir.stored import from_arguments, store


class SeedGenerator:
    """Seed and step of random numbers outside of runs; in a run its step counts.

    Without a seed it draws one when it is first needed, and in a run takes the run's.

    Raises: ArgumentError unless `seed` is None or an integer from 0 to 2**64 - 1.
    Source: ``keras.random.SeedGenerator``.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.seed = None if seed is None else check_seed(seed)
        self.name = name
        self._drawn: int | None = self.seed
        self._steps = 0

    @property
    def state(self) -> Array:
        """The seed and the number of steps so far, as unsigned integers."""
        return np.array([self._key(), self._steps], np.uint64)

    def next(self) -> tuple[Array, Array]:
        """The seed and a new step, as int64 scalars."""
        seed = self._key()
        self._steps += 1
        return int64(seed), int64(self._steps - 1)

    def _key(self) -> int:
        if self._drawn is None:
            self._drawn = draw_seed()
        return self._drawn

    def get_config(self) -> dict[str, Any]:
        """`seed` as it was given."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The generator that `get_config` describes, before its first step.

        Raises: ArgumentError if a name in `config` is not an argument of the class.
        """
        return from_arguments(cls, config)

    def stored(self) -> dict[str, Any]:
        """The dictionary that stands for it in the configurations of others."""
        return store(self, self.get_config(), "random", own=True)


def int64(number: int) -> Array:
    """The 64 bits of a number from 0 to 2**64 - 1 as a scalar."""
    return np.array(number, np.uint64).view(np.int64)
