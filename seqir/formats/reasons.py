"""Collects every problem of a file, to report them together."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from seqir.errors import (
    CorruptFileError,
    SeqirError,
    UnsafeFileError,
    UnsupportedError,
    explain,
)

_SHOWN: Final = 20
NONSENSE: Final = (
    TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError,
    OverflowError, MemoryError, ZeroDivisionError,
)  # fmt: skip
"""What code raises that is given values of any form."""


class Reasons:
    """Why something cannot be loaded: a sentence for each layer concerned."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._found: list[tuple[str, SeqirError]] = []

    def __len__(self) -> int:
        return len(self._found)

    @contextmanager
    def gather(self, where: str) -> Generator[None]:
        """Keep what goes wrong inside; the block is left, and the reading goes on.

        What is not one of seqir's errors comes from values that no layer can have.
        """
        try:
            yield
        except SeqirError as error:
            self._found.append((where, error))
        except NONSENSE as error:
            self._found.append((where, _nonsense(error)))

    def check(self) -> None:
        """Raise what has been gathered, as one error.

        Raises: UnsafeFileError if anything is unsafe, UnsupportedError if all is only
            unsupported, CorruptFileError otherwise.
        """
        if not self._found:
            return
        errors = [error for _, error in self._found]
        shown = [f"{where}: {_said(error)}" for where, error in self._found[:_SHOWN]]
        if len(errors) > _SHOWN:
            shown.append(f"and {len(errors) - _SHOWN} more")
        text = f"{self.source} cannot be loaded: {'; '.join(shown)}"
        if any(isinstance(e, UnsafeFileError) for e in errors):
            raise UnsafeFileError(text) from errors[0]
        if all(isinstance(e, UnsupportedError) for e in errors):
            raise UnsupportedError(text) from errors[0]
        raise CorruptFileError(text) from errors[0]


def _nonsense(error: Exception) -> CorruptFileError:
    said = CorruptFileError(f"it cannot have these values ({error})")
    said.__cause__ = error
    return said


def _said(error: SeqirError) -> str:
    text = explain(error)
    return text if len(text) <= 600 else f"{text[:600]}..."
