"""Sizes that only the run knows, in layers, losses, metrics and models of functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import pytest

import seqir
from seqir import layers, losses, metrics, ops, passes, runtime
from seqir.errors import ArgumentError, RunError, ShapeError, UnsupportedError
from seqir.ir import Graph, Trace, evaluate
from seqir.network.base import arrays_of
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 5, 4)).astype(np.float32)
Y = rng.normal(size=(3, 5, 4)).astype(np.float32)


class Positions(layers.Layer):
    """A learned vector of one place, scaled by where a step stands and how many are."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

    def call(self, x: Any) -> Any:
        batch, time, width = ops.shape(x)
        places = ops.arange(time, dtype="float32") / time
        table = ops.broadcast_to(places[:, None] * self.scale, (batch, time, width))
        rows = ops.reshape(x + table, (batch * time, width))
        rows = ops.reshape(ops.relu(rows), (batch, time, width))
        start = ops.zeros((batch, 1, width))
        return ops.concatenate([start, rows[:, : time - 1]], 1)


def positions(x: Any) -> Any:
    table = np.arange(x.shape[1])[:, None] / x.shape[1] * np.ones(x.shape[2])
    rows = np.maximum(x + table, 0)
    return np.concatenate([np.zeros_like(rows[:, :1]), rows[:, :-1]], 1)


@pytest.fixture
def model() -> seqir.Sequential:
    return seqir.Sequential([seqir.Input((None, 4)), Positions(name="positions")])


def test_a_layer_computes_with_the_sizes_of_its_input(model: Any) -> None:
    for x in (X, X[:2, :1], X[:0], np.repeat(X, 3, 1)):
        np.testing.assert_allclose(
            model.predict(x, verbose=0), positions(x), 1e-6, 1e-6
        )
        np.testing.assert_allclose(model(x), positions(x), 1e-6, 1e-6)
    np.testing.assert_allclose(Positions()(X), positions(X), 1e-6, 1e-6)


@pytest.mark.parametrize("opset", [17, 18, 21])
def test_the_file_of_such_a_layer_is_verified(
    model: Any, tmp_path: Path, opset: int
) -> None:
    report = model.export(tmp_path / "m.onnx", opset=opset, verify=True)
    assert report.nodes["Shape"] > 0


def test_such_a_layer_is_trained(model: Any) -> None:
    model.compile(seqir.optimizers.SGD(0.1), "mse")
    x = seqir.Input((5, 4), batch_size=3)
    known = seqir.Model(x, Positions()(x))
    known.compile(seqir.optimizers.SGD(0.1), "mse")
    for each in (model, known):
        each.fit(X, Y, batch_size=3, epochs=3, verbose=0)
    (found,), (wanted,) = model.get_weights(), known.get_weights()
    assert not np.allclose(found, 1)
    np.testing.assert_allclose(found, wanted, 1e-5)


def mean_by_hand(y: Any, p: Any) -> Any:
    error = ops.sum(ops.square(y - p))
    batch, time = ops.shape(p)[:2]
    return error / ops.cast(batch * time * 4, "float32")


class ByHand(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        size = ops.shape(y_pred)[0]
        return ops.sum(ops.square(y_true - y_pred), (1, 2)) / (ops.size(y_pred) / size)


class Weighed(metrics.Metric):
    def __init__(self, name: str = "weighed") -> None:
        super().__init__(name=name)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y: Any, p: Any, sample_weight: Any = None) -> None:
        steps = ops.shape(p)[1]
        weights = ops.arange(steps, dtype="float32")[:, None] / ops.maximum(steps, 1)
        self.total.assign_add(ops.sum(ops.abs(y - p) * weights) / ops.size(p))

    def result(self) -> Any:
        return self.total


