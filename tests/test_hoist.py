"""What leaves loops: invariants, what is scanned only, sums; and what moves in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqir import autodiff, ops, passes
from seqir.ir import Graph, Trace, evaluate
from seqir.operators.control import Scan
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable
from seqir.tensortype import TensorType

RNG = np.random.default_rng(2)
KERNEL = RNG.normal(size=(3, 4)).astype("float32")
RECURRENT = RNG.normal(size=(4, 4)).astype("float32")


def elman(*, gradient: bool = False) -> tuple[Graph, dict[str, Any]]:
    """A recurrence over named sizes, and its weights."""
    kernel = Variable(KERNEL, name="kernel")
    recurrent = Variable(RECURRENT, name="recurrent")
    b = Trace("elman")
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", ("time", "batch", 3))))
        h = Traced(b, b.input("h", TensorType("float32", ("batch", 4))))

        def step(h: Any, s: Any) -> Any:
            return ops.tanh(s @ kernel + h @ ops.transpose(recurrent)), None

        last, _ = ops.scan(step, h, x)
        outputs = {"last": last.value}
        if gradient:
            found = autodiff.gradient(ops.sum(last), [kernel, recurrent])
            names = ("dkernel", "drecurrent")
            pairs = zip(names, found, strict=True)
            outputs |= {n: g.value for n, g in pairs if g is not None}
    params = {name: v.array for v, name in b.bindings.items()}
    return b.finish(outputs), params


FEEDS = {
    "x": RNG.normal(size=(6, 2, 3)).astype("float32"),
    "h": RNG.normal(size=(2, 4)).astype("float32"),
}


def assert_same(a: Graph, b: Graph, params: dict[str, Any]) -> None:
    wanted = evaluate(a, FEEDS, params)
    found = evaluate(b, FEEDS, {name: params[name] for name in b.params})
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6)


def test_the_input_product_and_what_is_captured_leave_the_loop() -> None:
    graph, params = elman()
    hoisted = passes.run(graph, passes.STRUCTURE, check=True)
    assert_same(graph, hoisted, params)
    lines = [line.strip() for line in str(hoisted).splitlines()]
    assert lines[2:5] == [
        "%0: f32[time, batch, 4] = matmul x kernel",
        "%1: f32[4, 4] = transpose(1, 0) recurrent",
        "%2: f32[batch, 4] = scan(carries=1, scanned=1) h %0 %1",
    ]
    assert lines[6:] == [
        "%0: f32[batch, 4] = matmul input_0 captured_2",
        "%1: f32[batch, 4] = add input_2 %0",
        "%2: f32[batch, 4] = tanh %1",
        "return output_0 = %2",
        "return last = %2",
    ]


def test_a_loop_with_nothing_to_hoist_is_left_as_it_is() -> None:
    graph, _ = elman()
    hoisted = passes.run(graph, passes.STRUCTURE)
    assert passes.hoist(hoisted) is hoisted
    assert passes.sink_constants(hoisted) is hoisted


def test_constants_move_in_and_are_folded_there() -> None:
    graph, params = elman()
    bound = passes.run(passes.bind(graph, params), passes.INFERENCE, check=True)
    assert_same(graph, bound, params)
    (loop,) = [node for node in bound.nodes if node.op.bodies]
    (body,) = loop.op.bodies
    names = [str(node.op).split("(")[0] for node in body.nodes]
    assert names == ["constant", "matmul", "add", "tanh"]
    constant = body.nodes[0].op.constant
    assert constant is not None
    np.testing.assert_array_equal(constant.array, RECURRENT.T)
    assert len(loop.operands) == 2


def test_gradients_by_weights_are_single_products_after_the_loop() -> None:
    graph, params = elman(gradient=True)
    optimized = passes.run(graph, passes.training("cpu"), check=True)
    assert_same(graph, optimized, params)
    _, backward = [node for node in optimized.nodes if node.op.bodies]
    assert isinstance(backward.op, Scan)
    assert backward.op.carries == 1  # of h alone, no sums
    products = [str(n.op) for n in optimized.nodes if n.op.name == "einsum"]
    assert products == ["einsum(equation=tbi,tbj->ij)"] * 2


def test_draws_in_a_loop_stay_there() -> None:
    """The same key, drawn once, would give all steps the same values."""
    b = Trace("draws")
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", (5, 2))))
        step = lambda c, s: (c, ops.sum(s) + _uniform())  # noqa: E731
        ys = ops.scan(step, 0.0, x)[1]
    graph = passes.run(b.finish({"y": ys.value}), passes.STRUCTURE, check=True)
    key = {"random_seed": np.int64(1), "random_step": np.int64(0)}
    found = evaluate(graph, {"x": np.zeros((5, 2), "float32"), **key})["y"]
    assert len(np.unique(found)) == 5


def _uniform() -> Any:
    from seqir import random

    return random.uniform(())


@pytest.mark.parametrize("limit", [None, 4])
def test_invariants_leave_while_loops(limit: int | None) -> None:
    b = Trace("while")
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", (2, 2))))
        w = Traced(b, b.input("w", TensorType("float32", (2, 2))))
        y = ops.while_loop(
            lambda z: ops.sum(z) < ops.exp(ops.max(w)),
            lambda z: z + ops.abs(ops.transpose(w)),
            x,
            maximum_iterations=limit,
        )
    graph = b.finish({"y": y.value})
    feeds = {"x": np.zeros((2, 2), "float32"), "w": np.float32([[1, 0], [2, 0.5]])}
    wanted = evaluate(graph, feeds)["y"]
    hoisted = passes.run(graph, passes.STRUCTURE, check=True)
    np.testing.assert_array_equal(evaluate(hoisted, feeds)["y"], wanted)
    (loop,) = [node for node in hoisted.nodes if node.op.bodies]
    assert [len(body.nodes) for body in loop.op.bodies] == [2, 1]


def test_what_is_stacked_does_not_go_through_the_loop() -> None:
    b = Trace("outputs")
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", ("time", 3))))
        last, ys = ops.scan(lambda c, s: (c + s, ops.exp(s) + c[:1] * 0.0), x[0], x)
        _, squares = ops.scan(lambda c, s: (c + s, s * s), x[0], x)
    graph = b.finish({"last": last.value, "ys": ys.value, "squares": squares.value})
    hoisted = passes.run(graph, passes.STRUCTURE, check=True)
    feeds = {"x": FEEDS["x"][:, 0]}
    for name, array in evaluate(graph, feeds).items():
        np.testing.assert_array_equal(evaluate(hoisted, feeds)[name], array)
    assert sum(len(node.results) for node in hoisted.nodes if node.op.bodies) == 2
