"""Which files a folder has, in which order, and what they are labelled with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from seqir.errors import ArgumentError
from seqir.ir import Array


@dataclass(frozen=True)
class Kind:
    """What sort of files is read: what they are called, and how their names end."""

    name: str
    endings: tuple[str, ...]


PICTURES: Final = Kind("pictures", (".bmp", ".gif", ".jpeg", ".jpg", ".png"))
TEXTS: Final = Kind("texts", (".txt",))
SOUNDS: Final = Kind("sounds", (".wav",))


@dataclass(frozen=True)
class Listing:
    """Files of a folder.

    Attributes:
        paths: where they are.
        labels: the number of each one's class, or None.
        class_names: the names of the classes, or None.
        kind: what they are.
    """

    paths: list[str]
    labels: Array | None
    class_names: list[str] | None
    kind: Kind

    def shuffled(self, seed: int) -> Listing:
        """The same in the order that Keras gives them for a seed."""
        order = np.arange(len(self.paths))
        np.random.RandomState(seed).shuffle(order)
        return self._take(order)

    def split(self, validation_split: float) -> tuple[Listing, Listing]:
        """All but the last ones, and the last ones: a share of all.

        Raises: ArgumentError if one of them would be empty.
        """
        count = len(self.paths)
        last = int(validation_split * count)
        if not 0 < last < count:
            raise ArgumentError(
                f"validation_split={validation_split} of {count} {self.kind.name} "
                f"leaves {count - last} for training and {last} for validation"
            )
        order = np.arange(count)
        return self._take(order[: count - last]), self._take(order[count - last :])

    def _take(self, order: Array) -> Listing:
        labels = None if self.labels is None else self.labels[order]
        paths = [self.paths[i] for i in map(int, order)]
        return replace(self, paths=paths, labels=labels)


def list_folder(
    directory: str | os.PathLike[str],
    kind: Kind,
    labels: object,
    class_names: Sequence[str] | None,
    follow_links: bool,
) -> Listing:
    """The files of a folder: those of its first subfolder first, each sorted.

    With `labels` "inferred" each subfolder is a class. With None there are no labels;
    otherwise they are those of all files in the folder and below.

    Raises: ArgumentError if there is no such folder, it has no such files, or labels
        or class names do not fit them.
    """
    root = checked(directory)
    if isinstance(labels, str):
        names = _classes(root, kind, class_names)
        each = [list(walk(os.path.join(root, n), kind, follow_links)) for n in names]
        paths = [path for found in each for path in found]
        numbers = np.repeat(np.arange(len(names), dtype=np.int32), list(map(len, each)))
    else:
        names, numbers = None, None
        paths = list(walk(root, kind, follow_links))
        if labels is not None:
            names, numbers = _given(labels, len(paths), root, kind)
    if not paths:
        raise ArgumentError(
            f"there are no {kind.name} in {root}: expected files that end in "
            f"{', '.join(kind.endings)}"
        )
    return Listing(paths, numbers, names, kind)


def checked(directory: str | os.PathLike[str]) -> str:
    """The path of a folder. Raises: ArgumentError if there is none."""
    root = os.fspath(directory)
    if not os.path.isdir(root):
        raise ArgumentError(f"there is no folder {root}")
    return root


def subfolders(root: str) -> list[str]:
    """The names of folders in a folder, sorted, without hidden ones."""
    return sorted(e.name for e in os.scandir(root) if e.is_dir() and e.name[0] != ".")


def walk(folder: str, kind: Kind, follow_links: bool) -> Iterator[str]:
    """The files in a folder and below it."""
    found = sorted(os.walk(folder, followlinks=follow_links), key=lambda step: step[0])
    for parent, _, files in found:
        for name in sorted(files):
            if name.lower().endswith(kind.endings):
                yield os.path.join(parent, name)


def _classes(root: str, kind: Kind, class_names: Sequence[str] | None) -> list[str]:
    """The subfolders that are classes."""
    names = subfolders(root)
    if not names:
        raise ArgumentError(
            f"there are no folders in {root}: with labels='inferred' each class is a "
            f"folder of {kind.name}"
        )
    if class_names is None:
        return names
    if missing := sorted(set(class_names) - set(names)):
        raise ArgumentError(
            f"there is no folder {missing[0]!r} in {root} for that of class_names; it "
            f"has {', '.join(names)}"
        )
    return list(class_names)


def _given(
    labels: object, count: int, root: str, kind: Kind
) -> tuple[list[str], Array]:
    """The classes and numbers of labels that were given."""
    numbers = np.asarray(labels)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ArgumentError(
            "labels must be 'inferred', None or a list of integers, "
            f"got {type(labels).__name__} of shape {numbers.shape}"
        )
    if len(numbers) != count:
        raise ArgumentError(
            f"{len(numbers)} labels for the {count} {kind.name} in {root}"
        )
    return [str(n) for n in np.unique(numbers)], numbers.astype(np.int32)
