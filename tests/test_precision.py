"""Layers, operators and loops in every precision: they run, train and are exported."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import graph_value
from layer_samples import SAMPLES as LAYERS
from layer_samples import LayerSample
from operands import Sample
from recurrent_samples import RECURRENT
from samples import SAMPLES

import seqir
from seqir import dtypes, layers, lower, nest, ops, passes, runtime
from seqir.ir import FrozenArray, Op, Trace, computed, evaluate
from seqir.lower.kernels import NO_FLOAT16, NO_FLOAT64, runnable, written
from seqir.operators.constant import Constant
from seqir.operators.convert import Cast
from seqir.operators.linalg import MatMul
from seqir.operators.movement import Transpose
from seqir.operators.unary import FUNCTIONS, Function
from seqir.ops.tensor import Traced
from seqir.passes.widen import retyped
from seqir.tensortype import TensorType, type_of

CLASSES = {name: getattr(layers, name) for name in layers.__all__}

POLICIES = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")
TOLERANCE = {"float16": 1e-2, "bfloat16": 6e-2, "float64": 2e-6}


def tolerance(policy: str) -> float:
    return TOLERANCE[policy.removeprefix("mixed_")]


def close(found: Any, wanted: Any, rtol: float) -> bool:
    """Whether arrays are as close as the largest number in them asks for."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    room = rtol * max(1.0, np.abs(wanted).max(initial=0))
    return bool((np.abs(found - wanted) <= room).all())


def retyped_sample(s: Sample, dtype: str) -> Any:
    """The graph of an operator in another element type, and its inputs."""
    op = retyped(s.op, dict.fromkeys(dtypes.FLOATS, dtype))
    arrays = [
        a.astype(dtypes.to_numpy(dtype)) if dtypes.is_float(type_of(a).dtype) else a
        for a in s.arrays()
    ]
    b = Trace("sample")
    values = [b.input(f"x{i}", type_of(a)) for i, a in enumerate(arrays)]
    results = b.emit(op, *values)
    return b.finish({f"y{i}": v for i, v in enumerate(results)}), op, arrays


def floating_samples() -> Iterator[Sample]:
    for s in (*SAMPLES, *RECURRENT):
        floats = [x.dtype for x in s.operands if dtypes.is_float(x.dtype)]
        if floats and str(s.op) != "unique(size=6)":  # which runtimes have of float32
            yield s


def without_kernels(dtype: str) -> list[Sample]:
    """One sample of each operator that a runtime does not have for the type."""
    found: dict[str, Sample] = {}
    for s in floating_samples():
        graph, op, _ = retyped_sample(s, dtype)
        if runnable(graph, 18) is not graph:
            function = getattr(op, "f", "") if dtype == "float64" else ""
            found.setdefault(f"{type(op)}{function}", s)
    return list(found.values())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_operators_run_where_the_runtime_has_none(dtype: str) -> None:
    samples = without_kernels(dtype)
    assert len(samples) >= 3
    rtol = {"float16": 4e-3, "bfloat16": 2e-2, "float64": 1e-13}[dtype]
    for s in samples:
        graph, op, arrays = retyped_sample(s, dtype)
        model = lower.to_proto(lower.lower(graph)).SerializeToString()
        session = runtime.Session(model, device="cpu")
        found = session.run({f"x{i}": a for i, a in enumerate(arrays)})
        for y, wanted in zip(found, computed(op, arrays), strict=True):
            assert y.dtype == wanted.dtype, s.id
            # Gradients of convolutions in several groups have no plainer operators.
            room = 1e-5 if "kernel_grad" in s.id and dtype == "float64" else rtol
            assert close(y, wanted, room), s.id


@pytest.mark.parametrize("target", passes.TARGETS)
def test_what_stands_for_a_wide_operator_is_not_rounded_on_the_way(target: str) -> None:
    """Squares and sums in the middle leave the range of float16, results do not."""
    expanded = set[type[Op]]()
    for s in (*SAMPLES, *RECURRENT):
        if not s.op.wide or not any(dtypes.is_float(t.dtype) for t in s.operands):
            continue
        graph, op, arrays = retyped_sample(s, "float16")
        if op.name == "training_batch_norm":
            arrays[0] = arrays[0] * np.float16(2000)
        plain = passes.expand(target)(graph)
        if plain is graph:
            continue
        expanded.add(type(op))
        found = evaluate(plain, {f"x{i}": a for i, a in enumerate(arrays)})
        for y, wanted in zip(found.values(), computed(op, arrays), strict=True):
            assert y.dtype == wanted.dtype, s.id
            assert close(y, wanted, 1e-3), s.id
    names = {op.name for op in expanded}
    assert names >= {"training_batch_norm", "conv_input_grad"}
    assert target == "cuda" or names >= {"conv_kernel_grad", "average_pool_grad"}


