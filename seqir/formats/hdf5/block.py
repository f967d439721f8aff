"""The bytes of an HDF5 file: blocks that lie inside of it, read field by field."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Final

NOWHERE: Final = (1 << 64) - 1
"""The address of what is not there."""


class DamageError(ValueError):
    """The file is not as the format asks; whoever knows the place says it in words."""


class Bytes:
    """A file as HDF5 numbers its bytes, which may begin behind something else.

    Args:
        file: the file; its place is moved.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        self.base = 0

    def at(self, address: int, count: int) -> bytes:
        """So many bytes from an address on.

        Raises: DamageError if they are not all in the file.
        """
        begin = self.base + address
        if begin + count > self.size:
            raise DamageError(
                f"it asks for {count:,} bytes at {begin:,}, and has {self.size:,}"
            )
        self._file.seek(begin)
        found = self._file.read(count)
        if len(found) != count:
            raise DamageError(f"its bytes from {begin:,} on cannot be read")
        return found

    def block(self, address: int, count: int) -> Block:
        """The same, to be read field by field."""
        return Block(self.at(address, count))

    def checked(self, address: int, count: int, what: str) -> Block:
        """A block whose last four bytes are the checksum of those before.

        Raises: DamageError if they are not.
        """
        data = self.at(address, count)
        if lookup3(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise DamageError(f"{what} at {address:,} does not have its checksum")
        return Block(data[:-4])


class Block:
    """Bytes that are read from the front; every number is little-endian."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises: DamageError if there are not so many.
        """
        begin, self._at = self._at, self._at + count
        if self._at > len(self._data):
            raise DamageError("a part of it ends too early")
        return self._data[begin : self._at]

    def number(self, count: int) -> int:
        """The next bytes as a number without sign."""
        return int.from_bytes(self.take(count), "little")

    def numbers(self, *counts: int) -> tuple[int, ...]:
        """The next numbers, of so many bytes each."""
        return tuple(self.number(count) for count in counts)

    def expect(self, signature: bytes) -> None:
        """Raise DamageError unless the next bytes are these."""
        if (found := self.take(len(signature))) != signature:
            raise DamageError(f"there is {found!r} where {signature!r} belongs")


def lookup3(data: bytes) -> int:
    """The checksum of a block.

    Source: Bob Jenkins, "lookup3.c" (public domain), as the HDF5 file format
    specification 3.0 prescribes.
    """
    length = len(data)
    a = b = c = (0xDEADBEEF + length) & _MASK
    padded = data + bytes(-length % 12)
    words = struct.unpack(f"<{len(padded) // 4}I", padded)
    for i in range(0, len(words) - 3 if length else 0, 3):
        a, b, c = a + words[i], b + words[i + 1], c + words[i + 2]
        a, b, c = _mix(a & _MASK, b & _MASK, c & _MASK)
    if not length:
        return c
    a, b, c = a + words[-3] & _MASK, b + words[-2] & _MASK, c + words[-1] & _MASK
    return _final(a, b, c)


_MASK: Final = 0xFFFFFFFF


def _turned(x: int, by: int) -> int:
    return (x << by | x >> (32 - by)) & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for by in (4, 6, 8, 16, 19, 4):
        a = (a - c) & _MASK ^ _turned(c, by)
        c = c + b & _MASK
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _turned(b, by) & _MASK
        a, b, c = b, c, a
    return b
