"""What is in a group: the names of its members, and where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from seqir.formats.hdf5 import dense, header
from seqir.formats.hdf5.block import NOWHERE, Block, Bytes, DamageError
from seqir.formats.hdf5.header import Message

LinkKind = Literal["hard", "soft", "external"]
MAX_DEPTH: Final = 16
"""Deepest tree of names: each level has at least two times as many."""
_SOFT_IN_CACHE: Final = 2
_KINDS: Final[dict[int, LinkKind]] = {0: "hard", 1: "soft", 64: "external"}


@dataclass(frozen=True)
class Link:
    """A member of a group."""

    name: str
    kind: LinkKind
    address: int


def is_group(messages: list[Message]) -> bool:
    """Whether an object of these messages is a group."""
    kinds = {m.kind for m in messages}
    return bool(kinds & {header.SYMBOLS, header.LINKS, header.LINK})


def links_of(file: Bytes, messages: list[Message]) -> Iterator[Link]:
    """The members of the group that these messages make.

    Raises: DamageError if they cannot be read.
    """
    for message in messages:
        if message.kind == header.SYMBOLS:
            tree, heap = message.block().numbers(8, 8)
            yield from _symbols(file, tree, _Names(file, heap))
        elif message.kind == header.LINK:
            yield _link(message.block())
        elif message.kind == header.LINKS:
            yield from _dense_links(file, message.block())


class _Names:
    """The local heap of a group, where the names of its members are."""

    def __init__(self, file: Bytes, address: int) -> None:
        block = file.block(address, 32)
        block.expect(b"HEAP\0\0\0\0")
        size, _, place = block.numbers(8, 8, 8)
        self._data = file.at(place, size)

    def __getitem__(self, at: int) -> str:
        end = self._data.find(b"\0", at)
        if not 0 <= at < end:
            raise DamageError("the name of a member is outside of the names")
        return _text(self._data[at:end])


def _symbols(file: Bytes, address: int, names: _Names) -> Iterator[Link]:
    """The members below a node of the tree of names."""
    seen: set[int] = set()

    def walk(address: int, depth: int) -> Iterator[Link]:
        if address in seen or depth > MAX_DEPTH:
            raise DamageError("a tree of names is not a tree")
        seen.add(address)
        block = file.block(address, 24)
        block.expect(b"TREE\0")
        level, count = block.numbers(1, 2)
        children = file.block(address + 24, 16 * count + 8)
        for _ in range(count):
            _, child = children.numbers(8, 8)
            yield from walk(child, depth + 1) if level else _leaf(file, child, names)

    return walk(address, 0)


def _leaf(file: Bytes, address: int, names: _Names) -> Iterator[Link]:
    block = file.block(address, 8)
    block.expect(b"SNOD\1\0")
    count = block.number(2)
    entries = file.block(address + 8, 40 * count)
    for _ in range(count):
        name, place, cached = entries.numbers(8, 8, 4)
        entries.take(20)
        soft = cached == _SOFT_IN_CACHE
        yield Link(names[name], "soft" if soft else "hard", place)


def _dense_links(file: Bytes, block: Block) -> Iterator[Link]:
    """The members of a group that has too many for its own messages."""
    _, flags = block.numbers(1, 1)
    block.take(8 if flags & 1 else 0)
    heap, tree = block.numbers(8, 8)
    if heap != NOWHERE:
        for data in dense.objects(file, heap, tree, dense.LINK_NAMES):
            yield _link(Block(data))


def _link(block: Block) -> Link:
    version, flags = block.numbers(1, 1)
    if version != 1:
        raise DamageError(f"a member is a link of version {version}")
    kind = block.number(1) if flags & 8 else 0
    block.take((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
    name = _text(block.take(block.number(1 << (flags & 3))))
    if kind not in _KINDS:
        raise DamageError(f"the member {name!r} is a link of the unknown kind {kind}")
    return Link(name, _KINDS[kind], block.number(8) if kind == 0 else NOWHERE)


def _text(data: bytes) -> str:
    if not data or b"/" in data or data in (b".", b".."):
        raise DamageError(f"{data[:80]!r} is not a name of a member")
    return data.decode("utf-8", "replace")
