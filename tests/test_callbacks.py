"""Callbacks: their order, against Keras's own, and what they refuse."""

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from fake_training import FakeModel, LazyLogs, fit, losses

from seqir import callbacks as cb
from seqir.errors import (
    ArgumentError,
    ExportError,
    MissingPackageError,
    NonFiniteLossError,
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
    assert model.history is listed.history  # pyright: ignore[reportAttributeAccessIssue]


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
        (
            lambda: cb.ReduceLROnPlateau(factor=1.0),
            "must be a number >= 0 and < 1",
        ),
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
        model.metrics = []  # pyright: ignore[reportAttributeAccessIssue]
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
    slot = None

    def __init__(self, value: float) -> None:
        self.value = np.full(2, value, np.float32)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.value

    def assign(self, value: np.ndarray) -> None:
        self.value = np.array(value)


def averaging_model() -> tuple[FakeModel, Cell, Cell]:
    model, weight, average = FakeModel(), Cell(1.0), Cell(9.0)
    model.optimizer = SimpleNamespace(
        use_ema=True, trainable_variables=[weight], _averages=[average]
    )
    return model, weight, average


def test_averages_are_there_during_evaluations() -> None:
    model, weight, average = averaging_model()
    listed = cb.CallbackList([cb.SwapEMAWeights()], model=model)
    listed.on_train_begin()
    listed.on_epoch_begin(0)
    for part in ("test", "predict"):
        getattr(listed, f"on_{part}_begin")()
        assert weight.value[0] == 9.0
        getattr(listed, f"on_{part}_end")()
        assert weight.value[0] == 1.0
    listed.on_epoch_end(0)
    listed.on_train_end()
    assert weight.value[0] == 1.0
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
    resumed = cb.SwapEMAWeights(swap_on_epoch=True)
    resumed.set_model(model)
    resumed.set_arrays(swap.get_arrays())
    resumed.on_epoch_begin(2)
    assert weight.value[0] == 1.0
    resumed.on_epoch_end(2)
    resumed.on_train_end()
    resumed.close()
    assert (weight.value[0], average.value[0]) == (9.0, 9.0)


def test_averages_need_an_optimizer_that_averages() -> None:
    model, weight, _ = averaging_model()
    model.optimizer = SimpleNamespace(inner_optimizer=model.optimizer)
    listed = cb.CallbackList([cb.SwapEMAWeights()], model=model)
    listed.on_test_begin()
    assert weight.value[0] == 9.0
    listed.close()
    model.optimizer = SimpleNamespace(use_ema=False)
    with pytest.raises(ArgumentError, match="averages: pass use_ema=True to Simple"):
        listed.on_test_begin()
