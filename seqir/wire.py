"""The wire format of protobuf: a message is its fields, one after the other.

A field is a tag (its number and the kind of its value) and the value. A message inside
of a message is a field whose value is bytes, as a text is.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct

_VARINT, _BYTES, _FLOAT32 = 0, 2, 5


def integer(number: int, value: int) -> bytes:
    """A field that is an integer."""
    return _varint(number << 3 | _VARINT) + _varint(value)


def float32(number: int, value: float) -> bytes:
    """A field that is a number of four bytes."""
    return _varint(number << 3 | _FLOAT32) + struct.pack("<f", value)


def text(number: int, value: str) -> bytes:
    """A field that is a text."""
    data = value.encode()
    return head(number, len(data)) + data


def message(number: int, value: bytes) -> bytes:
    """A field that is a message, or other bytes."""
    return head(number, len(value)) + value


def head(number: int, size: int) -> bytes:
    """What stands in front of that many bytes, which are written elsewhere."""
    if number < 0x10 and size < 0x80:  # nearly always
        return bytes((number << 3 | _BYTES, size))
    return _varint(number << 3 | _BYTES) + _varint(size)


def _varint(value: int) -> bytes:
    """Seven bits in a byte, the lowest first; negative numbers are 64 bits long."""
    if 0 <= value < 0x80:
        return bytes((value,))
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
