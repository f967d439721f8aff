"""Tables of a summary: boxes as Keras 3 draws them, rules as Keras 2 did, HTML.

A cell is a list of parts, each a text and a style of rich's; a line is one too. Long
tables are drawn here and not by `rich.table`, which takes minutes for 10,000 rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

from seqir.errors import ArgumentError

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console

Part = tuple[str, Any]
Cell = list[Part]
Justify = Literal["left", "center", "right"]
Whole = Literal["cells", "words", "numbers", "nothing"]

BOLD, NUMBER, UNKNOWN, CLASS = "bold", "color(34)", "color(45)", "color(33)"
YES, NO = "bold color(34)", "bold color(9)"


@dataclass(frozen=True)
class Column:
    """Header, side that the cells lean to, and the share or width of the line."""

    header: str
    justify: Justify
    end: float
    whole: Whole = "cells"
    """What is not cut: cells, their words (a cell may have several lines), numbers
    behind names, or nothing."""


def text_of(cell: Iterable[Part]) -> str:
    """A cell or line without its styles."""
    return "".join(text for text, _ in cell)


def column_ends(columns: Sequence[Column], line_length: int) -> list[int]:
    """Where the columns end: shares of the line, or places if the last is above 1."""
    ends = [c.end for c in columns]
    scale = line_length if ends[-1] <= 1 else 1
    return [int(end * scale) for end in ends]


# Boxes.


def boxed(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    line_length: int,
    console: Console,
    *,
    ascii_only: bool,
) -> Iterator[Cell]:
    """Lines of the table that rich draws for the same columns and rows.

    Raises: ArgumentError if a column gets less than 4 places.
    """
    from rich import box as boxes

    heavy = boxes.HEAVY_HEAD.substitute(console.options, safe=True)
    box = boxes.ASCII if ascii_only else heavy
    rows = [*rows]
    given: list[int] = []
    if any(c.whole == "nothing" for c in columns):  # a table that Keras has, too
        given = [w - 2 for w in _widths(columns, line_length)]
    inner = _roomy(columns, rows, given, line_length - 3 * len(columns) - 1, "words")
    widths = [w + 2 for w in inner]
    wrap = _wrapper(console, shortening=inner != given)
    heads: list[list[Cell]] = [
        wrap([(c.header, BOLD)], w, c.justify)
        for c, w in zip(columns, inner, strict=True)
    ]
    if inner == given:  # Keras's heads stand at the bottom
        height = max(map(len, heads))
        heads = [[[]] * (height - len(h)) + h for h in heads]
    yield [(box.get_top(widths), "")]
    yield from _row(heads, widths, box.head_left, box.head_vertical, box.head_right)
    yield [(box.get_row(widths, "head"), "")]
    yield from _body(columns, rows, widths, box, wrap)
    yield [(box.get_bottom(widths), "")]


def _body(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    widths: list[int],
    box: Box,
    wrap: Callable[[Cell, int, Justify], list[Cell]],
) -> Iterator[Cell]:
    rule: Cell = [(box.get_row(widths, "row"), "")]
    first = True
    for row in rows:
        if not first:
            yield rule
        first = False
        cells = [
            wrap(cell, w - 2, c.justify)
            for cell, c, w in zip(row, columns, widths, strict=True)
        ]
        yield from _row(cells, widths, box.mid_left, box.mid_vertical, box.mid_right)


def _row(
    cells: list[list[Cell]], widths: list[int], left: str, middle: str, right: str
) -> Iterator[Cell]:
    """The lines of one row, whose cells may have several lines each."""
    last = len(cells) - 1
    for i in range(max(map(len, cells))):
        line: Cell = [(left, "")]
        for j, cell in enumerate(cells):
            parts = cell[i] if i < len(cell) else []
            line += [(" ", ""), *parts] if parts else [(" " * (widths[j] - 1), "")]
            line.append((f" {right if j == last else middle}", ""))
        yield line


def _widths(columns: Sequence[Column], line_length: int) -> list[int]:
    """Widths of columns with their padding, by rich's rule for fixed columns."""
    ends = column_ends(columns, line_length)
    widths = [b - a for a, b in zip([0, *ends], ends, strict=False)]
    if min(widths) < 4:
        raise ArgumentError("Insufficient console width to print summary.")
    widths = [w + 2 for w in widths]
    excess = sum(widths) + len(widths) + 1 - line_length
    left = len(widths)
    if excess < 0:  # what is left over goes to all columns, by their widths
        total = sum(widths)
        for i, width in enumerate(widths):
            share = math.ceil(width * -excess / total) if total else 0
            widths[i] += share
            excess += share
            total -= width
    for i in range(len(widths) if excess > 0 else 0):
        share = min(widths[i], round(excess / left))
        widths[i] -= share
        excess -= share
        left -= 1
    return widths


