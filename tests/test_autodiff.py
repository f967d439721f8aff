"""The walk backwards: what depends on what, ties, unknown sizes, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graphs import graph_value
from test_gradients import clean, run

from seqir import autodiff, ops
from seqir.errors import (
    ArgumentError,
    GraphError,
    SeqirError,
    ShapeError,
    UnsupportedError,
    explain,
)
from seqir.ir import Graph, Trace, evaluate
from seqir.operators.elementwise import Unary
from seqir.operators.pieces import Pad
from seqir.operators.resize import Upsample
from seqir.ops.apply import apply
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable
from seqir.tensortype import TensorType, type_of

BOTH = pytest.mark.parametrize("engine", [evaluate, run], ids=["numpy", "onnxruntime"])


def gradients_of(f: Callable[..., Any], *arrays: Any, shapes: Any = None) -> list[Any]:
    """d sum(f) by each array of float64 or float32, as NumPy computes it."""
    graph = graph_of(f, *arrays, shapes=shapes)
    found = evaluate(graph, {f"x{i}": np.asarray(a) for i, a in enumerate(arrays)})
    return [found.get(f"d{i}") for i in range(len(arrays))]


def graph_of(f: Callable[..., Any], *arrays: Any, shapes: Any = None) -> Graph:
    """A graph with the outputs d0, d1, ...: those gradients that there are."""
    types = [type_of(np.asarray(a)) for a in arrays]
    if shapes is not None:
        types = [t.with_shape(s) for t, s in zip(types, shapes, strict=True)]
    b = Trace("f")
    xs = [Traced(b, b.input(f"x{i}", t)) for i, t in enumerate(types)]
    with b.active():
        y = f(*xs)
    found = autodiff.gradient(y, xs)
    outputs = {f"d{i}": d.value for i, d in enumerate(found) if d is not None}
    return clean(b.finish(outputs))


def traced(*shape: int | str, dtype: str = "float32") -> Traced:
    b = Trace("graph")
    return Traced(b, b.input("x", TensorType(dtype, shape)))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# What depends on what.


def test_a_value_used_twice_gets_the_sum() -> None:
    x = np.array([1.0, 2.0, 3.0])
    (d,) = gradients_of(lambda x: x * x + ops.exp(x) * x, x)
    np.testing.assert_allclose(d, 2 * x + np.exp(x) * (1 + x))


def test_what_does_not_matter_has_no_gradient() -> None:
    x, n = np.array([1.5, -0.5]), np.array([1, 2])
    dx, dn, unused = gradients_of(lambda x, n, _: x * ops.cast(n, "float64"), x, n, x)
    np.testing.assert_array_equal(dx, [1.0, 2.0])
    assert dn is None
    assert unused is None


@pytest.mark.parametrize(
    "f",
    [
        ops.floor, ops.ceil, ops.round, ops.sign, ops.stop_gradient, ops.zeros_like,
        lambda x: ops.cast(ops.cast(x, "int32"), "float64"),
        lambda x: ops.cast(x > 0.0, "float64"),
        lambda x: ops.cast(ops.argmax(x), "float64"),
    ],
)  # fmt: skip
def test_steps_have_no_gradient(f: Callable[[Any], Any]) -> None:
    assert gradients_of(f, np.array([1.2, -0.7])) == [None]


def test_a_stopped_gradient_leaves_the_other_path() -> None:
    x = np.array([2.0, -3.0])
    (d,) = gradients_of(lambda x: x * ops.stop_gradient(x), x)
    np.testing.assert_array_equal(d, x)


def test_the_gradient_by_something_on_the_way() -> None:
    x = traced(3)
    y = ops.exp(x)
    z = y * y
    dy, dz = autodiff.gradient(z, [y, z])
    assert isinstance(dy, Traced)
    assert isinstance(dz, Traced)
    graph = x.builder.finish({"dy": dy.value, "dz": dz.value})
    found = evaluate(graph, {"x": np.zeros(3, np.float32)})
    np.testing.assert_array_equal(found["dy"], [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(found["dz"], [1.0, 1.0, 1.0])


def test_a_seed_weighs_the_elements() -> None:
    x = traced(3)
    y = ops.sin(x)
    seed = Traced(x.builder, x.builder.input("seed", y.type))  # pyright: ignore[reportAttributeAccessIssue]
    (d,) = autodiff.gradient(y, [x], seed)
    assert isinstance(d, Traced)
    angle, weight = rng().normal(size=(2, 3)).astype(np.float32)
    graph = x.builder.finish({"d": d.value})
    found = evaluate(graph, {"x": angle, "seed": weight})["d"]
    np.testing.assert_allclose(found, weight * np.cos(angle), 1e-6)


def test_variables_that_are_read_have_a_gradient() -> None:
    w = Variable(np.array([1.0, -2.0], np.float32), name="w")
    unread = Variable(np.zeros(2, np.float32), name="unread")
    x = traced(2)
    with x.builder.active():
        y = x * w
        w.assign(y)
        z = y * w  # reads the new value: w * x² by way of y * y
    dw, none = autodiff.gradient(z, [w, unread])
    assert none is None
    assert "unread" not in x.builder.params
    assert isinstance(dw, Traced)
    graph = x.builder.finish({"d": dw.value})
    given = np.array([3.0, 0.5], np.float32)
    found = evaluate(graph, {"x": given}, {"w": w.array})["d"]
    np.testing.assert_allclose(found, 2 * w.array * given**2)


def test_a_variable_read_in_a_narrow_type_gets_its_own_type_back() -> None:
    w = Variable(np.array([1.0, -2.0], np.float32), name="w")
    x = traced(2, dtype="float16")
    with x.builder.active(), x.builder.mode(training=True, autocast="float16"):  # pyright: ignore[reportAttributeAccessIssue]
        y = x * w
    assert y.dtype == "float16"
    (d,) = autodiff.gradient(y, [w])
    assert isinstance(d, Traced)
    assert d.dtype == "float32"


@pytest.mark.parametrize("a", ["float16", "float32", "float64"])
@pytest.mark.parametrize("b", ["float16", "float32", "float64"])
def test_casts_between_floats(a: str, b: str) -> None:
    x = np.array([1.0, 2.0], a)
    (d,) = gradients_of(lambda x: ops.cast(x, b) * 3.0, x)
    assert d.dtype == a
    np.testing.assert_array_equal(d, [3.0, 3.0])


def test_what_comes_from_a_layer_says_so() -> None:
    x = traced(3)
    with x.builder.source("model"), x.builder.source("dense"):
        y = ops.exp(x)
    before = len(x.builder.nodes)
    autodiff.gradient(y, [x])
    sources = {n.source for n in x.builder.nodes[before:]}
    assert sources == {"gradient", "model/dense/gradient"}
    assert x.builder.path == ""


# Broadcasting.


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((4, 1, 3), (2, 1)), ((1,), ())],
)
def test_what_was_repeated_is_summed(a: Any, b: Any) -> None:
    x, w = rng().normal(size=a), rng(1).normal(size=b)
    dx, dw = gradients_of(lambda x, w: x * w, x, w)
    whole = np.broadcast_shapes(a, b)
    assert dx.shape == a
    assert dw.shape == b
    for d, other in ((dx, w), (dw, x)):
        every = np.broadcast_to(other, whole)
        extra = tuple(range(len(whole) - d.ndim))
        ones = tuple(i for i, n in enumerate(whole) if i >= len(extra) and
                     d.shape[i - len(extra)] == 1 != n)  # fmt: skip
        wanted = every.sum((*extra, *ones)).reshape(d.shape)
        np.testing.assert_allclose(d, wanted)


def test_a_constant_cotangent_counts_the_repeats() -> None:
    x, w = np.zeros((4, 3)), np.zeros(3)
    dx, dw = gradients_of(lambda x, w: ops.sum(x + w), x, w)
    np.testing.assert_array_equal(dx, np.ones((4, 3)))
    np.testing.assert_array_equal(dw, [4.0, 4.0, 4.0])


# Ties and other places where a limit decides, all as JAX has them.

TIES: list[tuple[Any, Any, list[float]]] = [
    (ops.relu, jax.nn.relu, [0.0, -1.0, 1.0]),
    (ops.relu6, jax.nn.relu6, [0.0, 6.0, 1.0]),
    (ops.absolute, jnp.abs, [0.0, -1.0, 1.0]),
    (ops.leaky_relu, lambda x: jax.nn.leaky_relu(x, 0.2), [0.0, -1.0]),
    (ops.selu, jax.nn.selu, [0.0, -1.0]),
    (lambda x: ops.elu(x, 0.5), lambda x: jax.nn.elu(x, 0.5), [0.0, -1.0]),
    (lambda x: ops.maximum(x, 1.0), lambda x: jnp.maximum(x, 1.0), [1.0, 0.0, 2.0]),
    (lambda x: ops.minimum(x, 1.0), lambda x: jnp.minimum(x, 1.0), [1.0, 0.0, 2.0]),
    (ops.max, jnp.max, [2.0, 2.0, 1.0]),
    (ops.min, jnp.min, [1.0, 1.0, 2.0]),
    (ops.prod, jnp.prod, [2.0, 0.0, 3.0]),
    (ops.prod, jnp.prod, [2.0, 0.0, 0.0]),
    (lambda x: x**2.0, lambda x: x**2.0, [0.0, -2.0]),
    (lambda x: x**0.0, lambda x: x**0.0, [3.0, 1.0]),
    (lambda x: 0.0**x, lambda x: 0.0**x, [2.0, 1.0]),
    (ops.sort, jnp.sort, [2.0, 2.0, 1.0]),
    (
        lambda x: ops.sqrt(ops.where(x > 0.0, x, 0.0)),
        lambda x: jnp.sqrt(jnp.where(x > 0.0, x, 0.0)),
        [4.0, -1.0],
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "values"), TIES)
def test_ties_are_as_in_jax(ours: Any, theirs: Any, values: list[float]) -> None:
    weights = np.arange(1.0, 4.0, dtype=np.float32)
    x = np.array(values, np.float32)

    def weighted(y: Any) -> Any:
        return y * weights[: len(values)] if y.shape else y

    (found,) = gradients_of(lambda x: weighted(ours(x)), x)
    wanted = jax.grad(lambda x: weighted(theirs(x)).sum())(jnp.array(x))
    np.testing.assert_allclose(found, wanted, 1e-6)


@BOTH
def test_repeated_indices_add_up(engine: Any) -> None:
    x = rng().normal(size=(4, 2)).astype(np.float32)
    places = np.array([1, 1, -1, 1], np.int32)
    graph = graph_of(lambda x: ops.take(x, places, axis=0) * 2.0, x)
    found = engine(graph, {"x0": x})["d0"]
    np.testing.assert_array_equal(found, [[0, 0], [6, 6], [0, 0], [2, 2]])


@BOTH
def test_repeated_lookups_of_elements_add_up(engine: Any) -> None:
    x = rng().normal(size=(2, 3)).astype(np.float32)
    places = np.array([[0, 0, 2, 0], [1, 1, 1, 1]], np.int64)
    graph = graph_of(lambda x: ops.take_along_axis(x, places, axis=1), x)
    found = engine(graph, {"x0": x})["d0"]
    np.testing.assert_array_equal(found, [[3, 0, 1], [0, 4, 0]])


# Unknown sizes.

UNKNOWN: dict[str, tuple[Callable[..., Any], list[Any], list[Any]]] = {
    "mean over the batch": (
        lambda x: ops.mean(x * x), [("n", 3)], [(5, 3)]
    ),
    "two sizes merged": (
        lambda x: ops.exp(ops.reshape(x, (-1, 3))), [("n", "t", 3)], [(2, 4, 3)]
    ),
    "two parts of unknown size": (
        lambda x, y: ops.exp(ops.concatenate([x, y], 0)),
        [("n", 3), ("m", 3)],
        [(2, 3), (4, 3)],
    ),
    "the last of an unknown number": (
        lambda x: ops.exp(x[:, -1]), [("n", "t", 2)], [(3, 4, 2)]
    ),
    "the last ones": (lambda x: ops.exp(x[:, -2:]), [("n", "t")], [(3, 5)]),
    "the last ones of too few": (lambda x: ops.exp(x[-3:-1]), [("t",)], [(4,)]),
    "the first ones": (lambda x: ops.exp(x[:, :2]), [("n", "t")], [(3, 5)]),
    "every third": (lambda x: ops.exp(x[1::3]), [("t",)], [(9,)]),
    "backwards": (lambda x: ops.exp(x[::-1]), [("t", 2)], [(5, 2)]),
    "every second, backwards": (lambda x: ops.exp(x[::-2]), [("t", 2)], [(6, 2)]),
    "repeated whole": (
        lambda x: ops.exp(ops.tile(x, (1, 2, 3))), [("n", "t", 2)], [(2, 3, 2)]
    ),
    "repeated in place": (
        lambda x: ops.exp(ops.repeat(x, 2, axis=0)), [("n", 2)], [(3, 2)]
    ),
    "padded by reflection": (
        lambda x: ops.exp(ops.pad(x, ((2, 1), (0, 0)), "reflect")), [("t", 2)], [(4, 2)]
    ),
    "products of stacks": (
        lambda x, w: ops.tanh(x @ w), [("n", "t", 3), (3, 2)], [(2, 3, 3), (3, 2)]
    ),
    "weights of unknown width": (
        lambda x, w: ops.tanh(x @ w), [("n", 2, "k"), ("k", 2)], [(2, 2, 3), (3, 2)]
    ),
    "a diagonal": (lambda x: ops.exp(ops.einsum("ii->i", x)), [("n", "n")], [(3, 3)]),
    "softmax over time": (
        lambda x: ops.square(ops.softmax(x, axis=1)), [("n", "t")], [(2, 5)]
    ),
    "a size of two names": (
        lambda x, y: ops.exp(ops.concatenate([x + y, y[:1]], 0)),
        [("n", 2), ("m", 2)],
        [(3, 2), (3, 2)],
    ),
    "known meets unknown": (
        lambda x, y: ops.exp(ops.reshape(x, (-1,))) * ops.reshape(y, (-1,)),
        [("n", 2), (3, 2)],
        [(3, 2), (3, 2)],
    ),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_sizes_give_what_known_ones_give(name: str, engine: Any) -> None:
    f, named, sizes = UNKNOWN[name]
    arrays = [rng(i).normal(size=s).astype(np.float32) for i, s in enumerate(sizes)]
    wanted = gradients_of(f, *arrays)
    graph = graph_of(f, *arrays, shapes=named)
    found = engine(graph, {f"x{i}": a for i, a in enumerate(arrays)})
    for i, d in enumerate(wanted):
        assert graph.outputs[f"d{i}"].type.shape == tuple(named[i])
        np.testing.assert_allclose(found[f"d{i}"], d, 1e-5, 1e-6)


@BOTH
@pytest.mark.parametrize("size", [1, 2, 5])
def test_one_graph_for_every_batch(size: int, engine: Any) -> None:
    x = rng().normal(size=(size, 3)).astype(np.float32)
    graph = graph_of(
        lambda x: ops.mean(ops.square(x - ops.mean(x, 0))), x, shapes=[("n", 3)]
    )
    wanted = 2 * (x - x.mean(0)) / x.size
    np.testing.assert_allclose(engine(graph, {"x0": x})["d0"], wanted, 1e-5, 1e-7)


@pytest.mark.parametrize("shape", [(70000,), ("n",)])
def test_a_mean_of_more_than_half_precision_can_count(shape: Any) -> None:
    x = np.ones(70000, np.float16)
    graph = graph_of(lambda x: ops.mean(x) * 700.0, x, shapes=[shape])
    d = evaluate(graph, {"x0": x})["d0"]
    assert d.dtype == np.float16
    np.testing.assert_allclose(d, 0.01, 1e-3)


# Whole functions, against JAX.


def mlp(np_: Any, x: Any, w: Any, b: Any, v: Any) -> Any:
    return np_.mean(np_.square(np_.tanh(x @ w + b) @ v))


def normalized(np_: Any, x: Any, w: Any, b: Any, _: Any) -> Any:
    y = x @ w
    centred = y - np_.mean(y, axis=0)
    deviation = np_.sqrt(np_.mean(centred * centred, axis=0) + 1e-3)
    return np_.sum(np_.exp(centred / deviation * b))


def attention(np_: Any, x: Any, w: Any, b: Any, v: Any) -> Any:
    q = np_.reshape(x @ w, (2, 3, 4))
    scores = np_.einsum("bid,bjd->bij", q, q * b)
    e = np_.exp(scores - np_.max(scores, axis=-1, keepdims=True))
    weights = e / np_.sum(e, axis=-1, keepdims=True)
    return np_.sum(np_.concatenate([weights @ q, q[:, ::-1]], axis=1) @ v)


def entropy(np_: Any, x: Any, w: Any, b: Any, _: Any) -> Any:
    p = np_.clip(np_.exp(-np_.abs(x @ w)), 1e-7, 1.0)
    return -np_.mean(np_.where(x[:, :4] > 0.0, np_.log(p), np_.log(p) * b))


@BOTH
@pytest.mark.parametrize("f", [mlp, normalized, attention, entropy])
def test_whole_functions_against_jax(f: Any, engine: Any) -> None:
    draw = rng().normal
    arrays = [draw(size=s).astype(np.float32) for s in ((6, 5), (5, 4), (4,), (4, 2))]
    graph = graph_of(lambda *xs: f(ops, *xs), *arrays)
    found = engine(graph, {f"x{i}": a for i, a in enumerate(arrays)})
    wanted = jax.grad(lambda *xs: f(jnp, *xs), argnums=(0, 1, 2, 3))(*arrays)
    for i, d in enumerate(wanted):
        array = found.get(f"d{i}", np.zeros(d.shape))
        np.testing.assert_allclose(array, d, 1e-4, 1e-5 * np.abs(d).max())


# Gradients of graphs.


def cube_graph() -> Graph:
    b = Trace("cube")
    x = Traced(b, b.input("x", TensorType("float32", (2,))))
    w = Traced(b, b.param("w", TensorType("float32", (2,))))
    n = Traced(b, b.input("n", TensorType("int32", (2,))))
    return b.finish({"y": (x * x * w).value, "z": (n + n).value})


def test_a_graph_gets_gradients_as_outputs() -> None:
    graph = autodiff.gradient_graph(cube_graph(), ["x", "w"], ["y"])
    assert list(graph.outputs) == ["y", "z", "d/x", "d/w"]
    x, w = np.array([[2.0, 3.0], [5.0, -1.0]], np.float32)
    found = evaluate(graph, {"x": x, "n": np.zeros(2, np.int32)}, {"w": w})
    np.testing.assert_array_equal(found["d/x"], 2 * x * w)
    np.testing.assert_array_equal(found["d/w"], x * x)


def test_the_only_output_needs_no_name() -> None:
    x = traced(2)
    graph = x.builder.finish({"y": (x * 3.0).value})
    assert "d/x" in autodiff.gradient_graph(graph, ["x"]).outputs


@pytest.mark.parametrize(
    ("wrt", "output", "message"),
    [
        (["v"], "y", "has no input or param 'v'"),
        (["x"], "q", "has no output 'q'"),
        (["x"], None, "has the outputs y, z: say which one to differentiate"),
        (["n"], "y", "the output of graph 'cube' does not depend on 'n'"),
        (["n"], "z", "only floating-point numbers can be differentiated"),
    ],
)
def test_a_graph_says_what_it_cannot_differentiate(
    wrt: list[str], output: str | None, message: str
) -> None:
    with pytest.raises(GraphError, match=message):
        autodiff.gradient_graph(cube_graph(), wrt, output and [output])


# Errors.


def test_a_seed_must_fit() -> None:
    x = traced(3)
    seed = Traced(x.builder, x.builder.input("s", TensorType("float32", (2,))))
    with pytest.raises(ShapeError, match=r"the seed of a gradient of f32\[3\] is f32"):
        autodiff.gradient(x * 2.0, [x], seed)


def test_arrays_are_nothing_to_differentiate_by() -> None:
    x = traced(3)
    with pytest.raises(ArgumentError, match="tensors and variables, got ndarray"):
        autodiff.gradient(x * 2.0, [np.zeros(3)])


def test_tensors_of_another_graph_are_refused() -> None:
    with pytest.raises(GraphError, match="belongs to another graph"):
        autodiff.gradient(traced(3) * 2.0, [traced(3)])


def error_of(y: Callable[[Traced], Any], *shape: int | str) -> SeqirError:
    x = traced(*shape)
    with x.builder.source("model"), x.builder.source("up"):
        z = y(x)
    with pytest.raises(SeqirError) as caught:
        autodiff.gradient(z, [x])
    return caught.value


def test_an_operator_without_gradient_names_itself_and_its_layer() -> None:
    error = error_of(lambda x: apply(Pad((1,), (1,), "wrap"), x), 3)
    assert isinstance(error, UnsupportedError)
    text = explain(error)
    assert text.startswith("padding of mode 'wrap' has no gradient (in the gradient of")
    assert "pad(before=(1,), after=(1,), mode=wrap) of layer 'model/up'" in text


@dataclass(frozen=True)
class Mystery(Unary):
    """An operator that says nothing about its gradient."""

    name: ClassVar[str] = "mystery"
    onnx: ClassVar[str] = "Identity"


def test_an_operator_that_says_nothing_has_no_gradient() -> None:
    text = explain(error_of(lambda x: apply(Mystery(), x) * 2.0, 3))
    assert text.startswith("the operator 'mystery' has no gradient")
    assert text.endswith("(in the gradient of mystery of layer 'model/up')")


def test_interpolation_needs_a_known_size() -> None:
    error = error_of(lambda x: apply(Upsample((2,), "linear"), x), "n", 2, "width")
    assert isinstance(error, ShapeError)
    assert "linear interpolation needs a known size, got f32[n, 2, width]" in str(error)


def test_outside_of_layers_there_is_no_layer_to_name() -> None:
    x = traced(3)
    with pytest.raises(UnsupportedError) as caught:
        autodiff.gradient(apply(Pad((1,), (0,), "wrap"), x), [x])
    assert "layer" not in explain(caught.value)


@pytest.mark.parametrize("order", [1, 2, 3, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_normalizing_a_vector_of_zeros_has_a_gradient(order: int, dtype: Any) -> None:
    x = np.array([[0, 0, 0], [1, -2, 0.5]], dtype)
    with np.errstate(over="ignore"):  # the slope at 0 is 1/epsilon
        (found,) = gradients_of(lambda t: ops.normalize(t, order=order), x)
    assert not np.isnan(found).any()

    def f(v: Any) -> Any:
        return (v / (np.abs(v) ** order).sum() ** (1 / order)).sum()

    steps, row = 1e-5 * np.eye(3), x[1].astype(np.float64)
    slopes = [(f(row + s) - f(row - s)) / 2e-5 for s in steps]
    np.testing.assert_allclose(found[1], slopes, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize(
    ("how", "updates", "dx", "du"),
    [
        ("max", [3, 4, 4], [0.5, 0, 100], [0.5, 5, 5]),
        ("max", [2, 4, 5], [1, 0, 100], [0, 0, 10]),
        ("min", [3, 4, 4], [0.5, 10, 100], [0.5, 0, 0]),
        ("min", [2, 4, 5], [0, 10, 100], [1, 0, 0]),
    ],
)
def test_equal_numbers_of_a_scatter_share_the_gradient(
    how: str, updates: list[float], dx: list[float], du: list[float]
) -> None:
    """The expected numbers are JAX's."""
    weights = np.array([1.0, 10.0, 100.0])

    def weighted(x: Any, u: Any) -> Any:
        places = np.array([[0], [1], [1]])
        return ops.scatter_update(x, places, u, reduction=how) * weights

    found = gradients_of(weighted, np.array([3.0, 1, 2]), np.array(updates, float))
    np.testing.assert_array_equal(found[0], dx)
    np.testing.assert_array_equal(found[1], du)


