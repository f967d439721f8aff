"""Recurrent operators: slopes, loops in training, one ONNX operator in inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graphs import graph_value
from operands import Sample
from recurrent_samples import EVERY, RECURRENT, gradients, operands

from seqir import autodiff, ops, passes
from seqir.ir import Builder, Graph, Op, Trace, Value, evaluate, in_bodies
from seqir.lower import lower, opsets, to_proto
from seqir.operators.control import Scan
from seqir.operators.recurrent import Gru, Lstm, Recurrent, RecurrentGrad, Rnn
from seqir.ops import rules
from seqir.ops.apply import apply, as_tuple
from seqir.ops.bodies import scan
from seqir.ops.loops import pullback
from seqir.ops.tensor import Traced
from seqir.passes.widen import widened
from seqir.tensortype import TensorType, type_of

ort = pytest.importorskip("onnxruntime")


def doubled(s: Sample) -> Sample:
    kinds = {"float32": "float64"}
    wide = (replace(x, dtype=kinds.get(x.dtype, x.dtype)) for x in s.operands)
    return Sample(s.op, tuple(wide))


FORWARD = [doubled(s) for s in RECURRENT if s.operands[0].dtype == "float32"]
BACKWARD = tuple(gradients("float64"))


def graph_of(op: Op, types: Sequence[TensorType]) -> Graph:
    b = Builder("network")
    xs = [b.input(f"x{i}", type) for i, type in enumerate(types)]
    return b.finish({f"y{i}": v for i, v in enumerate(b.emit(op, *xs))})


def assert_slopes(s: Sample, step: float = 1e-5) -> None:
    """The gradient along some direction is the difference quotient along it."""
    arrays = s.arrays()
    rng = np.random.default_rng(1)
    results = s.op.evaluate(*arrays)
    seeds = [rng.normal(size=y.shape) for y in results]
    walk = pullback(
        rules, graph_of(s.op, list(map(type_of, arrays))), [True] * len(seeds)
    )
    found = evaluate(walk, dict(zip(walk.inputs, (*arrays, *seeds), strict=True)))

    def total(*operands: Any) -> float:
        ys = s.op.evaluate(*operands)
        return sum(float((y * g).sum()) for y, g in zip(ys, seeds, strict=True))

    for i, x in enumerate(arrays):
        if x.dtype.kind != "f":
            assert f"x{i}" not in found
            continue
        along = rng.normal(size=x.shape)
        above, below = list(arrays), list(arrays)
        above[i], below[i] = x + step * along, x - step * along
        slope = (total(*above) - total(*below)) / (2 * step)
        mine = float((found.get(f"x{i}", 0 * along) * along).sum())
        assert abs(mine - slope) <= 1e-6 * (1 + abs(slope)), i


@pytest.mark.parametrize("s", FORWARD, ids=lambda s: s.id)
def test_slopes_are_differences(s: Sample) -> None:
    assert_slopes(s)


@pytest.mark.parametrize("s", BACKWARD[::3], ids=lambda s: s.id)
def test_slopes_of_slopes_are_differences(s: Sample) -> None:
    assert_slopes(s)


def training_graph(op: Recurrent, steps: Any, batch: Any) -> Graph:
    """The loss of a network, and its gradients."""
    types = [x.type for x in operands(op, 3, 2)]
    types[0] = types[0].with_shape((steps, batch, types[0].shape[2]))
    if "lengths" in op.given:
        types[3 + op.given.index("lengths")] = TensorType("int32", (batch,))
    b = Trace("training")
    xs = [Traced(b, b.input(f"x{i}", type)) for i, type in enumerate(types)]
    with b.active(), b.source("network"):
        y, *_ = as_tuple(apply(op, *xs))
        loss = ops.sum(y * y)
    wanted = [x for x in xs if x.dtype == "float32"]
    found = autodiff.gradient(loss, wanted)
    outputs = {f"d{i}": d.value for i, d in enumerate(found) if d is not None}
    return b.finish({"loss": graph_value(loss), **outputs})


def nodes_of(graph: Graph, kind: type[Op]) -> list[Any]:
    return [node.op for node in graph.nodes if isinstance(node.op, kind)]


NETWORKS = [
    Lstm(given=("bias",)),
    Lstm(given=("lengths",), direction="bidirectional"),
    Gru(given=("bias",), linear_before_reset=True),
    Gru(given=("bias", "lengths")),
    Rnn(given=("bias", "lengths")),
]


@pytest.mark.parametrize("op", NETWORKS, ids=str)
def test_training_has_each_loop_once_and_inference_none(op: Recurrent) -> None:
    naive = training_graph(op, "time", "batch")
    graph = passes.run(naive, passes.training("cpu"), check=True)
    assert not nodes_of(graph, Recurrent)
    assert not nodes_of(graph, RecurrentGrad)
    loops = nodes_of(graph, Scan)
    directions = 2 if op.direction == "bidirectional" else 1
    assert len(loops) == 2 * directions
    assert sum(loop.reverse for loop in loops) == directions
    alone = Graph("g", naive.inputs, {}, naive.nodes, {"loss": naive.outputs["loss"]})
    alone = passes.run(alone, passes.INFERENCE, check=True)
    assert len(nodes_of(alone, type(op))) == 1
    assert not nodes_of(alone, Scan)
    # The loops are fed all steps of the products, and do none of the inputs' own.
    for loop in loops:
        widths = [v.type.shape for v in loop.body.inputs.values()]
        assert (9, 2) not in widths
    for steps, batch in ((4, 3), (2, 5)):
        rng = np.random.default_rng(2)
        feed: dict[str, Any] = {}
        for name, value in graph.inputs.items():
            sizes = {"time": steps, "batch": batch}
            shape = [sizes.get(str(d), d) for d in value.type.shape]
            feed[name] = rng.normal(size=shape).astype(np.float32)
            if value.type.dtype == "int32":
                feed[name] = np.arange(batch, dtype=np.int32) % (steps + 1)
        wanted = evaluate(naive, feed)
        session = ort.InferenceSession(to_proto(lower(graph)).SerializeToString())
        names = list(graph.outputs)
        found = dict(zip(names, session.run(names, feed), strict=True))
        for name in names:
            np.testing.assert_allclose(found[name], wanted[name], 1e-4, 1e-5)


def test_results_that_nobody_reads_are_not_written() -> None:
    types = [x.type for x in operands(Lstm(), 3, 2)]
    graph = graph_of(Lstm(), types)
    (node,) = graph.nodes
    last = replace(graph, outputs={"h": node.results[1]})
    last = passes.run(last, passes.INFERENCE, check=True)
    assert [v.type.shape for v in last.nodes[0].results] == [(1, 2, 3)]
    for opset in (17, opsets.newest()):
        (written,) = to_proto(lower(last, opset=opset)).graph.node
        assert list(written.output)[:1] == [""]
        assert len([name for name in written.output if name]) == 1


def test_only_gradients_that_are_wanted_are_computed() -> None:
    op = Lstm(given=EVERY)
    naive = training_graph(op, 3, 2)
    some = replace(naive, outputs={"d": naive.outputs["d1"]})
    graph = passes.run(some, passes.training("cpu"), check=True)
    products = [str(n.op) for n in graph.nodes if n.op.name == "gemm"]
    assert products == ["gemm(trans_b=True)", "gemm(trans_a=True)"]


def test_a_frozen_network_stays_whole() -> None:
    types = [x.type for x in operands(Lstm(), 3, 2)]
    b = Trace("g")
    xs = [Traced(b, b.input(f"x{i}", type)) for i, type in enumerate(types)]
    scale = Traced(b, b.input("scale", TensorType("float32", ())))
    with b.active():
        y = as_tuple(apply(Lstm(), *xs))[0] * scale
        loss = ops.sum(y)
    (slope,) = autodiff.gradient(loss, [scale])
    graph = passes.run(b.finish({"d": graph_value(slope)}), passes.training("cpu"))
    assert len(nodes_of(graph, Lstm)) == 1


def test_gradients_of_weights_in_a_loop_are_products_behind_it() -> None:
    """What a user's step multiplies with is not summed up from step to step."""
    types = {
        "xs": TensorType("float32", ("time", "batch", 2)),
        "h": TensorType("float32", ("batch", 3)),
        "w": TensorType("float32", (2, 3)),
        "r": TensorType("float32", (3, 3)),
    }
    b = Trace("g")
    given = {n: Traced(b, b.input(n, t)) for n, t in types.items()}
    w, r = given["w"], given["r"]

    def step(h: Any, x: Any) -> list[Any]:
        h = ops.tanh(ops.matmul(x, w) + ops.matmul(h, r) + 0.5 * ops.matmul(h, r))
        return [h, ops.matmul(h, r)]

    last, ys = scan(step, [given["h"]], [given["xs"]])
    loss = ops.sum(last * last) + ops.sum(ys)
    found = autodiff.gradient(loss, list(given.values()))
    slopes = {
        f"d{n}": d.value for n, d in zip(given, found, strict=True) if d is not None
    }
    naive = b.finish({"loss": graph_value(loss), **slopes})
    graph = passes.run(naive, passes.training("cpu"), check=True)
    (backward,) = (loop for loop in nodes_of(graph, Scan) if loop.reverse)
    carried = [*backward.body.inputs.values()][: backward.carries]
    assert [v.type.shape for v in carried] == [("batch", 3)]
    rng = np.random.default_rng(0)
    sizes = {"time": 4, "batch": 5}
    feed = {
        n: rng.normal(size=[sizes.get(str(d), d) for d in t.shape])
        for n, t in types.items()
    }
    mine = evaluate(widened(graph), feed)
    for name, x in feed.items():
        along, move = rng.normal(size=x.shape), 1e-6
        above, below = (
            evaluate(widened(naive), {**feed, name: x + sign * move * along})["loss"]
            for sign in (1, -1)
        )
        slope = (above - below) / (2 * move)
        np.testing.assert_allclose((mine[f"d{name}"] * along).sum(), slope, 1e-6)


def test_loops_with_equal_bodies_merge() -> None:
    def loop(rows: Any, step: float) -> Any:
        return scan(lambda h, row: [h * step + row], [rows[0] * 0.0], [rows])[0]

    b = Trace("g")
    x = Traced(b, b.input("x", TensorType("float32", ("n", 2))))
    with b.source("first"):
        first = loop(x, 0.5)
    with b.source("second"):
        second, other = loop(x, 0.5), loop(x, 0.25)
    values: dict[str, Value] = {
        "a": first.value, "b": second.value, "c": other.value
    }  # fmt: skip
    graph = passes.run(b.finish(values), passes.INFERENCE)
    assert len(nodes_of(graph, Scan)) == 2
    assert graph.outputs["a"] is graph.outputs["b"]
    assert in_bodies(lambda body: body, graph) is graph
