"""Datasets that make their batches by number, in Keras's form."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from seqir.arguments import integer
from seqir.data.arrays import permutation
from seqir.data.batch import Batch, Reader, Signature, noting
from seqir.data.batches import IndexedBatches
from seqir.data.chain import Dataset
from seqir.data.labels import ClassWeights
from seqir.data.workers import in_order
from seqir.errors import ArgumentError
from seqir.ir import Array


class PyDataset:
    """Batches by number: subclass it, with ``__len__`` and ``__getitem__``.

    ``dataset[i]`` is batch number i, as ``x``, ``(x,)``, ``(x, y)`` or
    ``(x, y, sample_weight)``; ``len(dataset)`` is the number of batches. A dataset
    without end defines the property ``num_batches`` as None instead.

    `workers` batches are made at once when there are several, by threads or, with
    `use_multiprocessing`, by processes; at most `max_queue_size` wait to be used
    (0: any number).
    Processes are started afresh (spawn) at every epoch: the dataset must be picklable
    and the script guarded by ``if __name__ == "__main__":``.

    Raises: ArgumentError for `workers` or `max_queue_size` below 0.
    Source: ``keras.utils.PyDataset``.
    """

    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10
    turn: int = 0
    """Which pass over the data is being made: for those that shuffle themselves."""

    def __init__(
        self,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        self.workers = integer("workers", workers, least=0)
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = integer("max_queue_size", max_queue_size, least=0)

    def __getitem__(self, index: int) -> Any:
        """Batch number `index`."""
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__")

    def __iter__(self) -> Iterator[Any]:
        length = self.num_batches
        for index in itertools.count() if length is None else range(length):
            yield self[index]

    @property
    def num_batches(self) -> int | None:
        """Batches of an epoch, or None for a dataset without end."""
        length = getattr(self, "__len__", None)
        if length is None:
            raise NotImplementedError(f"{type(self).__name__} has no __len__")
        return length()

    def on_epoch_begin(self) -> None:
        """Called before the first batch of an epoch is made."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of an epoch was made."""


class ShuffledDataset(Dataset, PyDataset):
    """A dataset that, with a seed, has another order at each walk over it."""

    seed: int | None = None
    """What the orders are a function of, with the number of the walk."""

    def elements(self, turn: int) -> Iterator[Any]:
        """The batches of a walk, made by the workers."""
        walk = copy.copy(self)  # other walks may go on beside this one
        walk.turn = turn
        return in_order(walk, range(len(walk)))

    def cardinality(self) -> int:
        return self.num_batches or 0

    def __iter__(self) -> Iterator[Any]:
        return Dataset.__iter__(self)

    def order(self, count: int) -> Array:
        """The order of so many samples in this walk."""
        if self.seed is None:
            return np.arange(count)
        return permutation(count, self.seed, self.turn)


def is_dataset(value: object) -> bool:
    """Whether `value` is a `PyDataset`, of seqir or of Keras."""
    offers = ("num_batches", "workers", "on_epoch_begin", "on_epoch_end")
    return all(hasattr(type(value), name) for name in offers)


class DatasetBatches(IndexedBatches):
    """Batches of a `PyDataset`; shuffled, its batches come in another order."""

    def __init__(
        self,
        dataset: Any,
        shuffle: object,
        steps: int | None,
        seed: int,
        class_weight: ClassWeights | None,
    ) -> None:
        length = dataset.num_batches
        if length is not None and length < 1:
            raise ArgumentError(f"the {type(dataset).__name__} has no batches")
        if length is None and steps is None:
            raise ArgumentError(
                f"the {type(dataset).__name__} has no end: pass the number of steps"
            )
        super().__init__(length, steps)
        self.dataset = dataset
        self.shuffle = bool(shuffle)
        self.seed = seed
        self.reader = Reader(class_weight)

    @property
    def signature(self) -> Signature:
        if self.reader.first is None:
            self.dataset.on_epoch_begin()
            with noting(f"in {type(self.dataset).__name__}[0]"):
                self.reader.read(self.dataset[0])
            self.dataset.on_epoch_end()
        assert self.reader.first is not None
        return self.reader.first

    def epoch(self, index: int, start: int = 0) -> Generator[Batch]:
        self.dataset.on_epoch_begin()
        yield from super().epoch(index, start)
        self.dataset.on_epoch_end()

    def take(self, turn: int, begin: int, end: int) -> Iterator[Batch]:
        self.dataset.turn = turn
        numbers = list(range(begin, end))
        if self.shuffle and self.length is not None:
            order = permutation(self.length, self.seed, turn)
            numbers = [int(i) for i in order[begin:end]]
        for number, item in zip(numbers, in_order(self.dataset, numbers), strict=True):
            with noting(f"in {type(self.dataset).__name__}[{number}]"):
                batch = self.reader.read(item)
            yield batch
