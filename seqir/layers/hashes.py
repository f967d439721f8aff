"""The hashes that words are put into buckets by: TensorFlow's, to the last bit.

Sources: FarmHash (github.com/google/farmhash, its fingerprint of 64 bits, which never
changes); SipHash-2-4 (Aumasson and Bernstein 2012), where there is a salt.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from seqir.arguments import integers
from seqir.errors import ArgumentError
from seqir.ir import Array

Salt: TypeAlias = tuple[int, int]

_WORD: Final = 0xFFFF_FFFF_FFFF_FFFF
_K0: Final = 0xC3A5C85C97CB3127
_K1: Final = 0xB492B66FBE98F273
_K2: Final = 0x9AE16A3B2F90404F
_CAT: Final = 0xC6A4A7935BD1E995
_CROSS: Final = 0xDECAFCAFFE
"""What a cross of features begins with."""


def salt_of(salt: object) -> Salt | None:
    """Two integers, of one or two.

    Raises: ArgumentError for anything else.
    """
    if salt is None:
        return None
    found = [*integers("salt", salt)]
    if not 1 <= len(found) <= 2:
        raise ArgumentError(f"salt is one integer or two, got {salt!r}")
    return found[0], found[-1]


@dataclass(frozen=True)
class _Buckets:
    """The bucket of each word; integers are hashed as they are written."""

    count: int
    salt: Salt | None

    def __call__(self, x: Array) -> Array:
        words = x if x.dtype == object else x.astype(np.int64)
        found = [self.of(str(word)) for word in words.ravel().tolist()]
        return np.array(found, np.int64).reshape(x.shape)

    @functools.lru_cache(maxsize=1 << 16)  # noqa: B019 (equal ones share it)
    def of(self, word: str) -> int:
        data = word.encode()
        hashed = siphash(data, *self.salt) if self.salt else fingerprint(data)
        return hashed % self.count


def buckets(count: int, salt: Salt | None) -> Callable[[Array], Array]:
    """A function that puts words and integers into so many buckets."""
    return _Buckets(count, salt)


@dataclass(frozen=True)
class _Crossed:
    """The bucket of several features together."""

    count: int

    def __call__(self, *features: Array) -> Array:
        columns = [_numbers(x) for x in features]
        found = [self.of(row) for row in zip(*columns, strict=True)]
        return np.array(found, np.int64).reshape(features[0].shape)

    def of(self, features: tuple[int, ...]) -> int:
        hashed = _CROSS
        for feature in features:
            mixed = _mixed(feature * _CAT & _WORD) * _CAT & _WORD
            hashed = (hashed ^ _CAT ^ mixed) * _CAT & _WORD
            hashed = _mixed(_mixed(hashed) * _CAT & _WORD)
        return hashed % self.count


def _numbers(x: Array) -> list[int]:
    if x.dtype == object:
        return [fingerprint(word.encode()) for word in x.flat]
    return [n & _WORD for n in x.astype(np.int64).ravel().tolist()]


def crossed(count: int) -> Callable[..., Array]:
    """A function that puts rows of features into so many buckets."""
    return _Crossed(count)


def _turned(x: int, by: int) -> int:
    return (x >> by | x << (64 - by)) & _WORD


def _mixed(x: int) -> int:
    return x ^ x >> 47


def _at(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 8], "little")


def _both(u: int, v: int, by: int) -> int:
    """One number of two."""
    a = _mixed((u ^ v) * by & _WORD)
    return _mixed((v ^ a) * by & _WORD) * by & _WORD


def fingerprint(data: bytes) -> int:
    """FarmHash's fingerprint, of 64 bits."""
    n = len(data)
    if n > 64:
        return _of_long(data)
    by = _K2 + 2 * n
    if n > 16:
        return _of_middle(data, by)
    if n >= 8:
        a, b = _at(data, 0) + _K2, _at(data, n - 8)
        c = (_turned(b, 37) * by + a) & _WORD
        d = (_turned(a & _WORD, 25) + b) * by & _WORD
        return _both(c, d, by)
    if n >= 4:
        first = int.from_bytes(data[:4], "little")
        last = int.from_bytes(data[-4:], "little")
        return _both(n + (first << 3), last, by)
    if n:
        y = data[0] + (data[n >> 1] << 8)
        z = n + (data[-1] << 2)
        return _mixed(y * _K2 & _WORD ^ z * _K0 & _WORD) * _K2 & _WORD
    return _K2