def test_nothing_is_rounded_between_neighbours_in_float32() -> None:
    b = Trace("chain")
    x = Traced(b, b.input("x", TensorType("bfloat16", ("batch", 4))))
    y = ops.exp(ops.tanh(x) * 2.0) - ops.tanh(x)
    graph = b.finish({"y": graph_value(y)})
    kept = runnable(graph, 18)
    casts = [node.op for node in kept.nodes if isinstance(node.op, Cast)]
    assert sorted(op.to for op in casts) == ["bfloat16", "float32", "float32"]
    array = np.linspace(-3, 3, 8).reshape(2, 4).astype(dtypes.to_numpy("bfloat16"))
    exact = np.tanh(array.astype("f"))
    exact = np.exp(exact * 2) - exact
    (found,) = evaluate(kept, {"x": array}).values()
    np.testing.assert_array_equal(found, exact.astype(found.dtype))


def test_the_table_of_float64_is_that_of_onnxruntime() -> None:
    state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")
    there = {
        kernel.op_name
        for kernel in state.get_all_opkernel_def()
        if kernel.provider == "CPUExecutionProvider"
        and any("tensor(double)" in t for t in kernel.type_constraints.values())
    }
    used: set[str] = set()
    for s in floating_samples():
        graph, _, _ = retyped_sample(s, "float64")
        used |= {name.split()[0] for name in written(graph.nodes[-1], 17)}
        used |= {name.split()[0] for name in written(graph.nodes[-1], 22)}
    assert used - there <= NO_FLOAT64
    registered = {"GRU", "LSTM", "RNN"}  # which fail when they run
    assert there & NO_FLOAT64 <= registered
    assert {name.split()[0] for name in NO_FLOAT16} <= used


def chosen() -> Iterator[LayerSample]:
    """One sample of each layer and kind of input, and every activation."""
    seen: set[Any] = set()
    for s in LAYERS:
        key = (s.layer, s.args if s.layer == "Activation" else (), s.dtype)
        large = s.high is not None and s.high > 10  # gradients that float16 has not
        if key not in seen and "dtype" not in s.kwargs and not large:
            seen.add(key)
            yield s


def many_layers(samples: list[LayerSample], policy: str) -> Any:
    """A model in which all of them stand side by side, and arrays to call it on.

    Arrays of any batch size lie in a batch of one.
    """
    inputs: list[Any] = []
    outputs: list[Any] = []
    arrays: list[Any] = []
    for s in samples:
        own = nest.flatten(s.inputs())
        layer = s.made(CLASSES, dtype=policy)
        if s.layer == "Normalization" and len(s.args) < 2:
            layer.adapt(s.inputs())
        new = [seqir.Input((*a.shape,), dtype=str(a.dtype)) for a in own]
        tensors = [ops.reshape(x, a.shape) for x, a in zip(new, own, strict=True)]
        ys = [ops.reshape(y, (1, -1)) for y in nest.flatten(s.called(layer, tensors))]
        outputs.append(ys[0] if len(ys) == 1 else ops.concatenate(ys, -1))
        inputs += new
        arrays += [a[None] for a in own]
    return seqir.Model(inputs, outputs), arrays


def trained(policy: str, weights: list[Any] | None = None) -> Any:
    """Weights before, outputs, loss and weights after one step of all layers.

    Each policy draws the same random numbers.
    """
    seqir.utils.set_random_seed(0)
    model, arrays = many_layers(list(chosen()), policy)
    if weights is not None:
        model.set_weights(weights)
    before, found = model.get_weights(), model.predict_on_batch(arrays)
    targets = [np.zeros(y.shape, np.float32) for y in found]
    model.compile(seqir.optimizers.SGD(0.01), "mse")
    loss = model.train_on_batch(arrays, targets)
    return before, found, np.ravel(loss)[0], model


@functools.cache
def exact() -> Any:
    return trained("float32")


@pytest.mark.parametrize("policy", POLICIES)
def test_every_layer_runs_and_trains(policy: str) -> None:
    weights, wanted, loss, plain = exact()
    _, found, own, model = trained(policy, weights)
    rtol = tolerance(policy)
    own_type = policy.removeprefix("mixed_")
    for s, y, other in zip(chosen(), found, wanted, strict=True):
        assert close(y, other, rtol), s.id
        assert y.dtype in (dtypes.to_numpy(own_type), other.dtype), s.id
    assert own == pytest.approx(loss, rel=rtol)
    for w, other in zip(model.weights, plain.weights, strict=True):
        assert close(w.numpy(), other.numpy(), 2 * rtol), w.path
    moved = zip(weights, model.trainable_weights, strict=False)
    assert any((w != v.numpy()).any() for w, v in moved)


class Recurrent(layers.Layer):
    """A recurrence as a loop over time."""

    def build(self, input_shape: Any) -> None:
        size = input_shape[-1]
        self.w = self.add_weight((size, 4), name="w")
        self.u = self.add_weight((4, 4), name="u")

    def call(self, x: Any) -> Any:
        x = ops.transpose(x, (1, 0, 2))
        start = ops.zeros((ops.shape(x)[1], 4), dtype=x.dtype)

        def step(h: Any, x: Any) -> Any:
            h = ops.tanh(ops.layer_normalization(x @ self.w + h @ self.u))
            return h, ops.softmax(h)

        last, every = ops.scan(step, start, x)
        return last + ops.sum(every, 0)


