"""Folders of sounds as datasets."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from seqir.arguments import integer
from seqir.data import elements as form
from seqir.data.files import FileDataset, Folder, Part
from seqir.data.listing import SOUNDS
from seqir.data.wav import read_wav
from seqir.errors import ArgumentError, UnsupportedError
from seqir.ir import Array


class AudioDataset(FileDataset):
    """Batches of sounds; made by `audio_dataset_from_directory`."""

    def __init__(self, part: Part, *, length: int | None, rate: int | None) -> None:
        super().__init__(part)
        self._length = length
        self._rate = rate

    def read(self, path: str) -> Array:
        """The samples of a file, (length, channels)."""
        sound = read_wav(path, self._length)
        if self._rate not in (None, sound.rate):
            raise ArgumentError(
                f"{path} has {sound.rate} samples in a second, and sampling_rate is "
                f"{self._rate}: resample it, or leave sampling_rate out"
            )
        missing = (self._length or 0) - len(sound.samples)
        return np.pad(sound.samples, ((0, max(missing, 0)), (0, 0)))

    def joined(self, samples: Sequence[Array]) -> Array:
        """A batch, its sounds as long as the longest one."""
        if self._length is not None:
            return super().joined(samples)
        return form.padded(samples, None, None)


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | Array | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> AudioDataset | list[AudioDataset]:
    """The sounds (``.wav``) of a folder, to fit, evaluate and predict with.

    With `output_sequence_length` each is cut off or filled up with zeros; without it a
    batch is as long as its longest sound. `sampling_rate` is what all files must have.
    Labels, classes, subsets and their order are those of
    `image_dataset_from_directory`.

    Shapes: x[batch, samples, channels] from -1 to 1, y[batch], [batch, classes] or
        [batch, 1].
    Raises: ArgumentError for arguments that do not fit one another or the folder;
        UnsupportedError for `ragged`; a batch raises ArgumentError for another
        sampling rate, LoadError, CorruptFileError and UnsupportedError for what cannot
        be read.
    Source: ``keras.utils.audio_dataset_from_directory``.
    """
    for name, value in (
        ("sampling_rate", sampling_rate),
        ("output_sequence_length", output_sequence_length),
    ):
        if value is not None:
            integer(name, value, least=1)
    if ragged:
        raise UnsupportedError(
            "batches of sounds are dense here: leave ragged=False, which fills shorter "
            "ones up with zeros, or write batch_size=None for one at a time"
        )
    folder = Folder(
        directory=directory,
        kind=SOUNDS,
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
    return folder.datasets(
        lambda part: AudioDataset(
            part, length=output_sequence_length, rate=sampling_rate
        )
    )
