"""``seqir.preprocessing.sequence``: windows of series and pairs of words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir.arguments import integer, number
from seqir.data import PyDataset
from seqir.data.sequences import pad_sequences
from seqir.errors import ArgumentError
from seqir.ir import Array

_EULER = 0.577


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series, each with the target of the moment behind it.

    The window before moment t is ``data[t - length : t : sampling_rate]``, its target
    ``targets[t]``. With `shuffle` a batch has random moments.

    Shapes: x[batch, length / sampling_rate, ...], y[batch, ...].
    Raises: ArgumentError for data and targets of different lengths, or no window.
    Source: ``keras.preprocessing.sequence.TimeseriesGenerator`` of Keras 2.
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ArgumentError(
                f"data and targets must have one length, got {len(data)} and "
                f"{len(targets)}"
            )
        self.data = data
        self.targets = targets
        self.length = integer("length", length, least=1)
        self.sampling_rate = integer("sampling_rate", sampling_rate, least=1)
        self.stride = integer("stride", stride, least=1)
        self.batch_size = integer("batch_size", batch_size, least=1)
        self.start_index = integer("start_index", start_index, least=0) + self.length
        last = len(data) - 1
        end = last if end_index is None else end_index
        self.end_index = integer("end_index", end, most=last)
        self.shuffle = shuffle
        self.reverse = reverse
        if self.start_index > self.end_index:
            raise ArgumentError(
                f"no window of length {self.length} ends between start_index + length "
                f"= {self.start_index} and end_index = {self.end_index}: give more "
                "data, or a smaller length"
            )

    def __len__(self) -> int:
        count = self.end_index - self.start_index
        return count // (self.batch_size * self.stride) + 1

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        end = self.end_index + 1
        if self.shuffle:
            rows = np.random.randint(self.start_index, end, self.batch_size)
        else:
            span = self.batch_size * self.stride
            first = self.start_index + span * index
            rows = np.arange(first, min(first + span, end), self.stride)
        step = self.sampling_rate
        windows = np.array([self.data[row - self.length : row : step] for row in rows])
        targets = np.array([self.targets[row] for row in rows])
        return (windows[:, ::-1] if self.reverse else windows), targets


def make_sampling_table(size: int, sampling_factor: float = 1e-05) -> Array:
    """For each of `size` words, the most frequent first, how likely it is kept.

    min(1, √(sampling_factor / frequency)), where Zipf's law says the frequency.

    Source: ``keras.preprocessing.sequence.make_sampling_table`` of Keras 2.
    """
    rank = np.arange(integer("size", size, least=1))
    rank[0] = 1
    inverse = rank * (np.log(rank) + _EULER) + 0.5 - 1.0 / (12.0 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words that are near each other, labelled 1, and pairs by chance, 0.

    Word 0 is none. With `categorical` labels are [0, 1] and [1, 0]; `sampling_table`
    says how likely each word is kept. The numbers are those of Python's `random`.

    Source: ``keras.preprocessing.sequence.skipgrams`` of Keras 2.
    """
    number("negative_samples", negative_samples, least=0)
    near, chance = ([0, 1], [1, 0]) if categorical else (1, 0)
    couples: list[list[int]] = []
    for place, word in enumerate(sequence):
        if not word:
            continue
        if sampling_table is not None and sampling_table[word] < random.random():
            continue
        others = range(
            max(0, place - window_size), min(len(sequence), place + window_size + 1)
        )
        couples += [[word, sequence[j]] for j in others if j != place and sequence[j]]
    labels: list[Any] = [near] * len(couples)
    count = int(len(labels) * negative_samples)
    if count:
        words = [word for word, _ in couples]
        random.shuffle(words)
        couples += [
            [words[i % len(words)], random.randint(1, vocabulary_size - 1)]
            for i in range(count)
        ]
        labels += [chance] * count
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else seed
        random.Random(seed).shuffle(couples)
        random.Random(seed).shuffle(labels)
    return couples, labels


__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]
