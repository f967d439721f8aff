"""Where an HDF5 file begins, and the messages that its objects are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seqir.errors import UnsupportedError
from seqir.formats.hdf5.block import NOWHERE, Block, Bytes, DamageError

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
MAX_MESSAGES: Final = 65_536
"""Most messages of an object: one is an attribute, a link or a property."""

SPACE, LINKS, DATATYPE, LINK, EXTERNAL, LAYOUT, FILTERS = 1, 2, 3, 6, 7, 8, 11
ATTRIBUTE, CONTINUED, SYMBOLS, ATTRIBUTES = 12, 16, 17, 21
_KNOWN: Final = range(24)
_SHARED: Final = 2
_MUST_BE_KNOWN: Final = 0x80


@dataclass(frozen=True)
class Message:
    """A part of an object: its kind, and its bytes."""

    kind: int
    data: bytes
    shared: bool

    def block(self) -> Block:
        """The bytes, to be read from the front.

        Raises: UnsupportedError if they are those of another object.
        """
        if self.shared:
            raise UnsupportedError(
                "it has parts in common with others (a committed datatype), which "
                "seqir does not read"
            )
        return Block(self.data)


def root_of(file: Bytes) -> int:
    """The address of the outermost group; `file` learns where HDF5 begins in it.

    Raises: DamageError if the file is not HDF5, or is cut off.
    """
    begin = 0
    while file.size >= begin + len(SIGNATURE):
        if file.at(begin, len(SIGNATURE)) == SIGNATURE:
            return _superblock(file, begin)
        begin = max(512, begin * 2)  # behind what the user has put in front
    raise DamageError("it does not have HDF5's signature")


def _superblock(file: Bytes, begin: int) -> int:
    version = file.at(begin + 8, 1)[0]
    if version in (0, 1):
        block = file.block(begin + 13, 1 + 1 + 1 + 4 + 4 + 4 * version + 32 + 40)
        _check_sizes(block.numbers(1, 1))
        block.take(9 + 4 * version)
        _, _, end, _, _, root = block.numbers(8, 8, 8, 8, 8, 8)
    elif version in (2, 3):
        _check_sizes(file.block(begin + 9, 2).numbers(1, 1))
        block = file.checked(begin, 48, "the superblock")
        block.take(12)
        _, _, end, root = block.numbers(8, 8, 8, 8)
    else:
        raise DamageError(f"it is of version {version} of HDF5's superblock")
    if end > file.size:
        raise DamageError(f"it has {file.size:,} of its {end:,} bytes: it is cut off")
    file.base = begin
    return root


def _check_sizes(sizes: tuple[int, ...]) -> None:
    if sizes != (8, 8):
        raise DamageError(f"it has addresses of {sizes} bytes, and h5py writes (8, 8)")


def messages_of(file: Bytes, address: int) -> list[Message]:
    """The messages of the object at an address.

    Raises: DamageError if there is no object.
    """
    if address == NOWHERE:
        raise DamageError("an object is nowhere")
    begin = file.at(address, 16)
    if begin[:4] == b"OHDR":
        return _checked_messages(file, address, begin)
    version, _, count, _, size = Block(begin).numbers(1, 1, 2, 4, 4)
    if version != 1:
        raise DamageError(f"there is no object at {address:,}")
    found: list[Message] = []
    blocks = [(address + 16, size)]
    for at, length in blocks:  # which grows on the way
        block = file.block(at, length)
        while block.left >= 8 and len(found) < count:
            kind, space, flags = block.numbers(2, 2, 1)
            block.take(3)
            _add(found, blocks, kind, flags, block.take(space))
    if len(found) < count:
        raise DamageError(
            f"the object at {address:,} has {len(found)} of {count} parts"
        )
    return found


def _checked_messages(file: Bytes, address: int, begin: bytes) -> list[Message]:
    """The same for the newer form, which has checksums."""
    version, flags = begin[4], begin[5]
    if version != 2:
        raise DamageError(f"there is no object at {address:,}")
    before = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    size = file.block(address + before, width).number(width)
    found: list[Message] = []
    blocks = [(address, before + width + size + 4)]
    for place, (at, length) in enumerate(blocks):  # which grows on the way
        block = file.checked(at, length, "an object")
        if place:
            block.expect(b"OCHK")
        else:
            block.take(before + width)
        header = 4 + (2 if flags & 4 else 0)
        while block.left >= header:
            kind, space, own = block.numbers(1, 2, 1)
            block.take(header - 4)
            _add(found, blocks, kind, own, block.take(space))
    return found


def _add(
    found: list[Message],
    blocks: list[tuple[int, int]],
    kind: int,
    flags: int,
    data: bytes,
) -> None:
    if len(found) >= MAX_MESSAGES or len(blocks) > MAX_MESSAGES:
        raise DamageError("an object has too many parts")
    if kind not in _KNOWN and flags & _MUST_BE_KNOWN:
        raise DamageError(f"an object has a part of the unknown kind {kind}")
    found.append(Message(kind, data, bool(flags & _SHARED)))
    if kind == CONTINUED:
        at, length = Block(data).numbers(8, 8)
        if any(at == other for other, _ in blocks):
            raise DamageError("an object goes on where it has been already")
        blocks.append((at, length))
