"""The values of a dataset: in one piece, or in chunks that filters have packed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from seqir.errors import UnsafeFileError, UnsupportedError
from seqir.formats.hdf5.block import NOWHERE, Block, Bytes, DamageError

Array = np.ndarray[Any, Any]

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
FILTERS: Final = {DEFLATE: "deflate", SHUFFLE: "shuffle", FLETCHER32: "fletcher32"}
_MAX_CHUNK: Final = 32 << 20
"""Bytes of the largest chunk, unless the dataset is larger."""
_MAX_DEPTH: Final = 16


@dataclass(frozen=True)
class Layout:
    """Where the values are.

    Attributes:
        kind: ``compact`` in the message, ``contiguous`` or ``chunked`` elsewhere,
            ``virtual`` in other datasets.
        data: the bytes of a compact one.
        address: where they, or the tree of chunks, begin.
        size: their number; of a chunked one, bytes of an element.
        chunks: the shape of a chunk.
    """

    kind: str
    data: bytes = b""
    address: int = NOWHERE
    size: int = 0
    chunks: tuple[int, ...] = ()


def layout(block: Block) -> Layout:
    """The layout that a message describes.

    Raises: UnsupportedError for chunks that are listed in a newer way.
    """
    version, kind = block.numbers(1, 1)
    if version not in (3, 4, 5) or kind > 3:
        raise DamageError(f"it is stored in the unknown way {version}.{kind}")
    if kind == 0:
        return Layout("compact", data=block.take(block.number(2)))
    if kind == 1:
        address, size = block.numbers(8, 8)
        return Layout("contiguous", address=address, size=size)
    if kind == 3:
        return Layout("virtual")
    if version > 3:
        raise UnsupportedError(
            "its chunks are listed as only HDF5 1.10 and later does "
            "(libver='latest'): rewrite it with `h5repack --low=0 --high=0`"
        )
    rank, address = block.numbers(1, 8)
    *chunks, size = (block.number(4) for _ in range(rank))
    return Layout("chunked", address=address, size=size, chunks=tuple(chunks))


def filters(block: Block) -> list[int]:
    """The numbers of the filters that have packed each chunk, in order.

    Raises: DamageError if they cannot be read.
    """
    version, count = block.numbers(1, 1)
    if version not in (1, 2) or count > 32:
        raise DamageError("its filters cannot be read")
    block.take(6 if version == 1 else 0)
    found: list[int] = []
    for _ in range(count):
        number = block.number(2)
        name = block.number(2) if version == 1 or number >= 256 else 0
        _, values = block.numbers(2, 2)
        block.take(name + (-name % 8 if version == 1 else 0) + 4 * values)
        block.take(4 if version == 1 and values % 2 else 0)
        found.append(number)
    return found


@dataclass(frozen=True)
class Chunk:
    """A part of a dataset in the file: its first element, and what was packed how."""

    place: tuple[int, ...]
    address: int
    size: int
    skipped: int


def chunks_of(file: Bytes, layout: Layout) -> Iterator[Chunk]:
    """All chunks that are in the file.

    Raises: DamageError if the tree that lists them cannot be read.
    """
    rank = len(layout.chunks)
    key = 8 + 8 * (rank + 1)
    seen: set[int] = set()

    def walk(address: int, depth: int) -> Iterator[Chunk]:
        if address in seen or depth > _MAX_DEPTH:
            raise DamageError("a tree of chunks is not a tree")
        seen.add(address)
        block = file.block(address, 24)
        block.expect(b"TREE\1")
        level, count = block.numbers(1, 2)
        children = file.block(address + 24, (key + 8) * count)
        for _ in range(count):
            size, skipped, *place, _ = children.numbers(4, 4, *[8] * (rank + 1))
            child = children.number(8)
            if level:
                yield from walk(child, depth + 1)
            else:
                yield Chunk(tuple(place), child, size, skipped)

    if layout.address != NOWHERE:
        yield from walk(layout.address, 0)


class Reader:
    """Reads the values of a dataset.

    Args:
        file: the file.
        layout: where they are.
        packing: the filters, all of them in `FILTERS`.
        shape: the shape of the dataset.
        dtype: its element type.
    """

    def __init__(
        self,
        file: Bytes,
        layout: Layout,
        packing: list[int],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self._file, self._layout, self._packing = file, layout, packing
        self._shape, self._dtype = shape, dtype
        self.nbytes = math.prod(shape) * dtype.itemsize

    def check(self) -> None:
        """That the values are there, before memory is taken for them.

        Raises: DamageError if they are not, UnsafeFileError for a chunk that is too
            large.
        """
        stored = self._stored()
        if stored != self.nbytes:
            raise DamageError(
                f"it should have {self.nbytes:,} bytes and has {stored:,}"
            )
        if self._layout.kind == "chunked" and self._chunk > max(
            _MAX_CHUNK, self.nbytes
        ):
            raise UnsafeFileError(f"it has chunks of {self._chunk:,} bytes")

    @property
    def _chunk(self) -> int:
        return math.prod(self._layout.chunks) * self._dtype.itemsize

    def _stored(self) -> int:
        if self._layout.kind == "compact":
            return len(self._layout.data)
        if self._layout.kind == "contiguous":
            return self._layout.size if self._layout.address != NOWHERE else 0
        if len(self._layout.chunks) != len(self._shape) or not all(self._layout.chunks):
            raise DamageError("its chunks have another rank")
        if self._layout.size != self._dtype.itemsize:
            raise DamageError("its chunks have another element type")
        return self.nbytes if self._layout.address != NOWHERE else 0

    def read(self) -> Array:
        """The array, in the byte order of this machine."""
        if self._layout.kind == "chunked":
            array = self._put_together()
        else:
            data = self._layout.data
            if self._layout.kind == "contiguous" and self.nbytes:
                data = self._file.at(self._layout.address, self.nbytes)
            array = np.frombuffer(data, self._dtype).reshape(self._shape)
        return array.astype(self._dtype.newbyteorder("="), copy=False)

    def _put_together(self) -> Array:
        """All chunks in their places.

        Raises: DamageError if one is missing, there twice or in the way of others:
            weights are written whole.
        """
        sizes = self._layout.chunks
        grid = [-(-n // size) for n, size in zip(self._shape, sizes, strict=True)]
        chunks = list(chunks_of(self._file, self._layout))
        if len(chunks) != (count := math.prod(grid)):
            raise DamageError(f"it has {len(chunks):,} of its {count:,} chunks")
        array = np.empty(self._shape, self._dtype)
        seen: set[tuple[int, ...]] = set()
        for chunk in chunks:
            pairs = list(zip(chunk.place, sizes, self._shape, strict=True))
            if chunk.place in seen or any(
                at % size or at >= n for at, size, n in pairs
            ):
                raise DamageError("a chunk is in no place of its own")
            seen.add(chunk.place)
            data = self._unpacked(chunk)
            part = np.frombuffer(data, self._dtype).reshape(sizes)
            inside = tuple(slice(at, at + size) for at, size, _ in pairs)
            array[inside] = part[tuple(slice(n - at) for at, _, n in pairs)]
        return array

    def _unpacked(self, chunk: Chunk) -> bytes:
        """The bytes of a chunk.

        Raises: DamageError if they cannot be, UnsafeFileError if they are too many.
        """
        data = self._file.at(chunk.address, chunk.size)
        for place, number in reversed([*enumerate(self._packing)]):
            if chunk.skipped >> place & 1:
                continue
            if number == DEFLATE:
                data = _inflated(data, self._chunk + 4)
            elif number == SHUFFLE:
                data = _unshuffled(data, self._dtype.itemsize)
            else:
                data = _summed(data)
        if len(data) != self._chunk:
            raise DamageError(
                f"a chunk has {len(data):,} bytes and should have {self._chunk:,}"
            )
        return data


def _inflated(data: bytes, most: int) -> bytes:
    """What deflate has packed; its own checksum is compared."""
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(data, most + 1)
        if len(found) <= most:
            found += unpacker.flush()
    except zlib.error as error:
        raise DamageError(f"a chunk is not what was packed: {error}") from error
    if len(found) > most:
        raise UnsafeFileError("it has chunks that unpack to too much")
    if not unpacker.eof:
        raise DamageError("a chunk is cut off")
    return found


def _unshuffled(data: bytes, itemsize: int) -> bytes:
    """First bytes of all elements, then the second ones, and so on: put back."""
    whole = len(data) // itemsize * itemsize
    rows = np.frombuffer(data[:whole], np.uint8).reshape(itemsize, -1)
    return rows.T.tobytes() + data[whole:]


def _summed(data: bytes) -> bytes:
    """The bytes before a Fletcher checksum, if it is theirs."""
    if len(data) < 4:
        raise DamageError("a chunk is cut off")
    content, stored = data[:-4], int.from_bytes(data[-4:], "little")
    if fletcher32(content) != (stored >> 16) % 65535 << 16 | (stored & 0xFFFF) % 65535:
        raise DamageError("a chunk does not have its checksum (fletcher32)")
    return content


def fletcher32(data: bytes) -> int:
    """Two sums modulo 65535 of the 16-bit words, first byte high.

    sum1 = v1 + ... + vn, sum2 = n v1 + (n-1) v2 + ... + vn: each word is in all the
    partial sums from its own place on.
    """
    padded = data + bytes(len(data) % 2)
    words = np.frombuffer(padded, ">u2").astype(np.uint64)
    weights = np.arange(len(words), 0, -1, dtype=np.uint64) % 65535
    first = int(words.sum()) % 65535
    second = int((words * weights % 65535).sum()) % 65535
    return second << 16 | first
