"""Callbacks: against Keras's own, killed and resumed, and everything they refuse."""

import csv
import http.server
import json
import math
import sys
import threading
import urllib.parse
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from fake_training import FakeModel, Killed, LazyLogs, fit, losses

from seqir import callbacks as cb
from seqir.errors import (
    ArgumentError,
    ExportError,
    LoadError,
    MissingPackageError,
    NonFiniteLossError,
    UnsupportedError,
)

NAN = float("nan")
CURVES = {
    "falling": [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3],
    "plateau": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    "bumpy": [1.0, 0.9, 0.95, 0.94, 0.96, 0.5, 0.6, 0.55],
    "rising": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
    "late": [1.0, 1.2, 0.99, 1.1, 0.98, 1.1, 1.2, 0.2],
    "gap": [1.0, NAN, 0.9, NAN, NAN, 0.95, 0.8, 0.9],
}


# The base, and the list.


class Recorder(cb.Callback):
    def __init__(self) -> None:
        self.calls: list[str] = []


for hook in (name for name in vars(cb.Callback) if name.startswith("on_")):

    def record(self: Recorder, *args: Any, hook: str = hook) -> None:
        self.calls.append(hook)

    setattr(Recorder, hook, record)


def test_hooks_come_in_the_order_of_keras() -> None:
    class Theirs(keras.callbacks.Callback):
        calls: list[str] = []

    for name in vars(cb.Callback):
        if name.startswith("on_") and name != "on_epoch_resume":
            setattr(
                Theirs,
                name,
                lambda self, *a, name=name, **k: self.calls.append(name),
            )
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    listed = keras.callbacks.CallbackList([Theirs()], model=model)
    recorder = Recorder()
    ours = cb.CallbackList([recorder], model=FakeModel())
    for target in (listed, ours):
        target.on_train_begin()
        target.on_epoch_begin(0)
        target.on_train_batch_begin(0)
        target.on_train_batch_end(0, {})
        target.on_test_begin()
        target.on_test_batch_begin(0)
        target.on_test_batch_end(0, {})
        target.on_test_end({})
        target.on_epoch_end(0, {"loss": 1.0})
        target.on_train_end()
        target.on_predict_begin()
        target.on_predict_batch_begin(0)
        target.on_predict_batch_end(0)
        target.on_predict_end()
    assert recorder.calls == Theirs.calls


def test_older_names_of_batch_hooks_are_called() -> None:
    class Old(cb.Callback):
        seen: list[tuple[str, int]] = []

        def on_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.seen.append(("begin", batch))

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen.append(("end", batch))

    listed = cb.CallbackList([Old()])
    listed.on_batch_begin(3)
    listed.on_train_batch_end(3)
    assert Old.seen == [("begin", 3), ("end", 3)]


