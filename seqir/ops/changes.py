"""Changes of variables: in one order, for all threads of a process.

A step of a training changes many variables, and so does `set_weights`; a prediction
reads many. Each of them is to see, and to make, one state of all of them: whoever reads
or changes several does so inside of `together()`. A step holds it for two moments only.
It claims its slots, runs, and then lets all of them show the new values at once; a
claim keeps others from writing to what a step is reading.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from seqir.ir import Array
from seqir.tensortype import TensorType


class Slot(Protocol):
    """Memory of a device that holds the values of a variable during a training."""

    type: TensorType
    generation: int
    """How often the device has changed the values."""

    def read(self) -> Array:
        """A read-only copy of the present values."""
        ...

    def write(self, array: Array) -> None:
        """Replace the values."""
        ...


_turn = threading.Condition()
_claims: list[frozenset[Slot]] = []
"""What the steps that run now read and write."""
_waiting = 0
"""How many wait for a step to end: a new one lets them go first."""
_clock = 0


def clock() -> int:
    """Another number after every change: nothing has changed while it stands still.

    Whoever keeps it reads it before what it is to vouch for.
    """
    return _clock


def tick() -> int:
    """Say that something has changed; the new number of the clock."""
    global _clock
    with _turn:
        _clock += 1
        return _clock


def together() -> threading.Condition:
    """What is held while several variables are read or changed as one."""
    return _turn


def settle(slots: Iterable[Slot]) -> None:
    """Wait, inside of `together()`, until no step runs on these slots.

    Everything may have changed meanwhile, so this comes before the first change.
    """
    global _waiting
    wanted = frozenset(slots)
    if not _claimed(wanted):
        return
    _waiting += 1
    try:
        _turn.wait_for(lambda: not _claimed(wanted))
    finally:
        _waiting -= 1
        _turn.notify_all()


@contextmanager
def claim(slots: frozenset[Slot]) -> Generator[None]:
    """Let nobody else write to these slots, without holding `together()`."""
    with _turn:
        _turn.wait_for(lambda: not _waiting and not _claimed(slots))
        _claims.append(slots)
    try:
        yield
    finally:
        with _turn:
            _claims.remove(slots)
            _turn.notify_all()


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays of one type are equal to the bit, if that is easy to see."""
    if not (a.flags.c_contiguous and b.flags.c_contiguous):
        return False
    return np.array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8))


def _claimed(slots: frozenset[Slot]) -> bool:
    return any(not claimed.isdisjoint(slots) for claimed in _claims)


def _in_child() -> None:
    """After a fork: the other threads are not there, and cannot end what they began."""
    global _turn, _waiting, _clock
    _turn = threading.Condition()
    _claims.clear()
    _waiting = 0
    _clock += 1


if hasattr(os, "register_at_fork"):
    # A fork comes between two changes, never in the middle of one.
    os.register_at_fork(
        before=lambda: _turn.acquire(),
        after_in_parent=lambda: _turn.release(),
        after_in_child=_in_child,
    )