def _roomy(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    widths: list[int],
    room: int,
    heads: Literal["words", "cells"],
) -> list[int]:
    """The widths, if nothing is cut that must not be; others for this room, if it is.

    Then each column gets what it needs, which may be more than there is room for. What
    is left goes to the heads, to shapes, and to names at last.
    """
    least = [
        max((_need(row[i], c.whole) for row in rows), default=0)
        for i, c in enumerate(columns)
    ]
    checked = zip(columns, widths, least, strict=False)
    if widths and all(w >= n or c.whole == "nothing" for c, w, n in checked):
        return widths
    whole = [len(c.header) for c in columns]
    words = [max(map(len, c.header.split())) for c in columns]
    found = [*map(max, least, words if heads == "words" else whole)]
    by_rank = sorted(
        range(len(columns)), key=lambda i: columns[i].whole in ("numbers", "nothing")
    )
    longest = [
        max(max((len(text_of(row[i])) for row in rows), default=0), whole[i])
        for i in range(len(columns))
    ]
    for wanted in (whole, longest):
        for i in by_rank:
            spare = max(0, room - sum(found))
            found[i] += min(spare, max(0, wanted[i] - found[i]))
    return found


def _need(cell: Cell, whole: Whole) -> int:
    """Places that a cell needs for what must not be cut in it."""
    if whole == "cells":
        return len(text_of(cell))
    if whole == "words":
        return max(map(len, text_of(cell).split()), default=0)
    return max((_end_of(word) for word in _words(cell)), default=0)


def _words(cell: Cell) -> list[Cell]:
    """The words of a cell, their spaces left out."""
    words: list[Cell] = [[]]
    for text, style in cell:
        for i, piece in enumerate(text.split(" ")):
            if i:
                words.append([])
            if piece:
                words[-1].append((piece, style))
    return [word for word in words if word]


def _end_of(word: Cell) -> int:
    """Places that a word needs if its name is shortened to one sign: ``…[0][0]``."""
    numbered = any(style == NUMBER for _, style in word)
    return len(text_of(word)) - len(word[0][0]) + 2 if numbered else 0


def _shortened(cell: Cell, width: int) -> Cell:
    """The cell with too long names before numbers cut, so that these are shown."""
    parts: Cell = []
    for i, word in enumerate(_words(cell)):
        excess = len(text_of(word)) - width
        (name, style), *rest = word
        if excess > 0 and any(s == NUMBER for _, s in rest):
            # The bracket in front of the number stays.
            name = f"{name[: max(0, len(name) - excess - 2)]}…{name[-1]}"
        parts += [(" ", ""), (name, style), *rest] if i else [(name, style), *rest]
    return parts


