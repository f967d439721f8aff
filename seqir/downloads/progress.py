"""How far a download is, on stderr."""

from __future__ import annotations

import sys
from time import perf_counter
from types import TracebackType
from typing import Any

from seqir.console import moves, rich_console, say
from seqir.text import one_line

INTERVAL = 0.1
"""Seconds between two drawings."""


class Progress:
    """A bar with size, speed and time left on a terminal, a line at the end elsewhere.

    Source: the columns are those of ``rich.progress``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._bar: Any = None
        self._task: Any = None
        self._begin = perf_counter()
        self._due = 0.0
        self._received = 0

    def __enter__(self) -> Progress:
        if moves(sys.stderr):
            self._bar = _bar()
            self._bar.start()
        return self

    def start(self, total: int | None, done: int) -> None:
        """Say how many bytes there are, and how many were there before."""
        if self._bar is None:
            return
        if self._task is None:
            self._task = self._bar.add_task(one_line(self.name))
        self._bar.update(self._task, total=total, completed=done)

    def advance(self, count: int) -> None:
        """Some bytes came."""
        self._received += count
        if self._bar is None:
            return
        self._bar.advance(self._task, count)
        if perf_counter() >= self._due:
            self._bar.refresh()
            self._due = perf_counter() + INTERVAL

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()
        elif error is None:
            seconds = perf_counter() - self._begin
            say(f"{one_line(self.name)}: {amount(self._received)} in {seconds:.1f}s")


def amount(size: int) -> str:
    """Bytes as people read them: ``17 bytes``, ``4.4 kB``, ``528.0 MB``."""
    if size < 1000:
        return f"{size} bytes"
    value, units = float(size), iter(("kB", "MB", "GB", "TB"))
    unit = ""
    while value >= 999.95 and (larger := next(units, None)):
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}"


def _bar() -> Any:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=rich_console(sys.stderr),
        auto_refresh=False,  # no thread: it is drawn when bytes come
    )
