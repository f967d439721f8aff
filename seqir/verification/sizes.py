"""Numbers for the free sizes of a file, with which it can run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from seqir import shapes
from seqir.errors import SeqirError
from seqir.verification.file import OnnxFile
from seqir.verification.types import infer

USUAL: Final = 8
"""What free sizes are first tried as."""

LARGEST: Final = 2**20
"""Where the search ends."""

COMMON: Final = (224, 28, 227, 256, 299, 320, 331, 384, 416, 448, 480, 512, 640, 800)
"""Sizes that images have where a file takes only one."""

_SMALL: Final = 33
"""Up to which number each is tried."""

_MORE: Final = 6
"""How often a size is doubled before those that are common are tried."""

_SECONDS: Final = 10.0
"""How long is searched for a size that is the only one."""

_ALONE: Final = (1, 2, 3, 4, 8, 16, 32)
"""What single sizes are tried as where it does not do that all are the same."""


def candidates(file: OnnxFile) -> Iterator[dict[str, int]]:
    """Numbers for the free sizes: those that the rules for shapes like, and others.

    Equal names have equal sizes. Batches are of two, the others of 8, or the smallest
    above that fits; a file that takes one size only has that looked for. What follows
    is for rules that only the run knows: each small size, and larger and larger ones.
    """
    names = [name for name in file.symbols if not _computed(file, name)]
    if not names:
        yield _completed(file, {})
        return
    batches = {name for name in names if file.symbols[name]}
    fitting = (_fitting(file, names, batches, batch) for batch in (2, 1))
    first = next(filter(None, fitting), None) or _all(file, names, batches, 2, USUAL)
    yield first
    least = max(first.values())
    doubled = (least << k for k in range(1, LARGEST.bit_length()))
    larger = [n for n in doubled if n <= LARGEST]
    for batch in (2, 1):
        for n in (*range(1, _SMALL), *larger[:_MORE], *COMMON, *larger[_MORE:]):
            yield _all(file, names, batches, batch, n)


def _fitting(
    file: OnnxFile, names: list[str], batches: set[str], batch: int
) -> dict[str, int] | None:
    """Numbers that fit the rules for shapes, or None if none are found."""

    def fits(n: int) -> bool:
        return not infer(file, _all(file, names, batches, batch, n)).fault

    n = USUAL
    while n <= LARGEST and not fits(n):
        n *= 2
    if n <= LARGEST:
        below = n // 2
        while n > USUAL and n - below > 1:
            middle = (n + below) // 2
            n, below = (middle, below) if fits(middle) else (n, middle)
        return _all(file, names, batches, batch, n)
    end = time.monotonic() + _SECONDS
    for n in (*range(1, _SMALL), *COMMON, *range(_SMALL, 1025)):
        if fits(n):
            return _all(file, names, batches, batch, n)
        if time.monotonic() > end:
            return None
    free = [name for name in names if name not in batches]
    for each in itertools.product(_ALONE, repeat=min(len(free), 3)):
        sizes = _all(file, names, batches, batch, USUAL) | dict(
            zip(free, each, strict=False)
        )
        sizes = _completed(file, sizes)
        if not infer(file, sizes).fault:
            return sizes
        if time.monotonic() > end:
            return None
    return None


def _all(
    file: OnnxFile, names: list[str], batches: set[str], batch: int, n: int
) -> dict[str, int]:
    return _completed(file, {x: batch if x in batches else n for x in names})


def _completed(file: OnnxFile, sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes, and those whose names are computed from them: ``past + 1``."""
    found = dict(sizes)
    for name in file.symbols:
        if name not in found:
            found[name] = shapes.evaluate(name, sizes)
    return found


def _computed(file: OnnxFile, name: str) -> bool:
    """Whether a size is an expression of other sizes of the file."""
    with suppress(SeqirError, SyntaxError, ValueError, TypeError):
        parts = shapes.symbols(name)
        return bool(parts) and name not in parts and parts <= file.symbols.keys()
    return False