def test_only_callbacks_with_a_batch_hook_are_called_for_batches() -> None:
    class Slow(cb.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None: ...

    listed = cb.CallbackList([Slow(), cb.EarlyStopping(), cb.CSVLogger("x.csv")], True)
    assert not any(
        hooks for name, hooks in listed._listeners.items() if "batch" in name
    )
    listed.append(cb.LambdaCallback(on_batch_end=lambda batch, logs: None))
    assert len(listed._listeners["on_train_batch_end"]) == 1
    assert not listed._listeners["on_train_batch_begin"]


def test_values_of_batches_are_read_only_by_those_who_need_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs = LazyLogs(loss=1.0, accuracy=0.5)
    listed = cb.CallbackList(
        [cb.EarlyStopping(), cb.ModelCheckpoint("a.safetensors", save_freq=100)],
        add_history=True,
        add_progbar=True,
        model=FakeModel(),
        verbose=1,
        epochs=1,
        steps=10,
    )
    listed.on_epoch_begin(0)
    for batch in range(10):
        listed.on_train_batch_end(batch, logs)
    assert logs.reads == 0
    listed.append(cb.TerminateOnNaN())
    listed.on_train_batch_end(9, logs)
    assert logs.reads == 1


def test_what_one_callback_adds_the_next_ones_see() -> None:
    model = FakeModel()
    listed = fit(
        model,
        [cb.LambdaCallback(on_epoch_end=lambda e, logs: logs.update(extra=e))],
        losses(1.0, 2.0),
    )
    assert listed.history.history["extra"] == [0, 1]
    assert model.history is listed.history


def test_those_that_save_come_last(tmp_path: Path) -> None:
    order: list[str] = []
    model = FakeModel()
    backup = cb.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    model.save_checkpoint = lambda path: order.append("save")  # type: ignore
    fit(
        model,
        [backup, cb.LambdaCallback(on_epoch_end=lambda e, logs: order.append("other"))],
        losses(1.0),
    )
    assert order == ["other", "save"]


def test_lists_take_one_or_nested_callbacks() -> None:
    one, two = cb.Callback(), cb.Callback()
    assert cb.CallbackList(one).callbacks == [one]
    assert cb.CallbackList([one, [two]]).callbacks == [one, two]
    history, bar = cb.History(), cb.ProgbarLogger()
    assert cb.CallbackList([history, bar], True, True).callbacks == [history, bar]
    kinds = [type(c) for c in cb.CallbackList([one], True, True).callbacks]
    assert kinds == [cb.Callback, cb.History, cb.ProgbarLogger]


def test_a_callback_without_super_init_works() -> None:
    class Mine(cb.Callback):
        def __init__(self) -> None:
            self.epochs: list[int] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs.append(epoch)

    mine = Mine()
    fit(FakeModel(), mine, losses(1.0, 1.0))
    assert mine.epochs == [0, 1]
    assert mine.params == {"verbose": 0, "epochs": 2, "steps": 2}


def test_states_find_their_callbacks() -> None:
    first, second = cb.EarlyStopping(), cb.EarlyStopping("loss")
    first.best, second.best = 1.0, 2.0
    saved = cb.CallbackList([cb.TerminateOnNaN(), first, second])
    states = json.loads(json.dumps(saved.get_state()))
    a, b = cb.EarlyStopping(), cb.EarlyStopping("loss")
    other = cb.CallbackList([a, cb.ReduceLROnPlateau(), b])
    other.set_state(states, saved.get_arrays())
    assert (a.best, b.best) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: cb.CallbackList([3]),
            "callbacks must be .*Callback objects, got buil",
        ),
        (
            lambda: cb.CallbackList(cb.EarlyStopping),
            r"EarlyStopping is a class: pass an object, EarlyStopping\(...\)",
        ),
        (lambda: cb.CallbackList().history, "no History among these"),
        (lambda: cb.EarlyStopping(mode="less"), "'min' or 'max', got 'less'"),
        (lambda: cb.EarlyStopping(patience=-1), "patience must be an integer >= 0"),
        (lambda: cb.EarlyStopping(start_from_epoch=1.5), "start_from_epoch must be an"),
        (lambda: cb.ReduceLROnPlateau(factor=1.0), "less than 1, got 1.0"),
        (lambda: cb.ReduceLROnPlateau(cooldown=True), "cooldown must be an integer"),
        (lambda: cb.ModelCheckpoint("a.onnx"), r"must end with .safetensors, .keras"),
        (
            lambda: cb.ModelCheckpoint("a.keras", save_weights_only=True),
            r"save_weights_only=True, filepath must end with .safetensors, .weights.h5",
        ),
        (lambda: cb.ModelCheckpoint("a.weights.h5"), "save_weights_only=False, filep"),
        (lambda: cb.ModelCheckpoint("{epoch.keras"), "filepath '{epoch.keras': expec"),
        (
            lambda: cb.ModelCheckpoint("{batch}.keras"),
            r"has \{batch\}, which there is only with a save_freq in batches",
        ),
        (
            lambda: cb.ModelCheckpoint("a.keras", save_freq=0),
            "save_freq must be 'epoch",
        ),
        (lambda: cb.BackupAndRestore("x", save_freq="batch"), "got 'batch'"),
        (lambda: cb.BackupAndRestore(""), "backup_dir must name a folder"),
        (lambda: cb.CSVLogger("a", separator=", "), "one character, got ', '"),
        (lambda: cb.LambdaCallback(on_epoch=print), "hook 'on_epoch'. Did you mean"),
        (lambda: cb.LambdaCallback(on_epoch_end=1), "must be a function, got 1"),  # type: ignore
        (lambda: cb.TensorBoard(update_freq="step"), "got 'step'"),
        (lambda: cb.TensorBoard(histogram_freq=-1), "histogram_freq must be an integ"),
        (lambda: cb.RemoteMonitor("ftp://x"), r"http\(s\) address, got 'ftp://x'"),
        (lambda: cb.History().plot(), "no epoch has been recorded"),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_a_lambda_callback_leaves_out_none() -> None:
    seen: list[Any] = []
    fit(
        FakeModel(),
        cb.LambdaCallback(on_train_begin=None, on_train_end=seen.append),
        losses(1.0),
    )
    assert seen == [{}]


# History.


def test_history_is_that_of_keras() -> None:
    theirs, ours = keras.callbacks.History(), cb.History()
    for history in (theirs, ours):
        history.set_model(FakeModel())
        history.on_train_begin()
        for epoch in (3, 4):
            history.on_epoch_end(epoch, {"loss": 1.0 / epoch, "accuracy": 0.5})
    assert ours.history == theirs.history
    assert ours.epoch == theirs.epoch == [3, 4]
    assert repr(ours) == "<History of 2 epochs: loss, accuracy>"
    assert not ours.interrupted


