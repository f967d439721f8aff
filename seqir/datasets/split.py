"""How one dataset becomes two."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir.arguments import number


def shuffled_split(
    x: Any, y: Any, test_split: float, seed: int
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Shuffled arrays: a part to train with, and the rest to test with."""
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    count = training_size(len(x), test_split)
    training, test = order[:count], order[count:]
    return (x[training], y[training]), (x[test], y[test])


def training_size(count: int, test_split: float) -> int:
    """How many of `count` samples come before those to test with."""
    return int(count * (1 - test_split))


def check_share(test_split: Any) -> None:
    """Refuse a fraction of the samples outside 0 to 1.

    Raises: ArgumentError.
    """
    number("test_split", test_split, least=0, below=1)
