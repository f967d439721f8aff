"""Names of the inputs, outputs and layers of a model: distinct ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from seqir import naming
from seqir.errors import GraphError
from seqir.narrow import is_dict, is_sequence


def keyed(
    structure: object, names: Sequence[str], taken: Iterable[str] = ()
) -> list[str]:
    """Names of leaves in a file: the keys of dicts that they are in, ``scores/0``.

    What is in no dict has the name that is given, and all are distinct.
    """
    paths = _keys(structure, "")
    found = (path or name for path, name in zip(paths, names, strict=True))
    return distinct(found, taken)


def _keys(structure: object, path: str) -> Iterator[str]:
    """The path of each leaf from the first key on, in the order of `nest.flatten`."""
    if is_dict(structure):
        for key in sorted(structure):
            yield from _keys(structure[key], f"{path}/{key}" if path else str(key))
    elif is_sequence(structure):
        for index, item in enumerate(structure):
            yield from _keys(item, f"{path}/{index}" if path else "")
    else:
        yield path


def distinct(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names, with ``_1``, ``_2`` added to those that are taken."""
    used = set(taken)
    result: list[str] = []
    for name in names:
        result.append(naming.free(name, used))
        used.add(result[-1])
    return result


def check_unique(names: Iterable[str], where: str) -> None:
    """GraphError if a name is there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise GraphError(
                f"All layers {where} should have unique names. Name {name!r} is "
                "already the name of a layer: give one of them another name="
            )
        seen.add(name)


def mask_of(name: str) -> str:
    """The output that is the mask of an output; no layer has such a name."""
    return f"{name}/_keras_mask"
