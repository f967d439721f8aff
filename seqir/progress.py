"""Progress on stderr: how a line of it is shown, and how long its steps take."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from seqir.console import is_terminal, moves, rich_console, say
from seqir.numerals import duration, pace

if TYPE_CHECKING:
    from rich.text import Text

WIDEST, NARROWEST = 20, 8
"""Characters of a bar; below the second there is none."""
GAP = "  "
NOTEBOOK_WIDTH = 120


@dataclass(frozen=True)
class Line:
    """What there is to show.

    Attributes:
        label: what is going on.
        done: steps so far.
        total: steps in all, or None.
        times: time left or gone, and time per step.
        values: loss and metrics.
    """

    label: str
    done: int
    total: int | None
    times: list[str]
    values: list[str]

    @property
    def count(self) -> str:
        """Steps so far and in all."""
        total = "?" if self.total is None else str(self.total)
        return f"{self.done:>{len(total)}}/{total}"

    @property
    def share(self) -> float:
        """Which part is done, from 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def plain(self) -> str:
        """All of it, in ASCII."""
        return " - ".join([self.label, self.count, *self.times, *self.values])

    def rows(self, width: int) -> tuple[int, list[str]]:
        """How wide the bar is, and the texts behind and below it.

        Values that do not fit behind the bar go below it.
        """
        room = width - len(self.label) - 1
        facts = [self.count, *self.times]
        behind = GAP.join([*facts, *self.values])
        bar = self._bar(room - len(behind) - 1)
        if len(behind) + (bar + 1 if bar else 0) <= room and (bar or not self.total):
            return bar, [behind]
        behind = GAP.join(facts)
        return self._bar(room - len(behind) - 1), [
            behind,
            *packed(self.values, width - len(GAP)),
        ]

    def _bar(self, room: int) -> int:
        return min(WIDEST, room) if self.total and room >= NARROWEST else 0


def packed(words: list[str], width: int) -> list[str]:
    """Words in indented rows of at most a width, where that is possible."""
    rows: list[str] = []
    for word in words:
        if rows and len(rows[-1]) + len(GAP) + len(word) <= width + len(GAP):
            rows[-1] += GAP + word
        else:
            rows.append(GAP + word)
    return rows


class Clock:
    """How long steps take, and all that are left.

    The first one, in which buffers are made, counts only if it is the only one.

    Attributes:
        done: steps so far, with those that were done before the clock began.
    """

    def __init__(self, begun: int = 0) -> None:
        self.done = self._begun = begun
        self._since = self._last = perf_counter()
        self._warm: float | None = None

    def step(self, done: int) -> None:
        """So many steps are done now."""
        self.done = done
        self._last = perf_counter()
        if self._warm is None:
            self._warm = self._last

    def times(self, total: int | None, over: bool = False) -> list[str]:
        """Time left if it is known, else time gone; and the time of a step."""
        gone = duration(perf_counter() - self._since)
        steps = self.done - self._begun
        if not steps:
            return [gone]
        if steps == 1 or self._warm is None:
            each = (self._last - self._since) / steps
        else:
            each = (self._last - self._warm) / (steps - 1)
        if over or total is None:
            return [gone, pace(each)]
        return [f"ETA {duration(each * max(total - self.done, 0))}", pace(each)]


class Display:
    """Where lines are shown. Only a live one is drawn before it is finished.

    Attributes:
        interval: seconds between two drawings of a live one.
    """

    live = False
    interval = 0.1
    _due = 0.0

    def step(self, line: Callable[[], Line]) -> None:
        """Draw what is to be seen now, unless something was drawn just before."""
        if self.live and perf_counter() >= self._due:
            self.draw(line())
            self._due = perf_counter() + self.interval

    def draw(self, line: Line) -> None:
        """Show a line in the place of the one before."""

    def finish(self, line: Line) -> None:
        """Show a line that stays."""

    def close(self) -> None:
        """Stop where it stands."""


class Plain(Display):
    """One line of ASCII when all is done: for files and pipes."""

    def finish(self, line: Line) -> None:
        """Write the line."""
        say(line.plain())


class Terminal(Display):
    """A bar that moves. What others print meanwhile appears above it."""

    live = True

    def __init__(self) -> None:
        from rich.live import Live

        self._console = rich_console(sys.stderr)
        self._live = Live(
            console=self._console,
            auto_refresh=False,  # no thread: it is drawn when a step ends
            # Text for a pipe must not end up on the terminal.
            redirect_stdout=is_terminal(sys.stdout),
            vertical_overflow="visible",
        )
        self._live.start()

    def draw(self, line: Line) -> None:
        """Redraw the bar."""
        self._live.update(self._text(line), refresh=True)

    def finish(self, line: Line) -> None:
        """Draw it for the last time."""
        self._live.update(self._text(line))
        self.close()

    def close(self) -> None:
        """Give the cursor back."""
        self._live.stop()

    def _text(self, line: Line) -> Text:
        from rich.text import Text

        full, rest = ("-", " ") if self._console.options.ascii_only else ("━", "━")
        bar, rows = line.rows(self._console.width)
        filled = round(bar * line.share)
        text = Text(no_wrap=True, overflow="crop")
        text.append(line.label, "bold")
        text.append(" ")
        text.append(full * filled, "green")
        text.append(rest * (bar - filled), "bright_black")
        text.append(" " * bool(bar) + "\n".join(rows))
        return text


class Notebook(Display):
    """A bar in the output of a cell."""

    live = True

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, line: Line) -> None:
        """Redraw the bar."""
        from IPython.display import (  # pyright: ignore[reportMissingModuleSource]
            HTML,
            display,
        )

        bar, rows = line.rows(NOTEBOOK_WIDTH)
        filled = round(bar * line.share)
        moving = "█" * filled + "░" * (bar - filled) + " " * bool(bar)
        text = f"{line.label} {moving}" + "\n".join(rows)
        picture = HTML(f"<pre>{html.escape(text)}</pre>")
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)

    def finish(self, line: Line) -> None:
        """Draw it for the last time."""
        self.draw(line)


def display_for(verbose: Any) -> Display | None:
    """What `verbose` means here and now; None for silence."""
    if verbose == 0:
        return None
    if verbose == 2:
        return Plain()
    if in_notebook():
        return Notebook()
    return Terminal() if moves(sys.stderr) else Plain()


def in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
