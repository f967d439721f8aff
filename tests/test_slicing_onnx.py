"""Parts of ONNX files: slices, halves, and where a model can be cut."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from foreign_files import FILES, ForeignFile

import seqir
from seqir.errors import ArgumentError, GraphError
from seqir.summary.summary import summary_of

BY_NAME = {file.name: file for file in FILES}


def model_of(name: str) -> seqir.OnnxModel:
    return seqir.load_onnx(BY_NAME[name].model, name=name)


def run(path: Path, feeds: dict[str, Any]) -> dict[str, Any]:
    """What ONNX Runtime makes of those feeds that a file asks for."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options)
    wanted = {i.name for i in session.get_inputs()}
    names = [o.name for o in session.get_outputs()]
    given = {k: v for k, v in feeds.items() if k in wanted}
    return dict(zip(names, session.run(names, given), strict=True))


@pytest.mark.parametrize(
    "wanted",
    ["/layer1/bn1/BatchNormalization_output_0", "/layer1/bn1/BatchNormalization",
     "layer1/bn1", "/layer1/bn1", ".*layer1.bn1.*output_0"],
)  # fmt: skip
def test_a_part_is_named_by_tensor_node_scope_or_pattern(wanted: str) -> None:
    model = model_of("torch_residual_l17u")
    part = model.slice(wanted)
    assert isinstance(part, seqir.OnnxModel)
    assert part.output_names == ["/layer1/bn1/BatchNormalization_output_0"]
    assert part.input_names == ["image"]
    paths = {v.path for v in part.variables}
    assert {v.path for v in model.variables} > paths
    assert all(any(v is w for w in model.variables) for v in part.variables)
    assert part(BY_NAME["torch_residual_l17u"].inputs["image"]).shape[1:] == (8, 8, 8)


def test_what_a_part_computes_is_what_the_file_computes(tmp_path: Path) -> None:
    file = BY_NAME["torch_residual_d20"]
    model = model_of(file.name)
    proto = onnx.load_from_string(file.model)
    for name in ("silu", "relu_1", "getitem_9"):
        proto.graph.output.append(onnx.ValueInfoProto(name=name))
    (tmp_path / "all.onnx").write_bytes(proto.SerializeToString())
    every = run(tmp_path / "all.onnx", file.inputs)
    for outputs, inputs in (
        ("relu_1", "silu"),
        ("digit", "relu_1"),
        ("getitem_9", None),
    ):
        part = model.slice(outputs, inputs)
        part.export(tmp_path / "part.onnx")
        found = run(tmp_path / "part.onnx", {**file.inputs, **every})
        np.testing.assert_allclose(found[outputs], every[outputs], atol=1e-5)


def test_a_part_says_what_it_also_needs() -> None:
    model = model_of("torch_residual_d20")
    message = (
        r"the part from 'relu' to 'digit' also needs the tensor 'getitem_6' "
        r"\(f32\[batch, 8, 8, 8\]\): add it to inputs="
    )
    with pytest.raises(GraphError, match=message):
        model.slice("digit", "relu")
    assert model.slice("digit", ["relu", "getitem_6"]).input_names == [
        "relu",
        "getitem_6",
    ]
    with pytest.raises(GraphError, match="'silu' do not depend on 'relu': take it out"):
        model.slice("silu", ["image", "relu"])
    with pytest.raises(
        ArgumentError, match=r"'reluu'\. Did you mean 'relu'.* Scopes: s"
    ):
        model.slice("reluu")
    with pytest.raises(
        ArgumentError, match=r"outputs='\(' names nothing in .* is not a"
    ):
        model.slice("(")
    with pytest.raises(ArgumentError, match="outputs= names no tensor of model"):
        model.slice([])
    with pytest.raises(
        GraphError, match="no output depends on 'digit': cut at another"
    ):
        model.split("digit")


def test_sizes_are_read_where_a_part_begins(tmp_path: Path) -> None:
    file = BY_NAME["torch_encoder_d20u"]
    model = model_of(file.name)
    first, second = model.split("layers/layers.0")
    assert second.input_names == ["layer_norm_1", "padding", "_to_copy", "sum_2"]
    assert_halves_compute_the_same(file, first, second, tmp_path)


def assert_halves_compute_the_same(
    file: ForeignFile, first: seqir.OnnxModel, second: seqir.OnnxModel, folder: Path
) -> None:
    first.export(folder / "first.onnx", verify=False)
    second.export(folder / "second.onnx", verify=False)
    between = run(folder / "first.onnx", file.inputs)
    found = between | run(folder / "second.onnx", {**file.inputs, **between})
    for name, expected in file.outputs.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-3, atol=1e-4)


IMAGES = [f for f in FILES if f.kind in ("image", "sequence", "numbers")]


@pytest.mark.parametrize("file", IMAGES, ids=str)
def test_files_can_be_cut_in_the_middle(file: ForeignFile, tmp_path: Path) -> None:
    model = seqir.load_onnx(file.write(tmp_path))
    points = model.cut_points()
    if not points:
        return
    point = points[len(points) // 2]
    first, second = model.split(point)
    assert first.output_names[-1:] == second.input_names == [point]
    assert_halves_compute_the_same(file, first, second, tmp_path)


def test_several_tensors_cross_where_one_is_not_enough(tmp_path: Path) -> None:
    file = BY_NAME["torch_residual_d20"]
    first, second = model_of(file.name).split("relu")
    assert first.output_names == second.input_names == ["relu", "getitem_6"]
    assert_halves_compute_the_same(file, first, second, tmp_path)


def test_cut_points_say_how_much_crosses() -> None:
    points = {str(p): p for p in model_of("torch_residual_d20").cut_points()}
    assert points["relu_1"].bytes == 4 * 8 * 8 * 8
    assert points["relu_1"].shape == ("batch", 8, 8, 8)
    assert "relu" not in points
    model = seqir.Sequential([seqir.Input((3,)), seqir.layers.Dense(5, name="d"),
                              seqir.layers.Dense(2)])  # fmt: skip
    (point,) = model.cut_points()
    assert (point, point.bytes) == ("d", 20)


def test_where_a_part_cannot_begin_is_said() -> None:
    with pytest.raises(GraphError, match="'val_6' depend on no input of the model"):
        model_of("torch_cnn_d20u").split("val_6")
    message = (
        r"a part cannot begin with the tensor 'more', which is \?\[sequence of f32"
    )
    with pytest.raises(GraphError, match=message):
        model_of("hand_sequence_out").split("more")


def test_a_tensor_that_only_gives_sizes_can_be_cut_at(tmp_path: Path) -> None:
    file = BY_NAME["torch_decoder_l17"]
    first, second = model_of(file.name).split("/Transpose_1_output_0")
    assert_halves_compute_the_same(file, first, second, tmp_path)


def test_scopes_are_written_again(tmp_path: Path) -> None:
    model = model_of("torch_residual_d20")
    part = model.slice("layer2", "layer1")
    part.export(tmp_path / "part.onnx")
    again = seqir.load_onnx(tmp_path / "part.onnx", name=part.name)
    rows = [(row.path, row.class_name) for row in summary_of(part).rows]
    assert ("layer2/bn1", "BatchNorm2d") in rows
    assert [(row.path, row.class_name) for row in summary_of(again).rows] == rows
