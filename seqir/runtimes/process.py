"""A model on a runtime, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from seqir import dtypes
from seqir.errors import RunError
from seqir.ir import Array
from seqir.runtimes import worker
from seqir.runtimes.environments import Environment

_STAGES: Final = {
    "start": "while it started",
    "load": "while it read the model",
    "run": "while it ran the model",
}

_REASON: Final = 300
"""Characters of a runtime's own message that are shown."""

_GIGA: Final = 2**30


@dataclass(frozen=True)
class Limits:
    """What a process may take."""

    seconds: float = 600.0
    memory: int | None = None
    """Bytes of data."""


@dataclass(frozen=True)
class Result:
    """What a runtime has made of the inputs of one case."""

    outputs: dict[str, Array]
    seconds: float
    """The median of its runs."""
    case: int = 0
    """The place of these inputs among those that were given."""


@dataclass(frozen=True)
class Answer:
    """What became of a model on a runtime."""

    results: list[Result]
    unsupported: list[str] = field(default_factory=list[str])
    """Operators that the runtime does not have."""
    reason: str = ""
    """Why there is no result for each case."""
    stopped: bool = False
    """Whether its time was up."""


def compute(
    environment: Environment,
    model: Path,
    cases: Sequence[Mapping[str, Array]],
    *,
    repeats: int = 0,
    first: bool = False,
    limits: Limits | None = None,
    options: Mapping[str, object] | None = None,
) -> Answer:
    """Run a file on inputs, in a process of its own.

    With `first` only until it gets over some.

    Whatever becomes of that process, here it is an `Answer`.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="seqir-") as name:
        folder = Path(name)
        request = {
            "runtime": environment.spec.runtime.__file__,
            "model": str(model.absolute()),
            "options": dict(options or {}),
            "repeats": repeats,
            "first": first,
            "memory": limits.memory,
            "cases": [
                {
                    name: worker.encoded(folder / f"x{i}_{k}.npy", array)
                    for k, (name, array) in enumerate(case.items())
                }
                for i, case in enumerate(cases)
            ],
        }
        (folder / "request.json").write_text(json.dumps(request))
        command = environment.command(worker.__file__, name)
        ended = run(command, limits, environment.variables)
        return _answer(folder, ended, limits)


@dataclass(frozen=True)
class Ended:
    """How a process has ended."""

    status: int | None
    """Its exit code, negative for a signal; None if its time was up."""
    said: str
    """What it wrote on stderr."""


def run(
    command: Sequence[str], limits: Limits, variables: Mapping[str, str] | None = None
) -> Ended:
    """Run a program to its end, or to the end of its time with all that it started.

    Raises: RunError if there is no such program.
    """
    grouped = os.name == "posix"
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, **(variables or {})},
                start_new_session=grouped,
            )
        except OSError as error:
            raise RunError(f"cannot start {command[0]}: {error.strerror}") from error
        status = None
        try:
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(limits.seconds)
        finally:
            if grouped:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
        said.seek(0)
        return Ended(status, said.read().decode(errors="replace"))


def why(ended: Ended, stage: str, limits: Limits) -> str:
    """A sentence for a process that gave no answer."""
    when = _STAGES.get(stage, "before it had an answer")
    if ended.status is None:
        return f"its time was up after {limits.seconds:g} s, {when}"
    words = ended.said.split("\n")
    if "MemoryError" in ended.said or "bad_alloc" in ended.said:
        return f"it ran out of memory {when}{_room(limits)}"
    if ended.status < 0:
        with suppress(ValueError):
            name = signal.Signals(-ended.status).name
            hint = _room(limits) if name in ("SIGKILL", "SIGABRT", "SIGSEGV") else ""
            return f"its process crashed {when} ({name}){hint}"
    last = next(filter(str.strip, reversed(words)), "nothing was said")
    return f"its process ended {when} with code {ended.status}: {short(last)}"


def short(text: str) -> str:
    """The text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _REASON else f"{line[: _REASON - 3]}..."


def _room(limits: Limits) -> str:
    if limits.memory is None:
        return ""
    return f"; it may take {limits.memory / _GIGA:.3g} GiB"


def _answer(folder: Path, ended: Ended, limits: Limits) -> Answer:
    try:
        found: dict[str, Any] = json.loads((folder / "answer.json").read_text())
    except (OSError, ValueError):
        found = {"stage": "start", "unsupported": [], "cases": []}
    results = [
        Result(
            {each["name"]: _decoded(folder, each) for each in case["outputs"]},
            case["seconds"],
            case["case"],
        )
        for case in found["cases"]
    ]
    if found["unsupported"]:
        listed = ", ".join(found["unsupported"])
        return Answer([], found["unsupported"], f"it does not have {listed}")
    if "error" in found:
        text = found["error"]
        if text.startswith("MemoryError") or "bad_alloc" in text:
            return Answer(results, reason=why(Ended(1, text), found["stage"], limits))
        return Answer(results, reason=short(text))
    if found["stage"] != "done":
        reason = why(ended, found["stage"], limits)
        return Answer(results, reason=reason, stopped=ended.status is None)
    return Answer(results)


def _decoded(folder: Path, entry: dict[str, str]) -> Array:
    array = np.load(folder / entry["file"], allow_pickle=False)
    dtype = entry["dtype"]
    if dtype == "str":
        return array.astype(object)
    return array if array.dtype.name == dtype else array.view(dtypes.to_numpy(dtype))
