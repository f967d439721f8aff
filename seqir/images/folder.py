"""Which pictures a folder has, in which order, and what they are labelled with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seqir.errors import ArgumentError
from seqir.ir import Array

ENDINGS: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


@dataclass(frozen=True)
class Listing:
    """Pictures of a folder.

    Attributes:
        paths: where they are.
        labels: the number of each one's class, or None.
        class_names: the names of the classes, or None.
    """

    paths: list[str]
    labels: Array | None
    class_names: list[str] | None

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
                f"validation_split={validation_split} of {count} pictures leaves "
                f"{count - last} for training and {last} for validation"
            )
        order = np.arange(count)
        return self._take(order[: count - last]), self._take(order[count - last :])

    def _take(self, order: Array) -> Listing:
        labels = None if self.labels is None else self.labels[order]
        return Listing([self.paths[i] for i in order], labels, self.class_names)


def list_folder(
    directory: str | os.PathLike[str],
    labels: object,
    class_names: Sequence[str] | None,
    follow_links: bool,
) -> Listing:
    """The pictures of a folder: those of its first subfolder first, each sorted.

    With `labels` "inferred" each subfolder is a class. With None there are no labels;
    otherwise they are those of all pictures in the folder and below.

    Raises: ArgumentError if there is no such folder, it has no pictures, or labels or
        class names do not fit them.
    """
    root = os.fspath(directory)
    if not os.path.isdir(root):
        raise ArgumentError(f"there is no folder {root}")
    if isinstance(labels, str):
        names = _classes(root, class_names)
        each = [list(_pictures(os.path.join(root, n), follow_links)) for n in names]
        paths = [path for found in each for path in found]
        numbers = np.repeat(np.arange(len(names), dtype=np.int32), list(map(len, each)))
    else:
        names, numbers = None, None
        paths = list(_pictures(root, follow_links))
        if labels is not None:
            names, numbers = _given(labels, len(paths), root)
    if not paths:
        raise ArgumentError(
            f"there are no pictures in {root}: expected files that end in "
            f"{', '.join(ENDINGS)}"
        )
    return Listing(paths, numbers, names)


def _classes(root: str, class_names: Sequence[str] | None) -> list[str]:
    """The subfolders that are classes."""
    names = sorted(e.name for e in os.scandir(root) if e.is_dir() and e.name[0] != ".")
    if not names:
        raise ArgumentError(
            f"there are no folders in {root}: with labels='inferred' each class is a "
            "folder of pictures"
        )
    if class_names is None:
        return names
    if missing := sorted(set(class_names) - set(names)):
        raise ArgumentError(
            f"there is no folder {missing[0]!r} in {root} for that of class_names; it "
            f"has {', '.join(names)}"
        )
    return list(class_names)


def _given(labels: object, count: int, root: str) -> tuple[list[str], Array]:
    """The classes and numbers of labels that were given."""
    numbers = np.asarray(labels)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ArgumentError(
            "labels must be 'inferred', None or a list of integers, "
            f"got {type(labels).__name__} of shape {numbers.shape}"
        )
    if len(numbers) != count:
        raise ArgumentError(f"{len(numbers)} labels for the {count} pictures in {root}")
    return [str(n) for n in np.unique(numbers)], numbers.astype(np.int32)


def _pictures(folder: str, follow_links: bool) -> Iterator[str]:
    """The pictures in a folder and below it."""
    found = sorted(os.walk(folder, followlinks=follow_links), key=lambda step: step[0])
    for parent, _, files in found:
        for name in sorted(files):
            if name.lower().endswith(ENDINGS):
                yield os.path.join(parent, name)
