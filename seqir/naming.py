"""Automatic names: Keras's rule, one global counter per snake_case class name."""

from __future__ import annotations

import re
from collections import Counter

_used: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """``Conv2DTranspose`` to ``conv2d_transpose``, ``ReLU`` to ``re_lu``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name: str) -> str:
    """The next free name: ``dense``, ``dense_1``, ``dense_2``, ..."""
    prefix = to_snake_case(class_name)
    count = _used[prefix]
    _used[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def reset() -> None:
    """Start counting again."""
    _used.clear()


def snapshot() -> Counter[str]:
    """The present counts, for `restore`."""
    return _used.copy()


def restore(counts: Counter[str]) -> None:
    """Go back to counts that `snapshot` returned."""
    _used.clear()
    _used.update(counts)
