"""`seqir convert` of models whose weights are in a file of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import seqir
from seqir import layers
from seqir.cli import app as program
from seqir.cli.commands import app
from seqir.errors import UnsupportedError, VerificationError

h5py = pytest.importorskip("h5py")
ort = pytest.importorskip("onnxruntime")
X = np.ones((2, 3), np.float32)


def model_of() -> Any:
    model = seqir.Sequential(
        [seqir.Input((3,), name="x"), layers.Dense(2, name="end")], name="tiny"
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def called(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def check(path: Path, model: Any) -> None:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"x": X})[0], model(X), rtol=1e-5)


@pytest.mark.parametrize("kind", ["w.weights.h5", "w.h5", "w.safetensors", "w.keras"])
@pytest.mark.parametrize("twice", [False, True])
def test_a_text_and_weights(kind: str, twice: bool, tmp_path: Path) -> None:
    model = model_of()
    text = model.to_json()
    (tmp_path / "m.json").write_text(json.dumps(text) if twice else text)
    if kind in ("w.h5", "w.keras"):
        model.save(tmp_path / kind)
    else:
        model.save_weights(tmp_path / kind)
    said = called(tmp_path / "m.json", "--weights", tmp_path / kind)
    assert said.exit_code == 0, said.output
    check(tmp_path / "m.onnx", model)


def test_other_weights_than_its_own(tmp_path: Path) -> None:
    model = model_of()
    model.save_weights(tmp_path / "w.weights.h5")
    other = model_of()
    other.set_weights([np.zeros_like(w) for w in other.get_weights()])
    other.save(tmp_path / "m.keras")
    said = called(tmp_path / "m.keras", "--weights", tmp_path / "w.weights.h5")
    assert said.exit_code == 0, said.output
    check(tmp_path / "m.onnx", model)


def test_a_text_needs_weights_and_one_model_takes_them(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(model_of().to_json())
    said = called(tmp_path / "m.json")
    assert said.exit_code == 2
    assert "holds no weights: give their file with --weights" in said.output
    model_of().save(tmp_path / "m.keras")
    said = called(tmp_path, "--weights", tmp_path / "m.keras")
    assert said.exit_code == 2
    assert "--weights is for one model, and several are converted" in said.output
    said = called(tmp_path / "no.json", "--weights", tmp_path / "m.keras")
    assert "there is no file" in said.output


def test_weights_alone_in_a_folder_are_skipped(tmp_path: Path) -> None:
    model = model_of()
    model.save(tmp_path / "m.keras")
    model.save(tmp_path / "older.h5")
    model.save_weights(tmp_path / "newer.weights.h5")
    with h5py.File(tmp_path / "older.h5", "r+") as file:
        del file.attrs["model_config"]
    (tmp_path / "bad.h5").write_bytes(b"no HDF5")
    said = called(tmp_path, "--json")
    found = json.loads(said.stdout)
    results = {Path(f["source"]).name: f["result"] for f in found["files"]}
    assert results == {
        "m.keras": "converted",
        "older.h5": "skipped",
        "newer.weights.h5": "skipped",
        "bad.h5": "failed",
    }
    said = called(tmp_path / "older.h5")
    assert said.exit_code == 1
    assert "holds weights and no model" in said.output


def test_messages_name_options(capsys: pytest.CaptureFixture[str]) -> None:
    state = program.State()
    for error, wanted in (
        (VerificationError("or export with verify=False"), "with --no-verify"),
        (
            UnsupportedError("pass it as custom_objects={'Scale': ...}"),
            "pass it as --custom-objects MODULE:Scale",
        ),
        (
            UnsupportedError("a class of your own in custom_objects"),
            "a class of your own in --custom-objects",
        ),
    ):
        text, _ = program.complain(error, state)
        assert text.endswith(wanted)
    assert "verify=False" not in capsys.readouterr().err
