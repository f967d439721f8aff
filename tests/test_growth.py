"""What a model costs grows with its layers: counted in calls, never in seconds."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, ops, passes
from seqir.ir import Builder, Graph
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType


def stack(n: int) -> seqir.Sequential:
    return seqir.Sequential(
        [seqir.Input((4,)), *(layers.Dense(4, activation="relu") for _ in range(n))]
    )


def calls(work: Callable[[], object]) -> int:
    """How many Python functions run."""
    count = 0

    def see(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_build_summary_and_export_grow_with_the_layers(tmp_path: Path) -> None:
    def work(n: int) -> None:
        model = stack(n)
        model.summary(print_fn=lambda text: None)
        model.export(tmp_path / "stack.onnx", verify=False)

    work(2)  # what is done once for all models
    one, two, four = (calls(lambda n=n: work(n)) for n in (40, 80, 160))
    assert four - two <= 2.02 * (two - one)


def test_making_a_layer_reads_no_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    layers.Dense(2)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a signature was read")

    monkeypatch.setattr(inspect, "signature", refuse)
    layers.Dense(2, activation="relu", input_shape=(3,), name="quick")
    layers.Conv2D(2, 3, name="quick_too")


def test_a_pass_that_changed_nothing_is_not_run_again_on_the_same_graph() -> None:
    b = Builder("g")
    x = Traced(b, b.input("x", TensorType("float32", ("n",))))
    graph = b.finish({"y": ops.relu(x).value})
    seen: list[str] = []

    def idle(graph: Graph) -> Graph:
        seen.append("idle")
        return graph

    def change(graph: Graph) -> Graph:
        seen.append("change")
        return passes.bind(Builder.resume(graph).finish(dict(graph.outputs)), {})

    passes.run(graph, (idle, idle, change, idle, idle), check=True)
    assert seen == ["idle", "change", "idle"]


def test_binding_weights_makes_no_node_but_their_own() -> None:
    b = Builder("g")
    x = b.input("x", TensorType("float32", ("n", 2)))
    w = b.param("w", TensorType("float32", (2, 2)))
    y = ops.relu(ops.matmul(Traced(b, x), Traced(b, w)))
    graph = b.finish({"y": y.value})
    bound = passes.bind(graph, {"w": np.ones((2, 2), np.float32)})
    assert bound.nodes[1:] == graph.nodes
    assert bound.nodes[0].results == (w,)
