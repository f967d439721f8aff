"""Loops of a training: hooks, batches from elsewhere, files of weights, wrong uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import blobs
from test_train import classifier, heads_data, two_headed

import seqir
from seqir import callbacks, layers, tensorfile
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    GraphError,
    LoadError,
    NotBuiltError,
    RunError,
    ShapeError,
    UnsupportedError,
)
from seqir.models import load_model
from seqir.train.steps import BatchTypes

# Loops.


class Recorder(callbacks.Callback):
    """Writes down which hooks are called."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen.append("begin")

    def on_train_end(self, logs: Any = None) -> None:
        self.seen.append("end")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(f"epoch {epoch}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(f"end {epoch} {sorted(logs)}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append(f"batch {batch} {sorted(logs)}")

    def on_test_begin(self, logs: Any = None) -> None:
        self.seen.append("test")


def test_hooks_are_called_in_order() -> None:
    x, y = blobs(8)
    model, seen = classifier(), Recorder()
    model.fit(
        x,
        y,
        batch_size=4,
        epochs=3,
        initial_epoch=1,
        verbose=0,
        validation_data=(x, y),
        validation_freq=[3],
        callbacks=[seen],
    )
    batches = ["batch 0 ['loss']", "batch 1 ['loss']"]
    assert seen.seen == [
        "begin",
        "epoch 1", *batches, "end 1 ['loss']",
        "epoch 2", *batches, "test", "end 2 ['loss', 'val_loss']",
        "end",
    ]  # fmt: skip


def test_a_callback_ends_the_training() -> None:
    class Enough(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 1

    x, y = blobs()
    model = classifier()
    assert model.fit(x, y, epochs=9, verbose=0, callbacks=Enough()).epoch == [0, 1]
    assert model.fit(x, y, epochs=2, verbose=0).epoch == [0, 1]


def test_a_callback_that_fails_leaves_a_model_that_can_be_used() -> None:
    class Broken(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            raise OSError("no more")

    x, y = blobs()
    model = classifier()
    with pytest.raises(OSError, match="no more"):
        model.fit(x, y, verbose=0, callbacks=[Broken()])
    assert model.compilation.steps == 1
    model.fit(x, y, verbose=0)


@pytest.mark.parametrize("kind", ["generator", "list of batches", "dataset"])
def test_batches_from_elsewhere(kind: str) -> None:
    x, y = blobs(24)
    parts = [(x[i : i + 8], y[i : i + 8]) for i in range(0, 24, 8)]

    class Parts(seqir.data.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, i: int) -> Any:
            return parts[i]

    def forever() -> Any:
        while True:
            yield from parts

    source = {"generator": forever(), "list of batches": iter(parts * 2),
              "dataset": Parts()}[kind]  # fmt: skip
    model = classifier()
    steps = None if kind == "dataset" else 3
    history = model.fit(source, epochs=2, steps_per_epoch=steps, verbose=0,
                        shuffle=False, validation_data=(x, y))  # fmt: skip
    arrays = classifier()
    wanted = arrays.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0,
                        validation_data=(x, y))  # fmt: skip
    assert history.history == wanted.history


def test_ema_weights_are_there_at_the_end() -> None:
    x, y = blobs()
    optimizer = seqir.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    model = classifier(optimizer=optimizer)
    model.fit(x, y, epochs=2, verbose=0)
    averages = [v.array for v in optimizer.variables if "average" in v.name]
    for a, b in zip(averages, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = blobs()
    model = classifier(metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=2)
    shown = capsys.readouterr()
    assert not shown.out
    assert "Epoch 1/2" in shown.err
    assert "accuracy" in shown.err
    model.fit(x, y, epochs=1, verbose=0)
    assert not capsys.readouterr().err


# Weights in files.


def test_weights_are_loaded_whole_or_not_at_all(tmp_path: Path) -> None:
    x, y = blobs()
    model = classifier()
    model.fit(x, y, epochs=1, verbose=0)
    path = tmp_path / "w.safetensors"
    model.save_weights(path)
    other = classifier()
    other.load_weights(path)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    wide = seqir.Sequential([seqir.Input((4,)), layers.Dense(16), layers.Dense(9)])
    before = wide.get_weights()
    with pytest.raises(ShapeError, match="it belongs to another model"):
        wide.load_weights(path)
    short = seqir.Sequential([seqir.Input((4,)), layers.Dense(16)])
    with pytest.raises(ShapeError, match="has 4 arrays, 2 are needed"):
        short.load_weights(path)
    for a, b in zip(before, wide.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(UnsupportedError, match=r"must end in .* or \.safetensors"):
        model.save_weights(tmp_path / "w.bin")
    path.write_bytes(b"not it")
    with pytest.raises(LoadError, match="is not a safetensors file"):
        model.load_weights(path)
    model.save_checkpoint(path)
    with pytest.raises(LoadError, match="holds a seqir checkpoint, not weights"):
        model.load_weights(path)


def test_a_checkpoint_that_says_what_it_has_not(tmp_path: Path) -> None:
    model = classifier()
    model.fit(X, Y, verbose=0)
    path = tmp_path / "c.safetensors"
    model.save_checkpoint(path)
    before = model.get_weights()

    def changed(change: Callable[[Any, Any], Any]) -> Path:
        arrays, note = tensorfile.read(path)
        change(arrays, note)
        other = tmp_path / "other.safetensors"
        tensorfile.write(other, arrays, note)
        return other

    def halve(arrays: Any, note: Any) -> None:
        name = note["order"]["weights"][0]
        arrays[name] = arrays[name].astype(np.float16)

    with pytest.raises(LoadError, match=r"in another way; its weights .* float16 in"):
        model.load_checkpoint(changed(halve))
    for order in ("none", {"weights": "none"}, {"weights": ["none"]}):
        lost = changed(lambda _, note, order=order: note.update(order=order))
        with pytest.raises(
            CorruptFileError, match=r"names arrays that it has not|its note says order"
        ):
            model.load_checkpoint(lost)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_of_a_whole_model(tmp_path: Path) -> None:
    model = classifier()
    keep = callbacks.ModelCheckpoint(str(tmp_path / "m.keras"))
    model.fit(X, Y, verbose=0, callbacks=[keep])
    again = load_model(tmp_path / "m.keras")
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.optimizer.iterations.array == model.optimizer.iterations.array
    (tmp_path / "m.keras").unlink()
    keep = callbacks.ModelCheckpoint(str(tmp_path / "m{epoch}.safetensors"))
    model.fit(X, Y, verbose=0, callbacks=[keep])
    assert [p.name for p in tmp_path.iterdir()] == ["m1.safetensors"]


# Wrong uses.


def wrong(match: str, kind: type[Exception], **arguments: Any) -> Any:
    return pytest.param(match, kind, arguments, id=match)


X, Y = blobs(12)


@pytest.mark.parametrize(
    ("match", "kind", "arguments"),
    [
        wrong("epochs must be an integer >= 0", ArgumentError, epochs=1.5),
        wrong("initial_epoch must be", ArgumentError, initial_epoch=-1),
        wrong("verbose must be", ArgumentError, verbose=7),
        wrong("on_nan must be", ArgumentError, on_nan="ignored"),
        wrong("checkpoint_freq must be", ArgumentError, checkpoint_freq=0),
        wrong("validation_freq must be", ArgumentError, validation_freq=0),
        wrong("validation_data must be", ArgumentError, validation_data=(X,) * 4),
        wrong("validation_split must be", ArgumentError, validation_split=1.5),
        wrong("the numbers of samples differ", ShapeError, y=Y[:5]),
        wrong("holds the label 3", ArgumentError, y=Y + 1),
        wrong("y has 2 items, the model has 1 outputs", ArgumentError, y=[Y, Y]),
        wrong("Expected shape (None, 4)", ShapeError, x=X[:, :2]),
        wrong("class_weight", ArgumentError, class_weight={0: 1.0},
              sample_weight=np.ones(12)),
        wrong("device 'rocm' does not work", Exception, device="rocm"),
    ],
)  # fmt: skip
def test_wrong_arguments_of_fit(match: str, kind: Any, arguments: Any) -> None:
    model = classifier()
    given = {"x": X, "y": Y, "verbose": 0, **arguments}
    before = model.get_weights()
    with pytest.raises(kind) as caught:
        model.fit(**given)
    notes = " ".join(getattr(caught.value, "__notes__", ()))
    assert match in f"{caught.value} {notes}"
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_missing_is_said() -> None:
    model = seqir.Sequential([seqir.Input((4,)), layers.Dense(3)])
    with pytest.raises(NotBuiltError, match="You must call `compile"):
        model.fit(X, Y)
    with pytest.raises(NotBuiltError, match="is not compiled"):
        model.evaluate(X, Y)
    assert model.optimizer is None
    assert model.metrics == []
    model.compile("adam")
    with pytest.raises(GraphError, match="there is no loss to minimize"):
        model.fit(X, Y, verbose=0)
    with pytest.raises(ArgumentError, match="Did you mean"):
        model.compile("adan", "mse")
    for loss in ("msee", ["msee"], {"dense": "msee"}):
        with pytest.raises(ArgumentError, match=r"'msee' is not a loss\. Did you mean"):
            model.compile("adam", loss)
    for given in (["acuracy"], [["mae", "acuracy"]], {"dense": ["acuracy"]}):
        with pytest.raises(ArgumentError, match=r"'acuracy' is not a metric\. Did"):
            model.compile("adam", "mse", metrics=given)
    with pytest.raises(ArgumentError, match=r"write metrics=\['mae'\]"):
        model.compile("adam", "mse", metrics="mae")
    model.compile("adam", "mse")
    with pytest.raises(ArgumentError, match="x holds no array, got None"):
        model.train_on_batch(None)


def test_wrong_structures_of_outputs() -> None:
    x, y = heads_data()
    model = two_headed()
    model.compile("adam", {"kind": "mse", "sise": "mse"})
    with pytest.raises(ArgumentError, match="'sise', the model has 'kind', 'size'"):
        model.fit(x, y, verbose=0)
    model.compile("adam", ["mse", "mse", "mse"])
    with pytest.raises(ArgumentError, match="loss has 3 items, the model has 2"):
        model.fit(x, y, verbose=0)
    model.compile("adam", {"size": "mse"}, metrics={"kind": ["accuracy"]})
    with pytest.raises(ArgumentError, match="needs targets, but y has none"):
        model.fit(x, {"size": y[1]}, verbose=0)
    model.compile("adam", "mse")
    with pytest.raises(ArgumentError, match="y has 1 arrays, the model has 2 outputs"):
        model.fit(x, y[1], verbose=0)


def test_a_batch_that_onnxruntime_refuses_changes_nothing() -> None:
    model = classifier()
    model.train_on_batch(X, Y)
    before = model.get_weights()
    types = BatchTypes((None,), (None,))
    assert types.targets == (None,)
    (step,) = model.compilation._steps.values()
    feeds = {"point": X, "target": Y[:5]}
    with pytest.raises(RunError):
        step.run(feeds)
    with pytest.raises(RunError, match="the model also needs 'target'"):
        step.run({"point": X})
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
