"""Sessions belong to the process that made them.

After a fork the child has the memory of its parent and none of the threads that a
session waits for: running one, or freeing it, would wait for ever. So the child keeps
what it has inherited, untouched, until it ends, and makes sessions of its own.
"""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import weakref
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Final

_forks = 0
"""How many forks lie between this process and the first."""
_owners: weakref.WeakSet[Any] = weakref.WeakSet()
_making = threading.RLock()
ENOUGH: Final = 12
"""Sessions that may be there before anybody looks whether they are needed."""
MUCH: Final = 2**26
"""Bytes of slots that are taken before anybody looks."""
_enough, _taken = ENOUGH, 0


class Native:
    """What has objects of onnxruntime: usable in the process that made it."""

    __slots__ = ("__weakref__", "_forks")

    def adopt(self) -> None:
        """Say that this process makes it."""
        self._forks = _forks
        if any(True for _ in self.natives()):
            _owners.add(self)

    @property
    def usable(self) -> bool:
        """Whether this process has made it."""
        return self._forks == _forks

    def natives(self) -> Iterable[object]:
        """The objects of onnxruntime, which a child must not free."""
        raise NotImplementedError


def make_room(nbytes: int = 0) -> None:
    """Free what nobody holds, before there is much more: so many bytes, or a session.

    Python's collector counts objects and does not see the memory and the threads
    behind them. Layers and their calls form circles, which would wait too long for it.
    """
    global _enough, _taken
    _taken += nbytes
    if len(_owners) >= _enough or _taken > MUCH:
        gc.collect()
        _enough, _taken = max(ENOUGH, 2 * len(_owners)), 0


def making() -> AbstractContextManager[object]:
    """What is held while sessions are made: one thread at a time."""
    return _making


def _in_child() -> None:
    global _forks, _making
    _forks += 1
    _making = threading.RLock()
    for owner in list(_owners):
        for native in owner.natives():  # a reference that nothing gives back
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(native))
    _owners.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
