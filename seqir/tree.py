"""``seqir.tree``: nested lists, tuples and dictionaries, with Keras's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from seqir import nest
from seqir.errors import ArgumentError
from seqir.narrow import is_dict, is_list, is_structure, is_tuple
from seqir.nest import flatten

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


class MAP_TO_NONE:  # noqa: N801 - Keras's name
    """What a function of `traverse` returns to put None in the place of a part."""


def is_nested(structure: object) -> bool:
    """Whether this is a list, tuple or dictionary."""
    return is_structure(structure)


def map_structure(fn: Callable[..., object], *structures: object) -> Any:
    """`fn` of the leaves at each place of structures of one form.

    Raises: ArgumentError if they have different forms, or there is none.
    """
    if not structures:
        raise ArgumentError("map_structure needs at least one structure")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    leaves = zip(*map(flatten, structures), strict=True)
    return nest.pack(structures[0], [fn(*leaf) for leaf in leaves])


def map_structure_up_to(
    shallow_structure: Any, func: Callable[..., object], *structures: Any
) -> Any:
    """`func` of the parts of structures where the shallow one has its leaves.

    Raises: ArgumentError if one has another form up to there, or there is none.
    """
    if not structures:
        raise ArgumentError("map_structure_up_to needs at least one structure")
    if not is_nested(shallow_structure):
        return func(*structures)
    for other in structures:
        _assert_same_level(shallow_structure, other)
    if is_dict(shallow_structure):
        return {
            key: map_structure_up_to(inner, func, *(one[key] for one in structures))
            for key, inner in shallow_structure.items()
        }
    columns = zip(shallow_structure, *structures, strict=True)
    found = [map_structure_up_to(inner, func, *parts) for inner, *parts in columns]
    return _rebuilt(shallow_structure, found)


def map_shape_structure(func: Callable[[Any], object], structure: Any) -> Any:
    """`func` of each shape, a list or tuple of ints and None, in a structure."""
    if is_dict(structure):
        return {k: map_shape_structure(func, v) for k, v in structure.items()}
    if not is_nested(structure):
        return func(structure)
    if all(size is None or isinstance(size, int) for size in structure):
        return func(tuple(structure))
    return _rebuilt(structure, [map_shape_structure(func, v) for v in structure])


def pack_sequence_as(structure: object, flat_sequence: Iterable[object]) -> Any:
    """The structure with these leaves in the order of `flatten`.

    Raises: ArgumentError if their number is another.
    """
    leaves, wanted = list(flat_sequence), len(flatten(structure))
    if len(leaves) != wanted:
        raise ArgumentError(f"the structure has {wanted} leaves, got {len(leaves)}")
    return nest.pack(structure, leaves)


def assert_same_structure(a: Any, b: Any) -> None:
    """That two structures differ in their leaves alone.

    Raises: ArgumentError if they do not.
    """
    _assert_same_level(a, b)
    if is_dict(a):
        for key in a:
            assert_same_structure(a[key], b[key])
    elif is_nested(a):
        for one, other in zip(a, b, strict=True):
            assert_same_structure(one, other)


def assert_same_paths(a: Any, b: Any) -> None:
    """That the same keys and places lead to leaves, of whatever containers.

    Raises: ArgumentError if they do not.
    """
    first, second = ({path for path, _ in flatten_with_path(x)} for x in (a, b))
    if unlike := sorted(map(str, first ^ second)):
        raise ArgumentError(f"structures differ: only one has {unlike[0]}")


def _assert_same_level(a: Any, b: Any) -> None:
    """That two containers are of one kind, with the same keys or so many items."""
    if type(a) is not type(b) and (is_nested(a) or is_nested(b)):
        kinds = f"{type(a).__name__} and {type(b).__name__}"
        raise ArgumentError(f"structures differ: {kinds}")
    if is_dict(a):
        if a.keys() != b.keys():
            raise ArgumentError(f"structures differ: {sorted(a)} and {sorted(b)}")
    elif is_nested(a) and len(a) != len(b):
        raise ArgumentError(f"structures differ: {len(a)} and {len(b)} items")


def _rebuilt(container: Any, items: Iterable[Any]) -> Any:
    """A list or tuple, also a named one, with other items."""
    if hasattr(container, "_fields"):
        return type(container)(*items)
    return type(container)(items)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Leaves with the keys and places that lead to them."""
    if is_dict(structure):
        items: Iterable[tuple[Any, Any]] = sorted(structure.items())
    elif is_nested(structure):
        items = enumerate[Any](structure)
    else:
        return [((), structure)]
    return [
        ((key, *path), leaf)
        for key, inner in items
        for path, leaf in flatten_with_path(inner)
    ]


def lists_to_tuples(structure: Any) -> Any:
    """The structure with tuples in the places of lists."""
    if is_dict(structure):
        return {key: lists_to_tuples(value) for key, value in structure.items()}
    if is_list(structure):
        return tuple(lists_to_tuples(value) for value in structure)
    if is_tuple(structure):
        return _rebuilt(structure, map(lists_to_tuples, structure))
    return structure


def traverse(fn: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """`fn` of each part of a structure; what it gives takes the place of the part.

    None leaves a part as it is, `MAP_TO_NONE` puts None there. From the top, a part
    that is replaced is not entered.
    """
    if top_down and (found := fn(structure)) is not None:
        return _meant(found)
    whole = structure
    if is_dict(structure):
        whole = {k: traverse(fn, v, top_down) for k, v in structure.items()}
    elif is_nested(structure):
        whole = _rebuilt(structure, [traverse(fn, v, top_down) for v in structure])
    if top_down:
        return whole
    found = fn(whole)
    return whole if found is None else _meant(found)


def _meant(found: Any) -> Any:
    """What a function of `traverse` says: None is said by its name."""
    return None if found is MAP_TO_NONE else found