def test_history_in_a_notebook() -> None:
    history = cb.History()
    for epoch in range(25):
        logs = {"loss": 0.5, "<b>": np.array([1.0, 2.0])}
        history.on_epoch_end(epoch, logs | ({"val_loss": 0.25} if epoch % 2 else {}))
    page = history._repr_html_()
    assert "the last 20 of 25 epochs" in page
    assert page.count("<tr>") == 21
    assert "<th>&lt;b&gt;</th>" in page
    assert "<tr><td>25</td><td>0.5000</td><td>[1.000 2.000]</td><td></td></tr>" in page


def test_history_is_drawn(tmp_path: Path) -> None:
    history = cb.History()
    for epoch in range(6):
        logs = {"loss": 1 / (epoch + 1), "accuracy": 1 - 1 / (epoch + 2)}
        if epoch % 2:
            logs["val_loss"] = 1.2 / (epoch + 1)
        history.on_epoch_end(epoch, logs | {"learning_rate": 0.1**epoch})
    figure = history.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    loss, _, rate = figure.axes
    assert [list(line.get_xdata()) for line in loss.lines] == [
        [1, 2, 3, 4, 5, 6],
        [2, 4, 6],
    ]
    assert rate.get_yscale() == "log"
    history.plot(tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").read_text().startswith("<?xml")
    with pytest.raises(ArgumentError, match=r"as \.png, .svg or .pdf, got 'a.gif'"):
        history.plot("a.gif")
    with pytest.raises(ExportError, match="there is no folder"):
        history.plot(tmp_path / "nowhere" / "a.png")


def test_drawing_needs_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r'pip install "seqir\[plot\]"'):
        cb.History().plot()


# Against Keras: the same values, the same decisions.


class KerasFake(FakeModel):
    """The fake model, saving as Keras's callback asks for it."""

    def save(self, path: str, overwrite: bool = True) -> None:
        super().save(path)

    def save_weights(self, path: str, overwrite: bool = True) -> None:
        super().save_weights(path)


def drive(callback: Any, values: list[float], name: str = "val_loss") -> dict[str, Any]:
    """Everything that can be seen of a callback of ours or of Keras's."""
    model = KerasFake()
    if isinstance(callback, keras.callbacks.Callback):
        model.metrics = []
        model.optimizer.learning_rate = np.float64(0.1)
    callback.set_model(model)
    callback.set_params({"epochs": len(values), "verbose": 0, "steps": 3})
    seen: list[Any] = []
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch)
        for batch in range(3):
            model.weight = model.weight + 1
            callback.on_train_batch_end(batch, {name: value})
        logs = {name: value}
        callback.on_epoch_end(epoch, logs)
        rate = float(np.asarray(model.optimizer.learning_rate))
        seen.append((round(rate, 12), sorted(logs), model.stop_training))
        if model.stop_training:
            break
    callback.on_train_end()
    return {"epochs": seen, "weight": model.weight.tolist(), "saved": model.saved}


@pytest.mark.parametrize("curve", [c for c in CURVES if c != "gap"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 1},
        {"patience": 3, "restore_best_weights": True},
        {"patience": 2, "min_delta": 0.06, "restore_best_weights": True},
        {"patience": 2, "min_delta": -0.06},
        {"patience": 2, "baseline": 0.85, "restore_best_weights": True},
        {"patience": 1, "start_from_epoch": 3, "restore_best_weights": True},
        {"patience": 2, "mode": "max", "restore_best_weights": True},
    ],
    ids=str,
)
def test_early_stopping_is_that_of_keras(curve: str, options: dict[str, Any]) -> None:
    theirs = drive(keras.callbacks.EarlyStopping(**options), CURVES[curve])
    assert drive(cb.EarlyStopping(**options), CURVES[curve]) == theirs


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 1},
        {"patience": 2},
        {"patience": 0, "factor": 0.5},
        {"patience": 1, "cooldown": 2, "factor": 0.5},
        {"patience": 2, "cooldown": 1, "min_lr": 0.02},
        {"patience": 1, "min_delta": 0.2, "factor": 0.3},
        {"patience": 1, "mode": "max"},
    ],
    ids=str,
)
def test_plateaus_are_those_of_keras(curve: str, options: dict[str, Any]) -> None:
    theirs = drive(keras.callbacks.ReduceLROnPlateau(**options), CURVES[curve])
    assert drive(cb.ReduceLROnPlateau(**options), CURVES[curve]) == theirs


