"""How two files differ: what is found, and what is no difference."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from foreign_files import FILES
from onnx import helper, numpy_helper
from test_cli import Outcome

import seqir
from seqir import layers
from seqir.difference import Difference

BY_NAME = {file.name: file for file in FILES}


def proto_of(name: str) -> onnx.ModelProto:
    return onnx.load_from_string(BY_NAME[name].model)


def changed(found: tuple[Any, ...]) -> set[tuple[str, str]]:
    return {(change.kind, change.name) for change in found}


@pytest.mark.parametrize("file", FILES[::3], ids=str)
def test_a_file_is_like_itself(file: Any, tmp_path: Path) -> None:
    path = file.write(tmp_path)
    found = seqir.diff(path, path)
    assert not found, str(found)
    assert "are the same" in str(found)


def test_weights_are_compared_number_by_number() -> None:
    before, after = proto_of("torch_residual_l17u"), proto_of("torch_residual_l17u")
    (bias,) = (t for t in after.graph.initializer if t.name == "fc.bias")
    numbers = numpy_helper.to_array(bias).copy()
    numbers[2] += 0.5
    numbers[3] = np.nan
    bias.CopyFrom(numpy_helper.from_array(numbers, "fc.bias"))
    found = seqir.diff(before, after)
    assert (found.nodes, found.facts) == ((), ())
    (change,) = found.weights
    assert (change.kind, change.name, change.type) == ("changed", "fc.bias", "f32[10]")
    assert (change.differing, change.total) == (2, 10)
    both = seqir.diff(after, after)
    assert not both  # NaN is NaN
    numbers[3] = numpy_helper.to_array(before.graph.initializer[-1]).flat[0]
    assert json.loads(json.dumps(found.to_dict()["weights"][0]["kind"])) == "changed"


def test_the_largest_difference_is_absolute_and_relative() -> None:
    def model(values: list[float]) -> onnx.ModelProto:
        x = helper.make_tensor_value_info("x", 1, [3])
        y = helper.make_tensor_value_info("y", 1, [3])
        w = numpy_helper.from_array(np.array(values, np.float32), "w")
        node = helper.make_node("Add", ["x", "w"], ["y"], "add")
        graph = helper.make_graph([node], "g", [x], [y], [w])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])

    (change,) = seqir.diff(model([1, 100, 0]), model([1.5, 102, 0])).weights
    assert change.largest == 2
    assert change.relative == pytest.approx(0.5 / 1.5)
    assert str(change) == (
        "~ w f32[3]: 2 of 3 numbers differ by up to 2 (relative 0.333)"
    )
    retyped = seqir.diff(model([1, 2, 3]), model([1]))
    assert str(retyped.weights[0]) == "~ w: f32[3] -> f32[1]"


def test_structure_is_compared_by_name() -> None:
    before, after = proto_of("torch_cnn_l17"), proto_of("torch_cnn_l17")
    nodes = {node.name: node for node in after.graph.node}
    conv = next(n for n in nodes.values() if n.op_type == "Conv")
    for attribute in conv.attribute:
        if attribute.name == "dilations":
            attribute.ints[:] = [2, 2]
    relu = next(n for n in nodes.values() if n.op_type == "Relu")
    relu.op_type = "Elu"
    after.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5
    after.opset_import[0].version = 18
    found = seqir.diff(before, after)
    details = {c.name: c.details for c in found.nodes if c.kind == "changed"}
    assert details[conv.name] == ("dilations: not given -> [2, 2]",)
    assert {("removed", relu.name), ("added", relu.name)} <= changed(found.nodes)
    facts = {c.name: c.details[0] for c in found.facts}
    assert facts["opset ai.onnx"] == "17 -> 18"
    assert facts["input image"].endswith("-> f32[5, 1, 8, 8]")
    assert found.weights == ()
    text = str(found)
    assert "~ Conv" in text
    assert "Weights: the same" in text


def test_what_onnx_takes_for_granted_is_no_difference() -> None:
    before, after = proto_of("torch_cnn_l17"), proto_of("torch_cnn_l17")
    for node in after.graph.node:
        kept = [a for a in node.attribute if a.name not in ("group", "dilations")]
        del node.attribute[:]
        node.attribute.extend(kept)
        node.doc_string = "moved"
    assert not seqir.diff(before, after)


def test_nodes_of_other_names_are_found_by_what_they_compute() -> None:
    before, after = proto_of("torch_residual_l17u"), proto_of("torch_residual_l17u")
    ends = {v.name for v in (*after.graph.input, *after.graph.output)}
    names = {n: f"t{i}" for i, n in enumerate(
        o for node in after.graph.node for o in (*node.input, *node.output)
    ) if n and n not in ends}  # fmt: skip
    for node in after.graph.node:
        node.name = f"n_{node.name}"
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
    for tensor in after.graph.initializer:
        tensor.name = names[tensor.name]
    found = seqir.diff(before, after)
    assert {kind for kind, _ in changed(found.nodes)} == {"renamed"}
    assert {kind for kind, _ in changed(found.weights)} == {"renamed"}
    assert len(found.nodes) == len(before.graph.node)
    del after.graph.node[-1].attribute[:]
    (edited,) = [c for c in seqir.diff(before, after).nodes if c.kind != "renamed"]
    assert edited.kind == "changed"


def test_a_node_that_is_put_in_is_one_addition() -> None:
    before, after = proto_of("torch_cnn_l17"), proto_of("torch_cnn_l17")
    place, relu = next(
        (i, n) for i, n in enumerate(after.graph.node) if n.op_type == "Relu"
    )
    twice = helper.make_node("Neg", [relu.output[0]], ["more"], "more")
    after.graph.node[place + 1].input[0] = "more"
    after.graph.node.insert(place + 1, twice)
    found = seqir.diff(before, after)
    assert ("added", "more") in changed(found.nodes)
    (wired,) = [c for c in found.nodes if c.kind == "changed"]
    assert wired.details == (f"operand 0: {relu.output[0]} -> more",)
    back = seqir.diff(after, before)
    assert ("removed", "more") in changed(back.nodes)


def test_only_what_was_trained_differs(tmp_path: Path) -> None:
    model = seqir.load_onnx(BY_NAME["torch_cnn_l17"].model)
    model.export(tmp_path / "before.onnx")
    last = [v for v in model.trainable_variables if v.ndim == 2][-1]
    for variable in model.variables:
        variable.trainable = variable is last
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 1, 8, 8), np.float32), rng.integers(0, 10, 32)
    model.compile("sgd", seqir.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, epochs=1, verbose=0)
    model.export(tmp_path / "after.onnx")
    found = seqir.diff(tmp_path / "before.onnx", tmp_path / "after.onnx")
    assert (found.nodes, found.facts) == ((), ())
    assert [c.name for c in found.weights] == [last.path]


def test_models_are_compared_as_what_they_are_written_as() -> None:
    def net(units: int) -> seqir.Sequential:
        seqir.utils.set_random_seed(0)
        return seqir.Sequential(
            [seqir.Input((4,), name="x"), layers.Dense(units, name="dense")], name="n"
        )

    assert not seqir.diff(net(3), net(3))
    found = seqir.diff(net(3), net(2))
    assert isinstance(found, Difference)
    assert changed(found.weights) == {
        ("retyped", "dense/kernel"), ("retyped", "dense/bias")
    }  # fmt: skip


def test_names_of_strangers_are_harmless_to_read() -> None:
    before, after = proto_of("torch_cnn_l17"), proto_of("torch_cnn_l17")
    after.graph.node[0].name = "a\x1b[31m\nb"
    after.graph.node[0].attribute[0].ints[:] = [3, 3]
    text = str(seqir.diff(before, after))
    assert "\x1b" not in text
    assert sum(line.startswith("  ~") for line in text.splitlines()) == 1


def test_the_command_says_it_with_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("torch_cnn_l17", "torch_cnn_l13u"):
        BY_NAME[name].write(tmp_path)
    same = Outcome("diff", "torch_cnn_l17.onnx", "torch_cnn_l17.onnx")
    assert (same.code, "are the same" in same.out) == (0, True)
    other = Outcome("diff", "torch_cnn_l17.onnx", "torch_cnn_l13u.onnx")
    assert other.code == 1
    assert "opset ai.onnx: 17 -> 13" in other.out
    found = Outcome("diff", "torch_cnn_l17.onnx", "torch_cnn_l13u.onnx", "--json")
    assert json.loads(found.out)["different"] is True
    assert found.code == 1
