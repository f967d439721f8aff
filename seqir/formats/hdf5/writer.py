"""Writing HDF5, with h5py.

HDF5's library does not always survive a disk that is full: closing a file then may end
the process. So it writes to something that never fails, and is asked afterwards.
"""

from __future__ import annotations

import io
import os
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, BinaryIO

from seqir.errors import MissingPackageError


@contextmanager
def create_hdf5(path: str | os.PathLike[str]) -> Generator[Any]:
    """A new file of h5py at a path, to write to for the duration of a block.

    Raises: OSError if it cannot be written whole, MissingPackageError without h5py.
    """
    h5py = _h5py()
    with open(path, "w+b", buffering=0) as file:
        sink = Sink(file)
        try:
            with h5py.File(sink, "w") as created:
                yield created
        finally:
            sink.check()


def _h5py() -> ModuleType:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "writing Keras's files needs h5py, which is not installed; type "
            "`pip install 'seqir[keras]'`"
        ) from error
    return h5py


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
