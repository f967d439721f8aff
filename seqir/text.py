r"""Text from elsewhere, such as names in files, made harmless to look at.

A name can hold sequences that a terminal obeys, marks that turn the direction of what
follows, and lines that pretend to be of the program. All of them are shown as Python
writes them in a string: ``\x1b``.
"""

from __future__ import annotations

import re
from typing import Final

_COMMANDS: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks of direction
    "\u2028\u2029\ufeff"  # other ends of lines; nothing that is in the way
    "\ud800-\udfff"  # halves of characters, which no encoding can write
)
_IN_TEXT: Final = re.compile(f"[{_COMMANDS}]")
_IN_LINE: Final = re.compile(f"[\t\n{_COMMANDS}]")


def harmless(text: str) -> str:
    """A text of several lines, with everything but tabs and line feeds shown."""
    return _IN_TEXT.sub(_shown, text) if not text.isprintable() else text


def one_line(text: str) -> str:
    """A name or another part of a line, with tabs and line feeds shown, too."""
    return _IN_LINE.sub(_shown, text) if not text.isprintable() else text


def _shown(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
