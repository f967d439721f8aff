"""Folders of files as datasets: labels, splits and batches, whatever the files hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np

from seqir.arguments import integer, number, one_of
from seqir.console import say
from seqir.data import elements as form
from seqir.data.dataset import ShuffledDataset
from seqir.data.listing import Kind, Listing, list_folder
from seqir.errors import ArgumentError, UnsupportedError
from seqir.ir import Array

_MODES: Final = ("int", "categorical", "binary", None)


@dataclass(frozen=True)
class Part:
    """The files that a dataset reads, and how it gives them."""

    listing: Listing
    labels: Array | None
    batch_size: int | None
    seed: int | None


class FileDataset(ShuffledDataset):
    """Batches of files that are read when they are needed.

    The first pass has the order of `file_paths`; if it shuffles, each later one has an
    order of its own.

    Attributes:
        class_names: the names of the classes, or None.
        file_paths: the files.
    """

    def __init__(self, part: Part) -> None:
        count = min(8, os.cpu_count() or 1)
        super().__init__(workers=count, max_queue_size=count)
        self.class_names = part.listing.class_names
        self.file_paths = part.listing.paths
        self._labels = part.labels
        self._batch_size = part.batch_size
        self.varies = part.batch_size is not None
        self.seed = part.seed

    def read(self, path: str) -> Array:
        """What one file holds."""
        raise NotImplementedError(f"{type(self).__name__} reads no files")

    def joined(self, samples: Sequence[Array]) -> Array:
        """What several files hold, as a batch."""
        return form.stacked(samples)

    def __len__(self) -> int:
        return -(-len(self.file_paths) // (self._batch_size or 1))

    def __getitem__(self, index: int) -> Array | tuple[Array, Array]:
        """Batch (or file) number `index`, alone or with its labels."""
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        size = self._batch_size
        if size is None:
            places = int(self._places()[index])
            samples = self.read(self.file_paths[places])
        else:
            places = self._places()[index * size : (index + 1) * size]
            samples = self.joined([self.read(self.file_paths[int(i)]) for i in places])
        return samples if self._labels is None else (samples, self._labels[places])

    def _places(self) -> Array:
        count = len(self.file_paths)
        return self.order(count) if self.turn else np.arange(count)  # shuffled already


Made = TypeVar("Made", bound=FileDataset)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """What users say of a folder, whatever its files hold."""

    directory: str | os.PathLike[str]
    kind: Kind
    labels: Any
    label_mode: str | None
    class_names: Sequence[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool

    def datasets(self, make: Callable[[Part], Made]) -> Made | list[Made]:
        """The dataset of all files or of a subset, or a list of two for "both".

        Raises: ArgumentError for what does not fit together or the folder.
        """
        one_of("label_mode", self.label_mode, _MODES)
        if self.batch_size is not None:
            integer("batch_size", self.batch_size, least=1)
        self._check_labels()
        self._check_split()
        seed = int(np.random.randint(10**6)) if self.seed is None else self.seed
        listing = list_folder(
            self.directory, self.kind, self.labels, self.class_names, self.follow_links
        )
        if self.label_mode is None:
            listing = replace(listing, labels=None)
        if self.shuffle:
            listing = listing.shuffled(seed)
        self._tell(_found(listing))

        def made(part: Listing, shuffled: bool) -> Made:
            labels = _encoded(part, self.label_mode)
            return make(Part(part, labels, self.batch_size, seed if shuffled else None))

        if self.validation_split is None:
            return made(listing, self.shuffle)
        training, validation = listing.split(self.validation_split)
        if self.subset != "validation":
            self._tell(f"Using {len(training.paths)} files for training.")
        if self.subset != "training":
            self._tell(f"Using {len(validation.paths)} files for validation.")
        if self.subset == "both":
            return [made(training, self.shuffle), made(validation, False)]
        return made(training if self.subset == "training" else validation, self.shuffle)

    def _tell(self, text: str) -> None:
        if self.verbose:
            say(text)

    def _check_labels(self) -> None:
        inferred = isinstance(self.labels, str)
        if inferred and self.labels != "inferred":
            raise ArgumentError(
                "labels must be 'inferred', None or a list of integers, got "
                f"{self.labels!r}"
            )
        if self.class_names is not None and not inferred:
            raise ArgumentError("class_names needs labels='inferred'")

    def _check_split(self) -> None:
        share, subset = self.validation_split, self.subset
        if (share is None) != (subset is None):
            raise ArgumentError(
                "subset and validation_split are given together, "
                f"got subset={subset!r} and validation_split={share!r}"
            )
        if subset is None:
            return
        one_of("subset", subset, ("training", "validation", "both"))
        number("validation_split", share, above=0, below=1)
        if self.shuffle and self.seed is None:
            raise ArgumentError(
                f"validation_split of shuffled {self.kind.name} needs a seed: without "
                "one, the two subsets would overlap"
            )


def check_format(format: object) -> None:
    """Refuse datasets of other libraries.

    Raises: UnsupportedError.
    """
    if format != "tf":
        raise UnsupportedError(
            f"format={format!r} asks for a dataset of another library: leave it out, "
            "the dataset of seqir needs none"
        )


def _found(listing: Listing) -> str:
    text = f"Found {len(listing.paths)} files"
    if listing.labels is None:
        return f"{text}."
    return f"{text} belonging to {len(listing.class_names or ())} classes."


def _encoded(listing: Listing, label_mode: str | None) -> Array | None:
    """The labels in the form of a mode.

    Raises: ArgumentError if they do not have it.
    """
    labels, count = listing.labels, len(listing.class_names or ())
    if labels is None or label_mode == "int":
        return labels
    if label_mode == "binary" and count != 2:
        raise ArgumentError(
            f"label_mode='binary' needs two classes, got {count}: {listing.class_names}"
        )
    if labels.min() < 0 or labels.max() >= count:
        raise ArgumentError(
            f"label_mode={label_mode!r} needs labels from 0 to {count - 1}, "
            f"got {labels.min()} to {labels.max()}"
        )
    if label_mode == "binary":
        return labels[:, None].astype(np.float32)
    return np.eye(count, dtype=np.float32)[labels]
