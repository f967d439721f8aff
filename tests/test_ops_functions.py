"""Every function of `seqir.ops` against `keras.ops`, on arrays and traced."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras")

from array_cases import CASES as ARRAY_CASES  # noqa: E402
from array_cases import ORACLES as ARRAY_ORACLES  # noqa: E402
from bad_calls import BAD_CALLS  # noqa: E402
from function_cases import CASES as PLAIN_CASES  # noqa: E402
from function_cases import COUNTED_BY_THE_RUN, UNTRACED, Case, x  # noqa: E402
from function_cases import ORACLES as PLAIN_ORACLES  # noqa: E402
from keras.src.backend.common import dtypes as keras_dtypes  # noqa: E402
from matrix_cases import CASES as MATRIX_CASES  # noqa: E402
from matrix_cases import ORACLES as MATRIX_ORACLES  # noqa: E402
from network_cases import CASES as NETWORK_CASES  # noqa: E402
from network_cases import ORACLES as NETWORK_ORACLES  # noqa: E402
from number_cases import CASES as NUMBER_CASES  # noqa: E402
from number_cases import ORACLES as NUMBER_ORACLES  # noqa: E402
from signal_cases import CASES as SIGNAL_CASES  # noqa: E402
from signal_cases import ORACLES as SIGNAL_ORACLES  # noqa: E402

from seqir import nest, ops, shapes  # noqa: E402
from seqir.errors import (  # noqa: E402
    ArgumentError,
    DTypeError,
    GraphError,
    SeqirError,
    ShapeError,
    UnsupportedError,
)
from seqir.ir import Graph, Trace, evaluate, verify  # noqa: E402
from seqir.naming import check_name  # noqa: E402
from seqir.operators.barrier import StopGradient  # noqa: E402
from seqir.operators.unary import Function  # noqa: E402
from seqir.ops import changes, custom, flow, rules  # noqa: E402
from seqir.ops.apply import apply  # noqa: E402
from seqir.ops.size import dim_of  # noqa: E402
from seqir.ops.tensor import KerasTensor, Traced  # noqa: E402
from seqir.ops.variable import Variable  # noqa: E402
from seqir.tensortype import TensorType, type_of  # noqa: E402

BATCH = 5
CASES = PLAIN_CASES | ARRAY_CASES | NETWORK_CASES
CASES |= NUMBER_CASES | MATRIX_CASES | SIGNAL_CASES  # pyright: ignore[reportConstantRedefinition]
ORACLES = PLAIN_ORACLES | ARRAY_ORACLES | NETWORK_ORACLES
ORACLES |= NUMBER_ORACLES | MATRIX_ORACLES | SIGNAL_ORACLES  # pyright: ignore[reportConstantRedefinition]


@pytest.fixture(autouse=True)
def _wide_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras keeps 64-bit types on TensorFlow only, seqir always does."""
    monkeypatch.setattr(keras_dtypes, "BIT64_TO_BIT32_DTYPE", {})


