"""Batches of arrays in memory: views in order, or the rows of a permutation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.random import Generator, Philox

from seqir.data.batch import Batch, Signature, signature_of, take
from seqir.data.batches import IndexedBatches
from seqir.data.convert import Array

Shuffle = bool | Literal["batch"]


class ArrayBatches(IndexedBatches):
    """Batches of one big batch.

    ``shuffle="batch"`` shuffles within each batch and leaves the batches in order.
    """

    def __init__(
        self,
        whole: Batch,
        batch_size: int,
        shuffle: Shuffle,
        steps: int | None,
        seed: int,
    ) -> None:
        super().__init__(-(-whole.size // batch_size), steps)
        self.whole = whole
        self.samples = whole.size
        self.batch_size = self._size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.ready = not shuffle

    @property
    def signature(self) -> Signature:
        return signature_of(self.whole)

    def take(self, turn: int, begin: int, end: int) -> Iterator[Batch]:
        size, total = self._size, self.whole.size
        order = permutation(total, self.seed, turn) if self.shuffle is True else None
        for number in range(begin, end):
            first, last = number * size, min((number + 1) * size, total)
            index: slice | Array = slice(first, last)
            if order is not None:
                index = order[first:last]
            elif self.shuffle:
                index = first + permutation(last - first, self.seed, turn, number + 1)
            yield take(self.whole, index)


def permutation(n: int, seed: int, turn: int, stream: int = 0) -> Array:
    """The order of n things in pass number `turn`: a pure function of its arguments.

    Source: Philox (Salmon et al. 2011), keyed by seed and pass, counting from `stream`.
    """
    key = np.array([seed % 2**64, turn], np.uint64)
    return Generator(Philox(key=key, counter=[0, 0, 0, stream])).permutation(n)
