"""Nested structures: lists, tuples and dicts of leaves; dicts in sorted key order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def flatten(structure: Any) -> list[Any]:
    """Leaves of a structure, in order."""
    return list(_leaves(structure))


def map_structure(fn: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with `fn` applied to every leaf."""
    if isinstance(structure, dict):
        return {k: map_structure(fn, structure[k]) for k in structure}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(map_structure(fn, s) for s in structure))
    if isinstance(structure, list | tuple):
        return type(structure)(map_structure(fn, s) for s in structure)
    return fn(structure)


def pack(structure: Any, leaves: Iterator[Any] | list[Any]) -> Any:
    """The structure refilled with new leaves (the inverse of `flatten`)."""
    it = iter(leaves)
    if isinstance(structure, dict):
        filled = {k: pack(structure[k], it) for k in sorted(structure)}
        return {k: filled[k] for k in structure}
    if isinstance(structure, list | tuple):
        return type(structure)([pack(s, it) for s in structure])
    return next(it)


def _leaves(structure: Any) -> Iterator[Any]:
    if isinstance(structure, dict):
        for key in sorted(structure):
            yield from _leaves(structure[key])
    elif isinstance(structure, list | tuple):
        for item in structure:
            yield from _leaves(item)
    else:
        yield structure
