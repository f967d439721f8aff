"""Does a model, or any ONNX file, compute the same on other runtimes?"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

from seqir.errors import ArgumentError, MissingPackageError
from seqir.network.base import Network
from seqir.runtimes import NAMES, Limits, parse
from seqir.runtimes.environments import find
from seqir.runtimes.environments import install as setup
from seqir.verification.compared import compared
from seqir.verification.data import Data
from seqir.verification.isolated import MEMORY, apart
from seqir.verification.report import Report


def verify(
    model: Network | str | os.PathLike[str],
    on: str | Sequence[str] | None = None,
    data: Data | None = None,
    tol: float | None = None,
    *,
    install: bool = False,
    isolated: bool = False,
    timeout: float = 600.0,
    memory: float | None = None,
) -> Report:
    """Compare what runtimes make of a model, or of any ONNX file.

    A model is exported, and right is what its graph gives before any pass. Of a file
    that is right which ONNX Runtime gives without its optimizations. Each runtime runs
    in a process of its own.

    Args:
        model: a model, or the path of an ONNX file.
        on: names of runtimes, ``"openvino"``, or ``"onnxruntime==1.20.1"`` for a
            certain release; None for all that are installed. One that is not there is
            reported so.
        data: arrays by input; None draws them: indices within their tables, sizes that
            the model can take, values of the range in which it tells apart.
        tol: the largest error that is right, relative to the largest magnitude of the
            output; None for what the narrowest type in the model allows.
        install: whether a runtime that is not there is installed, into an environment
            of its own in seqir's folder of caches (``$SEQIR_HOME``).
        isolated: for a file of strangers: it is read in a process of its own as well,
            and no process takes more than `memory`, where the system can hold it to
            that (Linux).
        timeout: seconds after which a runtime is stopped.
        memory: GiB of data that each process may have; None is 4 with `isolated`, and
            as much as there is without.

    Raises: ArgumentError for a runtime that is not known and data that does not fit,
        LoadError for a file that cannot be read, RunError if no runtime ran or nothing
        can say what is right, MissingPackageError if none is installed.
    """
    names = [on] if isinstance(on, str) else on
    specs = [parse(name) for name in (NAMES if names is None else names)]
    if not specs:
        raise ArgumentError(f"on names no runtime; there are {', '.join(NAMES)}")
    if names is None:
        specs = [spec for spec in specs if find(spec)]
    if tol is not None and not tol >= 0:
        raise ArgumentError(f"tol is {tol}; an error is 0 or more")
    for name, value in (("timeout", timeout), ("memory", memory)):
        if value is not None and not 0 < value < math.inf:
            raise ArgumentError(f"{name} is {value}; use a positive number")
    for spec in specs if install else ():
        if find(spec) is None:
            setup(spec)
    if memory is None and isolated:
        memory = MEMORY
    room = None if memory is None else int(memory * 2**30)
    limits = Limits(timeout, room)
    if isolated and not isinstance(model, Network):
        report = apart(model, [str(spec) for spec in specs], data, tol, limits)
    else:
        report = compared(model, specs, data, tol, limits)
    if all(r.verdict == "absent" for r in report.runtimes):
        lines = "; ".join(f"{r.name}: {r.reason}" for r in report.runtimes)
        raise MissingPackageError(f"none of the runtimes is installed ({lines})")
    return report