@pytest.mark.parametrize("curve", [c for c in CURVES if c != "gap"])
@pytest.mark.parametrize(
    "options",
    [
        {"filepath": "{epoch:02d}-{val_loss:.2f}.keras"},
        {"filepath": "best.keras", "save_best_only": True},
        {"filepath": "{epoch}.keras", "save_best_only": True, "mode": "max"},
        {
            "filepath": "{epoch}.keras",
            "save_best_only": True,
            "initial_value_threshold": 0.85,
        },
        {"filepath": "{epoch}-{batch}.keras", "save_freq": 4},
        {"filepath": "{epoch}-{batch}.keras", "save_freq": 1},
        {"filepath": "{epoch}.weights.h5", "save_weights_only": True},
    ],
    ids=str,
)
def test_checkpoints_are_those_of_keras(
    curve: str, options: dict[str, Any], tmp_path: Path
) -> None:
    options = options | {"filepath": str(tmp_path / options["filepath"])}
    theirs = drive(keras.callbacks.ModelCheckpoint(**options), CURVES[curve])
    ours = drive(cb.ModelCheckpoint(**options), CURVES[curve])
    assert ours == theirs


@pytest.mark.parametrize(
    "schedule",
    [lambda epoch, lr: lr * 0.5, lambda epoch: 0.1 / (epoch + 1)],
    ids=["two arguments", "one"],
)
def test_learning_rate_schedules_are_those_of_keras(schedule: Any) -> None:
    theirs = drive(keras.callbacks.LearningRateScheduler(schedule), CURVES["bumpy"])
    assert drive(cb.LearningRateScheduler(schedule), CURVES["bumpy"]) == theirs


def test_a_metric_knows_its_direction() -> None:
    for name, best in (("val_accuracy", 0.9), ("mae", 0.1), ("out_loss", 0.1)):
        stop = cb.EarlyStopping(name, patience=5)
        fit(FakeModel(), stop, losses(0.5, 0.9, 0.1, name=name))
        assert stop.best == best
    for name in ("mystery", "unheard"):
        with pytest.raises(
            ArgumentError, match=f"whether '{name}' should become larger"
        ):
            fit(FakeModel(), cb.EarlyStopping(name), losses(0.5, name=name))


# Different from Keras on purpose.


def test_nan_is_never_the_best() -> None:
    """In Keras a NaN in the first epoch stays the best for ever."""
    values = [NAN, 3.0, 2.0, NAN, 2.5, 2.6]
    stop = cb.EarlyStopping(patience=2, restore_best_weights=True)
    model = FakeModel()
    fit(model, stop, losses(*values))
    assert stop.best == 2.0
    assert stop.best_epoch == 2
    assert stop.stopped_epoch == 4
    assert model.weight[0] == 6


def test_early_stopping_that_never_saw_a_number_restores_nothing() -> None:
    model = FakeModel()
    fit(
        model, cb.EarlyStopping(restore_best_weights=True, patience=9), losses(NAN, NAN)
    )
    assert model.weight[0] == 4


def test_a_value_that_is_not_reported_is_a_warning() -> None:
    with pytest.warns(
        UserWarning, match="watches 'val_los', which is not reported. Did"
    ):
        fit(FakeModel(), cb.EarlyStopping("val_los"), losses(1.0))
    with pytest.warns(UserWarning, match="There is: learning_rate|There is: loss"):
        fit(FakeModel(), cb.ReduceLROnPlateau("gone"), losses(1.0))
    with pytest.raises(ArgumentError, match=r"must be one number, got .* shape \(2,\)"):
        fit(FakeModel(), cb.EarlyStopping("f1"), [{"loss": 1.0, "f1": np.ones(2)}])  # type: ignore


def test_a_schedule_must_return_a_learning_rate() -> None:
    for wrong in (None, "fast", True, -1.0, NAN, np.ones(2)):
        with pytest.raises(
            ArgumentError, match="must return a finite number >= 0, got"
        ):
            fit(
                FakeModel(),
                cb.LearningRateScheduler(lambda e, lr, w=wrong: w),
                losses(1.0),
            )
    with pytest.raises(TypeError, match="unsupported operand"):
        fit(FakeModel(), cb.LearningRateScheduler(lambda e, lr: e + "x"), losses(1.0))
    model = FakeModel()
    fit(model, cb.LearningRateScheduler(max), losses(1.0, 1.0))
    assert model.optimizer.learning_rate == 1.0
    model.optimizer = None
    with pytest.raises(ArgumentError, match="with a learning_rate, the model has None"):
        fit(model, cb.LearningRateScheduler(lambda e, lr: lr), losses(1.0, 1.0, 1.0))


# Files.