FUNCTIONS = sorted(
    name
    for name in {*ops.__all__} - {*flow.__all__, *custom.__all__}  # see test_flow.py
    if inspect.isfunction(getattr(ops, name))
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
    b = Trace(name)

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


def assert_same_type(name: str, found: Any, array: Any) -> None:
    wanted = type_of(np.asarray(array))
    assert found.type.dtype == wanted.dtype
    if name in COUNTED_BY_THE_RUN:
        assert shapes.agree(found.type.shape, wanted.shape)
    else:
        assert found.type.shape == wanted.shape


@each_case
def test_traced_values_give_what_arrays_give(name: str, case: Case) -> None:
    if not is_traceable(name, case):
        return
    graph, result = trace(name, case)
    wanted = getattr(ops, name)(*case.args, **case.kwargs)
    assert_same(run(graph, case), nest.flatten(wanted), max(case.rtol, 1e-6))
    for y, array in zip(nest.flatten(result), nest.flatten(wanted), strict=True):
        assert_same_type(name, y, array)


@each_case
def test_an_unknown_batch_changes_nothing(name: str, case: Case) -> None:
    if not is_traceable(name, case):
        return
    graph, _ = trace(name, case, symbolic=True)
    wanted = getattr(ops, name)(*case.args, **case.kwargs)
    assert_same(run(graph, case), nest.flatten(wanted), max(case.rtol, 1e-6))


@each_case
def test_tensors_of_a_model_record_a_call(name: str, case: Case) -> None:
    if not is_traceable(name, case):
        return
    leaves = [
        KerasTensor(type_of(v), name="x") if is_array(v) else v
        for v in nest.flatten((case.args, case.kwargs))
    ]
    result = nest.flatten(call(name, case, leaves))
    wanted = nest.flatten(getattr(ops, name)(*case.args, **case.kwargs))
    assert len(result) == len(wanted)
    for y, array in zip(result, wanted, strict=True):
        assert isinstance(y, KerasTensor)
        assert_same_type(name, y, array)
        assert y.call is not None
        assert y.call.target.function.__name__ == getattr(ops, name).__name__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_case(name: str) -> None:
    parameters = inspect.signature(getattr(ops, name)).parameters.values()
    if any("Callable" in str(p.annotation) for p in parameters):
        assert f"ops.{name}" in (Path(__file__).parent / "test_flow.py").read_text()
    else:
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


A, B = x(5, 3, low=0.5), x(5, 3, low=1)
EXPRESSIONS: dict[str, Callable[..., Any]] = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b,
    "a // b": lambda a, b: a // b,
    "a % b": lambda a, b: a % b,
    "a ** b": lambda a, b: a**b,
    "a @ b[0]": lambda a, b: a @ b[0],
    "b[0] @ a.T": lambda a, b: b[0] @ ops.transpose(a),
    "-a": lambda a, b: -a,
    "abs(a)": lambda a, b: abs(a - b),
    "a < b": lambda a, b: a < b,
    "a <= b": lambda a, b: a <= b,
    "a > b": lambda a, b: a > b,
    "a >= b": lambda a, b: a >= b,
    "~(a > b)": lambda a, b: ~(a > b),
    "and or xor": lambda a, b: ((a > 1) & (b > 1)) | ((a > b) ^ (b > 1.5)),
    "2 + a": lambda a, b: 2 + a,
    "2 - a": lambda a, b: 2 - a,
    "2 * a": lambda a, b: 2 * a,
    "2 / a": lambda a, b: 2 / a,
    "2 // a": lambda a, b: 2 // a,
    "2 % a": lambda a, b: 2 % a,
    "2 ** a": lambda a, b: 2**a,
    "2 < a": lambda a, b: a > 2,
    "array + a": lambda a, b: B[0] + a,
    "array @ a.T": lambda a, b: B @ ops.transpose(a),
    "a[1:, None, 0]": lambda a, b: a[1:, None, 0],
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_operators_of_python_compute_what_numpy_computes(text: str) -> None:
    expression = EXPRESSIONS[text]
    b = Trace()
    left, right = (Traced(b, b.input(n, type_of(v))) for n, v in (("a", A), ("b", B)))
    with b.active():
        y = expression(left, right)
    graph = verify(b.finish({"y": y.value}))
    found = evaluate(graph, {"a": A, "b": B})["y"]
    wanted = expression(A, B)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)
    recorded = expression(
        KerasTensor(type_of(A), name="a"), KerasTensor(type_of(B), name="b")
    )
    assert recorded.type == type_of(wanted)


def test_variables_compute_like_arrays() -> None:
    v = Variable(A, name="v")
    np.testing.assert_allclose(v * 2 + 1, A * 2 + 1)
    np.testing.assert_allclose(1 - v, 1 - A)
    np.testing.assert_allclose(ops.exp(v), np.exp(A), 1e-6)


