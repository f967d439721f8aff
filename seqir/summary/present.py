"""A summary: its rows, its columns, the text of its cells, where it is printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from seqir.console import put, rich_console
from seqir.errors import ArgumentError
from seqir.narrow import is_dict, is_list, is_sequence, is_tuple
from seqir.summary.table import (
    BOLD,
    CLASS,
    NO,
    NUMBER,
    UNKNOWN,
    YES,
    Cell,
    Column,
    boxed,
    html_table,
    ruled,
    text_of,
)
from seqir.text import one_line

if TYPE_CHECKING:
    from rich.console import Console

_COST = {"MACs": 10, "Activation": 14, "Field": 12, "Dtype": 12}
_LENGTHS = {"rich": (88, 108), "plain": (65, 98)}
_ENDS = {
    "rich": ((0.45, 0.80, 1.0), (0.3, 0.56, 0.74, 1.0)),
    "plain": ((0.45, 0.85, 1.0), (0.33, 0.55, 0.67, 1.0)),
}


Place = tuple[str, int, int]
"""Layer name, which of its calls, which of that call's outputs."""


@dataclass(frozen=True)
class Row:
    """One layer of a model."""

    name: str
    class_name: str
    path: str
    """Name with those of the models it lies in: ``block/conv``."""
    depth: int
    output_shape: Any
    """Sizes, None or a name where unknown; a structure of such tuples; None if not
    known."""
    params: int
    built: bool
    trainable: bool | None
    """None for a layer without weights."""
    connected_to: tuple[Place, ...] = ()
    macs: int | None = None
    """Multiply-accumulates for one batch, an unknown batch size taken as 1."""
    activation_bytes: int | None = None
    receptive_field: tuple[int, ...] | None = None
    """Input positions that one output position depends on, for each spatial axis."""
    dtype: str | None = None
    """Of the outputs; several are separated by commas."""


@dataclass(frozen=True)
class Summary:
    """The layers of a model and its parameter counts; prints as a table."""

    name: str
    rows: tuple[Row, ...]
    is_chain: bool
    """Every layer has one input, the layer before it."""
    trainable_params: int
    non_trainable_params: int
    trainable_bytes: int
    non_trainable_bytes: int
    optimizer_params: int = 0
    """Elements that the optimizer of a model in training keeps."""
    optimizer_bytes: int = 0
    total_macs: int | None = None
    show_trainable: bool = False
    show_cost: bool = False
    peak_bytes: int | None = None
    """Most bytes of activations that are needed at once, in the order of the file."""
    not_counted: tuple[str, ...] = ()
    """Operators in it whose multiply-accumulates are not known."""
    unknown_sizes: tuple[str, ...] = ()
    """Sizes of inputs that costs depend on and that nobody has given."""
    of_file: bool = False
    """Rows are scopes and nodes of a file, not layers."""

    @property
    def cost_columns(self) -> tuple[str, ...]:
        """Heads of the columns of costs, if there are some."""
        last = "Dtype" if self.of_file else "Field"
        return ("MACs", "Activation", last) if self.show_cost else ()

    @property
    def cost_width(self) -> int:
        """Their width."""
        return sum(_COST[name] for name in self.cost_columns)

    @property
    def title(self) -> str:
        """The line above the table."""
        return f'Model: "{one_line(self.name)}"'

    @property
    def total_params(self) -> int:
        """Number of weight elements."""
        return self.trainable_params + self.non_trainable_params

    @property
    def total_bytes(self) -> int:
        """Bytes of all weights."""
        return self.trainable_bytes + self.non_trainable_bytes

    def to_dict(self) -> dict[str, Any]:
        """The same as lists, dicts, strings and numbers, for JSON."""
        data = _plain(asdict(self))
        data["total_params"] = self.total_params
        data["total_bytes"] = self.total_bytes
        return data

    def __str__(self) -> str:
        return "\n".join(plain_lines(self))

    def to_html(self) -> str:
        """The table as HTML."""
        return html_table(
            self.title,
            columns_of(self, "rich", default_length(self, "rich"), None),
            (row_cells(self, row) for row in self.rows),
            [f"{what} {count}{size}" for what, count, size in totals_of(self)],
        )

    _repr_html_ = to_html


def default_length(summary: Summary, style: str) -> int:
    """The width that a table has where there is room for it."""
    length = _LENGTHS[style][0 if summary.is_chain else 1]
    return length + 12 * summary.show_trainable + summary.cost_width


