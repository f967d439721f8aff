"""A training that is killed and resumed ends with the numbers of an unbroken one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import callbacks, layers, tensorfile
from seqir.errors import ArgumentError, LoadError, NonFiniteLossError
from seqir.train.checkpoint import Checkpoints

KILLS = 20
TRAINING = """
import json, sys
import numpy as np
import seqir as keras
from seqir import layers

def build():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([
        keras.Input((6,)),
        layers.Dense(16, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

def run(folder, out, epochs, freq):
    model = build()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 6)).astype(np.float32)
    y = (x[:, :3].argmax(1)).astype(np.int32)
    plateau = keras.callbacks.ReduceLROnPlateau("loss", 0.7, patience=1, min_delta=0.02)
    history = model.fit(
        x, y, batch_size=16, epochs=epochs, verbose=0, validation_split=0.2,
        callbacks=[plateau], resume=folder, checkpoint_freq=freq)
    np.savez(out, *model.get_weights(), *[v.array for v in model.optimizer.variables])
    print(json.dumps(history.history))

if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
"""


def start(script: Path, folder: Path, out: Path, epochs: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(script), str(folder), str(out), str(epochs), "1"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(printed)


def arrays(path: Path) -> list[Any]:
    with np.load(path) as file:
        return [file[name] for name in file.files]


@pytest.mark.slow
def test_a_storm_of_kills_changes_nothing(tmp_path: Path) -> None:
    script = tmp_path / "training.py"
    script.write_text(TRAINING)
    epochs = 20
    whole = tmp_path / "whole.npz"
    began = time.monotonic()
    wanted = finish(start(script, tmp_path / "whole", whole, epochs))
    unbroken = time.monotonic() - began
    rng = random.Random(0)
    kills = rounds = 0
    while kills < KILLS:
        rounds += 1
        folder, out = tmp_path / f"storm{rounds}", tmp_path / f"storm{rounds}.npz"
        while True:
            process = start(script, folder, out, epochs)
            try:
                process.wait(rng.uniform(0.2, 0.8) * unbroken)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
                for file in folder.glob("step-*.safetensors"):
                    tensorfile.read(file)
                continue
            found = finish(process)
            break
        assert found == wanted
        for a, b in zip(arrays(out), arrays(whole), strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


def small(**options: Any) -> seqir.Sequential:
    seqir.utils.set_random_seed(1)
    model = seqir.Sequential(
        [seqir.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(1)]
    )
    model.compile("adam", "mse", **options)
    return model


def points(n: int = 64) -> tuple[Any, Any]:
    x = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    return x, x.sum(1, keepdims=True)


class Stop(callbacks.Callback):
    """Raises in the middle of an epoch."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__()
        self.at = epoch, batch
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) == self.at:
            raise OSError("the power is gone")


@pytest.mark.parametrize("freq", ["epoch", 1, 3])
def test_a_broken_training_goes_on(tmp_path: Path, freq: Any) -> None:
    x, y = points()
    whole = small()
    wanted = whole.fit(x, y, batch_size=8, epochs=5, verbose=0).history
    broken = small()
    with pytest.raises(OSError, match="power is gone"):
        broken.fit(x, y, batch_size=8, epochs=5, verbose=0, resume=tmp_path,
                   checkpoint_freq=freq, callbacks=[Stop(2, 4)])  # fmt: skip
    resumed = small()
    found = resumed.fit(
        x, y, batch_size=8, epochs=5, verbose=0, resume=tmp_path, checkpoint_freq=freq
    )
    assert found.history == wanted
    assert found.epoch == [0, 1, 2, 3, 4]
    for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    x, y = points()
    first = small()
    first.fit(x, y, epochs=2, verbose=0, resume=tmp_path)
    again = small()
    history = again.fit(x, y, epochs=2, verbose=0, resume=tmp_path)
    assert len(history.history["loss"]) == 2
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    x, y = points()
    whole = small()
    whole.fit(x, y, epochs=4, verbose=0, resume=tmp_path / "whole")
    broken = small()
    folder = tmp_path / "broken"
    broken.fit(x, y, epochs=2, verbose=0, resume=folder, checkpoint_freq=1)
    files = sorted(folder.glob("step-*"))
    assert len(files) == 2
    files[-1].write_bytes(files[-1].read_bytes()[:-7])
    resumed = small()
    with pytest.warns(UserWarning, match="is passed over"):
        resumed.fit(x, y, epochs=4, verbose=0, resume=folder)
    for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for file in folder.glob("step-*"):
        file.write_bytes(b"nothing")
    with (
        pytest.warns(UserWarning, match="is passed over"),
        pytest.raises(LoadError, match=r"no checkpoint in .* is whole"),
    ):
        small().fit(x, y, epochs=4, verbose=0, resume=folder)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    x, y = points()
    small().fit(x, y, epochs=1, verbose=0, resume=tmp_path)
    other = seqir.Sequential([seqir.Input((4,)), layers.Dense(1)])
    other.compile("adam", "mse")
    before = other.get_weights()
    with pytest.raises(LoadError, match="is a checkpoint of another model"):
        other.fit(x, y, epochs=2, verbose=0, resume=tmp_path)
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    x, y = points()
    with (
        Checkpoints(tmp_path).locked(),
        pytest.raises(ArgumentError, match="another training uses the checkpoints"),
    ):
        small().fit(x, y, epochs=1, verbose=0, resume=tmp_path)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    model = small()
    path = tmp_path / "state.safetensors"
    x, y = points()
    model.fit(x, y, epochs=1, verbose=0)
    model.save_checkpoint(path)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(LoadError, match="is damaged"):
        model.load_checkpoint(path)
    with pytest.raises(LoadError, match="there is no file"):
        model.load_checkpoint(tmp_path / "nothing.safetensors")
    weights = tmp_path / "weights.safetensors"
    model.save_weights(weights)
    with pytest.raises(LoadError, match="holds a seqir weights, not a checkpoint"):
        model.load_checkpoint(weights)


