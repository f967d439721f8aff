"""Arrays that are part of a graph."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from seqir import dtypes

_SMALL = 1 << 16
"""Bytes up to which equal contents make equal constants; beyond, identity does."""


class FrozenArray:
    """A read-only array that can be an attribute: it compares and hashes.

    Small arrays are equal if their contents are; for large ones it would cost more
    to find out than it could save.
    """

    __slots__ = ("_key", "array", "label")

    def __init__(self, array: np.ndarray[Any, Any], label: str = "") -> None:
        view = np.asarray(array).view()
        view.flags.writeable = False
        self.array = view
        self.label = label
        """Name of the weight that it is or was made from, for the file."""
        self._key: object = None

    @property
    def dtype(self) -> str:
        """The element type."""
        return dtypes.canonical(self.array.dtype)

    @property
    def key(self) -> object:
        if self._key is None:
            small = self.array.nbytes <= _SMALL
            content: object = id(self.array)
            if small:
                text = self.array.dtype == object
                content = tuple(self.array.flat) if text else self.array.tobytes()
            self._key = (self.label, self.array.dtype, self.array.shape, content)
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenArray) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def digest(self) -> str:
        """Hash of the contents."""
        if self.array.dtype == object:
            return hashlib.sha256(repr(self.array.tolist()).encode()).hexdigest()[:16]
        data = np.ascontiguousarray(self.array).view(np.uint8)
        return hashlib.sha256(data.data).hexdigest()[:16]

    def __repr__(self) -> str:
        return _short(self.array)


def _short(array: np.ndarray[Any, Any]) -> str:
    if array.size > 8:
        return f"{dtypes.SHORT[dtypes.canonical(array.dtype)]}{list(array.shape)}"
    values = array.tolist()
    if array.dtype.kind == "f":
        values = [float(f"{v:.6g}") for v in array.ravel()]
        values = np.reshape(values, array.shape).tolist()
    return str(values)