def test_a_safetensors_file_holds_weights_or_the_training(tmp_path: Path) -> None:
    model = FakeModel()
    weights = cb.ModelCheckpoint(
        tmp_path / "deep" / "w-{epoch}.safetensors", save_weights_only=True
    )
    training = cb.ModelCheckpoint(tmp_path / "t-{epoch}.safetensors")
    assert (weights.saves_state, training.saves_state) == (False, True)
    fit(model, [training, weights], losses(1.0, 2.0))
    assert model.saved == [
        "weights w-1.safetensors",
        "checkpoint t-1.safetensors",
        "weights w-2.safetensors",
        "checkpoint t-2.safetensors",
    ]


def test_the_best_is_what_is_in_the_file(tmp_path: Path) -> None:
    model = FakeModel()
    keep = cb.ModelCheckpoint(tmp_path / "a.safetensors", save_best_only=True)

    def fails(path: Any) -> None:
        raise OSError("disk full")

    model.save_checkpoint = fails  # type: ignore
    with pytest.raises(OSError, match="disk full"):
        fit(model, keep, losses(1.0))
    assert keep.best is None


def test_no_nan_gets_into_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = FakeModel()
    keep = cb.ModelCheckpoint(tmp_path / "{epoch}.safetensors", verbose=1)
    logs = [{"loss": 1.0}, {"loss": NAN}, {"loss": float("inf")}]
    fit(model, keep, logs)
    assert model.saved == ["checkpoint 1.safetensors"]
    assert "Epoch 2: loss or weights are not finite" in capsys.readouterr().err
    model.weight[1] = np.inf  # the loss before an update that overflowed is finite
    model.epoch = 0
    fit(model, keep, logs[:1])
    assert model.saved == ["checkpoint 1.safetensors"]


def test_what_a_checkpoint_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = cb.ModelCheckpoint(
        f"{tmp_path}/a.keras", save_best_only=True, verbose=1, monitor="loss"
    )
    fit(FakeModel(), keep, [{"loss": 2.0}, {"loss": 3.0}])
    assert capsys.readouterr().err.splitlines() == [
        f"Epoch 1: model saved to {tmp_path}/a.keras",
        "Epoch 2: loss did not improve from 2.0",
    ]
    with pytest.warns(UserWarning, match="ModelCheckpoint watches 'gone'"):
        fit(
            FakeModel(),
            cb.ModelCheckpoint(f"{tmp_path}/a.keras", "gone", save_best_only=True),
            [{"loss": 2.0}],
        )
    wrong = cb.ModelCheckpoint(f"{tmp_path}/{{val_los}}.keras")
    with pytest.raises(ArgumentError, match=r"val_los\}, which is not reported. Did"):
        fit(FakeModel(), wrong, losses(1.0))


def test_other_messages(capsys: pytest.CaptureFixture[str]) -> None:
    stop = cb.EarlyStopping(patience=1, verbose=1, restore_best_weights=True)
    plateau = cb.ReduceLROnPlateau(patience=1, verbose=1)
    schedule = cb.LearningRateScheduler(lambda epoch, lr: lr, verbose=1)
    fit(FakeModel(), [schedule, plateau, stop], losses(1.0, 2.0))
    assert capsys.readouterr().err.splitlines() == [
        "Epoch 1: learning rate set to 0.1",
        "Epoch 2: learning rate set to 0.1",
        "Epoch 2: learning rate reduced to 0.01",
        "Epoch 2: early stopping",
        "Restoring the weights of epoch 1",
    ]


def backup_of(folder: Path, **options: Any) -> cb.BackupAndRestore:
    return cb.BackupAndRestore(folder / "backup", **options)


def test_a_backup_goes_after_a_normal_end_only(tmp_path: Path) -> None:
    folder, file = tmp_path / "backup", tmp_path / "backup" / "latest.safetensors"
    fit(FakeModel(), backup_of(tmp_path), losses(1.0, 2.0))
    assert not folder.exists()

    with pytest.raises(Killed):  # an error
        fit(
            FakeModel(), backup_of(tmp_path), losses(1.0, 2.0), kill=lambda e, b: e == 1
        )
    assert file.exists()
    file.unlink()

    nans = [cb.TerminateOnNaN(), backup_of(tmp_path, save_freq=1)]  # no error, but NaN
    model = FakeModel()
    fit(model, nans, [{"loss": 1.0}, {"loss": NAN}, {"loss": 1.0}])
    assert model.epoch == 2
    assert file.exists()
    restored = FakeModel()
    restored.load_checkpoint(file)
    assert restored.weight.tolist() == [2.0] * 3  # as it was before the NaN
    file.unlink()

    # Ctrl-C between two epochs
    listed = cb.CallbackList(
        backup_of(tmp_path), model=FakeModel(), epochs=3, verbose=0, steps=2
    )
    listed.model.callbacks = listed
    listed.on_train_begin()
    listed.on_epoch_end(0, {"loss": 1.0})
    listed.on_train_end()
    assert file.exists()

    (folder / "mine.txt").write_text("keep")
    fit(FakeModel(), [backup_of(tmp_path), cb.EarlyStopping()], losses(1.0, 2.0, 3.0))
    assert [p.name for p in folder.iterdir()] == ["mine.txt"]