def test_a_loss_that_is_no_number_stops_before_a_checkpoint(tmp_path: Path) -> None:
    x, y = points()
    model = small()
    model.fit(x, y, batch_size=16, epochs=1, verbose=0, resume=tmp_path)
    y = y.copy()
    y[:] = np.where(np.arange(64)[:, None] == 40, np.nan, y)
    kept = {p.name: p.read_bytes() for p in tmp_path.glob("step-*")}
    with (
        pytest.raises(NonFiniteLossError, match="y of that batch has 1 NaN") as caught,
        pytest.warns(UserWarning, match="shuffle was True, is False; the data are ot"),
    ):
        model.fit(x, y, batch_size=16, epochs=9, verbose=0, resume=tmp_path,
                  shuffle=False)  # fmt: skip
    assert (caught.value.step, caught.value.batch) == (6, 2)
    assert {p.name: p.read_bytes() for p in tmp_path.glob("step-*")} == kept
    assert all(np.isfinite(w).all() for w in model.get_weights())
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, on_nan="ignore")
    assert np.isnan(history.history["loss"]).all()
    with pytest.raises(NonFiniteLossError, match="is NaN or infinite after"):
        model.save_checkpoint(tmp_path / "bad.safetensors")


def test_an_exploding_loss_names_the_gradient(tmp_path: Path) -> None:
    x, y = points()
    model = small()
    model.compile(seqir.optimizers.SGD(1e12), "mse")
    with pytest.raises(NonFiniteLossError, match=r"learning rate 1e\+12 and gradient"):
        model.fit(x * 1e6, y, epochs=50, verbose=0)


INTERRUPTED = """
import os, signal, sys
import numpy as np
import seqir as keras
from seqir import layers
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
model.compile("sgd", "mse")
class Signal(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            os.kill(os.getpid(), getattr(signal, sys.argv[2]))
            if len(sys.argv) > 3:
                os.kill(os.getpid(), signal.SIGINT)
x = np.ones((64, 4), np.float32)
history = model.fit(x, x[:, :1], batch_size=8, epochs=3, verbose=0, resume=sys.argv[1],
                    callbacks=[Signal()])
print(history.interrupted, model.compilation.steps)
"""


@pytest.mark.parametrize(
    ("words", "code", "printed"),
    [
        (["SIGINT"], 0, "True 3\n"),
        (["SIGTERM"], 128 + signal.SIGTERM, ""),
        (["SIGINT", "twice"], -signal.SIGINT, ""),
    ],
)
def test_an_interrupt_waits_for_the_step(
    tmp_path: Path, words: list[str], code: int, printed: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, printed), done.stderr
    saved = [p.name for p in tmp_path.glob("step-*")]
    assert saved == ([] if len(words) > 1 else ["step-0000000003.safetensors"])
