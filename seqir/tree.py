"""``seqir.tree``: nested lists, tuples and dictionaries, with Keras's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from seqir import absent, nest
from seqir.errors import ArgumentError
from seqir.narrow import is_dict, is_list
from seqir.nest import flatten

__all__ = [
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_structure",
    "pack_sequence_as",
    "traverse",
]


def is_nested(structure: object) -> bool:
    """Whether this is a list, tuple or dictionary."""
    return isinstance(structure, list | tuple | dict)


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
    if type(a) is not type(b) and (is_nested(a) or is_nested(b)):
        kinds = f"{type(a).__name__} and {type(b).__name__}"
        raise ArgumentError(f"structures differ: {kinds}")
    if is_dict(a):
        if a.keys() != b.keys():
            raise ArgumentError(f"structures differ: {sorted(a)} and {sorted(b)}")
        for key in a:
            assert_same_structure(a[key], b[key])
    elif is_nested(a):
        if len(a) != len(b):
            raise ArgumentError(f"structures differ: {len(a)} and {len(b)} items")
        for one, other in zip(a, b, strict=True):
            assert_same_structure(one, other)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Leaves with the keys and places that lead to them."""
    if is_dict(structure):
        items: Iterable[tuple[Any, Any]] = sorted(structure.items())
    elif is_nested(structure):
        items = enumerate(structure)
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
    if isinstance(structure, tuple):
        return type(structure)(lists_to_tuples(value) for value in structure)
    return structure


def traverse(fn: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """`fn` of each part of a structure; what it gives takes the place of the part.

    None leaves a part as it is. From the top, a part that is replaced is not entered.
    """
    if top_down and (found := fn(structure)) is not None:
        return found
    whole = structure
    if is_dict(structure):
        whole = {k: traverse(fn, v, top_down) for k, v in structure.items()}
    elif is_nested(structure):
        whole = type(structure)(traverse(fn, v, top_down) for v in structure)
    if top_down:
        return whole
    found = fn(whole)
    return whole if found is None else found


def __getattr__(name: str) -> NoReturn:
    absent.refuse("tree", name)