def test_the_gradient_of_a_remainder() -> None:
    a, b = np.array([7.5, -7.5, 1.0, -9.25]), np.array([2.0, 2.0, -3.0, -2.5])
    da, db = gradients_of(ops.fmod, a, b)
    np.testing.assert_array_equal(da, np.ones(4))
    np.testing.assert_array_equal(db, -np.trunc(a / b))


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 4e-14), ("float32", 1e-5)])
def test_the_complementary_error_function_far_out(dtype: str, rtol: float) -> None:
    x = np.linspace(-6, 9, 61).astype(dtype)
    expected = np.array([math.erfc(n) for n in x])
    np.testing.assert_allclose(ops.erfc(x), expected, rtol=rtol)
    graph = graph_of(ops.erfc, x)
    b = Trace("erfc")
    y = ops.erfc(Traced(b, b.input("x", type_of(x))))
    (found,) = run(b.finish({"y": graph_value(y)}), {"x": x}).values()
    np.testing.assert_allclose(found, expected, rtol=rtol)
    (slope,) = evaluate(graph, {"x0": x}).values()
    exact = -2 / math.sqrt(math.pi) * np.exp(-(x.astype(float) ** 2))
    np.testing.assert_allclose(slope, exact, rtol=10 * rtol)
    far = ops.erfc(np.array([-np.inf, np.inf, np.nan, 40], dtype))
    np.testing.assert_array_equal(far, [2, 0, np.nan, 0])
