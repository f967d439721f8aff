"""Run a model on several runtimes and compare what comes out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seqir.errors import ArgumentError, MissingPackageError, RunError
from seqir.export.exporter import export, unoptimized
from seqir.export.verify import Case, cases_of, run_of
from seqir.ir import Array
from seqir.network.base import Network
from seqir.runtimes import NAMES, Limits, Spec, compute, parse
from seqir.runtimes.environments import Environment, find, install_line
from seqir.runtimes.environments import install as setup
from seqir.verification.compare import ALLOWED, compare, shown
from seqir.verification.data import Data, checked, sizes_of
from seqir.verification.draw import draw
from seqir.verification.file import OnnxFile
from seqir.verification.precision import narrowest
from seqir.verification.report import Report, RuntimeReport
from seqir.verification.sizes import candidates
from seqir.verification.types import infer

REPEATS = 5
"""How often a run is repeated for its time."""

_TRIES = (1, 12, 24, 12, 12)
"""How many sizes one process tries after the other, until a file takes one."""


@dataclass(frozen=True)
class Subject:
    """A file, inputs for it, and what comes out."""

    shown: str
    file: OnnxFile
    truth: str
    cases: list[Case]


def verify(
    model: Network | str | os.PathLike[str],
    on: str | Sequence[str] | None = None,
    data: Data | None = None,
    tol: float | None = None,
    *,
    install: bool = False,
    timeout: float = 600.0,
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
        timeout: seconds after which a runtime is stopped.

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
    for spec in specs if install else ():
        if find(spec) is None:
            setup(spec)
    limits = Limits(timeout)
    with tempfile.TemporaryDirectory(prefix="seqir-") as folder:
        if isinstance(model, Network):
            subject = _of_model(model, Path(folder), data)
        else:
            subject = _of_file(OnnxFile.read(model), data, limits)
        first = {name: shown(x) for name, x in subject.cases[0].feeds.items()}
        file = subject.file
        precision = narrowest(file, infer(file, sizes_of(file, subject.cases[0].feeds)))
        allowed = ALLOWED[precision] if tol is None else tol
        reports = [_on(spec, subject, allowed, limits) for spec in specs]
    report = Report(
        subject.shown, subject.truth, precision, first, len(subject.cases), reports
    )
    if all(r.verdict == "absent" for r in reports):
        lines = "; ".join(f"{r.name}: {r.reason}" for r in reports)
        raise MissingPackageError(f"none of the runtimes is installed ({lines})")
    return report


def _on(spec: Spec, subject: Subject, allowed: float, limits: Limits) -> RuntimeReport:
    """The model on one runtime."""
    environment = find(spec)
    if environment is None:
        return RuntimeReport(str(spec), "absent", reason=install_line(spec))
    with tempfile.TemporaryDirectory(prefix="seqir-") as folder:
        path, cases = subject.file.path, subject.cases
        if "static" in spec.runtime.NEEDS and subject.file.symbols:
            cases = cases[:1]
            path = subject.file.write_fixed(
                Path(folder), sizes_of(subject.file, cases[0].feeds)
            )
        answer = compute(
            environment,
            path,
            [case.feeds for case in cases],
            repeats=REPEATS,
            limits=limits,
        )
    wanted = [case.wanted for case in cases[: len(answer.results)]]
    outputs = compare([r.outputs for r in answer.results], wanted, allowed)
    wrong = not all(output.right for output in outputs)
    return RuntimeReport(
        str(spec),
        "wrong" if wrong else "refused" if answer.reason else "right",
        environment.version,
        answer.reason,
        answer.unsupported,
        outputs,
        *([answer.results[0].seconds] if answer.results else []),
        cases=len(answer.results),
    )


def _of_model(model: Network, folder: Path, data: Data | None) -> Subject:
    """A model as a file, and what its graph gives before any pass."""
    path = folder / "model.onnx"
    export(model, path, verify=False)
    file = OnnxFile.read(path)
    plain = unoptimized(model)
    run = run_of(plain.graph, reference=False)
    if data is None:
        cases = list(cases_of(plain.graph, run, plain.pixels, plain.fed))
    else:
        feeds = checked(file, data)
        cases = [Case(feeds, run(feeds))]
    return Subject(f"model {model.name!r}", file, "its unoptimized graph", cases)


def _of_file(file: OnnxFile, data: Data | None, limits: Limits) -> Subject:
    """A file, and what ONNX Runtime gives without optimizations."""
    environment = find(Spec("onnxruntime"))
    if environment is None:
        raise MissingPackageError(
            "what is right for a file is what onnxruntime gives, which is not "
            'installed; type `pip install "seqir[cpu]"`'
        )
    shown = str(file.path)
    truth = "onnxruntime without optimizations"
    if data is not None:
        case, reason = _right(environment, file, [checked(file, data)], limits)
        if case is None:
            raise RunError(f"onnxruntime cannot run {shown} with the data: {reason}")
        return Subject(shown, file, truth, [case])
    tried = candidates(file)
    reason = ""
    for count in _TRIES:
        feeds = [draw(file, sizes) for sizes in islice(tried, count)]
        case, reason = _right(environment, file, feeds, limits)
        if case is not None:
            return Subject(shown, file, truth, [case])
        if not file.symbols:
            break
    raise RunError(
        f"onnxruntime cannot run {shown} with inputs that were drawn for it: {reason}; "
        "give inputs as data"
    )


def _right(
    environment: Environment,
    file: OnnxFile,
    feeds: Sequence[dict[str, Array]],
    limits: Limits,
) -> tuple[Case | None, str]:
    """The first inputs that run and what is right for them, or None and why not."""
    answer = compute(
        environment,
        file.path,
        feeds,
        first=True,
        limits=limits,
        options={"optimize": False},
    )
    for found in answer.results:
        return Case(feeds[found.case], found.outputs), ""
    return None, answer.reason
