"""Drawings of ONNX files: their scopes as boxes, shapes beside the edges."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from foreign_files import FILES, ForeignFile
from test_cli import Outcome

import seqir
from seqir.errors import ArgumentError
from seqir.utils import model_to_dot

BY_NAME = {file.name: file for file in FILES}


def model_of(name: str) -> seqir.OnnxModel:
    return seqir.load_onnx(BY_NAME[name].model, name=name)


def svg_of(model: seqir.OnnxModel, **options: object) -> str:
    made = model_to_dot(model, show_shapes=True, **options)  # type: ignore[arg-type]
    return made.create(format="svg").decode()


def boxes(svg: str) -> set[str]:
    return set(re.findall(r'class="layer" data-layer="([^"]*)"', svg))


def test_every_edge_says_its_shape() -> None:
    svg = svg_of(model_of("torch_residual_d20"))
    assert {"image", "stem", "layer1/bn1", "layer2/down/1", "fc"} <= boxes(svg)
    edges = re.findall(
        r'data-from="([^"]*)" data-to="([^"]*)"[^>]*><title>([^<]*)', svg
    )
    assert ("stem", "node_Sigmoid_1", "(batch, 8, 8, 8)") in edges
    assert ("layer1/node_relu_1", "layer2/down/1", "(batch, 8, 8, 8)") in edges
    assert len(edges) == svg.count('class="edge"')
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", svg)
    assert texts.count("(batch, 16, 4, 4)") == 6  # each tensor once
    assert "(batch, 10)" in texts  # what comes out
    assert "Block" not in texts


def test_depth_says_how_much_is_one_box() -> None:
    model = model_of("torch_residual_d20")
    shallow = boxes(svg_of(model, depth=1))
    assert {"layer1", "layer2"} <= shallow
    assert not any("/" in path for path in shallow)
    deep = boxes(svg_of(model_of("torch_encoder_d20"), expand_nested=True))
    assert len(deep) > len(boxes(svg_of(model_of("torch_encoder_d20")))) > 10
    with pytest.raises(ArgumentError, match="depth must be an integer >= 1, got 0"):
        svg_of(model, depth=0)


@pytest.mark.parametrize("file", FILES[::2], ids=str)
def test_files_of_all_tools_are_drawn(file: ForeignFile, tmp_path: Path) -> None:
    if file.name == "hand_sequence_in":  # refused: a model takes tensors
        return
    model = seqir.load_onnx(file.write(tmp_path))
    for across in ("TB", "LR"):
        svg = svg_of(model, rankdir=across, show_params=True)
        root = ElementTree.fromstring(svg)
        width = float(root.attrib["width"])
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert 0 <= float(text.attrib["x"]) <= width


def test_the_command_writes_each_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    BY_NAME["torch_cnn_d20"].write(tmp_path)
    for suffix in ("svg", "html", "png"):
        words = ("plot", "torch_cnn_d20.onnx", "-o", f"x.{suffix}", "--dim", "batch=1")
        assert Outcome(*words, "--json").json["bytes"] > 1000
    page = (tmp_path / "x.html").read_text()
    assert "(1, 1, 8, 8)" in page
    assert "features.0.weight" in page


def test_a_page_tells_of_nodes_and_weights() -> None:
    model = model_of("torch_residual_d20")
    page = model_to_dot(model, show_shapes=True).create(format="html").decode()
    assert '"weights": [["fc.weight", "(10, 16)", "float32", true]' in page
    assert "gemm -> digit f32[batch, 10]" in page
