"""Attributes of groups and datasets, and the heaps in which their texts lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from seqir.errors import CorruptFileError, UnsafeFileError
from seqir.formats import jsontext
from seqir.formats.hdf5 import datatype, dense, header
from seqir.formats.hdf5.block import NOWHERE, Block, Bytes, DamageError
from seqir.formats.hdf5.datatype import Datatype, Space
from seqir.formats.hdf5.header import Message

_MAX_HEAP: Final = jsontext.MAX_BYTES + (1 << 20)
"""Bytes of the largest heap of texts; a configuration is one text."""
_MAX_TEXTS: Final = 2048
"""Most texts of free length in an attribute; Keras divides longer lists."""
_LONG_NAME: Final = 64 << 10
"""Bytes of the longest text in a list; all of them could be the same long one."""


@dataclass(frozen=True)
class Attribute:
    """An attribute whose value has not been read yet."""

    name: str
    type: Datatype
    space: Space
    data: bytes


def attributes_of(file: Bytes, messages: list[Message]) -> Iterator[Attribute]:
    """The attributes of the object that these messages make.

    Raises: DamageError if they cannot be read.
    """
    for message in messages:
        if message.kind == header.ATTRIBUTE:
            yield _attribute(message.block())
        elif message.kind == header.ATTRIBUTES:
            block = message.block()
            _, flags = block.numbers(1, 1)
            block.take(2 if flags & 1 else 0)
            heap, tree = block.numbers(8, 8)
            if heap != NOWHERE:
                for data in dense.objects(file, heap, tree, dense.ATTRIBUTE_NAMES):
                    yield _attribute(Block(data))


def _attribute(block: Block) -> Attribute:
    version, flags, name, kind, space = block.numbers(1, 1, 2, 2, 2)
    if version not in (1, 2, 3) or (version > 1 and flags):
        raise DamageError("an attribute is kept in an unknown way")
    block.take(1 if version == 3 else 0)
    pad = 8 if version == 1 else 1

    def part(size: int) -> bytes:
        return block.take(size + -size % pad)[:size]

    text = part(name).split(b"\0")[0].decode("utf-8", "replace")
    found = datatype.datatype(Block(part(kind)))
    return Attribute(
        text, found, datatype.space(Block(part(space))), block.take(block.left)
    )


class Texts:
    """The texts of free length in a file; each heap of them is read once."""

    def __init__(self, file: Bytes) -> None:
        self._file = file
        self._heaps: dict[int, dict[int, bytes]] = {}

    def value(self, found: Attribute, words: str) -> Any:
        """Text, a list of texts, a number or an array; `words` names the attribute.

        Raises: CorruptFileError or UnsafeFileError if it is nothing of these, or too
            large.
        """
        kind, shape, count = found.type, found.space.shape, found.space.count
        if shape is None:
            raise CorruptFileError(f"{words} has no value")
        if kind.kind == "other" or (kind.dtype is None and kind.kind != "texts"):
            raise CorruptFileError(
                f"{words} holds {kind.name}, which no attribute of a model does"
            )
        size = count * kind.size
        many = kind.kind == "texts" and count > _MAX_TEXTS
        if many or size > jsontext.MAX_BYTES:
            raise UnsafeFileError(f"{words} is larger than any that Keras writes")
        data = Block(found.data).take(size)
        if kind.dtype is None:
            block = Block(data)
            longest = _LONG_NAME if shape else jsontext.MAX_BYTES
            texts = [self._text(block, longest) for _ in range(count)]
        else:
            array = np.frombuffer(data, kind.dtype).reshape(shape)
            if kind.kind == "number":
                return array.astype(array.dtype.newbyteorder("="))[()]
            texts = array.reshape(-1).tolist()
        read = [text.decode() for text in texts]
        return read if shape else read[0]

    def _text(self, block: Block, longest: int) -> bytes:
        """The text that the next 16 bytes say length and place of."""
        length, address, number = block.numbers(4, 8, 4)
        if length > longest:
            raise DamageError(f"a name of {length:,} bytes is not a name")
        if not length:
            return b""
        if address not in self._heaps:
            self._heaps[address] = self._heap(address)
        text = self._heaps[address].get(number, b"")
        if len(text) < length:
            raise DamageError("a text is not in its heap")
        return text[:length]

    def _heap(self, address: int) -> dict[int, bytes]:
        """All texts of a heap, by their numbers."""
        begin = self._file.block(address, 16)
        begin.expect(b"GCOL\1\0\0\0")
        size = begin.number(8)
        if size > min(_MAX_HEAP, self._file.size - address):
            raise DamageError(f"a heap of {size:,} bytes is larger than it can be")
        heap = self._file.block(address, size)
        heap.take(16)
        found: dict[int, bytes] = {}
        while heap.left >= 16:
            place = address + size - heap.left
            number, _, _, own = heap.numbers(2, 2, 4, 8)
            # What is free has the number 0, and counts its own header.
            step = own + -own % 8 if number else own - 16
            if not 0 <= step <= heap.left:
                raise DamageError(f"a heap of texts is damaged at byte {place:,}")
            content = heap.take(step)
            if number:
                found[number] = content[:own]
        return found
