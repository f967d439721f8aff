"""Functions composed of many operators: in ONNX Runtime, and with their gradients."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "numpy")
pytest.importorskip("keras")

import function_checks as checks
from function_cases import Case, x
from number_cases import CASES

import seqir
from seqir import ops
from seqir.errors import SeqirError, explain

KERNELS = {"float32", "int32", "int64", "bool"}
"""Types that ONNX Runtime has every one of the operators for."""


@pytest.mark.parametrize("name", CASES)
def test_files_give_what_arrays_give(name: str) -> None:
    for case in CASES[name]:
        types = {a.dtype.name for a in checks.arrays(case)}
        if types and types <= KERNELS:
            checks.same_in_files(getattr(ops, name), case)


def d(*shape: int, low: float = -2, high: float = 2) -> Any:
    return x(*shape, dtype="float64", low=low, high=high)


SLOPES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "fabs": (ops.fabs, (d(5),)),
    "fmin": (ops.fmin, (d(5), d(5, low=-1))),
    "fmax": (ops.fmax, (d(5), d(5, low=-1))),
    "ldexp": (lambda a: ops.ldexp(a, np.array([1, -2, 3])), (d(3),)),
    "logaddexp2": (ops.logaddexp2, (d(5), d(5, low=-1))),
    "sinc": (ops.sinc, (d(5),)),
    "erfinv": (ops.erfinv, (d(6, low=-0.95, high=0.95),)),
    "i0": (ops.i0, (np.array([-9.5, -3.0, -0.5, 0.0, 2.0, 7.0, 12.0]),)),
    "angle": (lambda a: a * ops.angle(a), (d(5),)),
    "real": (lambda a: ops.real(a) * ops.conj(a) + ops.imag(a), (d(5),)),
    "cdist": (ops.cdist, (d(3, 2), d(4, 2))),
    "quantile": (lambda a: ops.quantile(a, np.array([0.3, 0.8]), 1), (d(3, 4),)),
    "nanmedian": (lambda a: ops.nanmedian(a, 1), (d(3, 4),)),
    "cumprod": (lambda a: ops.cumprod(a, 1), (d(2, 5),)),
    "segment_max": (lambda a: ops.segment_max(a, np.array([0, 1, 0]), 2), (d(3, 2),)),
    "segment_prod": (lambda a: ops.segment_prod(a, np.array([0, 1, 0]), 2), (d(3),)),
    "vander": (ops.vander, (d(3, low=0.5),)),
    "corrcoef": (lambda a: ops.square(ops.corrcoef(a)), (d(3, 5),)),
    "correlate": (lambda a, b: ops.correlate(a, b, "full"), (d(6), d(3))),
    "rearrange": (lambda a: ops.rearrange(a, "a b -> (b a)") ** 2, (d(2, 3),)),
    "adaptive_average_pool": (
        lambda a: ops.square(ops.adaptive_average_pool(a, 3)),
        (d(1, 7, 2),),
    ),
    "adaptive_max_pool": (lambda a: ops.adaptive_max_pool(a, 3), (d(1, 7, 2),)),
}


@pytest.mark.parametrize("name", SLOPES)
def test_gradients_are_slopes(name: str) -> None:
    f, arrays = SLOPES[name]

    checks.slope_of_values(f, Case(arrays))


BAD_CALLS: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("bitwise_and", (x(3), x(3)), "bitwise_and takes integers, got float32"),
    ("left_shift", (x(3), 1), "bitwise_left_shift takes integers, got float32"),
    ("ldexp", (x(3), x(3)), "ldexp takes integer exponents, got float32"),
    ("gcd", (x(3), 2), "gcd takes integers, got float32; cast them first"),
    ("quantile", (x(3), 0.5, None, "middle"), "method must be one of ('linear', "),
    ("segment_max", (x(3), np.arange(3)), "segment_max needs num_segments"),
    ("vander", (x(3, 2),), "vander takes a vector, and N if its size is not known"),
    ("correlate", (x(3, 2), x(3)), "correlate takes two vectors, the second of a"),
    ("correlate", (x(3), x(3), "all"), "mode must be 'valid', 'same' or 'full'"),
    ("histogram", (x(3, 2),), "histogram takes a vector, got f32[3, 2]"),
    ("histogram", (x(3), 0), "bins must be a positive number of parts, got 0"),
    ("argpartition", (x(3), 3), "argpartition has no place 3 on an axis of 3"),
    ("bincount", ([1, 2], None, 0, True), "bincount makes no sparse tensors"),
    ("rearrange", (x(3, 2), "a b"), "a pattern is 'axes -> axes', got 'a b'"),
    ("rearrange", (x(3, 2), "a b -> a c"), "must have the same names, each of them"),
    ("rearrange", (x(3, 2), "a (b) c -> a b c"), "is for 3 axes, got 2"),
    ("rearrange", (x(6), "(a b) -> a b"), "the lengths of all but one of a, b"),
    ("rearrange", (x(3, 2), "a b& -> b& a"), "'&' in 'a b& -> b& a' is not a name"),
    (
        "adaptive_max_pool",
        (x(1, 4, 3), (2, 2)),
        "output_size must be an integer >= 1",
    ),
)


@pytest.mark.parametrize(("name", "args", "text"), BAD_CALLS)
def test_bad_arguments_say_what_is_wrong(name: str, args: Any, text: str) -> None:
    with pytest.raises(SeqirError) as caught:
        getattr(ops, name)(*args)
    assert text in str(caught.value)
    assert f"in ops.{name}" in explain(caught.value)


def test_lengths_that_do_not_fit_are_named() -> None:
    with pytest.raises(SeqirError, match="of an axis of size 6, which 4 does not"):
        ops.rearrange(x(6), "(a b) -> a b", a=4)


def test_sizes_that_must_be_known_say_so() -> None:
    from seqir.layers import Input

    unknown = Input((None, 3))
    with pytest.raises(SeqirError, match="cumprod needs an axis of a known size"):
        ops.cumprod(unknown, 1)
    with pytest.raises(SeqirError, match="bincount of a tensor has a size that"):
        ops.bincount(unknown)
    with pytest.raises(SeqirError, match="hanning takes a size that is known"):
        ops.hanning(unknown)


def test_adaptive_windows_follow_sizes_that_only_the_run_knows() -> None:
    t = seqir.Input((None, None, 2))
    pools = [ops.adaptive_average_pool, ops.adaptive_max_pool]
    model = seqir.Model(t, [pool(t, (3, 4)) for pool in pools])
    for size in ((3, 4), (7, 9), (2, 13), (1, 1), (12, 8)):
        a = x(2, *size, 2)
        for found, pool in zip(model.predict(a, verbose=0), pools, strict=True):
            np.testing.assert_allclose(found, pool(a, (3, 4)), rtol=1e-5, atol=1e-6)


def test_functions_come_back_from_a_file(tmp_path: Path) -> None:
    inputs = seqir.Input((4, 4))
    results = [
        ops.quantile(inputs, 0.3, axis=2),
        ops.solve(ops.square(inputs) + np.eye(4, dtype=np.float32), inputs),
        ops.qr(inputs)[1],
        ops.cdist(inputs, inputs),
        ops.fft((inputs, inputs))[0],
        ops.cumprod(inputs, axis=1),
        ops.adaptive_max_pool(inputs, 3),
        ops.bitwise_and(ops.cast(inputs, "int32"), 3),
    ]
    model = seqir.Model(inputs, results)
    model.save(tmp_path / "model.keras")
    loaded = seqir.saving.load_model(tmp_path / "model.keras")
    given = x(2, 4, 4)
    for y, wanted in zip(loaded.predict(given), model.predict(given), strict=True):
        np.testing.assert_array_equal(y, wanted)
