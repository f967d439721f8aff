"""Paths of weights as older releases wrote them, and as they are now."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

OLDER: Final = "_layer_checkpoint_dependencies"
"""What ``layers`` was called by Keras 2.12 to 2.14."""

_NUMBER: Final = re.compile(r"_(\d+)$")
"""What names that are counted end with, except for the first."""
_PROJECTION: Final = re.compile(r"/(?=(query|key|value|output)_dense/)")
"""What stands before these names, which began with an underscore."""


def without_number(name: str) -> str:
    """What is counted: dense for dense_2."""
    return _NUMBER.sub("", name)


def numbered(names: Iterable[str]) -> dict[str, list[str]]:
    """Names that differ in their number alone, in the order of that."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in names:
        number = _NUMBER.search(name)
        found[without_number(name)].append((int(number[1]) if number else 0, name))
    return {base: [name for _, name in sorted(own)] for base, own in found.items()}


def underscored(path: str) -> str:
    """The path that Keras 2.12 to 2.15 have for a part of a MultiHeadAttention."""
    return _PROJECTION.sub("/_", path)


def is_older(names: Iterable[str]) -> bool:
    """Whether the first parts of paths are those of an older release, or of Windows."""
    return any(name == OLDER or "\\" in name for name in names)


def present(paths: Collection[str]) -> dict[str, str]:
    """The paths of all groups of a file by those that they have now.

    On Windows there were backslashes in them. Keras 2.12 and 2.13 count each layer
    that has weights twice: dense, dense_2, dense_4. Layers without weights have a
    group, too, so the order of the numbers says all.
    """
    parts_of = {path: path.replace("\\", "/").split("/") for path in paths}
    inside: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for parts in parts_of.values():
        for i, part in enumerate(parts):
            if parts[:i][-1:] == [OLDER]:
                inside[tuple(parts[:i])].add(part)
    names = {container: _counted(found) for container, found in inside.items()}

    def now(parts: list[str]) -> str:
        own = (names.get(tuple(parts[:i]), {}) for i in range(len(parts)))
        found = [new.get(part, part) for new, part in zip(own, parts, strict=True)]
        return "/".join("layers" if part == OLDER else part for part in found)

    return {now(parts): path for path, parts in parts_of.items()}


def _counted(names: Iterable[str]) -> dict[str, str]:
    """Names counted anew, without gaps."""
    return {
        name: f"{base}_{count}" if count else base
        for base, own in numbered(names).items()
        for count, name in enumerate(own)
    }
