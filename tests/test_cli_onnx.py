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
