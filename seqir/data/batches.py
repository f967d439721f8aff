"""The interface of batch sources, and how epochs map to passes over a source."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator

from seqir.data.batch import Batch, Signature


class Batches(ABC):
    """The batches of a source, epoch by epoch.

    A pass is one walk over the source. It is an epoch, unless the user fixed the
    number of steps: then epochs follow each other within a pass, and the last one of
    a pass may be shorter.
    """

    count: int | None
    """Batches of an epoch; None if only the end of the source tells."""
    samples: int | None = None
    """Samples of a pass; None if unknown."""
    batch_size: int | None = None
    """Samples of a batch, the last one excepted; None if the source decides."""
    replayable: bool = True
    """Whether an epoch can be had without having taken those before it."""
    seed: int = 0
    """What the order of shuffled samples is a function of, with the pass."""
    ready: bool = False
    """Whether a batch costs nothing, so that preparing it ahead gains nothing."""

    @property
    @abstractmethod
    def signature(self) -> Signature:
        """Structure, element types and shapes of the first batch, which is not lost."""

    @abstractmethod
    def epoch(self, index: int, start: int = 0) -> Generator[Batch]:
        """The batches of an epoch, without its first `start` ones."""


class IndexedBatches(Batches):
    """Batches that can be asked for by number; any epoch at any time."""

    def __init__(self, length: int | None, steps: int | None) -> None:
        self.length = length
        """Batches of a pass; None if there is no end."""
        self.steps = steps
        self.count = at_most(length, steps)

    @abstractmethod
    def take(self, turn: int, begin: int, end: int) -> Iterator[Batch]:
        """The batches `begin` to `end` of pass number `turn`."""

    def epoch(self, index: int, start: int = 0) -> Generator[Batch]:
        turn, begin, end = self._place(index)
        yield from self.take(turn, begin + start, end)
        if self.steps is not None:
            warn_if_short(end - begin, self.steps)

    def _place(self, index: int) -> tuple[int, int, int]:
        """The pass of an epoch, and where it begins and ends there."""
        if self.steps is None:
            assert self.length is not None  # adapt asks for steps otherwise
            return index, 0, self.length
        if self.length is None:
            return 0, index * self.steps, (index + 1) * self.steps
        turn, part = divmod(index, -(-self.length // self.steps))
        begin = part * self.steps
        return turn, begin, min(begin + self.steps, self.length)


def at_most(length: int | None, steps: int | None) -> int | None:
    """The smaller one of those that are known."""
    known = [n for n in (length, steps) if n is not None]
    return min(known, default=None)


def warn_if_short(found: int, steps: int) -> None:
    """Warn if an epoch has fewer batches than the user asked for."""
    if found < steps:
        warnings.warn(
            f"the data ended after {found} of {steps} steps of an epoch, which is "
            "shorter for it; pass fewer steps or more data",
            stacklevel=2,
        )
