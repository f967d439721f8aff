"""What data is, for type checkers: ``isinstance`` tells them no more than a class.

``isinstance(x, Mapping)`` makes of an object a mapping whose keys and values nobody
knows. What comes out of a file or from a user has text for keys, and any values.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import TypeIs

T = TypeVar("T")


def is_a(x: object, kind: type[T]) -> TypeIs[T]:
    """Whether x is what its annotation says already, which nobody enforces.

    `isinstance` says the same, and type checkers call it needless.
    """
    return isinstance(x, kind)


def is_iterable(x: object) -> TypeIs[Iterable[Any]]:
    """Whether x has items, one after the other."""
    return isinstance(x, Iterable)


def is_slice(x: object) -> TypeIs[slice[Any, Any, Any]]:
    """Whether x is a slice."""
    return isinstance(x, slice)


def is_mapping(x: object) -> TypeIs[Mapping[str, Any]]:
    """Whether x is a mapping."""
    return isinstance(x, Mapping)


def is_dict(x: object) -> TypeIs[dict[str, Any]]:
    """Whether x is a dictionary."""
    return isinstance(x, dict)


def is_list(x: object) -> TypeIs[list[Any]]:
    """Whether x is a list."""
    return isinstance(x, list)


def is_tuple(x: object) -> TypeIs[tuple[Any, ...]]:
    """Whether x is a tuple."""
    return isinstance(x, tuple)


def is_sequence(x: object) -> TypeIs[list[Any] | tuple[Any, ...]]:
    """Whether x is a list or a tuple."""
    return isinstance(x, list | tuple)


def is_structure(x: object) -> TypeIs[list[Any] | tuple[Any, ...] | dict[str, Any]]:
    """Whether x is nested data, of which `seqir.nest` finds the leaves."""
    return isinstance(x, list | tuple | dict)


def is_path(x: object) -> TypeIs[str | os.PathLike[str]]:
    """Whether x names a file or a folder."""
    return isinstance(x, str | os.PathLike)
