"""Sources of batches that the tests of the data package walk over."""

import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from seqir import data


def rows(n: int, *shape: int) -> Any:
    return np.arange(n * int(np.prod(shape)), dtype=np.float32).reshape(n, *shape)


def seen(batches: data.Batches, epoch: int = 0, start: int = 0) -> list[list[float]]:
    return [b.x.ravel().tolist() for b in batches.epoch(epoch, start)]


class Numbers(data.PyDataset):
    """Batch i holds the numbers 2i and 2i + 1."""

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = length
        self.calls: list[Any] = []

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        self.calls.append(index)
        return np.array([2 * index, 2 * index + 1], np.float32), np.array([0, 1])

    def on_epoch_begin(self) -> None:
        self.calls.append("begin")

    def on_epoch_end(self) -> None:
        self.calls.append("end")


class Endless(Numbers):
    @property
    def num_batches(self) -> None:
        return None


class Dying(Numbers):
    def __getitem__(self, index: int) -> Any:
        os._exit(3)


class Loader:
    """An iterable that starts anew, as loaders do."""

    def __init__(self, *items: Any) -> None:
        self.items = items
        self.started = 0

    def __iter__(self) -> Iterator[Any]:
        self.started += 1
        return iter(self.items)


class SizedLoader(Loader):
    def __len__(self) -> int:
        return len(self.items)


def generator(n: int, size: int = 2) -> Iterator[Any]:
    for i in range(n):
        yield np.full((size, 1), i, np.float32), np.zeros(size)


class Slow(Numbers):
    """Later batches are made faster; remembers who made them."""

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(length, **kwargs)
        self.threads: set[int] = set()
        self.together = threading.Barrier(2)

    def __getitem__(self, index: int) -> Any:
        self.threads.add(threading.get_ident())
        self.together.wait(timeout=10)  # passes only if two are made at once
        return super().__getitem__(index)


class Frame:
    """What a table of pandas looks like."""

    def __init__(self, **columns: Any) -> None:
        self.columns = list(columns)
        self.values = columns

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def keys(self) -> Any:
        return self.values.keys()
