"""How one dataset becomes two."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from seqir.arguments import number
from seqir.ir import Array

Pair: TypeAlias = tuple[Array, Array]
"""Samples, and what belongs to them."""


def shuffled_split(
    x: Array, y: Array, test_split: float, seed: int
) -> tuple[Pair, Pair]:
    """Shuffled arrays: a part to train with, and the rest to test with."""
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    count = training_size(len(x), test_split)
    training, test = order[:count], order[count:]
    return (x[training], y[training]), (x[test], y[test])


def training_size(count: int, test_split: float) -> int:
    """How many of `count` samples come before those to test with."""
    return int(count * (1 - test_split))


def check_share(test_split: float) -> None:
    """Refuse a fraction of the samples outside 0 to 1.

    Raises: ArgumentError.
    """
    number("test_split", test_split, least=0, below=1)