def columns_of(
    summary: Summary, style: str, line_length: int, positions: Sequence[float] | None
) -> list[Column]:
    """The columns of a table; where they end is only moved if nobody has said where.

    Raises: ArgumentError for positions that are not one for each column.
    """
    rich = style == "rich"
    # Keras cuts the places of calls; its tables have no costs.
    ours = summary.show_cost or summary.of_file
    names = "nothing" if rich and not ours else "numbers"
    heads: list[tuple[str, Any, Any]] = [
        ("Layer (type)", "left", names),
        ("Output Shape", "left", "words" if rich and not summary.of_file else "cells"),
        ("Param #", "right" if rich else "left", "cells"),
    ]
    if not summary.is_chain:
        heads.append(("Connected to", "left", names))
    ends = list(positions or _ENDS[style][0 if summary.is_chain else 1])
    if len(ends) != len(heads):
        raise ArgumentError(
            f"positions needs {len(heads)} numbers, one for each of the columns "
            f"{', '.join(name for name, *_ in heads)}; got {positions}"
        )
    whole = 1.0 if ends[-1] <= 1 else float(line_length)
    if summary.show_trainable:
        ends = [end * 0.90 for end in ends] + [whole]
        heads.append(("Trainable", "center", "cells"))
    if summary.cost_columns:
        left = (line_length - summary.cost_width) / line_length
        ends = [end * left for end in ends]
        for name in summary.cost_columns:
            ends.append(ends[-1] + _COST[name] * whole / line_length)
            heads.append((name, "right", "cells"))
        ends[-1] = whole
    return [
        Column(name, side, end, "nothing" if positions else whole)
        for (name, side, whole), end in zip(heads, ends, strict=True)
    ]


# Cells.


def row_cells(summary: Summary, row: Row, style: str = "rich") -> list[Cell]:
    """The cells of a layer, in the order of the columns."""
    rich = style == "rich"
    indent = "   " * row.depth + "└ " if rich and row.depth else "  " * row.depth
    kind = row.class_name
    cells: list[Cell] = [
        [(f"{indent}{row.name} (", ""), (kind, CLASS), (")", "")],
        _shape(row.output_shape),
        [(f"{row.params:,}" if rich else str(row.params), NUMBER)],
    ]
    if not row.built:
        cells[2].append((" (unbuilt)", ""))
    if not summary.is_chain:
        cells.append(_connections(row))
    if summary.show_trainable:
        sign = {True: ("Y", YES), False: ("N", NO), None: ("-", BOLD)}
        cells.append([sign[row.trainable]])
    costs = _cost(row)
    cells += [[(costs[name], NUMBER)] for name in summary.cost_columns]
    return [[(one_line(text), style) for text, style in cell] for cell in cells]


_SIZE = (int, str, type(None))


def _shape(structure: Any) -> Cell:
    """A shape, or a structure of shapes as Python prints it."""
    if structure is None:
        return [("?", "")]
    if is_dict(structure):
        items = [[(f"{key}: ", ""), *_shape(s)] for key, s in structure.items()]
        return _joined("{", items, "}")
    if is_tuple(structure) and all(isinstance(d, _SIZE) for d in structure):
        known = [isinstance(d, int) for d in structure]
        sizes = [
            [(str(d), NUMBER if k else UNKNOWN)]
            for d, k in zip(structure, known, strict=True)
        ]
        return _joined("(", sizes, ")")
    left, right = "[]" if is_list(structure) else "()"
    return _joined(left, [_shape(s) for s in structure], right)


def _joined(left: str, items: Sequence[Cell], right: str) -> Cell:
    parts: Cell = [(left, "")]
    for i, item in enumerate(items):
        parts += [(", ", ""), *item] if i else item
    return [*parts, (right, "")]


def _connections(row: Row) -> Cell:
    parts: Cell = []
    for name, node, tensor in row.connected_to:
        parts.append((f", {name}[" if parts else f"{name}[", ""))
        parts += [(str(node), NUMBER), ("][", ""), (str(tensor), NUMBER), ("]", "")]
    return parts or [("-", "")]


def _cost(row: Row) -> dict[str, str]:
    size, field = row.activation_bytes, row.receptive_field
    return {
        "MACs": "-" if row.macs is None else readable_count(row.macs),
        "Activation": "-" if size is None else readable_bytes(size),
        "Field": "x".join(map(str, field)) if field else "-",
        "Dtype": row.dtype or "-",
    }


