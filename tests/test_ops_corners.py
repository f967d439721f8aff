"""The functions of `seqir.ops` at the edges, on arrays and run by ONNX Runtime."""

from __future__ import annotations

import copy
import os
import re
import warnings
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras")

from function_corners import (  # noqa: E402
    CORNERS,
    INF,
    NAN,
    NARROW,
    REFUSED,
    Case,
    narrow,
    x,
)
from keras.src.backend.common import dtypes as keras_dtypes  # noqa: E402

from seqir import nest, ops, passes  # noqa: E402
from seqir.errors import SeqirError, UnsupportedError  # noqa: E402
from seqir.ir import Graph, Trace, evaluate, verify  # noqa: E402
from seqir.lower import lower, to_proto  # noqa: E402
from seqir.ops.tensor import Traced  # noqa: E402
from seqir.tensortype import type_of  # noqa: E402

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
ort = pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def _wide_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras keeps 64-bit types on TensorFlow only, seqir always does."""
    monkeypatch.setattr(keras_dtypes, "BIT64_TO_BIT32_DTYPE", {})


each_case = pytest.mark.parametrize(
    ("name", "case"),
    [(name, case) for name, cases in CORNERS.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else value.id,
)


def assert_same(found: Any, wanted: Any, rtol: float) -> None:
    ours, theirs = nest.flatten(found), nest.flatten(wanted)
    assert len(ours) == len(theirs)
    for a, b in zip(map(np.asarray, ours), map(np.asarray, theirs), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol, max(rtol / 10, 1e-6))
        else:
            np.testing.assert_array_equal(a, b)


def wanted(name: str, case: Case) -> Any:
    args, kwargs = copy.deepcopy((case.args, case.kwargs))  # which Keras writes into
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "get_item":
            return args[0][args[1]]
        return getattr(keras.ops, name)(*args, **kwargs)


@each_case
def test_arrays_give_what_keras_gives_without_warnings(name: str, case: Case) -> None:
    expected = wanted(name, case)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = getattr(ops, name)(*case.args, **case.kwargs)
    assert_same(found, expected, case.rtol)


def traced(name: str, case: Case) -> tuple[Graph, dict[str, Any]]:
    """The call as a graph, of which operands that are float arrays are inputs."""
    b, given = Trace(name), {}

    def operand(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray) or leaf.dtype.kind != "f":
            return leaf
        key = f"x{len(given)}"
        given[key] = leaf
        return Traced(b, b.input(key, type_of(leaf)))

    args, kwargs = nest.map_structure(operand, (case.args, case.kwargs))
    with b.active():
        found = nest.flatten(getattr(ops, name)(*args, **kwargs))
    return verify(b.finish({f"y{i}": y.value for i, y in enumerate(found)})), given


NO_ORT = {"arcsinh", "celu", "expm1", "elu", "leaky_relu", "log1p", "tanh", "cross"}
"""Functions that ONNX Runtime lacks in float64."""


@each_case
def test_a_file_computes_what_keras_computes(name: str, case: Case) -> None:
    arrays = nest.flatten((case.args, case.kwargs))
    if not any(isinstance(v, np.ndarray) and v.dtype.kind == "f" for v in arrays):
        return
    graph, given = traced(name, case)
    graph = passes.run(graph, passes.INFERENCE)
    if name in NO_ORT and "float64" in {v.dtype.name for v in given.values()}:
        found = list(evaluate(graph, given).values())
    else:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        proto = to_proto(lower(graph, opset=18)).SerializeToString()
        found = ort.InferenceSession(proto, options).run(None, given)
    assert_same(found, wanted(name, case), case.rtol)


@pytest.mark.parametrize(("name", "more"), NARROW)
def test_bfloat16_stays_bfloat16(name: str, more: tuple[Any, ...]) -> None:
    found = getattr(ops, name)(narrow("bfloat16"), *more)
    wanted = getattr(ops, name)(narrow(), *more)
    assert found.dtype.name == "bfloat16"
    np.testing.assert_allclose(found.astype("float32"), wanted, 3e-2, 2e-2)


def test_what_is_not_a_number_is_never_on_top() -> None:
    rows = np.array([[NAN, 1], [1, NAN], [INF, 1], [1, -INF]], "float32")
    found = ops.in_top_k(np.array([0, 1, 0, 1]), rows, 1)
    np.testing.assert_array_equal(found, [False, False, True, False])


@pytest.mark.parametrize(
    ("start", "shape"),
    [
        ((0, 0), (-1, -1)),
        ((1, 1), (-1, 2)),
        ((1, 1), (1, -1)),
        ([0, 3], np.array([2, -1])),
    ],
)
def test_a_slice_of_minus_one_is_all_that_follows(start: Any, shape: Any) -> None:
    array = x(3, 4)
    key = tuple(
        slice(b, None if n == -1 else b + n) for b, n in zip(start, shape, strict=True)
    )
    np.testing.assert_array_equal(ops.slice(array, start, shape), array[key])


def test_blocks_over_an_end_are_moved_back() -> None:
    array = x(3, 4)  # as `jax.lax.dynamic_slice` does, which Keras calls
    np.testing.assert_array_equal(ops.slice(array, (2, 3), (2, 2)), array[1:, 2:])
    y = ops.slice_update(array, (2, 3), np.zeros((2, 2), "float32"))
    np.testing.assert_array_equal(y[1:, 2:], 0)
    np.testing.assert_array_equal(y[0], array[0])


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "match"),
    REFUSED,
    ids=[f"{name}-{match}" for name, _, _, match in REFUSED],
)
def test_wrong_arguments_are_refused_in_a_sentence(
    name: str, args: Any, kwargs: Any, match: str
) -> None:
    with pytest.raises(SeqirError, match=re.escape(match)):
        getattr(ops, name)(*args, **kwargs)


def test_files_of_old_opsets_say_which_one_a_scatter_needs() -> None:
    (case, *_) = CORNERS["scatter_update"]
    graph, _ = traced("scatter_update", case)
    with pytest.raises(UnsupportedError, match="needs opset 18, got 17: export with"):
        lower(graph, opset=17)
