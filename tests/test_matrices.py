"""Systems of equations and factors of matrices: gradients, files, exactness."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "numpy")
pytest.importorskip("keras")
pytest.importorskip("onnxruntime")

import function_checks as checks
from function_cases import Case
from matrix_cases import BAD_CALLS, CASES, SINGULAR, positive, regular

import seqir
from seqir import ops
from seqir.errors import SeqirError


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_slopes(name: str) -> None:
    for case in CASES[name]:
        if is_smooth(name, case):
            checks.slope_of_values(getattr(ops, name), case, 1e-5)


def is_smooth(name: str, case: Case) -> bool:
    """Whether nothing jumps: ranks of singular matrices, signs of diagonal ones."""
    matrix = case.args[0]
    if name == "qr":
        return matrix.all() and case.kwargs.get("mode") != "complete"
    return bool(np.all(np.linalg.matrix_rank(matrix) == matrix.shape[-1]))


@pytest.mark.parametrize("name", CASES)
def test_files_give_what_arrays_give(name: str) -> None:
    for case in CASES[name]:
        checks.same_in_files(getattr(ops, name), case)


@pytest.mark.parametrize(("name", "args", "match"), BAD_CALLS)
def test_bad_arguments_say_what_is_wrong(name: str, args: Any, match: str) -> None:
    with pytest.raises(SeqirError, match=re.escape(match)):
        getattr(ops, name)(*args)


@pytest.mark.parametrize("n", [16, 48])
def test_large_systems_are_as_exact_as_float32_allows(n: int) -> None:
    a, b = regular(n, n), np.ones((n, 1), np.float32)
    wanted = np.linalg.solve(a.astype(np.float64), b)
    scale = np.linalg.cond(a) * np.abs(wanted).max()
    assert np.abs(ops.solve(a, b) - wanted).max() < 3e-7 * scale
    q, r = ops.qr(a)
    assert np.abs(q @ r - a).max() < 1e-5
    assert np.abs(np.asarray(q).T @ q - np.eye(n)).max() < 1e-5
    lower = ops.cholesky(positive(n, n))
    assert np.abs(lower @ np.asarray(lower).T - positive(n, n)).max() < 1e-6 * n * n


def test_systems_without_a_solution_are_not_finite() -> None:
    assert not np.isfinite(ops.inv(SINGULAR)).all()
    assert not np.isfinite(ops.solve(SINGULAR, np.ones(3, np.float32))).all()
    assert np.isnan(ops.cholesky(-np.eye(2, dtype=np.float32))).any()
    assert ops.logdet(SINGULAR) == -np.inf


def test_matrices_of_unknown_sizes_are_refused() -> None:
    with pytest.raises(SeqirError, match="det takes matrices of a known size, got"):
        ops.det(seqir.Input((None, None)))


def test_half_precision_is_computed_in_float32() -> None:
    a = regular(3, 3)
    found = ops.inv(a.astype(np.float16))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, np.linalg.inv(a), 1e-2, 1e-2)