def _of_middle(data: bytes, by: int) -> int:
    """Of 17 to 64 bytes."""
    n = len(data)
    first = _K1 if n <= 32 else _K2
    a, b = _at(data, 0) * first & _WORD, _at(data, 8)
    c, d = _at(data, n - 8) * by & _WORD, _at(data, n - 16) * _K2 & _WORD
    y = (_turned(a + b & _WORD, 43) + _turned(c, 30) + d) & _WORD
    z = _both(y, (a + _turned(b + _K2 & _WORD, 18) + c) & _WORD, by)
    if n <= 32:
        return z
    e, f = _at(data, 16) * by & _WORD, _at(data, 24)
    g = (y + _at(data, n - 32)) * by & _WORD
    h = (z + _at(data, n - 24)) * by & _WORD
    left = _turned(e + f & _WORD, 43) + _turned(g, 30) + h
    return _both(left & _WORD, (e + _turned(f + a & _WORD, 18) + g) & _WORD, by)


_Pair: TypeAlias = tuple[int, int]


def _of_long(data: bytes) -> int:
    """Of more than 64 bytes, 64 at a time, and the last 64 once more."""
    n = len(data)
    x = 81
    y = (81 * _K1 + 113) & _WORD
    z = _mixed(y * _K2 + 113 & _WORD) * _K2 & _WORD
    v: _Pair = (0, 0)
    w: _Pair = (0, 0)
    x = (x * _K2 + _at(data, 0)) & _WORD
    for place in range(0, (n - 1) // 64 * 64, 64):
        x, y, z, v, w = _round(data, place, x, y, z, v, w, _K1, 1)
    by = (_K1 + ((z & 0xFF) << 1)) & _WORD
    w = ((w[0] + (n - 1 & 63)) & _WORD, w[1])
    v = ((v[0] + w[0]) & _WORD, v[1])
    w = ((w[0] + v[0]) & _WORD, w[1])
    x, y, z, v, w = _round(data, n - 64, x, y, z, v, w, by, 9)
    left = _both(v[0], w[0], by) + _mixed(y) * _K0 + z
    return _both(left & _WORD, (_both(v[1], w[1], by) + x) & _WORD, by)


def _round(
    data: bytes, at: int, x: int, y: int, z: int, v: _Pair, w: _Pair, by: int, nine: int
) -> tuple[int, int, int, _Pair, _Pair]:
    x = _turned(x + y + v[0] + _at(data, at + 8) & _WORD, 37) * by & _WORD
    y = _turned(y + v[1] + _at(data, at + 48) & _WORD, 42) * by & _WORD
    x ^= w[1] * nine & _WORD
    y = (y + v[0] * nine + _at(data, at + 40)) & _WORD
    z = _turned(z + w[0] & _WORD, 33) * by & _WORD
    v = _weak(data, at, v[1] * by, x + w[0])
    w = _weak(data, at + 32, z + w[1], y + _at(data, at + 16))
    return z, y, x, v, w


def _weak(data: bytes, at: int, a: int, b: int) -> _Pair:
    parts = [_at(data, at + k) for k in (0, 8, 16, 24)]
    a = (a + parts[0]) & _WORD
    b = _turned(b + a + parts[3] & _WORD, 21)
    c = a
    a = (a + parts[1] + parts[2]) & _WORD
    b += _turned(a, 44)
    return (a + parts[3]) & _WORD, (b + c) & _WORD


def siphash(data: bytes, k0: int, k1: int) -> int:
    """SipHash-2-4 of the data with a key of two numbers, of 64 bits."""
    k0, k1 = k0 & _WORD, k1 & _WORD
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for place in range(0, len(padded), 8):
        word = _at(padded, place)
        v[3] ^= word
        _sip_rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _sip_rounds(v: list[int], count: int) -> None:
    a, b, c, d = v
    for _ in range(count):
        a = (a + b) & _WORD
        b = _turned(b, 64 - 13) ^ a
        a = _turned(a, 32)
        c = (c + d) & _WORD
        d = _turned(d, 64 - 16) ^ c
        a = (a + d) & _WORD
        d = _turned(d, 64 - 21) ^ a
        c = (c + b) & _WORD
        b = _turned(b, 64 - 17) ^ c
        c = _turned(c, 32)
    v[:] = [a, b, c, d]