@pytest.mark.parametrize("loss", [mean_by_hand, ByHand()])
def test_losses_and_metrics_divide_by_sizes(loss: Any) -> None:
    model = seqir.Sequential([seqir.Input((None, 4)), layers.Dense(4)])
    model.compile(seqir.optimizers.SGD(0.1), loss, metrics=[Weighed()])
    twin = seqir.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile(seqir.optimizers.SGD(0.1), "mse")
    p = model.predict(X, verbose=0)
    weights = (np.arange(5) / 5)[:, None]
    found = model.evaluate(X, Y, batch_size=3, verbose=0)
    np.testing.assert_allclose(found[0], np.mean((Y - p) ** 2), 1e-5)
    np.testing.assert_allclose(found[1], np.mean(np.abs(Y - p) * weights), 1e-5)
    for each in (model, twin):
        each.fit(X, Y, batch_size=3, epochs=2, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)


FUNCTIONAL: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "reshape": (
        lambda x, n, t: ops.reshape(x, (n * t, 4)),
        lambda x: x.reshape(-1, 4),
    ),
    "slice": (lambda x, n, t: x[:, t // 2 :], lambda x: x[:, x.shape[1] // 2 :]),
    "index": (lambda x, n, t: x[:, t - 1], lambda x: x[:, -1]),
    "arithmetic": (
        lambda x, n, t: x * (2 / t) + n,
        lambda x: x * 2 / x.shape[1] + len(x),
    ),
    "zeros": (
        lambda x, n, t: ops.concatenate([x, ops.zeros((n, t, 1))], -1),
        lambda x: np.pad(x, ((0, 0), (0, 0), (0, 1))),
    ),
    "a size itself": (
        lambda x, n, t: ops.add(t, 1) * n,
        lambda x: (x.shape[1] + 1) * len(x),
    ),
    "the argument of a layer": (
        lambda x, n, t: Head()(x, count=t // 2),
        lambda x: x[:, : x.shape[1] // 2],
    ),
}  # fmt: skip


class Head(layers.Layer):
    def call(self, x: Any, count: Any) -> Any:
        return x[:, :count]


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_models_of_functions_hold_sizes_of_their_tensors(
    name: str, tmp_path: Path
) -> None:
    function, oracle = FUNCTIONAL[name]
    x = seqir.Input((None, 4))
    model = seqir.Model(x, function(x, *ops.shape(x)[:2]))
    np.testing.assert_allclose(model(X), oracle(X), 1e-6)
    others = [seqir.Input((None, 4)), seqir.Input((None, 4))]
    outer = seqir.Model(others, [model(other) for other in others])
    for y, part in zip(outer([X, X[:, :3]]), (X, X[:, :3]), strict=True):
        np.testing.assert_allclose(y, oracle(part), 1e-6)
    model.export(tmp_path / "m.onnx")
    with pytest.raises(UnsupportedError, match="layer of your own"):
        model.get_config()


RESHAPES: list[tuple[tuple[int | None, ...], tuple[int, ...], tuple[int, ...]]] = [
    ((None, 3), (-1, 6), (4, 3)),
    ((None,), (-1, 160), (320,)),
    ((None, 4), (2, 8), (4, 4)),
    ((None, None, 3), (-1, 3), (4, 5, 3)),
    ((None, None), (4, 4), (2, 8)),
    ((None, None), (-1, 2, 2), (3, 4)),
    ((None, 4), (-1, 3), (6, 4)),
    ((None,), (-1,), (7,)),
    ((None, 6), (-1, 2, 3), (5, 6)),
    ((2, None), (-1, 4), (2, 6)),
    ((4,), (2, -1), (4,)),
]


@pytest.mark.parametrize(("shape", "target", "size"), RESHAPES)
def test_layers_reshape_unknown_sizes(
    shape: Any, target: Any, size: Any, tmp_path: Path
) -> None:
    model = seqir.Sequential([seqir.Input(shape), layers.Reshape(target)])
    x = rng.normal(size=(2, *size)).astype(np.float32)
    wanted = x.reshape(2, *target)
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted)
    nothing = model.predict(x[:0], verbose=0)
    assert nothing.shape == (0, *wanted.shape[1:])
    known = (d if d != -1 else None for d in target)
    assert all(
        d == e
        for d, e in zip(model.output_shape[1:], known, strict=True)
        if e is not None
    )
    model.export(tmp_path / "m.onnx")
    model.compile("sgd", "mse")
    assert model.evaluate(x, wanted, verbose=0) == 0


def test_the_run_checks_reshapes_of_unknown_sizes(tmp_path: Path) -> None:
    for shape, target, size in (((None, 3), (-1, 6), 3), ((None, 4), (2, 8), 5)):
        model = seqir.Sequential(
            [seqir.Input(shape), layers.Reshape(target, name="r")], name="m"
        )
        x = np.zeros((2, size, shape[1]), np.float32)
        with pytest.raises(ShapeError, match=r"do not fit layer 'r': .* elements of"):
            model.predict(x, verbose=0)
        model.compile("sgd", "mse")
        with pytest.raises(ShapeError, match=r"do not fit layer 'r': .* elements of"):
            model.evaluate(x, np.zeros((2, *map(abs, target))), verbose=0)
        model.export(tmp_path / "m.onnx")
        session = runtime.Session.from_file(tmp_path / "m.onnx", device="cpu")
        with pytest.raises(RunError, match="cannot be reshaped to the requested shape"):
            session.run({session.input_names[0]: x})


def test_other_layers_take_unknown_sizes_of_nothing() -> None:
    for layer, shape, wanted in (
        (layers.Flatten(), (0, 4, 5, 3), (0, 60)),
        (layers.UpSampling1D(2), (0, 4, 3), (0, 8, 3)),
        (layers.RepeatVector(3), (0, 4), (0, 3, 4)),
        (layers.Permute((2, 1)), (0, 4, 3), (0, 3, 4)),
    ):
        model = seqir.Sequential([seqir.Input((None,) * (len(shape) - 1)), layer])
        assert model.predict(np.zeros(shape, np.float32), verbose=0).shape == wanted


def size() -> Any:
    b = Trace()
    return ops.shape(Traced(b, b.input("x", TensorType("float32", ("time", 4)))))[0]


NOT_NUMBERS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda n: range(n), "use it in seqir.ops (ops.arange for range)"),
    (lambda n: [0] * n, "repeat with ops.repeat or ops.tile"),
    (lambda n: np.zeros((n, 3)), "the size 'time' is known when the model runs"),
    (lambda n: int(n), "its number is not known to Python"),
    (lambda n: math.sqrt(n), "use ops.cast(size, 'float32')"),
    (lambda n: n == 3, "whether it equals 3 is not known to Python: compare with ops"),
    (lambda n: n // 0, "the size 'time' cannot be divided by 0"),
    (lambda n: n // (n - 3), "cannot be divided by 'time - 3': it may be 0"),
    (lambda n: ops.zeros((n, None)), "ops.shape(x)[i], not None"),
    (lambda n: ops.zeros((n, 4))[::n], "the step of a slice must be known"),
    (
        lambda n: ops.pad(ops.ones((n, 4)), ((n, 0), (0, 0)), "edge"),
        "needs known widths",
    ),
    (lambda n: ops.unstack(ops.ones((n, 4))), "unknown number of slices: say num="),
    (lambda n: ops.arange(0, n, ops.add(n, 0.5)), "needs a step that is known, got"),
    (lambda n: ops.reshape(ops.ones((n, 4)), (n, 5)), "cannot be reshaped to"),
]


@pytest.mark.parametrize(("use", "match"), NOT_NUMBERS)
def test_a_size_that_python_cannot_use_says_so(use: Any, match: str) -> None:
    n = size()
    with pytest.raises((ShapeError, ArgumentError)) as caught:
        use(n)
    assert match in str(caught.value)


def test_what_can_be_seen_of_a_size_is_known_to_python() -> None:
    n = size()
    assert n >= 0
    assert n > -1
    assert n < n + 1
    assert not n < 0
    assert n != -1
    assert n != "same"
    assert n is not None
    assert min(n, n + 2) is n
    assert f"{n} {n:>12}" == "<Size time>  <Size time>"
    assert isinstance(n - n, int)
    assert abs(n) is n
    assert str(ops.equal(n, 3).type) == "b1[]"  # pyright: ignore[reportAttributeAccessIssue]
    assert str((n > 3).type) == "b1[]"
    with pytest.raises(Exception, match=r"use ops.where to choose between values"):
        bool(n > 3)


def traced(function: Callable[[Any], Any], *names: int | str) -> Graph:
    b = Trace("sizes")
    x = Traced(b, b.input("x", TensorType("float32", names)))
    with b.active():
        y = function(x)
    return b.finish({"y": y.value})


def test_slices_have_the_size_that_they_have() -> None:
    for function, name in (
        (lambda x: x[:5], "min(5, n)"),
        (lambda x: x[2:], "n - min(2, n)"),
        (lambda x: x[:-2], "n - min(2, n)"),
        (lambda x: x[-3:], "min(3, n)"),
        (lambda x: x[1:], "n - 1"),
        (lambda x: x[:1], 1),
        (lambda x: x[-1:], 1),
        (lambda x: x[ops.shape(x)[0] // 2 :], "n - n//2"),
        (lambda x: x[: ops.shape(x)[0] - 1], "n - 1"),
        (lambda x: x[ops.shape(x)[0] - 4 :], "slice"),
        (lambda x: ops.concatenate([x[:2], x[2:]]), "n"),
    ):
        assert traced(function, "n").outputs["y"].type.shape == (name,)


def test_new_names_are_not_those_of_inputs() -> None:
    graph = traced(lambda x: x[:, ops.shape(x)[1] - 4 :], "slice", "n")
    assert graph.outputs["y"].type.shape == ("slice", "slice_1")


def test_a_transpose_in_front_of_a_reading_of_sizes_is_not_done() -> None:
    def function(x: Any) -> Any:
        y = ops.relu(ops.transpose(x, (0, 2, 1)))
        return ops.zeros((ops.shape(y)[2], ops.shape(y)[1]))

    graph = traced(function, "n", "t", 4)
    optimized = passes.run(graph, passes.INFERENCE, check=True)
    assert not any("transpose" in str(node.op) for node in optimized.nodes)
    for g in (graph, optimized):
        feed = {"x": np.ones((2, 3, 4), np.float32)}
        assert evaluate(g, feed)["y"].shape == (3, 4)


def test_a_size_of_many_readers_is_read_once() -> None:
    graph = traced(lambda x: x * ops.shape(x)[0] + ops.shape(x)[0], "n")
    optimized = passes.run(graph, passes.INFERENCE, check=True)
    assert sum(node.op.name == "sizes" for node in optimized.nodes) == 1


def test_a_file_reads_and_computes_each_size_once(tmp_path: Path) -> None:
    x = seqir.Input((None, 4))
    n, t = ops.shape(x)[:2]
    rows = ops.reshape(ops.relu(ops.reshape(x, (n * t, 4))), (n * t, 2, 2))
    model = seqir.Model(x, [rows, ops.zeros((n * t, 3)), ops.ones((t,))])
    nodes = model.export(tmp_path / "m.onnx").nodes
    assert nodes["Shape"] == 2
    assert nodes["Mul"] == 1


@pytest.mark.parametrize("name", corpus.MODELS)
def test_models_of_known_sizes_compute_none(name: str) -> None:
    graph, variables = corpus.MODELS[name]().trace_graph()
    names = {node.op.name for node in passes.bind(graph, arrays_of(variables)).nodes}
    assert names.isdisjoint({"sizes", "reshape_to", "expand_to", "fill", "range"})


@pytest.mark.parametrize("axis", [2, -1, 1])
def test_what_is_joined_must_be_of_equal_sizes_elsewhere(axis: int) -> None:
    xs = [seqir.Input((None, None), batch_size=2, name=n) for n in "ab"]
    model = seqir.Model(xs, layers.Concatenate(axis=axis, name="both")(xs))
    good, longer, wider = (np.zeros((2, *size)) for size in ((4, 3), (5, 3), (4, 7)))
    other = longer if axis == 1 else wider
    assert model.predict([good, other], verbose=0).shape != good.shape
    with pytest.raises(ShapeError, match=r"do not fit layer 'both': .* to be equal"):
        model.predict([good, wider if axis == 1 else longer], verbose=0)
