"""Every function of `seqir.ops` against `keras.ops`, on arrays and traced."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras")

from function_cases import CASES, NEEDS_SIZES, ORACLES, UNTRACED, Case  # noqa: E402
from keras.src.backend.common import dtypes as keras_dtypes  # noqa: E402

from seqir import nest, ops  # noqa: E402
from seqir.ir import Builder, Graph, evaluate, verify  # noqa: E402
from seqir.ops.tensor import KerasTensor, Traced  # noqa: E402
from seqir.tensortype import TensorType, type_of  # noqa: E402

BATCH = 5


@pytest.fixture(autouse=True)
def _wide_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras keeps 64-bit types on TensorFlow only, seqir always does."""
    monkeypatch.setattr(keras_dtypes, "BIT64_TO_BIT32_DTYPE", {})


FUNCTIONS = sorted(
    name for name in ops.__all__ if inspect.isfunction(getattr(ops, name))
)

each_case = pytest.mark.parametrize(
    ("name", "case"),
    [(name, case) for name, cases in CASES.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else value.id,
)


def oracle(name: str) -> Callable[..., Any]:
    return ORACLES.get(name) or getattr(keras.ops, name)


def assert_same(found: Any, wanted: Any, rtol: float = 1e-5) -> None:
    ours, theirs = nest.flatten(found), nest.flatten(wanted)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol, max(rtol / 10, 1e-6))
        else:
            np.testing.assert_array_equal(a, b)


def is_array(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray)


def call(name: str, case: Case, leaves: list[Any]) -> Any:
    args, kwargs = nest.pack((case.args, case.kwargs), leaves)
    return getattr(ops, name)(*args, **kwargs)


@each_case
def test_arrays_give_what_keras_gives(name: str, case: Case) -> None:
    with np.errstate(all="ignore"):
        wanted = oracle(name)(*case.args, **case.kwargs)
    found = getattr(ops, name)(*case.args, **case.kwargs)
    assert_same(found, wanted, case.rtol)


def trace(name: str, case: Case, *, symbolic: bool = False) -> tuple[Graph, Any]:
    b = Builder(name)

    def traced(leaf: Any) -> Any:
        if not is_array(leaf):
            return leaf
        t = type_of(leaf)
        if symbolic:
            t = t.with_shape(tuple("batch" if d == BATCH else d for d in t.shape))
        return Traced(b, b.input(f"x{len(b.inputs)}", t))

    leaves = [traced(v) for v in nest.flatten((case.args, case.kwargs))]
    with b.active():
        result = call(name, case, leaves)
    assert all(isinstance(y, Traced) for y in nest.flatten(result))
    outputs = {f"y{i}": y.value for i, y in enumerate(nest.flatten(result))}
    return verify(b.finish(outputs)), result


def run(graph: Graph, case: Case) -> list[Any]:
    arrays = [v for v in nest.flatten((case.args, case.kwargs)) if is_array(v)]
    found = evaluate(graph, {f"x{i}": a for i, a in enumerate(arrays)})
    return list(found.values())


def is_traceable(name: str, case: Case) -> bool:
    leaves = nest.flatten((case.args, case.kwargs))
    return name not in UNTRACED and any(map(is_array, leaves))


@each_case
def test_traced_values_give_what_arrays_give(name: str, case: Case) -> None:
    if not is_traceable(name, case):
        return
    graph, result = trace(name, case)
    wanted = getattr(ops, name)(*case.args, **case.kwargs)
    assert_same(run(graph, case), nest.flatten(wanted), max(case.rtol, 1e-6))
    for y, array in zip(nest.flatten(result), nest.flatten(wanted), strict=True):
        assert y.type == type_of(np.asarray(array))


@each_case
def test_an_unknown_batch_changes_nothing(name: str, case: Case) -> None:
    if not is_traceable(name, case) or name in NEEDS_SIZES:
        return
    graph, _ = trace(name, case, symbolic=True)
    wanted = getattr(ops, name)(*case.args, **case.kwargs)
    assert_same(run(graph, case), nest.flatten(wanted), max(case.rtol, 1e-6))


@each_case
def test_tensors_of_a_model_record_a_call(name: str, case: Case) -> None:
    if not is_traceable(name, case):
        return
    leaves = [
        KerasTensor(type_of(v), "x") if is_array(v) else v
        for v in nest.flatten((case.args, case.kwargs))
    ]
    result = nest.flatten(call(name, case, leaves))
    wanted = nest.flatten(getattr(ops, name)(*case.args, **case.kwargs))
    assert len(result) == len(wanted)
    for y, array in zip(result, wanted, strict=True):
        assert isinstance(y, KerasTensor)
        assert y.type == type_of(np.asarray(array))
        assert y.call is not None
        assert y.call.target.function.__name__ == getattr(ops, name).__name__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_case(name: str) -> None:
    assert name in CASES


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_one_of_keras(name: str) -> None:
    assert name in ORACLES or hasattr(keras.ops, name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_are_named_as_in_keras(name: str) -> None:
    theirs = getattr(keras.ops, name, None)
    if theirs is None:
        return
    ours = inspect.signature(getattr(ops, name)).parameters
    wanted = inspect.signature(theirs).parameters
    for p, q in zip(ours.values(), wanted.values(), strict=False):
        assert p.name == q.name
        assert p.default == q.default


def test_all_is_sorted_and_complete() -> None:
    assert len(set(ops.__all__)) == len(ops.__all__)
    for name in FUNCTIONS:
        assert getattr(ops, name).__doc__, name


def test_types_of_nothing_are_refused() -> None:
    assert TensorType("float32", (2,)).size == 2
