"""The graph: building, checking, printing, evaluating and replaying it."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seqir.errors import (
    DTypeError,
    GraphError,
    SeqirError,
    ShapeError,
    UnsupportedError,
    did_you_mean,
    explain,
)
from seqir.ir import (
    FrozenArray,
    Graph,
    Node,
    Trace,
    Update,
    Value,
    current_builder,
    evaluate,
    replay,
    verify,
)
from seqir.ir.analysis import dominating, ordered, to_networkx
from seqir.operators.activation import Relu
from seqir.operators.arith import Add, Mul
from seqir.operators.constant import Constant
from seqir.operators.linalg import MatMul
from seqir.operators.movement import Reshape
from seqir.operators.sort import TopK
from seqir.operators.unary import Function
from seqir.ops import rules
from seqir.tensortype import TensorType, type_of


def f32(*shape: int | str) -> TensorType:
    return TensorType("float32", shape)


def small() -> Graph:
    """Flatten, a dense layer, an update, a constant."""
    b = Trace("cnn")
    x = b.input("image", f32("batch", 8, 8, 1))
    w = b.param("dense/kernel", f32(64, 10))
    total = b.param("total", f32())
    with b.source("flatten", "Flatten"):
        flat = b(Reshape((0, -1)), x)
    with b.source("dense", "Dense"):
        y = b(MatMul(), flat, w)
        one = b(Constant(FrozenArray(np.float32(1))))
        y = b(Add(), y, one)
    b.update("total", b(Add(), total, one))
    return b.finish({"dense": y})


GOLDEN = """\
graph cnn(image: f32[batch, 8, 8, 1]) -> (dense)
  params dense/kernel: f32[64, 10], total: f32[]
  %0: f32[batch, 64] = reshape(0, -1) image  # flatten
  %1: f32[batch, 10] = matmul %0 dense/kernel  # dense
  %2: f32[] = constant(1.0)  # dense
  %3: f32[batch, 10] = add %1 %2  # dense
  %4: f32[] = add total %2
  update total = %4
  return dense = %3"""


def test_graphs_print_their_nodes_in_order() -> None:
    assert str(small()) == GOLDEN
    assert small()._repr_html_() == f"<pre>{GOLDEN.replace('->', '-&gt;')}</pre>"


def test_operators_of_several_results_print_all_of_them() -> None:
    b = Trace("g")
    values, places = b.emit(TopK(2), b.input("x", f32(4)))
    text = str(b.finish({"v": values, "i": places}))
    assert "%0: f32[2], %1: i64[2] = top_k(k=2) x" in text
    assert "return v = %0, i = %1" in text


def test_a_graph_knows_its_values_users_and_sources() -> None:
    g = verify(small())
    values = list(g.values())
    assert len(values) == 8
    assert [v.type for v in g.roots] == [f32("batch", 10), f32()]
    producers, users = g.producers(), g.users()
    assert producers[g.outputs["dense"]].op == Add()
    (flat,) = users[g.inputs["image"]]
    assert flat.op == Reshape((0, -1))
    assert len(users[g.nodes[2].result]) == 2
    assert g.output_of("dense") is g.nodes[3].result
    assert g.sources == {"flatten": "Flatten", "dense": "Dense"}
    assert g.nodes[2].op.constant == FrozenArray(np.float32(1))
    assert g.nodes[0].op.constant is None
    with pytest.raises(GraphError, match=r"comes from 'dence'\. Did you mean 'dense'"):
        g.output_of("dence")


def test_sources_nest() -> None:
    b = Trace()
    x = b.input("x", f32(2))
    with b.source("block", "Block"), b.source("relu", "ReLU"):
        y = b(Relu(), x)
    g = b.finish({"y": y})
    assert g.nodes[0].source == "block/relu"
    assert g.sources == {"block": "Block", "block/relu": "ReLU"}
    assert g.output_of("block") is y
    assert b.path == ""


def test_the_source_is_left_after_an_error() -> None:
    b = Trace()
    with pytest.raises(ShapeError), b.source("layer"):
        b(MatMul(), b.input("x", f32(2, 3)), b.input("y", f32(2, 3)))
    assert b.path == ""


# Building


def test_errors_of_operators_carry_the_operands() -> None:
    b = Trace()
    x, y = b.input("x", f32(2, 3)), b.input("y", f32(4, 5))
    with pytest.raises(ShapeError, match="matmul needs the inner sizes") as caught:
        b(MatMul(), x, y)
    assert caught.value.__notes__ == ["in matmul(f32[2, 3], f32[4, 5])"]
    assert explain(caught.value).endswith("(in matmul(f32[2, 3], f32[4, 5]))")
    assert b.nodes == []


def test_inputs_have_one_name_each() -> None:
    b = Trace("g")
    b.input("x", f32(2))
    with pytest.raises(GraphError, match="'g' already has an input named 'x'"):
        b.input("x", f32(2))


def test_params_are_found_by_name_and_keep_their_type() -> None:
    b = Trace("g")
    w = b.param("w", f32(2))
    assert b.param("w", f32(2)) is w
    with pytest.raises(
        GraphError, match=r"'w' was used as f32\[2\] and now as f32\[3\]"
    ):
        b.param("w", f32(3))


def test_variables_of_one_name_get_params_of_their_own() -> None:
    b = Trace("g")
    b.input("w", f32(2))
    one, two = object(), object()
    first, second = b.bind(one, "w", f32(2)), b.bind(two, "w", f32(2))
    assert first is not second
    assert b.bind(one, "w", f32(2)) is first
    assert list(b.params) == ["w_1", "w_2"]


def test_updates_are_of_params_and_keep_their_type() -> None:
    b = Trace("g")
    x = b.input("x", f32(2))
    with pytest.raises(GraphError, match="'g' has no parameter 'w' to update"):
        b.update("w", x)
    b.param("w", f32(3))
    with pytest.raises(GraphError, match=r"'w' is f32\[3\], its new value is f32\[2\]"):
        b.update("w", x)
    w = b.param("v", f32(2))
    b.update("v", x)
    b.update("v", b(Add(), w, x))
    (update,) = b.finish({}).updates
    assert update.value.type == f32(2)
    assert update.value is not x


def test_the_active_builder_is_the_innermost() -> None:
    assert current_builder() is None
    outer, inner = Trace(), Trace()
    with outer.active():
        with inner.active() as found:
            assert found is inner is current_builder()
        assert current_builder() is outer
    assert current_builder() is None


def test_an_operator_without_a_gradient_says_so() -> None:
    node = small().nodes[0]

    class Odd(Relu):
        name = "odd"

        def vjp(self, *args: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            return super(Relu, self).vjp(*args)

    with pytest.raises(UnsupportedError, match="'odd' has no gradient"):
        Odd().vjp(rules, Trace(), node, node.result)


# Verifying


def broken(change: Callable[[Graph], Graph]) -> Graph:
    return change(small())


def rebuilt(g: Graph, **changes: Any) -> Graph:
    parts: dict[str, Any] = {
        "name": g.name,
        "inputs": g.inputs,
        "params": g.params,
        "nodes": g.nodes,
        "outputs": g.outputs,
        "updates": g.updates,
        "sources": g.sources,
    }
    return Graph(**(parts | changes))


def with_wrong_type(g: Graph) -> Graph:
    first = g.nodes[0]
    wrong = Value(f32("batch", 63))
    node = Node(first.op, first.operands, (wrong,), first.source)
    return rebuilt(g, nodes=(node,), outputs={"y": wrong}, updates=())


def with_value_defined_twice(g: Graph) -> Graph:
    return rebuilt(g, nodes=(*g.nodes, g.nodes[-1]))


def with_output_from_nowhere(g: Graph) -> Graph:
    return rebuilt(g, outputs={"y": Value(f32(2))})


def with_update_from_nowhere(g: Graph) -> Graph:
    return rebuilt(g, updates=(Update("total", Value(f32())),))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda g: rebuilt(g, nodes=g.nodes[::-1]), r"of '.*' reads a later value"),
        (lambda g: rebuilt(g, nodes=g.nodes[1:]), "matmul of 'dense' reads a later"),
        (with_wrong_type, r"results of type f32\[batch, 63\], its operands make"),
        (with_value_defined_twice, "add of '' defines a value again"),
        (with_output_from_nowhere, "output or update is computed by no node"),
        (with_update_from_nowhere, "output or update is computed by no node"),
        (
            lambda g: rebuilt(g, params={"w": g.inputs["image"]}),
            "one value stands for two inputs",
        ),
    ],
)
def test_the_verifier_finds(change: Callable[[Graph], Graph], match: str) -> None:
    g = broken(change)
    with pytest.raises(GraphError, match=match):
        verify(g)


def test_the_verifier_shows_the_graph() -> None:
    g = with_value_defined_twice(small())
    with pytest.raises(GraphError) as caught:
        verify(g)
    assert "graph cnn(image: f32[batch, 8, 8, 1])" in caught.value.__notes__[-1]
    with pytest.raises(GraphError) as caught:
        verify(with_output_from_nowhere(small()))
    assert caught.value.__notes__[-1].endswith("return y = %?")


# Evaluating


def test_evaluation_gives_outputs_and_updates() -> None:
    image = np.ones((2, 8, 8, 1), np.float32)
    kernel = np.full((64, 10), 0.5, np.float32)
    found = evaluate(
        small(), {"image": image}, {"dense/kernel": kernel, "total": np.float32(4)}
    )
    np.testing.assert_array_equal(found["dense"], np.full((2, 10), 33, np.float32))
    assert found["total"] == 5
    with pytest.raises(GraphError, match="no array given for dense/kernel, total"):
        evaluate(small(), {"image": image})


def test_evaluation_drops_values_after_their_last_use() -> None:
    alive: list[int] = []
    count = 0

    class Tracked(np.ndarray):
        def __del__(self) -> None:
            nonlocal count
            count -= 1

    class Step(Relu):
        def evaluate(self, *operands: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            nonlocal count
            count += 1
            alive.append(count)
            return (np.zeros(2, np.float32).view(Tracked),)

    b = Trace()
    value = b.input("x", f32(2))
    for _ in range(20):
        value = b(Step(), value)
    evaluate(b.finish({"y": value}), {"x": np.zeros(2, np.float32)})
    assert max(alive) <= 3


def test_an_input_can_be_an_output() -> None:
    b = Trace()
    x = b.input("x", f32(2))
    y = b(Relu(), x)
    found = evaluate(b.finish({"x2": x, "y": y}), {"x": np.float32([1, -1])})
    np.testing.assert_array_equal(found["x2"], [1, -1])
    np.testing.assert_array_equal(found["y"], [1, 0])


# Replaying


def test_replay_that_keeps_everything_returns_the_graph() -> None:
    g = small()
    assert replay(g, lambda b, node, operands: None) is g


def test_replay_rebuilds_what_follows_a_change() -> None:
    g = small()

    def double(b: Trace, node: Node, operands: tuple[Value, ...]) -> Any:
        if node.op != MatMul():
            return None
        y = b(node.op, *operands)
        return [b(Add(), y, y)]

    h = verify(replay(g, double))
    assert h is not g
    assert str(g) == GOLDEN
    assert [n.source for n in h.nodes] == ["flatten", *["dense"] * 4, ""]
    assert h.nodes[0] is g.nodes[0]
    assert h.inputs == g.inputs
    assert "update total" in str(h)
    arrays = {
        "image": np.ones((1, 8, 8, 1), np.float32),
        "dense/kernel": np.ones((64, 10), np.float32),
        "total": np.float32(0),
    }
    assert evaluate(h, arrays)["dense"][0, 0] == 129


def test_replay_replaces_a_node_by_its_operand() -> None:
    g = small()
    h = replay(g, lambda b, n, xs: [xs[0]] if n.op == Add() and n.source else None)
    assert "return dense = %1" in str(h)
    verify(h)


# Fingerprints


def constant_graph(array: Any, op: Any = Mul) -> Graph:
    b = Trace("g")
    x = b.input("x", type_of(array))
    return b.finish({"y": b(op(), x, b(Constant(FrozenArray(array))))})


def test_fingerprints_differ_with_structure_and_constants() -> None:
    big = np.arange(100_000, dtype=np.float32)
    other = big.copy()
    other[-1] = 0
    graphs = [
        small(),
        constant_graph(np.float32([1, 2])),
        constant_graph(np.float32([1, 3])),
        constant_graph(np.float32([1, 2]), Add),
        constant_graph(np.float32([1, 2]).reshape(2, 1)),
        constant_graph(big),
        constant_graph(other),
    ]
    prints = [g.fingerprint() for g in graphs]
    assert len(set(prints)) == len(prints)
    assert small().fingerprint() == prints[0]
    assert constant_graph(big.copy()).fingerprint() == constant_graph(big).fingerprint()


def test_fingerprints_are_the_same_in_every_process() -> None:
    code = (
        "import numpy as np; from seqir.ir import Trace;"
        "from seqir.operators.arith import Mul; from seqir.tensortype import type_of;"
        "from seqir.ir import FrozenArray;"
        "from seqir.operators.constant import Constant;"
        "a = np.float32([1, 2]); b = Trace('g'); x = b.input('x', type_of(a));"
        "y = b(Mul(), x, b(Constant(FrozenArray(a))));"
        "print(b.finish({'y': y}).fingerprint())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == constant_graph(np.float32([1, 2])).fingerprint()


def test_frozen_arrays_compare_by_content_and_cannot_change() -> None:
    a = np.float32([1, 2])
    assert FrozenArray(a) == FrozenArray(a.copy())
    assert hash(FrozenArray(a)) == hash(FrozenArray(a.copy()))
    assert FrozenArray(a) != FrozenArray(a.astype(np.float64))
    assert FrozenArray(a) != FrozenArray(a.reshape(2, 1))
    with pytest.raises(ValueError, match="read-only"):
        FrozenArray(a).array[0] = 1
    a[0] = 7  # the caller's own array stays writable  # pyright: ignore[reportIndexIssue]


# Analysis


def test_networkx_sees_values_and_nodes() -> None:
    import networkx as nx

    g = small()
    found = to_networkx(g)
    assert found.name == "cnn"
    assert len(found) == len(list(g.values())) + len(g.nodes)
    assert nx.is_directed_acyclic_graph(found)
    assert nx.has_path(found, g.inputs["image"], g.outputs["dense"])
    assert not nx.has_path(found, g.params["total"], g.outputs["dense"])


def test_dominating_finds_what_every_path_passes() -> None:
    edges = ["ab", "bc", "bd", "ce", "de", "ef"]
    assert dominating(edges, "a", "f") == ["a", "b", "e", "f"]
    assert dominating(edges, "a", "cd") == ["a", "b"]
    assert dominating(["ac", "bc"], "ab", "c") == ["c"]
    assert dominating([*edges, "gf"], "ag", "f") == ["f"]
    assert dominating([], "a", "b") == []


def test_ordered_puts_predecessors_first_and_spells_out_cycles() -> None:
    assert ordered({"c": "b", "b": "a"}, "layers") == ["a", "b", "c"]
    with pytest.raises(GraphError, match="layers form a cycle: ") as caught:
        ordered({"a": "c", "b": "a", "c": "b"}, "layers")
    path = str(caught.value).split(": ")[1].split(" -> ")
    assert path[0] == path[-1]
    assert set(path) == set("abc")


# Errors


def test_errors_explain_themselves_in_one_line() -> None:
    error = ShapeError("sizes  3 and\n4")
    error.add_note("in add")
    error.add_note(" in layer 'x' ")
    assert explain(error) == "sizes 3 and 4 (in add; in layer 'x')"
    assert explain(ValueError("x")) == "x"
    assert issubclass(DTypeError, TypeError)
    assert issubclass(SeqirError, ValueError)
    assert did_you_mean("rellu", ["relu", "tanh"]) == " Did you mean 'relu'?"
    assert did_you_mean("xyz", ["relu"]) == ""


# Size


def chain(length: int) -> float:
    """Seconds that everything that walks a graph takes on a chain."""
    start = time.process_time()
    b = Trace("chain")
    value = b.input("x", f32("batch", 2))
    for i in range(length):
        with b.source(f"layer_{i}", "Layer"):
            value = b(Function("neg"), value)
    g = verify(b.finish({"y": value}))
    assert str(g).count("\n") == length + 1
    found = evaluate(g, {"x": np.ones((1, 2), np.float32)})
    np.testing.assert_array_equal(found["y"], np.ones((1, 2)))
    changed = replay(g, lambda b, n, xs: [xs[0]] if n is g.nodes[0] else None)
    assert len(changed.nodes) == length - 1
    g.fingerprint()
    g.users()
    return time.process_time() - start


def test_large_graphs_take_linear_time_and_no_recursion() -> None:
    gc.collect()
    gc.disable()  # its passes depend on everything else that is alive
    try:
        short = min(chain(4_000) for _ in range(3))
        long = min(chain(20_000) for _ in range(2))
    finally:
        gc.enable()
    assert long < 3 * (5 * short)
