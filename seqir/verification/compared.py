"""What runtimes make of a subject, beside what is right."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seqir.errors import MissingPackageError, RunError
from seqir.export.exporter import export, unoptimized
from seqir.export.verify import Case, cases_of, run_of
from seqir.ir import Array
from seqir.network.base import Network
from seqir.runtimes import Answer, Limits, Spec, compute
from seqir.runtimes.environments import Environment, find, install_line
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


def compared(
    model: Network | str | os.PathLike[str],
    specs: Sequence[Spec],
    data: Data | None,
    tol: float | None,
    limits: Limits,
) -> Report:
    """A model on runtimes; see `verify` for the arguments.

    Raises: what `verify` raises.
    """
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
    return Report(
        subject.shown, subject.truth, precision, first, len(subject.cases), reports
    )


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
        feeds = [checked(file, data)]
        case, answer = _right(environment, file, feeds, limits)
        if case is None:
            raise RunError(
                f"onnxruntime cannot run {shown} with the data: {answer.reason}"
            )
        return Subject(shown, file, truth, [case])
    tried = candidates(file)
    reason = ""
    for count in _TRIES:
        feeds = [draw(file, sizes) for sizes in islice(tried, count)]
        case, answer = _right(environment, file, feeds, limits)
        if case is not None:
            return Subject(shown, file, truth, [case])
        reason = answer.reason
        if answer.stopped or not file.symbols:
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
) -> tuple[Case | None, Answer]:
    """The first inputs that run and what is right for them, or None."""
    answer = compute(
        environment,
        file.path,
        feeds,
        first=True,
        limits=limits,
        options={"optimize": False},
    )
    for found in answer.results:
        return Case(feeds[found.case], found.outputs), answer
    return None, answer
