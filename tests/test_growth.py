"""What a model costs grows with its layers: counted in calls, never in seconds."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import graph_value

import seqir
from seqir import layers, ops, passes, runtime
from seqir.ir import Builder, Graph, Node, Op, replay, verify
from seqir.lower.emit import Emitter
from seqir.operators.movement import Expand, Transpose
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


def build(model: seqir.Sequential, folder: Path) -> None:
    stack(len(model.layers))


def summarize(model: seqir.Sequential, folder: Path) -> None:
    model.summary(print_fn=lambda text: None)


def export(model: seqir.Sequential, folder: Path) -> None:
    model.export(folder / "stack.onnx", verify=False)


def load(model: seqir.Sequential, folder: Path) -> None:
    model.save(folder / "stack.keras")
    seqir.models.load_model(folder / "stack.keras")


def clone(model: seqir.Sequential, folder: Path) -> None:
    seqir.models.clone_model(model)


def predict(model: seqir.Sequential, folder: Path) -> None:
    model.predict(np.zeros((2, 4)), verbose=0)


def train(model: seqir.Sequential, folder: Path) -> None:
    model.compile("adam", "mse")
    model.train_on_batch(np.zeros((2, 4)), np.zeros((2, 4)))


@pytest.mark.parametrize(
    "work", [build, summarize, export, load, clone, predict, train]
)
def test_what_is_done_with_a_model_grows_with_its_layers(
    work: Callable[[seqir.Sequential, Path], None], tmp_path: Path
) -> None:
    work(stack(2), tmp_path)  # what is done once for all models
    models = [stack(n) for n in (10, 20, 40)]
    one, two, four = (calls(lambda m=m: work(m, tmp_path)) for m in models)
    assert four - two <= 2.05 * (two - one)


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
    graph = b.finish({"y": graph_value(ops.relu(x))})
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
    graph = b.finish({"y": graph_value(y)})
    bound = passes.bind(graph, {"w": np.ones((2, 2), np.float32)})
    assert bound.nodes[1:] == graph.nodes
    assert bound.nodes[0].results == (w,)


def test_what_follows_on_a_change_is_written_again_only_as_far_as_it_reads_it() -> None:
    b = Builder("g")
    x = Traced(b, b.input("x", TensorType("float32", ("n",))))
    graph = b.finish({"y": graph_value(ops.sigmoid(ops.exp(ops.relu(ops.relu(x)))))})

    def drop_first(b: Builder, node: Node, operands: Any) -> Any:
        return operands if node is graph.nodes[0] else None

    after = replay(graph, drop_first)
    assert len(after.nodes) == 3
    assert after.nodes[0].results == graph.nodes[1].results
    assert after.nodes[1:] == graph.nodes[2:]
    verify(after)


def test_a_pass_about_a_fact_asks_operators_that_have_it() -> None:
    b = Builder("g")
    x = Traced(b, b.input("x", TensorType("float32", ("n", 4))))
    graph = b.finish({"y": graph_value(ops.transpose(ops.exp(ops.relu(x))))})
    seen: list[Node] = []

    def note(b: Builder, node: Node, operands: Any) -> None:
        seen.append(node)

    assert replay(graph, note, about="simplified") is graph
    assert [type(node.op) for node in seen] == [Transpose]
    assert replay(graph, note, about="bodies") is graph
    assert len(seen) == 1
    assert not graph.says("bodies")


def test_attributes_of_an_operator_are_facts_of_its_own() -> None:
    @dataclass(frozen=True)
    class Maybe(Transpose):
        folds: bool = True  # pyright: ignore[reportIncompatibleVariableOverride]

    assert Maybe.says("folds")
    assert Maybe.says("simplified")
    assert not Transpose.says("folds")
    with pytest.raises(AttributeError):
        Transpose.says("simplifid")


def test_a_node_that_reads_equal_types_is_not_typed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    b = Builder("g")
    x = Traced(b, b.input("x", TensorType("float32", ("n",))))
    graph = b.finish({"y": graph_value(ops.exp(ops.relu(ops.relu(x))))})

    def refuse(*args: Any) -> None:
        raise AssertionError("typed again")

    monkeypatch.setattr(Op, "typed", refuse)
    after = replay(
        graph, lambda b, node, operands: operands if node is graph.nodes[0] else None
    )
    assert len(after.nodes) == 2


def test_results_of_another_type_are_new() -> None:
    b = Builder("g")
    x = Traced(b, b.input("x", TensorType("float32", ("n",))))
    graph = b.finish({"y": graph_value(ops.exp(ops.relu(x)))})

    def repeat_rows(b: Builder, node: Node, operands: Any) -> Any:
        if node is not graph.nodes[0]:
            return None
        return [b(Expand((3, 1)), *b.emit(node.op, *operands))]

    after = verify(replay(graph, repeat_rows))
    assert after.outputs["y"].type.shape == (3, "n")
    assert after.outputs["y"] is not graph.outputs["y"]


def test_the_shape_of_a_weight_copies_no_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a training holds the weights on its device, looking at numbers would."""
    model = stack(2)
    model.compile("sgd", "mse")
    model.train_on_batch(np.zeros((2, 4)), np.zeros((2, 4)))

    def refuse(self: Any) -> None:
        raise AssertionError("numbers were read")

    monkeypatch.setattr(runtime.DeviceSlot, "read", refuse)
    model.graph(training=True)


def test_a_batch_more_costs_predict_few_calls() -> None:
    """Sizes behind the batch are looked at once, not for each slice of one array."""
    model = stack(1)
    x = np.zeros((160, 4), np.float32)

    def count(batches: int) -> int:
        return calls(lambda: model.predict(x[:batches], batch_size=1, verbose=0))

    count(2)
    assert count(160) - count(80) <= 20 * 80


def test_free_names_are_found_at_once() -> None:
    """The hundredth node of one name in a layer does not try ninety-nine others."""
    emit = Emitter(17)
    tried: list[object] = []

    class Taken(set[str]):
        def __contains__(self, name: object) -> bool:
            tried.append(name)
            return super().__contains__(name)

    emit._taken = Taken()
    names = [emit.fresh("Add") for _ in range(100)]
    assert names[:3] == ["Add", "Add_1", "Add_2"]
    assert len(set(names)) == 100
    assert len(tried) <= 300
    assert [emit.fresh("Add_1"), emit.fresh("Add_1")] == ["Add_1_1", "Add_1_2"]
