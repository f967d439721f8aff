"""Automatic names: Keras's rule, one global counter per snake_case class name."""

from __future__ import annotations

import functools
import os
import re
import threading
from collections import Counter
from collections.abc import Container, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from seqir.errors import ArgumentError

_used: Counter[str] = Counter()
_apart: ContextVar[Counter[str] | None] = ContextVar("seqir_names_apart", default=None)
_lock = threading.Lock()


def check_name(name: Any) -> str:
    """The name, if layers and tensors can have it.

    Raises: ArgumentError for anything but a non-empty string without a slash or NUL.
    """
    if not isinstance(name, str) or not name or "/" in name or "\0" in name:
        raise ArgumentError(
            f"argument name must be a non-empty string without '/', got {name!r}"
        )
    return name


@functools.lru_cache(maxsize=256)
def to_snake_case(name: str) -> str:
    """``Conv2DTranspose`` to ``conv2d_transpose``, ``ReLU`` to ``re_lu``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name: str) -> str:
    """The next free name: ``dense``, ``dense_1``, ``dense_2``, ..."""
    prefix = to_snake_case(class_name)
    with _lock:
        used = _counts()
        count = used[prefix]
        used[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def free(name: str, taken: Container[str]) -> str:
    """The name, or with ``_1``, ``_2``, ... the first that is not taken."""
    found, count = name, 0
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found


def number(prefix: str) -> int:
    """How many names of a prefix there are, with the one that is given now."""
    with _lock:
        used = _counts()
        used[prefix] += 1
        return used[prefix]


def reset() -> None:
    """Start counting again."""
    with _lock:
        _counts().clear()


@contextmanager
def apart() -> Generator[None]:
    """Names that are given inside are free again afterwards, and only here."""
    with _lock:
        counts = _counts().copy()
    token = _apart.set(counts)
    try:
        yield
    finally:
        _apart.reset(token)


def _counts() -> Counter[str]:
    counts = _apart.get()
    return _used if counts is None else counts


def _in_child() -> None:
    """After a fork: the thread that held the lock may not be there."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