def test_a_backup_stays_if_asked_to(tmp_path: Path) -> None:
    fit(FakeModel(), backup_of(tmp_path, delete_checkpoint=False), losses(1.0, 2.0))
    assert (tmp_path / "backup" / "latest.safetensors").exists()


def test_a_damaged_backup_falls_back_to_the_one_before(tmp_path: Path) -> None:
    latest = tmp_path / "backup" / "latest.safetensors"
    logs = losses(1.0, 2.0, 3.0)
    two = backup_of(tmp_path, double_checkpoint=True)
    with pytest.raises(Killed):
        fit(FakeModel(), two, logs, kill=lambda e, b: e == 2)
    latest.write_bytes(b"torn")
    model = FakeModel()
    with (
        pytest.warns(
            UserWarning,
            match=r"latest.safetensors cannot be loaded \(.*torn|is damaged",
        ),
        pytest.raises(Killed),
    ):
        fit(model, two, logs, kill=lambda e, b: e == 1)
    assert model.epoch == 1
    fresh = FakeModel()
    fresh.load_checkpoint(latest)  # the good one has taken the place of the damaged
    assert fresh.epoch == 1
    latest.write_bytes(b"torn")
    with pytest.raises(LoadError, match="is damaged"):
        fit(FakeModel(), two, logs)


def test_a_kill_between_two_backups_leaves_one(tmp_path: Path) -> None:
    logs = losses(1.0, 2.0, 3.0)
    two = backup_of(tmp_path, double_checkpoint=True)
    model = FakeModel()
    write = model.save_checkpoint

    def killed(path: Any) -> None:
        if model.epoch == 2:
            raise Killed
        write(path)

    model.save_checkpoint = killed  # type: ignore
    with pytest.raises(Killed):
        fit(model, two, logs)
    resumed = FakeModel()
    fit(resumed, two, logs)
    assert resumed.callbacks is not None
    assert resumed.callbacks.history.epoch == [0, 1, 2]


# A training that was killed and resumed is the unbroken one.


def everything(folder: Path) -> list[cb.Callback]:
    return [
        cb.BackupAndRestore(folder / "backup", save_freq="epoch"),
        cb.LearningRateScheduler(lambda epoch, lr: lr * 0.9),
        cb.ReduceLROnPlateau(patience=2, cooldown=1, factor=0.5),
        cb.EarlyStopping(patience=4, restore_best_weights=True),
        cb.ModelCheckpoint(
            folder / "best-{epoch}.keras", save_best_only=True, monitor="val_loss"
        ),
        cb.ModelCheckpoint(
            folder / "{epoch}-{batch}.weights.h5", save_freq=3, save_weights_only=True
        ),
        cb.CSVLogger(folder / "log.csv"),
    ]


@pytest.mark.parametrize("killed_at", range(1, 9))
def test_a_killed_training_ends_as_the_unbroken_one(
    tmp_path: Path, killed_at: int
) -> None:
    logs = losses(1.0, 0.9, 0.95, 0.94, 0.5, 0.6, 0.7, 0.65, 0.8, 0.9)
    results: list[Any] = []
    for name, kill in (("whole", -1), ("broken", killed_at)):
        folder = tmp_path / name
        folder.mkdir()
        saved: list[str] = []
        model = FakeModel()
        if kill > 0:
            with pytest.raises(Killed):
                fit(
                    model,
                    everything(folder),
                    logs,
                    kill=lambda e, b, k=kill: (e, b) == (k, 1),
                )
            saved = [s for s in model.saved if "checkpoint" not in s]
            model = FakeModel()
        callbacks = everything(folder)
        listed = fit(model, callbacks, logs)
        saved += [s for s in model.saved if "checkpoint" not in s]
        states = [s for s in listed.get_state() if s[0] != "CSVLogger"]
        results.append(
            (
                model.weight.tolist(),
                model.optimizer.learning_rate,
                listed.history.history,
                listed.history.epoch,
                states,
                (folder / "log.csv").read_text(),
                sorted(set(saved)),
            )
        )
        assert not (folder / "backup").exists()
    assert results[0] == results[1]
    assert results[0][3] == list(range(9))  # stopped early, with patience 4


# CSV.


