"""Folders of texts as datasets."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from seqir.arguments import integer
from seqir.data.files import FileDataset, Folder, Part, check_format
from seqir.data.listing import TEXTS
from seqir.errors import CorruptFileError
from seqir.files import open_file
from seqir.ir import Array


class TextDataset(FileDataset):
    """Batches of texts; made by `text_dataset_from_directory`."""

    def __init__(self, part: Part, *, max_length: int | None) -> None:
        super().__init__(part)
        self._max_length = max_length

    def read(self, path: str) -> Array:
        """The text of a file, cut off after `max_length` bytes."""
        with open_file(path) as file:
            content = file.read(-1 if self._max_length is None else self._max_length)
        try:
            return np.asarray(content.decode())
        except UnicodeDecodeError as error:
            split = error.reason == "unexpected end of data"
            if not split or len(content) != self._max_length:
                raise CorruptFileError(
                    f"{path} is not text in UTF-8: {error.reason} at byte "
                    f"{error.start}; write it anew in that encoding"
                ) from None
            whole = content[: error.start]  # without the character that was cut
        return np.asarray(whole.decode())


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | Array | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> TextDataset | list[TextDataset]:
    """The texts (``.txt``, UTF-8) of a folder, to fit, evaluate and predict with.

    A text is cut off after `max_length` bytes. Labels, classes, subsets and their order
    are those of `image_dataset_from_directory`.

    Shapes: x[batch] of strings, y[batch], [batch, classes] or [batch, 1].
    Raises: ArgumentError for arguments that do not fit one another or the folder;
        UnsupportedError for `format` "grain"; a batch raises LoadError for what cannot
        be read, CorruptFileError for what is no text in UTF-8.
    Source: ``keras.utils.text_dataset_from_directory``.
    """
    check_format(format)
    if max_length is not None:
        integer("max_length", max_length, least=1)
    folder = Folder(
        directory=directory,
        kind=TEXTS,
        labels=labels,
        label_mode=label_mode,
        class_names=class_names,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        validation_split=validation_split,
        subset=subset,
        follow_links=follow_links,
        verbose=verbose,
    )
    return folder.datasets(lambda part: TextDataset(part, max_length=max_length))