def _wrapper(
    console: Console, *, shortening: bool
) -> Callable[[Cell, int, Justify], list[Cell]]:
    """A function from a cell to its lines; what fits is not worth rich's wrapping."""
    from rich.cells import cell_len
    from rich.text import Text

    def wrap(cell: Cell, width: int, justify: Justify) -> list[Cell]:
        text = text_of(cell)
        if text.isprintable():
            free = width - (len(text) if text.isascii() else cell_len(text))
            if free >= 0:
                before = {"left": 0, "center": free // 2, "right": free}[justify]
                return [[(" " * before, ""), *cell, (" " * (free - before), "")]]
        whole = Text.assemble(*(_shortened(cell, width) if shortening else cell))
        lines = whole.wrap(console, width, justify=justify, overflow="ellipsis")
        for line in lines:
            line.pad_right(width - line.cell_len)
        return [
            [(s.text, s.style or "") for s in line.render(console)] for line in lines
        ]

    return wrap


# Rules and HTML.


def ruled(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], line_length: int
) -> Iterator[str]:
    """Lines of the table that Keras 2 printed: what is too long is cut off."""
    rows = [*rows]
    ends = column_ends(columns, line_length)
    given = [b - a - 1 for a, b in zip([0, *ends], ends, strict=False)]
    given[-1] += 1
    widths = _roomy(columns, rows, given, line_length - len(columns) + 1, "cells")
    if widths != given:
        line_length = sum(widths) + len(widths) - 1
    yield "_" * line_length
    yield _ruled_row([c.header for c in columns], widths)
    yield "=" * line_length
    first = True
    for row in rows:
        if not first:
            yield "_" * line_length
        first = False
        lines = [_lines(c, w) for c, w in zip(row, widths, strict=True)]
        for line in zip_longest(*lines, fillvalue=""):
            yield _ruled_row(list(line), widths)
    yield "=" * line_length


def _lines(cell: Cell, width: int) -> list[str]:
    """The text of a cell; a line for each layer that it names, if one is too short."""
    words = [text_of(_shortened(word, width)) for word in _words(cell)]
    several = len(text_of(cell)) > width and any(map(_end_of, _words(cell)[1:]))
    return words if several else [text_of(_shortened(cell, width))]


def _ruled_row(cells: list[str], widths: list[int]) -> str:
    pairs = zip(cells, widths, strict=True)
    return " ".join(cell[:width].ljust(width) for cell, width in pairs).rstrip()


_CSS = """
table.seqir-summary { border-collapse: collapse; font: 13px/1.5 ui-monospace, monospace;
  margin: .5em 0; color: inherit; background: none; }
table.seqir-summary caption { text-align: left; font-weight: bold; padding: 4px 0;
  color: inherit; }
table.seqir-summary th, table.seqir-summary td { padding: 3px 12px; text-align: left;
  border-bottom: 1px solid rgba(128, 128, 128, .35); white-space: pre-wrap; }
table.seqir-summary th { border-bottom-width: 2px; }
table.seqir-summary .right { text-align: right; }
table.seqir-summary .center { text-align: center; }
table.seqir-summary .kind { color: #2f7ed8; }
table.seqir-summary tfoot td { border-bottom: none; padding: 1px 12px; }
table.seqir-summary tfoot tr:first-child td { padding-top: 6px; }
"""


def html_table(
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    totals: Iterable[str],
) -> str:
    """A table for notebooks; colours follow the page."""
    from html import escape

    def cell(tag: str, column: Column, parts: Cell) -> str:
        shown = "".join(
            f'<span class="kind">{escape(t)}</span>' if s == CLASS else escape(t)
            for t, s in parts
        )
        return f'<{tag} class="{column.justify}">{shown}</{tag}>'

    head = "".join(cell("th", c, [(c.header, "")]) for c in columns)
    body = "\n".join(
        f"<tr>{''.join(map(cell, ['td'] * len(columns), columns, row))}</tr>"
        for row in rows
    )
    foot = "".join(
        f'<tr><td colspan="{len(columns)}">{escape(line)}</td></tr>' for line in totals
    )
    return (
        f"<style>{_CSS}</style>\n"
        f'<table class="seqir-summary"><caption>{escape(title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
        f"<tfoot>{foot}</tfoot></table>"
    )
