"""Fourier transforms and sliding windows: gradients, files, unknown sizes."""

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
from function_cases import Case, x
from signal_cases import BAD_CALLS, CASES, pair

import seqir
from seqir import ops
from seqir.errors import SeqirError, UnsupportedError

each_case = pytest.mark.parametrize(
    ("name", "case"),
    [(name, case) for name, cases in CASES.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else value.id,
)


@each_case
def test_gradients_are_slopes(name: str, case: Case) -> None:
    if checks.has_slope(case):
        checks.slope_of_values(getattr(ops, name), case)


@each_case
def test_files_give_what_arrays_give(name: str, case: Case) -> None:
    checks.same_in_files(getattr(ops, name), case)


@pytest.mark.parametrize(("name", "args", "match"), BAD_CALLS)
def test_bad_arguments_say_what_is_wrong(name: str, args: Any, match: str) -> None:
    with pytest.raises(SeqirError, match=re.escape(match)):
        getattr(ops, name)(*args)


@pytest.mark.parametrize("n", [16, 521, 600, 1000, 1024])
def test_transforms_are_as_exact_as_float32_allows(n: int) -> None:
    real, imag = pair(3, n)
    wanted = np.fft.fft(real.astype(np.float64) + 1j * imag)
    found = ops.fft((real, imag))
    error = np.abs(found[0] + 1j * found[1] - wanted).max()
    assert error < 1e-6 * np.abs(wanted).max()


def test_spectra_of_unknown_lengths_come_back() -> None:
    samples = seqir.Input((None,))
    spectrum = ops.stft(samples, 16, 4, 16)
    back = ops.istft(spectrum, 16, 4, 16)
    model = seqir.Model(samples, [*spectrum, back])
    for n in (32, 64):
        signal = x(2, n)
        real, imag, y = model.predict(signal, verbose=0)
        assert real.shape == imag.shape == (2, n // 4 + 1, 9)
        np.testing.assert_allclose(real, ops.stft(signal, 16, 4, 16)[0], 1e-5, 1e-5)
        np.testing.assert_allclose(y, signal, 1e-5, 1e-5)


def test_windows_of_unknown_sizes_are_counted_by_the_run() -> None:
    images, samples = seqir.Input((2, None, 6)), seqir.Input((None,))
    results = [ops.unfold(images, (2, 3)), ops.extract_sequences(samples, 4, 3)]
    model = seqir.Model([images, samples], results)
    for n in (4, 7):
        given = [x(3, 2, n, 6), x(3, n)]
        columns, parts = model.predict(given, verbose=0)
        np.testing.assert_array_equal(columns, ops.unfold(given[0], (2, 3)))
        np.testing.assert_array_equal(parts, ops.extract_sequences(given[1], 4, 3))


@pytest.mark.parametrize("name", ["fft", "rfft"])
def test_transforms_of_unknown_sizes_are_refused(name: str) -> None:
    t = seqir.Input((None,))
    with pytest.raises(UnsupportedError, match=r"needs a known size of axis -1, got"):
        getattr(ops, name)(t if name == "rfft" else (t, t))