def readable_bytes(size: float) -> str:
    """``10240`` as ``10.00 KB``."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def readable_count(count: float) -> str:
    """``36797952`` as ``36.8 M``."""
    if count < 1000:
        return str(count)
    for unit in ("k", "M", "G", "T"):
        count /= 1000
        if count < 999.5 or unit == "T":
            break
    return f"{count:.{max(0, 3 - len(str(int(count))))}f} {unit}"


def totals_of(summary: Summary) -> list[tuple[str, str, str]]:
    """The lines below the table: what, how many, in brackets how large."""
    s = summary
    every, size = s.total_params + s.optimizer_params, s.total_bytes + s.optimizer_bytes
    lines = [
        ("Total params:", f"{every:,}", size),
        ("Trainable params:", f"{s.trainable_params:,}", s.trainable_bytes),
        ("Non-trainable params:", f"{s.non_trainable_params:,}", s.non_trainable_bytes),
    ]
    if s.optimizer_params:
        lines.append(
            ("Optimizer params:", f"{s.optimizer_params:,}", s.optimizer_bytes)
        )
    shown = [(what, n, f" ({readable_bytes(size)})") for what, n, size in lines]
    if s.show_cost and s.total_macs is not None:
        without = f" (without {', '.join(s.not_counted)})" if s.not_counted else ""
        shown.append(("Multiply-accumulates:", f"{s.total_macs:,}", without))
    elif s.show_cost and s.unknown_sizes:
        names = ", ".join(s.unknown_sizes)
        shown.append(("Multiply-accumulates:", "not known", f" without {names}"))
    if s.show_cost and s.peak_bytes is not None:
        shown.append(("Peak activation memory:", readable_bytes(s.peak_bytes), ""))
    return shown


# Whole tables.


def rich_lines(
    summary: Summary,
    line_length: int,
    positions: Sequence[float] | None,
    console: Console,
    *,
    ascii_only: bool,
) -> Iterator[Cell]:
    """The table as Keras 3 prints it, as lines of styled parts."""
    columns = columns_of(summary, "rich", line_length, positions)
    rows = (row_cells(summary, row) for row in summary.rows)
    yield [(summary.title, BOLD)]
    for line in boxed(columns, rows, line_length, console, ascii_only=ascii_only):
        yield _ascii(line) if ascii_only else line
    for what, count, size in totals_of(summary):
        yield [(f" {what} ", BOLD), (count, NUMBER), (size, "")]


def _ascii(line: Cell) -> Cell:
    signs = str.maketrans("└…", "-~")
    return [
        (t.translate(signs).encode("ascii", "replace").decode(), s) for t, s in line
    ]


def plain_lines(
    summary: Summary,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
) -> Iterator[str]:
    """The table as Keras 2 printed it."""
    length = line_length or default_length(summary, "plain")
    columns = columns_of(summary, "plain", length, positions)
    yield summary.title
    rows = (row_cells(summary, row, "plain") for row in summary.rows)
    yield from ruled(columns, rows, length)
    for what, count, more in totals_of(summary):
        yield f"{what} {count}{more if 'without' in more else ''}"
    yield "_" * length


def show(
    summary: Summary,
    style: str,
    line_length: int,
    positions: Sequence[float] | None,
    print_fn: Callable[[str], object] | None,
) -> None:
    """Print a summary, or give its text to `print_fn`.

    Boxes need an output that can take them; colours come on terminals alone.
    """
    if style == "plain":
        text = "\n".join(plain_lines(summary, line_length, positions))
        _write(text + "\n", print_fn)
        return
    console = rich_console(sys.stdout)
    ascii_only = not console.encoding.lower().startswith("utf")
    lines = rich_lines(summary, line_length, positions, console, ascii_only=ascii_only)
    if print_fn is None and (console.is_terminal or console.is_jupyter):
        _print_styled(console, lines)
        return
    text = "".join(f"{text_of(line)}\n" for line in lines)
    _write(text, print_fn)


def _write(text: str, print_fn: Callable[[str], object] | None) -> None:
    if print_fn is not None:
        print_fn(text)
        return
    put(text, sys.stdout)


def _print_styled(console: Console, lines: Iterator[Cell]) -> None:
    from rich.segment import Segment, Segments
    from rich.style import Style

    parse = Style.parse
    segments: list[Segment] = []
    for line in lines:
        segments += [
            Segment(text, parse(style) if isinstance(style, str) else style)
            for text, style in line
        ]
        segments.append(Segment.line())
    console.print(Segments(segments), crop=False, end="")


def _plain(value: object) -> Any:
    if is_dict(value):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if is_sequence(value) else value
