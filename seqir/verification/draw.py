"""Inputs for a file of anybody's that mean something to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from seqir import dtypes
from seqir.errors import UnsupportedError
from seqir.ir import Array
from seqir.verification.file import Input, OnnxFile
from seqir.verification.types import infer
from seqir.verification.uses import Use, Uses

_WORDS: Final = ("", "a", "A b.")
_COLOURS: Final = (1, 3, 4)
_WHOLE: Final = {"uint8": (0, 256), "int8": (-128, 128)}
"""Small integers have all values that there are: pixels, quantized values."""


def draw(file: OnnxFile, sizes: Mapping[str, int], seed: int = 0) -> dict[str, Array]:
    """Arrays for all inputs, always the same ones.

    Indices are within their tables, masks keep the first place, images are positive,
    and values go as far as the first scale and shift of the file say.

    Raises: UnsupportedError for an element type that cannot be drawn.
    """
    uses = Uses(file, infer(file, sizes)).found
    rng = np.random.Generator(np.random.Philox(seed))
    return {
        name: _draw(each, uses[name], _shape(each, sizes), rng)
        for name, each in file.inputs.items()
    }


def _shape(each: Input, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(d if isinstance(d, int) else sizes[d] for d in each.shape)


def _draw(
    each: Input, use: Use, shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    if each.dtype == dtypes.STRING or use.known:
        values = use.known or _WORDS
        found = np.empty(shape, dtypes.to_numpy(each.dtype))
        places = (rng.permutation(math.prod(shape)) % len(values)).tolist()
        found[...] = np.array([values[i] for i in places], found.dtype).reshape(shape)
        return found
    if each.dtype not in dtypes.ALL:
        raise UnsupportedError(
            f"input {each.name!r} is {each.dtype}, which cannot be drawn; give the "
            "inputs as data"
        )
    return np.asarray(_numbers(each, use, shape, rng)).astype(
        dtypes.to_numpy(each.dtype)
    )


def _numbers(
    each: Input, use: Use, shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    if use.limit is not None:
        low, high = map(math.ceil, use.limit)
        return rng.integers(low, max(high, low + 1), shape)
    if dtypes.is_float(each.dtype):
        u = rng.uniform(-1, 1, shape)
        if use.unit:
            return use.centre + use.unit * u
        image = len(shape) == 4 and (shape[1] in _COLOURS or shape[3] in _COLOURS)
        return np.abs(u) + 0.01 if image or use.positive else u
    if use.sizes:
        return _sizes(shape)
    if each.dtype in _WHOLE:
        return rng.integers(*_WHOLE[each.dtype], shape)
    found = rng.integers(0, 2, shape)
    if shape:
        # Where nothing counts, nothing can be compared, whichever value stands for it.
        found[..., -1:] = 0
        found[..., :1] = 1
    return found


def _sizes(shape: tuple[int, ...]) -> Array:
    """Sizes with which most that takes a size can do something."""
    return np.ones(shape, np.int64)
