"""Scopes of Keras that programs enter, and that change nothing here."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@contextmanager
def name_scope(name: str, **options: object) -> Generator[str]:
    """A block whose name is not part of any other: layers are named by their paths."""
    yield name


@contextmanager
def device(device_name: str) -> Generator[str]:
    """A block that runs where all runs: `device=` of fit and predict chooses."""
    yield device_name


def remat(f: Function) -> Function:
    """f itself: what a training keeps and what it computes again, the compiler says."""
    return f


@contextmanager
def RematScope(mode: str = "full", **options: object) -> Generator[str]:  # noqa: N802
    """A block in which nothing else is kept than outside of it; see `remat`."""
    yield mode
