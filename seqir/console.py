"""Texts for people, on streams that may be missing, closed, or of any encoding.

A program without a console has None as `sys.stderr`, a service a stream that is closed
or cannot say whether it is a terminal. What cannot be shown there is left out: nobody
would see it, and no training ends for it.
"""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from rich.console import Console


_interactive = True


def interactive() -> bool:
    """Whether people look at what is said, and not a log."""
    return _interactive


def set_interactive(value: bool) -> None:
    """Say whether people look."""
    global _interactive
    _interactive = value


def is_terminal(stream: Any) -> bool:
    """Whether a stream is a terminal, as far as it can tell."""
    try:
        return bool(stream.isatty())
    except (AttributeError, OSError, ValueError):  # None, gone, closed
        return False


def moves(stream: Any) -> bool:
    """Whether a line on a stream can be drawn anew: on terminals, unless dumb ones."""
    if not _interactive:
        return False
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def put(text: str, stream: Any) -> None:
    """Write a text; what the encoding of the stream lacks becomes a question mark."""
    try:
        try:
            stream.write(text)
        except UnicodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
    except (AttributeError, LookupError, OSError, TypeError, ValueError):
        return  # there is nobody to read it


class _Lasting:
    """A stream that can be written to whatever becomes of the one behind it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        put(text, self._stream)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return is_terminal(self._stream)

    def fileno(self) -> int:
        return self._stream.fileno()


def rich_console(stream: Any) -> Console:
    """A console of rich that writes to a stream, whatever becomes of that."""
    from rich.console import Console

    return Console(file=cast("IO[str]", _Lasting(stream)), highlight=False)


def say(text: str) -> None:
    """Tell the user something, above a bar that may be there."""
    if not _interactive:
        import logging  # it is slow to load, and few ask for it

        logging.getLogger("seqir").info(text)
        return
    put(f"{text}\n", sys.stderr)
