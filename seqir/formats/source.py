"""The file below HDF5: what its C library cannot stand is kept away from it.

HDF5 keeps texts in heaps, and walks through a heap from text to text. One that says it
has no length keeps it walking for ever, and one long text may be named a thousand
times. Neither can be asked for from above, so the bytes are looked at on their way.

Nor does it always survive a disk that is full: closing a file then may end the process.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

_HEAP: Final = b"GCOL\1\0\0\0"
"""How a heap of texts begins; its length follows."""
_LENGTH: Final = struct.Struct("<Q")
_TEXT: Final = struct.Struct("<H6xQ")
"""Before each text: its number, 0 for what is free, and its length."""


class Source(io.RawIOBase):
    """A file opened for reading, as HDF5 is to see it.

    Args:
        file: the file; its place is moved.
        most: bytes of the largest heap.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file: Any = file
        self._most = most
        self._limit: int | None = None
        self.seek, self.tell = file.seek, file.tell

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer.

        Raises: OSError for a heap that HDF5 would not come back from.
        """
        if self._limit is not None and len(buffer) > self._limit:
            raise OSError(f"a name of {len(buffer):,} bytes is no name")
        place = self.tell()
        count = self._file.readinto(buffer)
        if bytes(buffer[: len(_HEAP)]) == _HEAP:
            self._check_heap(place)
            self.seek(place + count)
        return count

    @contextmanager
    def at_most(self, limit: int) -> Generator[None]:
        """Refuse to read more bytes than that at once, during a block."""
        self._limit = limit
        try:
            yield
        finally:
            self._limit = None

    def _check_heap(self, place: int) -> None:
        end = self.seek(0, os.SEEK_END)
        self.seek(place)
        begin = self._file.read(len(_HEAP) + _LENGTH.size)
        size = int.from_bytes(begin[len(_HEAP) :], "little")
        if size > min(self._most, end - place):
            raise OSError(f"a heap of {size:,} bytes is larger than it can be")
        heap = begin + self._file.read(size - len(begin))
        at = len(begin)
        while at + _TEXT.size <= size:
            number, length = _TEXT.unpack_from(heap, at)
            step = _TEXT.size + (length + 7) // 8 * 8 if number else length
            if step < _TEXT.size or at + step > size:
                raise OSError(f"a heap of texts is damaged at byte {place + at}")
            at += step


class Sink(io.RawIOBase):
    """A file opened for writing, as HDF5 is to see it: one that never fails.

    Call `check` when HDF5 has closed it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file: Any = file
        self._error: OSError | None = None
        self.seek, self.tell = file.seek, file.tell

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; with zeros where nothing could be written."""
        rest = memoryview(buffer)
        while rest and (count := self._file.readinto(rest)):
            rest = rest[count:]
        rest[:] = bytes(len(rest))
        return len(buffer)

    def write(self, data: Any) -> int:
        """Write the bytes, or remember why not."""
        if self._error is None:
            rest = memoryview(data)
            try:
                while rest:  # a system writes two GiB at once at the most
                    rest = rest[self._file.write(rest) :]
            except OSError as error:
                self._error = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file, or remember why not."""
        if self._error is None:
            try:
                return self._file.truncate(size)
            except OSError as error:
                self._error = error
        return size or 0

    def check(self) -> None:
        """Raise what went wrong.

        Raises: OSError, that of the first write that failed.
        """
        if self._error is not None:
            raise self._error