def test_csv_is_that_of_keras(tmp_path: Path) -> None:
    logs = [
        {"loss": 1.0, "accuracy": 0.5},
        {"loss": 0.25, "accuracy": 0.75, "val_loss": 2.0},
        {"loss": NAN},
    ]
    rows: list[Any] = []
    for name, logger in (("k", keras.callbacks.CSVLogger), ("s", cb.CSVLogger)):
        path = tmp_path / f"{name}.csv"
        for append in (False, True):
            writer = logger(path, separator=";", append=append)
            writer.on_train_begin()
            for epoch, values in enumerate(logs):
                writer.on_epoch_end(epoch, dict(values))
            writer.on_train_end()
        with path.open(newline="") as file:
            rows.append(list(csv.reader(file, delimiter=";")))
    assert rows[0] == rows[1]
    assert len(rows[1]) == 7


def test_half_a_row_of_a_crash_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log.csv"
    fit(FakeModel(), cb.CSVLogger(path), losses(0.5, 0.25))
    whole = path.read_bytes()
    assert whole == b"epoch,loss,val_loss\n0,1.0,0.5\n1,0.5,0.25\n"
    path.write_bytes(whole[:-4])
    fit(FakeModel(), cb.CSVLogger(path, append=True), losses(0.125))
    assert path.read_bytes() == b"epoch,loss,val_loss\n0,1.0,0.5\n0,1.0,0.125\n"
    fit(FakeModel(), cb.CSVLogger(path), losses(7.0))
    assert path.read_bytes() == b"epoch,loss,val_loss\n0,1.0,7.0\n"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(
        ArgumentError, match=r"its columns are a, b, and the first must"
    ):
        fit(FakeModel(), cb.CSVLogger(path, append=True), losses(1.0))
    assert path.read_text() == "a,b\n1,2\n"


def test_csv_of_arrays_and_of_another_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    fit(FakeModel(), cb.CSVLogger(path), [{"loss": 1.0, "f1": np.array([1.0, 2.0])}])  # type: ignore
    assert '"[1.0, 2.0]"' in path.read_text()
    logger = cb.CSVLogger(path)
    logger.set_state({"keys": ["loss"], "size": 10_000})  # the file is not that long
    logger.on_epoch_end(3, {"loss": 1.0})
    assert path.read_text() == "epoch,loss,val_loss\n3,1.0,NA\n"


# NaN.


def test_nan_stops(capsys: pytest.CaptureFixture[str]) -> None:
    model = FakeModel()
    fit(model, cb.TerminateOnNaN(), [{"loss": 1.0}, {"loss": NAN}, {"loss": 1.0}])
    assert model.epoch == 2
    assert model.optimizer.iterations == 3
    assert capsys.readouterr().err == "the loss is nan after batch 1: training stops\n"
    with pytest.raises(NonFiniteLossError, match="the loss is inf after batch 1"):
        fit(FakeModel(), cb.TerminateOnNaN(raise_error=True), [{"loss": math.inf}])
    fit(FakeModel(), cb.TerminateOnNaN(), [{"loss": 1.0}])
    stopper = cb.TerminateOnNaN()
    stopper.on_train_batch_end(0, {})  # no loss, nothing to look at


# Averaged weights.


class Cell:
    def __init__(self, value: float) -> None:
        self.value = np.full(2, value, np.float32)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.value

    def assign(self, value: np.ndarray) -> None:
        self.value = np.array(value)


def averaging_model() -> tuple[FakeModel, Cell, Cell]:
    model, weight, average = FakeModel(), Cell(1.0), Cell(9.0)
    model.optimizer = SimpleNamespace(
        use_ema=True, _trainable_variables=[weight], _averages=[average]
    )
    return model, weight, average


def test_averages_are_there_during_evaluations() -> None:
    model, weight, average = averaging_model()
    swap = cb.SwapEMAWeights()
    listed = cb.CallbackList([swap], model=model)
    listed.on_train_begin()
    listed.on_epoch_begin(0)
    for part in ("test", "predict"):
        getattr(listed, f"on_{part}_begin")()
        assert (weight.value[0], average.value[0]) == (9.0, 1.0)
        getattr(listed, f"on_{part}_end")()
        assert (weight.value[0], average.value[0]) == (1.0, 9.0)
    listed.on_epoch_end(0)
    listed.on_train_end()
    assert (weight.value[0], average.value[0]) == (1.0, 9.0)
    listed.on_test_begin()  # an error follows
    listed.close()
    assert (weight.value[0], average.value[0]) == (1.0, 9.0)


