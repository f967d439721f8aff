"""Sound in files of WAV."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from seqir.errors import CorruptFileError, UnsupportedError
from seqir.files import open_file
from seqir.ir import Array

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_CODES: Final = {6: "A-law", 7: "mu-law", 17: "ADPCM", 85: "MP3"}


class Sound(NamedTuple):
    """Amplitudes from -1 to 1, of the shape (samples, channels), and how dense."""

    samples: Array
    rate: int
    """Samples of a second."""


def read_wav(path: str, most: int | None = None) -> Sound:
    """The sound of a file, or its first `most` samples.

    Numbers of 8, 16, 24 and 32 bits, divided by their largest power of two; and those
    in floating point of 32 and 64 bits, as they are.

    Raises: LoadError if there is no file, CorruptFileError if it is no WAV or ends too
        early, UnsupportedError for another code.
    """
    with open_file(path) as file:
        content = file.read()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise CorruptFileError(f"{path} is not a WAV file: it has no RIFF header")
    chunks = dict(_chunks(memoryview(content)))
    form, data = chunks.get(b"fmt "), chunks.get(b"data")
    if form is None or len(form) < 16 or data is None:
        raise CorruptFileError(f"{path} is damaged: it says no format, or has no data")
    code, channels, rate, _, width, bits = struct.unpack_from("<HHIIHH", form)
    if code == _EXTENSIBLE and len(form) >= 26:
        (code,) = struct.unpack_from("<H", form, 24)
    if not channels or width != channels * bits // 8:
        raise CorruptFileError(
            f"{path} is damaged: {channels} channels of {bits} bits are not {width} "
            "bytes"
        )
    count = len(data) // width
    samples = data[: width * (count if most is None else min(count, most))]
    numbers = _numbers(samples, code, bits)
    if numbers is None:
        name = _CODES.get(code, f"code {code}")
        raise UnsupportedError(
            f"{path} has {bits} bits of {'PCM' if code == _PCM else name}: write it as "
            "PCM of 8, 16, 24 or 32 bits"
        )
    return Sound(numbers.reshape(-1, channels), rate)


def _chunks(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Names and contents; one that ends too early has what is there."""
    at = 12
    while at + 8 <= len(content):
        (size,) = struct.unpack_from("<I", content, at + 4)
        yield bytes(content[at : at + 4]), content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _numbers(data: memoryview, code: int, bits: int) -> Array | None:
    """The numbers in float32; None for a code that is not read."""
    if code == _FLOAT and bits in (32, 64):
        return np.frombuffer(data, f"<f{bits // 8}").astype(np.float32)
    if code != _PCM or bits not in (8, 16, 24, 32):
        return None
    if bits == 8:  # the only one without a sign
        found = np.frombuffer(data, np.uint8).astype(np.int32) - 128
    elif bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        found = wide.view("<i4")[:, 0] >> 8
    else:
        found = np.frombuffer(data, f"<i{bits // 8}")
    return (found / 2.0 ** (bits - 1)).astype(np.float32)
