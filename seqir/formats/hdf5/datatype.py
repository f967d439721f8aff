"""Element types and shapes, as HDF5 describes them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from seqir.formats.hdf5.block import Block, DamageError

Kind = Literal["number", "text", "texts", "other"]
"""A number, a text of fixed length, texts of free length, anything else."""

MAX_RANK: Final = 32
_IEEE: Final[dict[tuple[int, ...], str]] = {
    (2, 10, 5, 0, 10, 15): "f2",
    (4, 23, 8, 0, 23, 127): "f4",
    (8, 52, 11, 0, 52, 1023): "f8",
}
"""Size; place and size of exponent, of mantissa; bias: the types that NumPy has."""
_BOOL: Final = {b"FALSE": 0, b"TRUE": 1}
_CLASSES: Final = (
    "integer", "float", "time", "string", "bits", "opaque", "compound", "reference",
    "enum", "sequence", "array",
)  # fmt: skip


@dataclass(frozen=True)
class Datatype:
    """An element type.

    Attributes:
        kind: what NumPy makes of it.
        size: bytes of an element.
        dtype: the type in NumPy, None for texts and for what it has no type for.
        name: what it is called in messages.
    """

    kind: Kind
    size: int
    dtype: np.dtype[Any] | None
    name: str


def datatype(block: Block) -> Datatype:
    """The element type that a message describes.

    Raises: DamageError for a class that HDF5 does not have.
    """
    first = block.number(1)
    number, version = first & 15, first >> 4
    bits, size = block.number(3), block.number(4)
    if number >= len(_CLASSES) or not 1 <= version <= 5 or not size:
        raise DamageError(f"there is an element type of the unknown class {number}")
    kind = _CLASSES[number]
    if kind == "integer":
        return _integer(block, bits, size)
    if kind == "float":
        return _float(block, bits, size)
    if kind == "string":
        return Datatype("text", size, np.dtype(f"S{size}"), f"bytes{size * 8}")
    if kind == "enum":
        return _enum(block, bits, size, version)
    if kind == "sequence" and bits & 15 == 1:
        return Datatype("texts", size, None, "object")
    name = "object" if kind in ("sequence", "reference") else f"void{size * 8}"
    if kind == "compound" and _is_complex(block, bits, size, version):
        name = f"complex{size * 8}"
    dtype = np.dtype(f"V{size}") if kind == "opaque" else None
    return Datatype("other", size, dtype, name)


def _integer(block: Block, bits: int, size: int) -> Datatype:
    order, sign = "<>"[bits & 1], "ui"[bits >> 3 & 1]
    offset, precision = block.numbers(2, 2)
    if size not in (1, 2, 4, 8) or offset or precision != size * 8:
        return Datatype("other", size, None, f"an integer of {precision} bits")
    dtype = np.dtype(f"{order}{sign}{size}")
    return Datatype("number", size, dtype, dtype.name)


def _float(block: Block, bits: int, size: int) -> Datatype:
    offset, _, *places = block.numbers(2, 2, 1, 1, 1, 1, 4)
    code = _IEEE.get((size, *places))
    if code is None or offset or bits & 64:
        return Datatype("other", size, None, f"float{size * 8}")
    dtype = np.dtype("<>"[bits & 1] + code)
    return Datatype("number", size, dtype, dtype.name)


def _enum(block: Block, bits: int, size: int, version: int) -> Datatype:
    """An enumeration: h5py's booleans are one, all others are their integers."""
    base = datatype(block)
    if base.dtype is None or base.size != size:
        raise DamageError("there is an enumeration of what is not a number")
    names = [_member_name(block, version) for _ in range(bits & 0xFFFF)]
    values = [block.number(size) for _ in names]
    if dict(zip(names, values, strict=True)) == _BOOL and size == 1:
        return replace(base, dtype=np.dtype(np.bool_), name="bool")
    return base


def _member_name(block: Block, version: int) -> bytes:
    name = bytearray()
    while character := block.number(1):
        name.append(character)
    if version < 3:  # padded to eight bytes, the zero included
        block.take(-(len(name) + 1) % 8)
    return bytes(name)


def _is_complex(block: Block, bits: int, size: int, version: int) -> bool:
    """Whether a record is NumPy's complex number: r and i."""
    try:
        return bits & 0xFFFF == 2 and _member_name(block, version) == b"r"
    except DamageError:
        return False


@dataclass(frozen=True)
class Space:
    """A shape; None if there is no value at all."""

    shape: tuple[int, ...] | None

    @property
    def count(self) -> int:
        """How many elements there are."""
        return math.prod(self.shape or ()) if self.shape is not None else 0


def space(block: Block) -> Space:
    """The shape that a message describes.

    Raises: DamageError if it is none.
    """
    version, rank, flags = block.numbers(1, 1, 1)
    if version not in (1, 2) or rank > MAX_RANK:
        raise DamageError(f"there is a shape of version {version} and rank {rank}")
    kind = block.number(1) if version == 2 else 1
    block.take(5 if version == 1 else 0)
    del flags  # largest sizes follow, which are of no use here
    return Space(None if kind == 2 else tuple(block.number(8) for _ in range(rank)))
