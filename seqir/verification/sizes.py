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

_SECONDS: Final = 10.0
"""How long is searched for a size that is the only one."""

_ALONE: Final = (1, 2, 3, 4, 8, 16, 32)
"""What single sizes are tried as where it does not do that all are the same."""


def candidates(file: OnnxFile) -> Iterator[dict[str, int]]:
    """Numbers for the free sizes: those that the rules for shapes like, and larger.

    Equal names have equal sizes. Batches are of two, the others of 8, or the smallest
    above that fits; a file that takes one size only has that looked for. What follows
    is twice as large each time: a rule that only the run knows may want more.
    """
    names = [name for name in file.symbols if not _computed(file, name)]
    if not names:
        yield _completed(file, {})
        return
    batches = {name for name in names if file.symbols[name]}
    for batch in (2, 1):
        fitting = _fitting(file, names, batches, batch)
        if fitting is None:
            continue
        yield fitting
        free = [name for name in names if name not in batches] or names
        n = max(fitting[name] for name in free)
        while n < LARGEST:
            n *= 2
            yield _all(file, names, batches, batch, n)
    # onnx's rules do not like any: the runtime has the last word.
    for batch, n in itertools.product((2, 1), (USUAL, *COMMON[:1], 64, 1024, 16384)):
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
    for n in (*COMMON, *range(1, 1025)):
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
        return name not in parts and parts <= file.symbols.keys()
    return False