def test_averages_are_there_between_epochs() -> None:
    model, weight, average = averaging_model()
    swap = cb.SwapEMAWeights(swap_on_epoch=True)
    listed = cb.CallbackList([swap], model=model)
    listed.on_train_begin()
    for epoch in range(2):
        listed.on_epoch_begin(epoch)
        assert weight.value[0] == 1.0
        listed.on_test_begin()
        listed.on_test_end()
        listed.on_epoch_end(epoch)
        assert weight.value[0] == 9.0
    assert swap.get_state() == {"swapped": True}
    resumed = cb.SwapEMAWeights(swap_on_epoch=True)
    resumed.set_model(model)
    resumed.set_state(swap.get_state())
    resumed.on_epoch_begin(2)
    assert (weight.value[0], average.value[0]) == (1.0, 9.0)
    resumed.on_epoch_end(2)
    resumed.on_train_end()
    assert (weight.value[0], average.value[0]) == (9.0, 9.0)
    model.optimizer = SimpleNamespace(inner_optimizer=model.optimizer)
    resumed.on_epoch_end(3)
    assert weight.value[0] == 9.0
    model.optimizer = SimpleNamespace(use_ema=False)
    with pytest.raises(
        ArgumentError, match="averages: pass use_ema=True to SimpleName"
    ):
        cb.CallbackList([cb.SwapEMAWeights()], model=model).on_test_begin()


# TensorBoard and a server.


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What is in the event files of a folder."""
    from tensorboardX.proto import event_pb2

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob("events.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):  # length, its checksum, the event, its checksum
            size = int.from_bytes(data[at : at + 8], "little")
            event = event_pb2.Event.FromString(data[at + 12 : at + 12 + size])
            at += size + 16
            for value in event.summary.value:
                number = value.simple_value if not value.HasField("histo") else NAN
                found.setdefault(value.tag, []).append((event.step, number))
    return found


def test_tensorboard(tmp_path: Path) -> None:
    board = cb.TensorBoard(
        tmp_path, histogram_freq=2, update_freq=3, write_steps_per_second=True
    )
    model = FakeModel()
    fit(model, board, losses(0.5, 0.25, 0.125))
    train, held = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    assert [s for s, _ in train["epoch_loss"]] == [0, 1, 2]
    np.testing.assert_allclose([v for _, v in train["epoch_loss"]], [1, 1 / 2, 1 / 3])
    assert train["epoch_learning_rate"] == [(i, np.float32(0.1)) for i in range(3)]
    assert train["batch_loss"] == [(3, 0.5), (6, np.float32(1 / 3))]
    assert [step for step, _ in train["fake/weight/histogram"]] == [0, 2]
    assert all(rate > 0 for _, rate in train["epoch_steps_per_second"])
    assert held == {"epoch_loss": [(0, 0.5), (1, 0.25), (2, 0.125)]}

    listed = cb.CallbackList([board], model=model)
    listed.on_test_begin()
    listed.on_test_end({"loss": 4.0, "f1": np.ones(2)})
    listed.close()
    held = scalars(tmp_path / "validation")
    assert held["evaluation_loss_vs_iterations"] == [(6, 4.0)]
    assert board.get_state() == {"batches": 6}
    board.on_train_begin()
    board.set_state({"batches": 6})
    board.on_epoch_resume(3, 1)
    for batch in range(3):
        board.on_train_batch_end(batch, {"loss": 9.0})
    board.close()
    assert scalars(tmp_path / "train")["batch_loss"][-1] == (9, 9.0)
    assert cb.TensorBoard(update_freq="batch").update_freq == 1


def test_tensorboard_refuses_what_it_cannot_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("write_graph", "write_images", "profile_batch", "embeddings_freq"):
        with pytest.raises(UnsupportedError, match=f"cannot do {name}=1: leave it out"):
            cb.TensorBoard(**{name: 1})
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(
        MissingPackageError, match=r'pip install "seqir\[tensorboard\]"'
    ):
        fit(FakeModel(), cb.TensorBoard(tmp_path), losses(1.0))


def test_values_are_sent_to_a_server() -> None:
    got: list[tuple[str, str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    root = f"http://127.0.0.1:{server.server_port}"
    fit(FakeModel(), cb.RemoteMonitor(root), losses(0.5))
    fit(FakeModel(), cb.RemoteMonitor(root, path="/x", send_as_json=True), losses(0.5))
    server.shutdown()
    server.server_close()
    thread.join()
    wanted = {"epoch": 0, "loss": 1.0, "val_loss": 0.5}
    (path, kind, form), (other, json_kind, body) = got
    assert (path, kind) == ("/publish/epoch/end/", "application/x-www-form-urlencoded")
    assert json.loads(urllib.parse.parse_qs(form)["data"][0]) == wanted
    assert (other, json_kind) == ("/x", "application/json")
    assert json.loads(body) == wanted
    with pytest.warns(UserWarning, match="cannot be reached"):
        fit(FakeModel(), cb.RemoteMonitor(root), losses(0.5))