class Branching(layers.Layer):
    """One of two functions of the input, by its sum."""

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(input_shape[-1:], name="w")

    def call(self, x: Any) -> Any:
        y = ops.mean(x, 1)
        return ops.cond(
            ops.sum(y) > 0.0,
            lambda: ops.gelu(y * self.w),
            lambda: ops.elu(y) - self.w,
        )


class Repeating(layers.Layer):
    """A function three times over."""

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(input_shape[-1:], name="w")

    def call(self, x: Any) -> Any:
        def again(i: Any, y: Any) -> Any:
            return ops.softplus(y * self.w) + ops.mean(y)

        return ops.fori_loop(0, 3, again, ops.mean(x, 1)) * 0.1


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", [Recurrent, Branching, Repeating])
def test_bodies_compute_in_the_policy_of_the_layer(
    kind: Any, policy: str, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    results: list[Any] = []
    weights: Any = None
    for dtype in ("float32", policy):
        model = seqir.Sequential([seqir.Input((None, 4)), kind(dtype=dtype)])
        if weights is not None:
            model.set_weights(weights)
        weights = model.get_weights()
        model.compile(seqir.optimizers.SGD(0.1), "mse")
        found = model.predict(x, verbose=0)
        loss = model.train_on_batch(x, np.zeros(found.shape, np.float32))
        results.append((found, loss, model.get_weights()))
        model.export(tmp_path / "model.onnx")  # which verifies it
    (wanted, loss, after), (found, own, own_after) = results
    assert found.dtype == dtypes.to_numpy(policy.removeprefix("mixed_"))
    rtol = tolerance(policy)
    assert close(found, wanted, rtol)
    assert own == pytest.approx(loss, rel=2 * rtol)
    for a, b in zip(own_after, after, strict=True):
        assert close(a, b, 2 * rtol)


POINTS = (0, 1e-9, 1e-3, 0.3, 0.5, 1, 1.5, 3, 30, 700, 1e10, 1e200, np.inf)


@pytest.mark.parametrize("f", [f for f, row in FUNCTIONS.items() if row.plain])
def test_plainer_functions_are_right_everywhere(f: str) -> None:
    x = np.array([*POINTS, *(-p for p in POINTS), np.nan])
    b = Trace("function")
    (y,) = b.emit(Function(f), b.input("x", type_of(x)))
    graph = runnable(b.finish({"y": y}), 18)
    assert len(graph.nodes) > 1
    found = evaluate(graph, {"x": x})["y"]
    (wanted,) = computed(Function(f), [x])
    np.testing.assert_allclose(found, wanted, 1e-13, 1e-15)


class Showing(layers.Layer):
    """Notes what its weights look like while it is traced."""

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(input_shape[-1:], name="w")
        self.kept = self.add_weight(input_shape[-1:], name="kept", autocast=False)
        self.count = self.add_weight((), "zeros", "int32", trainable=False, name="n")
        self.seen: list[Any] = []

    def call(self, x: Any) -> Any:
        for w in self.w, self.kept, self.count:
            found = ops.add(w, 0)
            self.seen.append((w.type.dtype, w.dtype, ops.dtype(w), found.dtype))
        return x * self.w


@pytest.mark.parametrize("policy", POLICIES)
def test_a_weight_is_what_is_stored_and_read_by_policy(policy: str) -> None:
    layer = Showing(dtype=policy)
    layer(np.ones((2, 3), np.float32))
    stored, read = layer.variable_dtype, layer.compute_dtype
    assert layer.seen[:3] == [
        (stored, read, read, read),
        (stored, stored, stored, stored),
        ("int32",) * 4,
    ]
    assert layer.w.dtype == layer.w.type.dtype == stored


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("read", ["float32", "as it is"])
def test_products_of_stacks_with_moved_axes(dtype: str, read: str) -> None:
    """ONNX Runtime ends the process where a cast lies in between, or puts one there."""
    b = Trace("product")
    x = b.input("x", TensorType(dtype, ("batch", 3, 4)))
    moved = b(Transpose((1, 0, 2)), x)
    if read == "float32":
        moved = b(Cast(read), moved)
    w = np.ones((4, 5), dtypes.to_numpy(moved.type.dtype))
    y = b(MatMul(), moved, b(Constant(FrozenArray(w))))
    model = lower.to_proto(lower.lower(b.finish({"y": y}))).SerializeToString()
    given = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(w.dtype)
    given = given.astype(dtypes.to_numpy(dtype))
    (found,) = runtime.Session(model, device="cpu").run({"x": given})
    assert found.dtype == w.dtype
    wanted = given.astype("d").transpose(1, 0, 2) @ w.astype("d")
    assert close(found, wanted, 2e-2 if w.dtype.itemsize == 2 else 1e-6)
