"""Summaries of ONNX files of other tools: by scope, with sizes and costs."""

import html
import json
from pathlib import Path

import pytest
from foreign_files import FILES, ForeignFile

import seqir
from seqir import shapes
from seqir.errors import ArgumentError
from seqir.summary.present import Row, Summary
from seqir.summary.summary import summary_of

BY_NAME = {file.name: file for file in FILES}


def model_of(name: str, dims: dict[str, int | str] | None = None) -> seqir.OnnxModel:
    return seqir.load_onnx(BY_NAME[name].model, name=name, dims=dims)


def rows_of(summary: Summary) -> dict[str, Row]:
    return {row.path: row for row in summary.rows}


@pytest.mark.parametrize(
    ("name", "first"),
    [("torch_residual_d20", "Conv2d"), ("torch_residual_l17u", "Conv")],
)
def test_rows_are_scopes_and_say_what_lies_in_them(name: str, first: str) -> None:
    summary = summary_of(model_of(name), show_cost=True)
    rows = rows_of(summary)
    assert rows["stem"].class_name == first
    assert rows["stem"].output_shape == ("batch", 8, 8, 8)
    assert rows["stem"].params == 8 * 9 + 8
    assert rows["stem"].macs == 8 * 8 * 8 * 9
    assert rows["stem"].activation_bytes == 4 * 8 * 8 * 8
    assert rows["stem"].dtype == "float32"
    inside = [row for path, row in rows.items() if path.startswith("layer1/")]
    inside = [row for row in inside if row.depth == 1]
    assert rows["layer1"].params == sum(row.params for row in inside)
    assert rows["layer1"].macs == sum(row.macs or 0 for row in inside)
    outer = [row for row in summary.rows if not row.depth]
    weights = sum(v.size for v in model_of(name).variables)
    assert weights == summary.total_params <= sum(row.params for row in outer)
    assert summary.total_macs == sum(row.macs or 0 for row in outer)


def test_classes_of_modules_are_shown_where_the_file_says_them() -> None:
    summary = summary_of(model_of("torch_encoder_d20"))
    rows = rows_of(summary)
    assert rows["layers/layers.0"].class_name == "TransformerEncoderLayer"
    assert rows["layers/layers.1/norm2"].class_name == "LayerNorm"
    assert "TransformerEncoderLayer" in summary.to_html()


def test_depth_says_how_deep_and_the_default_is_readable() -> None:
    model = model_of("torch_encoder_l17")
    assert len(summary_of(model).rows) <= 60
    shallow, deep = summary_of(model, depth=1), summary_of(model, expand_nested=True)
    assert {row.depth for row in shallow.rows} == {0}
    assert len(deep.rows) > 60
    assert shallow.total_params == deep.total_params
    with pytest.raises(ArgumentError, match="depth must be an integer >= 1, got 0"):
        summary_of(model, depth=0)


def test_depth_of_models_of_layers() -> None:
    inner = seqir.Sequential([seqir.Input((3,)), seqir.layers.Dense(2)], name="inner")
    middle = seqir.Sequential([seqir.Input((3,)), inner], name="middle")
    model = seqir.Sequential([seqir.Input((3,)), middle], name="outer")
    counts = [len(summary_of(model, depth=depth).rows) for depth in (1, 2, 3, 9)]
    assert counts == [1, 2, 3, 3]


def test_peak_memory_is_that_of_the_order_of_the_file() -> None:
    model = model_of("keras_mlp_17")
    graph = model.onnx_graph.graph
    (value,) = graph.outputs.values()
    one = dict.fromkeys(shapes.symbols(value.type.shape[0]), 1)
    alive: list[int] = []
    for place in range(len(graph.nodes)):
        read = {v for n in graph.nodes[place:] for v in n.operands}
        read |= {*graph.outputs.values(), *graph.nodes[place].results}
        made = [*graph.inputs.values()]
        made += [v for n in graph.nodes[: place + 1] for v in n.results]
        sizes = [shapes.evaluate(v.type.size, one) for v in made if v in read]
        alive.append(4 * sum(sizes))
    assert summary_of(model, show_cost=True).peak_bytes == max(alive)


def test_weights_of_quantized_files_count() -> None:
    summary = summary_of(model_of("quantized_qdq"), depth=1)
    assert summary.total_params == sum(r.params for r in summary.rows) > 1500
    assert summary.non_trainable_params > 1400


def test_operators_whose_cost_nobody_knows_are_named() -> None:
    summary = summary_of(model_of("sklearn_forest_plain"), show_cost=True)
    assert summary.not_counted == ("ai.onnx.ml.TreeEnsembleClassifier",)
    assert "(without ai.onnx.ml.TreeEnsembleClassifier)" in str(summary)
    assert summary.rows[0].macs is None


def test_sizes_can_be_given_for_costs() -> None:
    free = summary_of(model_of("torch_encoder_d20"), show_cost=True)
    fixed = summary_of(
        model_of("torch_encoder_d20", dims={"time": 7, "batch": 1}), show_cost=True
    )
    assert free.peak_bytes is None
    assert "Multiply-accumulates: not known without time" in str(free)
    assert rows_of(fixed)["layers/layers.0/linear1"].macs == 7 * 8 * 16
    assert fixed.peak_bytes


@pytest.mark.parametrize("file", FILES, ids=str)
def test_files_of_all_tools_have_a_summary(file: ForeignFile, tmp_path: Path) -> None:
    if file.name == "hand_sequence_in":  # refused: a model takes tensors
        return
    model = seqir.load_onnx(file.write(tmp_path))
    summary = summary_of(model, show_cost=True, depth=3)
    assert json.loads(json.dumps(summary.to_dict()))["rows"]
    assert html.escape(summary.rows[-1].name) in summary.to_html()
    text: list[str] = []
    model.summary(print_fn=text.append, line_length=100, show_trainable=True)
    assert "Total params" in text[0]
    assert "<table" in summary_of(model, depth=1).to_html()
