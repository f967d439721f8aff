"""What verification has found, for programs and for people."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from seqir.text import harmless

Verdict = Literal["right", "wrong", "refused", "absent"]
"""``refused``: the runtime gave no outputs; ``absent``: it is not installed."""

HEADINGS: Final = (
    "runtime", "release", "verdict", "output", "absolute", "relative", "ULP", "median",
)  # fmt: skip


@dataclass(frozen=True)
class OutputReport:
    """How far an output is from what is right."""

    name: str
    type: str
    """Element type and shape."""
    absolute: float
    """The largest difference; NaN where one has NaN and the other a value."""
    relative: float
    """The largest difference over the largest magnitude of the output."""
    ulp: float
    """The largest number of values of the type in between; for what is not
    floating-point the number of elements that differ."""
    allowed: float
    """The largest relative difference that is right."""
    fault: str = ""
    """What is wrong apart from values: the type, the shape."""

    @property
    def right(self) -> bool:
        """Whether the output is what it should be."""
        return not self.fault and self.relative <= self.allowed


@dataclass(frozen=True)
class RuntimeReport:
    """What a runtime has made of the model."""

    name: str
    verdict: Verdict
    version: str = ""
    reason: str = ""
    """Why there is no output, or what to type to have the runtime."""
    unsupported: list[str] = field(default_factory=list[str])
    """Operators that the runtime said it does not have."""
    outputs: list[OutputReport] = field(default_factory=list[OutputReport])
    seconds: float = math.nan
    """The median time of a run of the first case."""
    cases: int = 0
    """How many sets of inputs it has run."""


@dataclass(frozen=True)
class Report:
    """A model on several runtimes."""

    model: str
    truth: str
    """What all are compared with."""
    precision: str
    """The narrowest type in which the model computes."""
    inputs: dict[str, str]
    """Element type and shape of each input of the first case."""
    cases: int
    runtimes: list[RuntimeReport]

    @property
    def passed(self) -> bool:
        """Whether every runtime that is there gives the right outputs."""
        return all(r.verdict in ("right", "absent") for r in self.runtimes)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        found = asdict(self)
        for runtime, shown in zip(self.runtimes, found["runtimes"], strict=True):
            for output, each in zip(runtime.outputs, shown["outputs"], strict=True):
                each["right"] = output.right
        return {"passed": self.passed, **found}

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A line of the table for each output of each runtime; see `HEADINGS`."""
        for runtime in self.runtimes:
            head = (runtime.name, runtime.version, runtime.verdict)
            time = _time(runtime.seconds)
            for output in runtime.outputs:
                numbers = (output.absolute, output.relative, output.ulp)
                shown = [f"{n:.2g}" for n in numbers[:2]] + [_count(output.ulp)]
                yield (*head, output.name, *shown, time)
                head, time = ("", "", ""), ""
            if not runtime.outputs:
                yield (*head, "", "", "", "", "")

    def notes(self) -> Iterator[str]:
        """A sentence for each thing that numbers do not say."""
        for runtime in self.runtimes:
            if runtime.reason:
                yield f"{runtime.name}: {runtime.reason}"
            for output in runtime.outputs:
                if output.fault:
                    yield f"{runtime.name}: output {output.name!r} {output.fault}"

    def head(self) -> str:
        """What was compared."""
        inputs = ", ".join(f"{name} {type}" for name, type in self.inputs.items())
        return (
            f"{self.model} against {self.truth}, precision {self.precision}; "
            f"inputs {inputs or 'none'}"
        )

    def __str__(self) -> str:
        rows = [HEADINGS, *self.rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        return harmless("\n".join([self.head(), *lines, *self.notes()]))


def _time(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _count(number: float) -> str:
    if math.isnan(number):
        return "nan"
    return f"{number:.0f}" if number < 1e6 else f"{number:.1e}"
