"""Nested structures: lists, tuples and dicts of leaves; dicts in sorted key order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from seqir.narrow import is_dict, is_sequence


def flatten(structure: object) -> list[Any]:
    """Leaves of a structure, in order."""
    leaves: list[Any] = []
    _collect((structure,), leaves)
    return leaves


def map_structure(fn: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with `fn` applied to every leaf, in the order of `flatten`."""
    if is_dict(structure):
        mapped = {k: map_structure(fn, structure[k]) for k in sorted(structure)}
        return {k: mapped[k] for k in structure}
    if is_sequence(structure):
        return _like(structure, [map_structure(fn, s) for s in structure])
    return fn(structure)


def pack(structure: Any, leaves: Iterator[Any] | list[Any]) -> Any:
    """The structure refilled with new leaves (the inverse of `flatten`)."""
    it = iter(leaves)
    if is_dict(structure):
        filled = {k: pack(structure[k], it) for k in sorted(structure)}
        return {k: filled[k] for k in structure}
    if is_sequence(structure):
        return _like(structure, [pack(s, it) for s in structure])
    return next(it)


def same(a: object, b: object) -> bool:
    """Whether two structures have one form; lists and tuples are alike."""
    return _form(a) == _form(b)


def _form(structure: Any) -> Any:
    if is_dict(structure):
        return {key: _form(value) for key, value in structure.items()}
    if is_sequence(structure):
        return tuple(_form(item) for item in structure)
    return None


def _like(structure: Any, items: list[Any]) -> Any:
    """The items as a list, tuple or named tuple."""
    kind = structure.__class__
    return kind(*items) if hasattr(structure, "_fields") else kind(items)


def _collect(items: Iterable[Any], leaves: list[Any]) -> None:
    """Append the leaves of the items, in order."""
    for item in items:
        if is_dict(item):
            _collect([item[key] for key in sorted(item)], leaves)
        elif is_sequence(item):
            _collect(item, leaves)
        else:
            leaves.append(item)
