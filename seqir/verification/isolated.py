"""Verification of a file that nobody vouches for, in a process with limits."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from seqir import errors
from seqir.errors import RunError, SeqirError
from seqir.narrow import is_mapping, is_sequence
from seqir.runtimes import Limits, worker
from seqir.runtimes.process import run, why
from seqir.verification.data import Data
from seqir.verification.report import OutputReport, Report, RuntimeReport

MEMORY: Final = 4.0
"""GiB that a process may take if nothing is said."""

_START: Final = 20.0
"""Seconds for what each process does before it can do anything."""


def apart(
    path: str | os.PathLike[str],
    on: Sequence[str],
    data: Data | None,
    tol: float | None,
    limits: Limits,
) -> Report:
    """What `verify` gives, computed by a process of its own.

    Raises: what `verify` raises, and RunError for a process that died or was stopped.
    """
    with tempfile.TemporaryDirectory(prefix="seqir-") as name:
        folder = Path(name)
        named = is_mapping(data)
        alone = data is not None and not named and not is_sequence(data)
        given: Any = [data] if alone else data or ()
        arrays = given.items() if named else enumerate(given)
        request = {
            "path": os.path.abspath(path),
            "on": on,
            "named": named,
            "data": [
                [key, worker.encoded(folder / f"data{i}.npy", np.asarray(array))]
                for i, (key, array) in enumerate(arrays)
            ],
            "given": data is not None,
            "tol": tol,
            "seconds": limits.seconds,
            "memory": limits.memory,
        }
        (folder / "request.json").write_text(json.dumps(request))
        # As much again for what is right, and for reading the file and its sizes.
        patience = Limits(limits.seconds * (2 + len(on)) + _START, limits.memory)
        root = str(Path(worker.__file__).parents[2])
        places = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        ended = run(
            [sys.executable, "-P", "-m", "seqir.verification", name],
            patience,
            {"PYTHONPATH": os.pathsep.join(places)},
        )
        try:
            answer: dict[str, Any] = json.loads((folder / "answer.json").read_text())
        except (OSError, ValueError):
            reason = why(ended, "", patience)
            raise RunError(f"{os.fspath(path)} was not verified: {reason}") from None
    if "error" in answer:
        kind: type[SeqirError] = getattr(errors, answer["error"])
        raise kind(answer["message"])
    return _report(answer)


def _report(answer: dict[str, Any]) -> Report:
    """The report that became plain data."""
    del answer["passed"]
    for runtime in answer["runtimes"]:
        for output in runtime["outputs"]:
            del output["right"]
        runtime["outputs"] = [OutputReport(**each) for each in runtime["outputs"]]
    answer["runtimes"] = [RuntimeReport(**each) for each in answer["runtimes"]]
    return Report(**answer)
