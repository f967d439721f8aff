"""A recurrent layer of a user: trained beside Keras, exported, sliced, resumed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recurrent_case
from beside_keras import run_keras

import seqir as keras

ort = pytest.importorskip("onnxruntime")

RESUMED = """
import os, sys
import numpy as np
import seqir as keras
from recurrent_case import build

class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(sys.argv[3]) == int(self.model.optimizer.iterations):
            os._exit(7)

rng = np.random.default_rng(0)
x = rng.normal(size=(40, 7, 3)).astype("float32")
y = rng.integers(0, 4, 40).astype("int32")
keras.utils.set_random_seed(3)
model = build(keras)
model.fit(x, y, batch_size=8, epochs=4, verbose=0, resume=sys.argv[1],
          checkpoint_freq=3, callbacks=[Kill()])
np.savez(sys.argv[2], *model.get_weights())
"""


def python(*args: Any) -> int:
    path = str(Path(recurrent_case.__file__).parent)
    paths = os.pathsep.join(filter(None, (path, os.environ.get("PYTHONPATH"))))
    every = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run([sys.executable, *map(str, args)], env=every).returncode


@pytest.mark.slow
def test_thirty_steps_follow_keras(tmp_path: Path) -> None:
    """With other numbers of samples and of time steps from batch to batch."""
    path = tmp_path / "traces.npz"
    run_keras(recurrent_case.__file__, path)
    with np.load(path) as file:
        wanted = dict(file)
    worst = 0.0
    for step, arrays in enumerate(recurrent_case.train(keras)):
        for i, found in enumerate(arrays):
            right = wanted[f"{step}/{i}"]
            scale = max(float(np.abs(right).max()), 1e-3)
            worst = max(worst, float(np.abs(found - right).max()) / scale)
    assert worst < 1e-4


def test_it_exports_and_any_size_runs(tmp_path: Path) -> None:
    model = recurrent_case.build(keras)
    report = model.export(tmp_path / "model.onnx")
    assert report.nodes["Scan"] == 1
    session = ort.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    for x, _ in list(recurrent_case.batches())[:3]:
        (found,) = session.run(None, {"x": x})
        np.testing.assert_allclose(found, by_hand(model, x), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(found, model.predict(x, verbose=0))


def by_hand(model: Any, x: Any) -> Any:
    kernel, recurrent, bias, out, last = model.get_weights()
    h, states = np.zeros((len(x), 6)), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        states.append(h)
    logits = np.exp(np.mean(states, 0) @ out + last)
    return logits / logits.sum(-1, keepdims=True)


def test_a_slice_shares_its_weights(tmp_path: Path) -> None:
    model = recurrent_case.build(keras)
    part = keras.Model(model.inputs, model.get_layer("elman").output)
    x, y = next(recurrent_case.batches())
    before = part(x)
    assert before.shape == (8, 5, 6)
    model.train_on_batch(x, y)
    after = part(x)
    assert np.abs(after - before).max() > 1e-3
    part.export(tmp_path / "part.onnx")


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    script = tmp_path / "resumed.py"
    script.write_text(RESUMED)
    whole, broken = tmp_path / "whole.npz", tmp_path / "broken.npz"
    assert python(script, tmp_path / "a", whole, -1) == 0
    assert python(script, tmp_path / "b", broken, 8) == 7
    assert not broken.exists()
    assert python(script, tmp_path / "b", broken, 13) == 7
    assert python(script, tmp_path / "b", broken, -1) == 0
    with np.load(whole) as a, np.load(broken) as b:
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name], strict=True)
