"""Many links or attributes of one object: a heap of them, and a tree of their names.

Only what fits into the blocks of the heap is read; an attribute or name that is larger
than a block would be elsewhere, and no model has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from seqir.errors import UnsafeFileError, UnsupportedError
from seqir.formats.hdf5.block import (
    NOWHERE,
    Block,
    Bytes,
    DamageError,
    lookup3,
)

LINK_NAMES: Final = 5
ATTRIBUTE_NAMES: Final = 8
_BEFORE_ID: Final = {LINK_NAMES: 4, ATTRIBUTE_NAMES: 0}
"""Bytes of a record before the place of its object: a hash, or nothing."""
_MOST: Final = 1_000_000
"""Most records of a tree."""


def objects(file: Bytes, heap: int, tree: int, kind: int) -> Iterator[bytes]:
    """The objects in a heap, in the order of a tree of this kind."""
    found = _Heap(file, heap)
    for record in _records(file, tree, kind):
        block = Block(record)
        block.take(_BEFORE_ID[kind])
        yield found.object(block.take(found.id_size))


class _Heap:
    """A fractal heap: rows of blocks, each row of blocks twice as large from the third.

    Source: HDF5 file format specification 3.0, III.G.
    """

    def __init__(self, file: Bytes, address: int) -> None:
        self._file = file
        probe = file.block(address, 9)
        probe.expect(b"FRHP\0")
        self.id_size, filtered = probe.numbers(2, 2)
        if filtered:
            raise UnsupportedError("it has packed names, which seqir does not read")
        block = file.checked(address, 146, "a heap")
        block.take(9)
        flags, largest = block.numbers(1, 4)
        self._summed = bool(flags & 2)
        self._blocks: dict[int, bytes] = {}
        block.take(12 * 8)
        self._width, self._start, self._direct, bits, _, self._root, self._rows = (
            block.numbers(2, 8, 8, 2, 2, 8, 2)
        )
        if not self._width or not self._start or bits > 64:
            raise DamageError("a heap has blocks of no size")
        self._offset = (bits + 7) // 8
        whole_block = (self._direct.bit_length() + 6) // 8
        self._length = min(whole_block, _bytes(largest))

    def object(self, found: bytes) -> bytes:
        """The object that an identifier stands for."""
        block = Block(found)
        kind = block.number(1) >> 4
        if kind == 2:  # in the identifier itself
            size = (found[0] & 15) + 1
            return block.take(size)
        if kind:
            raise UnsafeFileError(
                "it has an attribute or name that is larger than any of Keras's"
            )
        offset, length = block.numbers(self._offset, self._length)
        return self._managed(offset, length)

    def _managed(self, offset: int, length: int) -> bytes:
        address, begin, size = self._root, 0, self._start
        rows = self._rows
        while rows:  # an indirect block, with the addresses of others
            row, column, begin = self._entry(offset, begin)
            if row >= rows:
                raise DamageError("an object is outside of its heap")
            before = 13 + self._offset
            whole = before + 8 * rows * self._width + 4
            block = self._file.checked(address, whole, "a heap")
            block.expect(b"FHIB\0")
            block.take(before - 5 + 8 * (row * self._width + column))
            address, size = block.number(8), self._size(row)
            # A block of blocks is smaller than the one that it is in.
            rows = self._rows_of(size) if size > self._direct else 0
        if address == NOWHERE or offset + length > begin + size:
            raise DamageError("an object is outside of its heap")
        return self._block(address, size)[offset - begin :][:length]

    def _block(self, address: int, size: int) -> bytes:
        """A block of objects; it is read once, and compared with its checksum."""
        if address not in self._blocks:
            data = self._file.at(address, size)
            if not data.startswith(b"FHDB\0"):
                raise DamageError("a heap has no block where it should")
            if self._summed:
                at = 13 + self._offset
                bare = data[:at] + bytes(4) + data[at + 4 :]
                if lookup3(bare) != int.from_bytes(data[at : at + 4], "little"):
                    raise DamageError("a block of a heap does not have its checksum")
            self._blocks[address] = data
        return self._blocks[address]

    def _size(self, row: int) -> int:
        return self._start << max(0, row - 1)

    def _rows_of(self, size: int) -> int:
        return (size // (self._start * self._width)).bit_length()

    def _entry(self, offset: int, begin: int) -> tuple[int, int, int]:
        """Row, column and first byte of the block that has an offset in it."""
        row, first = 0, begin
        while offset >= first + self._width * self._size(row):
            first += self._width * self._size(row)
            row += 1
        column = (offset - first) // self._size(row)
        return row, column, first + column * self._size(row)


def _records(file: Bytes, address: int, kind: int) -> Iterator[bytes]:
    """The records of a second-version B-tree, in order."""
    block = file.checked(address, 38, "a tree of names")
    block.expect(b"BTHD\0")
    found, node_size, size, depth, _, _, root, count, total = block.numbers(
        1, 4, 2, 2, 1, 1, 8, 2, 8
    )
    if found != kind or total > _MOST or not size or depth > 16:
        raise DamageError("a tree of names is of another kind, or too large")
    # How wide a pointer is depends on how much the nodes below can hold.
    room = node_size - 10
    most = room // size
    width = _bytes(most)
    pointers = [0]
    for height in range(depth):
        pointers.append(8 + width + (_bytes(most) if height else 0))
        own = (room - pointers[-1]) // (size + pointers[-1])
        if own < 1:
            raise DamageError("a tree of names has nodes of no size")
        most = (own + 1) * most + own
    seen: set[int] = set()

    def walk(address: int, count: int, height: int) -> Iterator[bytes]:
        if address in seen:
            raise DamageError("a tree of names is not a tree")
        seen.add(address)
        pointer = pointers[height]
        length = 10 + count * size + pointer * (count + 1)
        block = file.checked(address, length, "a tree of names")
        block.expect(b"BTIN\0" if height else b"BTLF\0")
        block.take(1)
        records = [block.take(size) for _ in range(count)]
        if not height:
            yield from records
            return
        for place in range(count + 1):
            child, inside = block.numbers(8, width)
            block.take(pointer - 8 - width)
            yield from walk(child, inside, height - 1)
            if place < count:
                yield records[place]

    if root != NOWHERE:
        yield from walk(root, count, depth)


def _bytes(number: int) -> int:
    """How many bytes a number up to this one takes."""
    return max(1, (number.bit_length() + 7) // 8)
