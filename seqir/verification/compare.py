"""How far apart two arrays are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from seqir import dtypes
from seqir.export.verify import TOLERANCE
from seqir.ir import Array
from seqir.tensortype import type_of
from seqir.verification.report import OutputReport

ALLOWED: Final = {**TOLERANCE, "float32": 1e-3, "8 bits": 1e-1, "4 bits": 2e-1}
"""The largest error that is right, relative to the largest magnitude of the output.

Another runtime may sum up in any order, multiply by Winograd's algorithm, and keep
inner values in the precision that the model has: what counts is the narrowest in it.
"""

Pair = tuple[Array, Array]
"""What was found, and what is right."""


def compare(
    found: Iterable[Mapping[str, Array]],
    wanted: Iterable[Mapping[str, Array]],
    allowed: float,
) -> list[OutputReport]:
    """The largest errors of each output over all cases; `wanted` says which there are.

    NaN equals NaN.
    """
    reports: dict[str, OutputReport] = {}
    for mine, right in zip(found, wanted, strict=True):
        for name, y in right.items():
            report = _one(name, mine.get(name), y, allowed)
            before = reports.get(name)
            if before is None or _badness(report) > _badness(before):
                reports[name] = report
    return list(reports.values())


def _badness(report: OutputReport) -> tuple[bool, float]:
    worst = math.inf if math.isnan(report.relative) else report.relative
    return (bool(report.fault), worst)


def _one(name: str, found: Array | None, wanted: Array, allowed: float) -> OutputReport:
    kind = shown(wanted)
    if found is None:
        return OutputReport(name, kind, 0, 0, 0, allowed, "is missing")
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        fault = f"is {shown(found)}, and should be {kind}"
        return OutputReport(name, kind, 0, 0, 0, allowed, fault)
    dtype = wanted.dtype.name
    if dtype not in dtypes.FLOATS:
        wrong = int(np.count_nonzero(found != wanted))
        if wanted.dtype.kind in "iu" and allowed >= ALLOWED["8 bits"]:
            # Where values are rounded to few, the next of them is as good.
            off = _largest(found.astype(np.float64) - wanted.astype(np.float64))
            relative = off / max(1.0, _largest(wanted))
        else:
            off = relative = float(wrong > 0)
        return OutputReport(name, kind, off, relative, wrong, allowed)
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        off = np.where(same, 0.0, a - b)
    absolute = float(np.max(np.abs(off), initial=0.0))
    largest = _largest(b[np.isfinite(b)])
    relative = absolute / largest if largest else absolute
    steps = float(np.max(np.where(same, 0.0, _steps(found, wanted)), initial=0.0))
    return OutputReport(name, kind, absolute, relative, steps, allowed)


def shown(array: Array) -> str:
    """Element type and shape of an array, whatever the type."""
    if array.dtype.kind in "OUS":
        return f"str{[*array.shape]}"
    if array.dtype.name in dtypes.ALL:
        return str(type_of(array))
    return f"{array.dtype.name}{[*array.shape]}"


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array.astype(np.float64)), initial=0.0))


def _steps(a: Array, b: Array) -> Array:
    """How many values of their type lie between two arrays."""
    bits = a.dtype.itemsize * 8
    sign = 1 << (bits - 1)

    def place(x: Array) -> Array:
        # As integers, floating-point values have their order, those below 0 reversed.
        raw: Array = np.ascontiguousarray(x).view(f"u{a.dtype.itemsize}")
        number: Array = (raw & (sign - 1)).astype(np.float64)
        return np.where(raw & sign, -number, number)

    return np.abs(place(a) - place(b))
