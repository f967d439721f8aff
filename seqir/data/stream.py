"""Batches of what can only be walked over: generators, loaders, any iterable."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Generator, Iterator
from typing import Any, Final

from seqir.data.batch import Batch, Reader, Signature, noting
from seqir.data.batches import Batches, at_most, warn_if_short
from seqir.data.chain import INFINITE_CARDINALITY, Dataset
from seqir.data.labels import ClassWeights
from seqir.errors import ArgumentError

_END: Final = object()
KEPT: Final = 2
"""Batches of an iterator that come again after its end. Source: Keras's adapters."""


class StreamBatches(Batches):
    """Batches of an iterable.

    An iterator can be walked over once and goes on where it is; after its end the
    batches that it began with come again, with a warning, as in Keras. A validation of
    some steps begins with those batches each time, and goes on where it is. Any other
    iterable starts anew with every epoch, or, if steps are fixed, when it has ended.
    """

    def __init__(
        self,
        source: Any,
        steps: int | None,
        class_weight: ClassWeights | None,
        what: str,
    ) -> None:
        if steps is None and _endless(source):
            raise ArgumentError(
                f"the {type(source).__name__} has no end: pass the number of steps"
            )
        self.source = source
        self.what = what
        self.steps = steps
        self.once = hasattr(source, "__next__")
        self.replayable = not self.once and steps is None
        self.count = at_most(_length(source), steps)
        self.reader = Reader(class_weight)
        self._iterator: Iterator[object] | None = None
        self._ahead = False  # the iterator was opened to look at its first batch
        self._turn = 0  # which walk over the source the iterator is
        self._begin: list[object] = []
        """What an iterator has given first."""
        self._walk = self._recorded()

    @property
    def signature(self) -> Signature:
        if self.reader.first is None:
            self._iterator = self._opened(0)
            first = next(self._iterator, _END)
            if first is _END:
                raise self._nothing()
            self._iterator = itertools.chain([first], self._iterator)
            self._ahead = True
            with noting("in the first batch"):
                self.reader.read(first)
        assert self.reader.first is not None
        return self.reader.first

    def epoch(self, index: int, start: int = 0) -> Generator[Batch]:
        other = isinstance(self.source, Dataset) and self._turn != index
        anew = not self._ahead or other
        if self._iterator is None or (self.steps is None and anew):
            self._iterator = self._opened(index if self.steps is None else 0)
        elif self.once and self.what != "fit" and not self._ahead:
            self._iterator = itertools.chain([*self._begin], self._walk)
        self._ahead = False
        taken = 0
        while self.steps is None or taken < self.steps:
            item = self._next(anew=not taken)
            if item is _END:
                break
            taken += 1
            if taken > start:
                where = f"epoch {index + 1}" if self.what == "fit" else self.what
                with noting(f"in batch {taken} of {where}"):
                    batch = self.reader.read(item)
                yield batch
        if not taken:
            raise self._nothing()
        if self.steps is not None:
            warn_if_short(taken, self.steps)

    def _next(self, *, anew: bool) -> object:
        """The next item; `anew`: of a new pass where the old one has ended."""
        assert self._iterator is not None
        item = next(self._iterator, _END)
        if item is _END and anew:
            self._iterator = self._new_pass()
            item = next(self._iterator, _END)
        return item

    def _opened(self, turn: int) -> Iterator[object]:
        self._turn = turn
        if isinstance(self.source, Dataset):
            return self.source.elements(turn)
        return self._walk if self.once else iter(self.source)

    def _recorded(self) -> Iterator[object]:
        """What an iterator gives, while its first batches are kept."""
        for item in self.source:
            if len(self._begin) < KEPT:
                self._begin.append(item)
            yield item

    def _new_pass(self) -> Iterator[object]:
        if not self.once:
            return self._opened(self._turn + 1)
        if self._begin:
            warnings.warn(
                f"the {type(self.source).__name__} of {self.what} has ended, and can "
                f"be walked over once: its first {len(self._begin)} batches are taken "
                "again; pass something that starts anew (a PyDataset, a class with "
                "__iter__), or fewer steps",
                stacklevel=2,
            )
        return iter(self._begin)

    def _nothing(self) -> ArgumentError:
        kind = type(self.source).__name__
        hint = ", or has ended before: it can be walked over once" if self.once else ""
        return ArgumentError(
            f"the {kind} gave no batch for {self.what}; it is empty{hint}"
        )


def _endless(source: Any) -> bool:
    """Whether a dataset of tf.data, or one like it, says that it has no end."""
    says = hasattr(source, "cardinality")
    return says and int(source.cardinality()) == INFINITE_CARDINALITY


def _length(source: Any) -> int | None:
    try:
        return len(source)
    except (TypeError, NotImplementedError):  # loaders of unknown length raise it
        return None
