"""The training as files: what bare onnxruntime makes of them is what `fit` makes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import load_file

import seqir
from seqir import layers
from seqir.errors import ArgumentError, ExportError, NotBuiltError

RUNNER = '''
"""Trains from a bundle with onnxruntime and NumPy; seqir is not imported."""
import json, sys
from pathlib import Path
import numpy as np
import onnxruntime
from safetensors.numpy import load_file

folder, data, out = map(Path, sys.argv[1:])
manifest = json.loads((folder / "manifest.json").read_text())
state = load_file(folder / "init.safetensors")
x, y = (np.load(data)[name] for name in ("x", "y"))


class Program:
    def __init__(self, name):
        self.about = manifest["programs"][name]
        file = folder / self.about["file"]
        self.session = onnxruntime.InferenceSession(
            file, providers=["CPUExecutionProvider"])
        self.outputs = [o.name for o in self.session.get_outputs()]

    def run(self, batch, step):
        feeds = {row["input"]: state[row["name"]] for row in self.about["state"]}
        feeds |= {row["input"]: batch[row["role"]] for row in self.about["batch"]}
        if self.about.get("seed"):
            feeds[self.about["seed"]] = np.array(manifest["seed"])
            feeds[self.about["step"]] = np.array(step)
        found = dict(zip(self.outputs, self.session.run(None, feeds)))
        for row in self.about["state"]:
            if row["output"]:
                state[row["name"]] = found[row["output"]]
        return found


train, evaluate, infer = map(Program, ("train_step", "eval_step", "infer"))
losses, step = [], manifest["step"]
for epoch in range(2):
    for name in manifest["reset_each_epoch"]:
        state[name] = np.zeros_like(state[name])
    for i in range(0, len(x), 16):
        found = train.run({"x": x[i : i + 16], "target": y[i : i + 16]}, step)
        step += 1
    reported = train.about["reported"]
    losses.append({k: float(found[v]) for k, v in reported.items()})
for name in manifest["reset_each_epoch"]:
    state[name] = np.zeros_like(state[name])
found = evaluate.run({"x": x, "target": y}, step)
scores = infer.run({"x": x}, step)[infer.about["outputs"][0]["output"]]
np.savez(out, scores=scores, **{k.replace("/", "|"): v for k, v in state.items()})
tested = {k: float(found[v]) for k, v in evaluate.about["reported"].items()}
assert "seqir" not in sys.modules
print(json.dumps({"losses": losses, "tested": tested}))
'''


def network() -> seqir.Sequential:
    seqir.utils.clear_session()
    seqir.utils.set_random_seed(4)
    model = seqir.Sequential(
        [
            seqir.Input((8, 8, 1), name="image"),
            layers.Conv2D(6, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(4, activation="softmax", kernel_regularizer="l2"),
        ],
        name="net",
    )
    schedule = seqir.optimizers.schedules.ExponentialDecay(0.01, 3, 0.9)
    model.compile(
        seqir.optimizers.Adam(schedule),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def pictures(n: int = 40) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 8, 8, 1)).astype(np.float32)
    return x, (x[:, 2, 2, 0] > 0).astype(np.int32) + 2 * (x[:, 5, 5, 0] > 0)


def test_bare_onnxruntime_trains_to_the_same_bits(tmp_path: Path) -> None:
    x, y = pictures()
    np.savez(tmp_path / "data.npz", x=x, y=y)
    (tmp_path / "runner.py").write_text(RUNNER)
    folder = tmp_path / "bundle"
    report = network().export_training(folder, x, y)
    assert set(report.files) == {
        "eval_step.onnx", "infer.onnx", "init.safetensors", "manifest.json",
        "train_step.onnx",
    }  # fmt: skip
    assert f"{report.state} state tensors" in str(report)
    names = ("runner.py", "bundle", "data.npz", "out.npz")
    runner, *paths = (str(tmp_path / name) for name in names)
    done = subprocess.run(
        [sys.executable, runner, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    model = network()
    history = model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for epoch, losses in enumerate(found["losses"]):
        assert losses == {k: v[epoch] for k, v in history.history.items()}
    tested = model.evaluate(x, y, batch_size=40, verbose=0, return_dict=True)
    assert found["tested"] == tested
    with np.load(tmp_path / "out.npz") as file:
        state = {name.replace("|", "/"): file[name] for name in file.files}
    scores = state.pop("scores")
    for variable in (*model.weights, *model.optimizer.variables):
        np.testing.assert_array_equal(state[variable.path], variable.array)
    np.testing.assert_allclose(scores, model.predict(x, verbose=0), 1e-5, 1e-6)


def test_the_reference_evaluator_makes_the_same_step(tmp_path: Path) -> None:
    x, y = pictures(8)
    network().export_training(tmp_path, x, y)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    about = manifest["programs"]["train_step"]
    proto = onnx.load(tmp_path / about["file"])
    onnx.checker.check_model(proto, full_check=True)
    assert {node.domain for node in proto.graph.node} == {""}
    assert [o.domain for o in proto.opset_import] == [""]
    state = load_file(tmp_path / "init.safetensors")
    feeds = {row["input"]: state[row["name"]] for row in about["state"]}
    feeds |= {"image": x, "target": y}
    feeds[about["seed"]] = np.array(manifest["seed"])
    feeds[about["step"]] = np.array(manifest["step"])
    names = [output.name for output in proto.graph.output]
    values = ReferenceEvaluator(proto).run(None, feeds)
    found = dict(zip(names, values, strict=True))
    model = network()
    loss, accuracy = model.train_on_batch(x, y)
    assert found["batch_loss"] == pytest.approx(loss, rel=1e-5)
    assert found["metrics/accuracy"] == pytest.approx(accuracy)
    variables = {v.path: v for v in (*model.weights, *model.optimizer.variables)}
    compared = 0
    for row in about["state"]:
        if row["output"] and row["name"] in variables:
            wanted = variables[row["name"]].array
            np.testing.assert_allclose(found[row["output"]], wanted, 1e-4, 1e-6)
            compared += 1
    assert compared == 6 + 2 + 12 + 1  # trained, statistics, slots, iteration


def test_frozen_weights_are_inside_the_files(tmp_path: Path) -> None:
    x, y = pictures(8)
    model = network()
    for layer in model.layers[:-1]:
        layer.trainable = False
    model.compile(seqir.optimizers.Adam(name="own"), "sparse_categorical_crossentropy")
    model.export_training(tmp_path, x, y)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    state = {row["name"] for row in manifest["state"]}
    assert {"net/dense/kernel", "net/dense/bias", "own/learning_rate"} <= state
    assert not [name for name in state if "conv2d" in name]
    assert manifest["learning_rate"] == "own/learning_rate"
    proto = onnx.load(tmp_path / "train_step.onnx")
    assert "conv2d/kernel" in {w.name for w in proto.graph.initializer}


def test_what_cannot_be_exported_is_said(tmp_path: Path) -> None:
    x, y = pictures(8)
    model = seqir.Sequential([seqir.Input((8, 8, 1)), layers.Flatten()])
    with pytest.raises(NotBuiltError, match="is not compiled"):
        model.export_training(tmp_path / "a", x, y)
    with pytest.raises(ArgumentError, match="x holds no array, got None"):
        network().export_training(tmp_path / "b", None)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match="cannot make the folder"):
        network().export_training(tmp_path / "file" / "deeper", x, y)
    assert not (tmp_path / "a").exists()
