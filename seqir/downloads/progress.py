"""How far a download is, on stderr."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from types import TracebackType

from seqir.numerals import amount, duration
from seqir.progress import Display, Line, display_for
from seqir.text import one_line


@dataclass(frozen=True)
class _Bytes(Line):
    """How many bytes came."""

    @property
    def count(self) -> str:
        """Bytes so far and in all."""
        return amount(self.done, self.total)

    def plain(self) -> str:
        """What came, and in which time."""
        return f"{self.label}: {amount(self.done)} in {self.times[0]}"


class Progress:
    """A bar with size, speed and time left; a line at the end off a terminal."""

    def __init__(self, name: str) -> None:
        self.name = one_line(name)
        self._display = Display()
        self._begin = perf_counter()
        self._received = 0
        self._done = 0
        self._total: int | None = None

    def __enter__(self) -> Progress:
        self._display = display_for("auto") or self._display
        return self

    def start(self, total: int | None, done: int) -> None:
        """Say how many bytes there are, and how many were there before."""
        self._total, self._done = total, done

    def advance(self, count: int) -> None:
        """Some bytes came."""
        self._received += count
        self._done += count
        self._display.step(self._line)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._display.finish(self._line(over=True))
        else:
            self._display.close()

    def _line(self, over: bool = False) -> Line:
        seconds = perf_counter() - self._begin
        if over:
            times = [f"{seconds:.1f}s"]
            shown = self._done if self._display.live else self._received
            return _Bytes(self.name, shown, self._total, times, [])
        speed = self._received / seconds if seconds else 0.0
        times = [f"{amount(round(speed))}/s"]
        if self._total is not None and speed:
            times.append(f"ETA {duration((self._total - self._done) / speed)}")
        return _Bytes(self.name, self._done, self._total, times, [])