def test_sizes_take_part_in_arithmetic() -> None:
    b = Trace()
    t = Traced(b, b.input("x", TensorType("float32", ("n", 4))))
    n, four = ops.shape(t)
    assert four == 4
    assert n == ops.shape(t)[0]
    assert hash(n) == hash(ops.shape(t)[0])
    assert n + 1 == 1 + n != n
    assert n - n == 0
    found = (n, n + 1, n - 1, 3 - n, n * 2, n // 2, n % 2, n**2, -n)
    assert [size.dim for size in found] == [
        "n", "n + 1", "n - 1", "-n + 3", "2*n", "n//2", "n - 2*(n//2)", "n*n", "-n",
    ]  # fmt: skip
    assert n * 4 // 2 == n * 2
    assert (n * 2) // 2 == n
    assert divmod(n * 2 + 1, 2) == (n, 1)
    assert repr(n // 2) == "<Size n//2>"
    flat = ops.reshape(t, (n * four,))
    assert flat.type.shape == ("4*n",)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ShapeError, match=r"a size must be an integer, got 1\.5"):
        ops.reshape(t, (n, 1.5))
    with pytest.raises(ShapeError, match="a size must be an integer, got True"):
        ops.reshape(t, (n, True))
    with pytest.raises(ShapeError, match=r"ops.shape\(x\)\[i\], not None"):
        ops.zeros((None, 3))


def traced_and_recorded() -> list[Any]:
    b, t = Trace(), TensorType("float32", (2, 3))
    return [Traced(b, b.input("x", t)), KerasTensor(t, name="x")]


@pytest.mark.parametrize("t", traced_and_recorded(), ids=["traced", "recorded"])
def test_symbolic_tensors_refuse_what_needs_numbers(t: Any) -> None:
    with pytest.raises(DTypeError, match="is not known while a model is built"):
        bool(t)
    with pytest.raises(TypeError, match="has no length; use its shape"):
        len(t)
    with pytest.raises(TypeError, match="cannot be iterated over"):
        iter(t)
    with pytest.raises(DTypeError, match=r"has no numbers yet, NumPy cannot take it"):
        np.asarray(t)
    with pytest.raises(UnsupportedError, match=r"np\.spacing cannot compute with"):
        np.spacing(t)
    assert t.shape == (2, 3)
    assert t.dtype == "float32"
    assert t.ndim == 2


def test_operands_of_other_graphs_are_refused() -> None:
    one, other = traced_and_recorded()[0], traced_and_recorded()[0]
    with pytest.raises(GraphError, match="belongs to another graph"):
        one + other  # pyright: ignore[reportUnusedExpression]
    recorded = traced_and_recorded()[1]
    with pytest.raises(GraphError, match="cannot be used inside a layer's call"):
        apply(Function("exp"), recorded)


@pytest.mark.parametrize("bad", [["a"], object(), "text", [None], 1j])
def test_operands_that_are_no_numbers_are_refused(bad: Any) -> None:
    text = bad in ("text", ["a"])
    said = "got text where numbers are" if text else "expected an array of numbers, got"
    with pytest.raises(DTypeError, match=said):
        ops.exp(bad)


@pytest.mark.parametrize(
    ("function", "args", "match"), [(f, a, m) for f, a, m in BAD_CALLS]
)
def test_bad_arguments_say_what_is_wrong(function: str, args: Any, match: str) -> None:
    with pytest.raises(SeqirError, match=re.escape(match)) as caught:
        getattr(ops, function)(*args)
    notes = getattr(caught.value, "__notes__", [])
    assert not notes or f"in ops.{function}" in notes[-1]


def test_updates_of_variables_are_part_of_the_graph() -> None:
    v = Variable(np.zeros(3, np.float32), name="total")
    b = Trace()
    t = Traced(b, b.input("x", TensorType("float32", (3,))))
    with b.active():
        v.assign(v + t)
    graph = verify(b.finish({}))
    found = evaluate(graph, {"x": np.ones(3, np.float32)}, {"total": v.numpy()})
    np.testing.assert_array_equal(found["total"], np.ones(3))


def test_variables_count_up_and_down_in_a_graph() -> None:
    total = Variable(np.array([1, 2], np.float32), name="total")
    count = Variable(np.int32(7), name="count")
    b = Trace()
    x = Traced(b, b.input("x", TensorType("float32", (2,))))
    with b.active():
        total.assign_add(x)
        total.assign_sub(x * total)  # reads what was assigned before
        count.assign_add(1)
        count.assign_sub(np.int32(5))
    graph = verify(b.finish({}))
    state = {"total": total.numpy(), "count": count.numpy()}
    found = evaluate(graph, {"x": np.array([3, -1], np.float32)}, state)
    np.testing.assert_array_equal(found["total"], [4 - 3 * 4, 1 + 1])
    assert found["count"] == 3
    assert found["count"].dtype == np.int32
    np.testing.assert_array_equal(total.array, [1, 2])  # not before it has run


def test_variables_count_up_and_down_at_once() -> None:
    total = Variable(np.array([1, 2], np.float32), name="total")
    np.testing.assert_array_equal(total.assign_add([0.5, 1]), [1.5, 3])
    total.assign_sub(total)
    np.testing.assert_array_equal(total.array, [0, 0])
    total.assign_sub(1)
    np.testing.assert_array_equal(total.array, [-1, -1])
    assert total.array.dtype == np.float32
    count = Variable(np.int32(7), name="count")
    count.assign_add(1)
    assert count.array == 8
    assert count.array.dtype == np.int32
    assert int(count) == 8
    assert float(Variable(np.float32(0.5))) == 0.5
    match = "variable 'total' has shape (2,), a value of shape (3, 2)"
    with pytest.raises(ShapeError, match=re.escape(match)):
        total.assign_add(np.ones((3, 2)))
    with pytest.raises(ShapeError, match=re.escape(match)):
        total.assign_sub(np.ones((3, 2)))


def test_variables_keep_their_shape_and_refuse_objects() -> None:
    v = Variable(np.zeros((2, 3)), name="v", dtype="float32")
    with pytest.raises(ShapeError, match=r"has shape \(2, 3\), a value of shape"):
        v.assign(np.zeros(3))
    with pytest.raises(DTypeError, match="cannot hold Python objects"):
        v.assign(np.array([[None] * 3] * 2))
    with pytest.raises(DTypeError, match="cannot hold Python objects"):
        Variable(np.array([None]))
    before = changes.clock()
    v.assign(np.ones((2, 3)))
    assert v.version == 1
    assert changes.clock() == before + 1
    assert v.array.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        v.array[0] = 1


@pytest.mark.parametrize("name", [None, "", "a/b", 3])
def test_names_are_plain_text(name: Any) -> None:
    with pytest.raises(ArgumentError, match="must be a non-empty string without '/'"):
        check_name(name)
    assert check_name("dense_1") == "dense_1"


def test_shapes_of_model_tensors_keep_the_names_of_sizes() -> None:
    x = KerasTensor(TensorType("float32", ("batch", 4, 3)), name="x")
    assert [dim_of(size) for size in ops.shape(x)] == ["batch", 4, 3]
    y = ops.reshape(x, (ops.shape(x)[0], -1))
    assert y.type.shape == ("batch", 12)  # pyright: ignore[reportAttributeAccessIssue]
    assert ops.size(x).dim == "12*batch"  # pyright: ignore[reportAttributeAccessIssue]
    assert ops.ndim(x) == 3
    assert ops.zeros((ops.shape(x)[0], 3)).type.shape == ("batch", 3)  # pyright: ignore[reportAttributeAccessIssue]


def test_gradients_stop_at_the_barrier() -> None:
    b = Trace()
    node_input = b.input("x", TensorType("float32", (2,)))
    b(StopGradient(), node_input)
    assert StopGradient().vjp(rules, b, b.nodes[-1], node_input) == (None,)
