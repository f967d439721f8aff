"""The command line on ONNX files of other tools."""

from pathlib import Path

import pytest
from foreign_files import FILES
from test_cli import Outcome, fails

BY_NAME = {file.name: file for file in FILES}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which files can be written to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_summary_of_a_file(folder: Path) -> None:
    BY_NAME["torch_residual_d20"].write(folder)
    data = Outcome("summary", "torch_residual_d20.onnx", "--json", "--cost").json
    assert [row["path"] for row in data["rows"] if row["depth"] == 0][:2] == [
        "stem",
        "node_Sigmoid_1",
    ]
    assert data["total_macs"] == 139_936
    text = Outcome("summary", "torch_residual_d20.onnx", "--depth", "1").out
    assert "layer1 (Block)" in text
    assert "bn1" not in text


def test_sizes_of_a_file_are_options(folder: Path) -> None:
    BY_NAME["torch_encoder_d20"].write(folder)
    words = ("summary", "torch_encoder_d20.onnx", "--json", "--cost")
    assert Outcome(*words).json["total_macs"] is None
    sizes = ("--dim", "batch=2", "--dim", "time=7")
    row = Outcome(*words, *sizes).json["rows"][-1]
    assert (row["path"], row["output_shape"]) == ("fc", [2, 5])
    named = Outcome(*words, "--dim", "batch=n").json["rows"][-1]
    assert named["output_shape"][0] == "n"
    assert fails(*words, "--dim", "time") == (
        2,
        "--dim time must be NAME=SIZE, such as batch=1",
    )
    assert "dims='tim' is no unknown size" in fails(*words, "--dim", "tim=7")[1]
    message = fails("summary", "model.keras", "--dim", "batch=1")[1]
    assert message == "--dim is for ONNX files, and model.keras is none"


def test_extract_writes_a_part(folder: Path) -> None:
    BY_NAME["torch_residual_d20"].write(folder)
    report = Outcome(
        "extract", "torch_residual_d20.onnx", "--from", "layer1", "--to", "layer2",
        "--dim", "batch=1", "-o", "part.onnx", "--json",
    ).json  # fmt: skip
    assert report["inputs"] == {"relu_1": "f32[1, 8, 8, 8]"}
    assert report["outputs"] == {"relu_3": "f32[1, 16, 4, 4]"}
    message = fails(
        "extract", "torch_residual_d20.onnx", "--from", "relu", "--to", "digit",
        "-o", "part.onnx",
    )[1]  # fmt: skip
    assert message.endswith(
        "also needs the tensor 'getitem_6' (f32[batch, 8, 8, 8]): add it to --from"
    )
    message = fails("extract", "model.py", "--to", "x", "-o", "part.onnx")[1]
    assert message == "model.py is no ONNX file: give one that ends in .onnx"


def test_split_writes_two_files_and_lists_where(folder: Path) -> None:
    BY_NAME["torch_residual_d20"].write(folder)
    rows = Outcome("split", "torch_residual_d20.onnx", "--list", "--json").json
    assert {"name": "relu_1", "shape": ["batch", 8, 8, 8], "dtype": "float32",
            "bytes": 2048} in rows  # fmt: skip
    assert "2,048 bytes" in Outcome("split", "torch_residual_d20.onnx", "--list").out
    words = (
        "split",
        "torch_residual_d20.onnx",
        "--at",
        "relu",
        "-o",
        "a.onnx",
        "b.onnx",
    )
    assert Outcome(*words, "--json").json["crossing"] == ["relu", "getitem_6"]
    assert Outcome(*words, "--no-verify").out.endswith("crossing: relu, getitem_6\n")
    assert {p.name for p in folder.glob("?.onnx")} == {"a.onnx", "b.onnx"}
    message = fails("split", "torch_residual_d20.onnx", "--at", "relu")[1]
    assert message.startswith("say where to cut and what to write: seqir split torch")
