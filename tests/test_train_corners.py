"""Trainings as nobody plans them: odd arguments, odd data, odd moments."""

from __future__ import annotations

import copy
import pickle
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import seqir
from seqir import callbacks, layers, metrics, ops, tensorfile
from seqir.errors import (
    ArgumentError,
    DTypeError,
    ExportError,
    GraphError,
    LoadError,
    RunError,
    ShapeError,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 20)
SUMS = X.sum(1, keepdims=True)


def linear(units: int = 1, **options: Any) -> seqir.Sequential:
    seqir.utils.set_random_seed(0)
    model = seqir.Sequential([seqir.Input((4,)), layers.Dense(units, name="out")])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **options})
    return model


def classifier(**options: Any) -> seqir.Sequential:
    seqir.utils.set_random_seed(0)
    model = seqir.Sequential(
        [
            seqir.Input((4,)),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dense(3, activation="softmax", name="scores"),
        ]
    )
    loss = "sparse_categorical_crossentropy"
    model.compile(**{"optimizer": "adam", "loss": loss, **options})
    return model


def two_headed(**options: Any) -> seqir.Model:
    x = seqir.Input((4,))
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    model = seqir.Model(x, [kind, layers.Dense(1, name="size")(x)])
    loss = ["sparse_categorical_crossentropy", "mse"]
    model.compile("sgd", **{"loss": loss, **options})
    return model


def same(a: list[Any], b: list[Any]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


class Once(callbacks.Callback):
    """Does something after one batch."""

    def __init__(self, batch: int, action: Any) -> None:
        self.batch, self.action, self.seen = batch, action, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        if self.seen == self.batch:
            self.action(self.model)


def fail(model: Any) -> None:
    raise OSError("the power is gone")


# Where the state lies.


@pytest.mark.parametrize("moves", ["copies", "pickles", "compiles"])
def test_others_may_move_the_state(moves: str) -> None:
    shared = layers.Dense(3, name="shared")
    x = seqir.Input((4,))
    first = seqir.Model(x, layers.Dense(1)(shared(x)))
    second = seqir.Model(x, layers.Dense(1)(shared(x)))
    for model in (first, second):
        model.compile(seqir.optimizers.SGD(0.01), "mse")
        model.train_on_batch(X, SUMS)
    before = shared.get_weights()[0]
    if moves == "copies":
        copy.deepcopy(first)
    elif moves == "pickles":
        pickle.dumps(first)
    else:
        first.compile(seqir.optimizers.SGD(0.01), "mse")
    second.train_on_batch(X, SUMS)
    after = shared.get_weights()[0]
    assert not np.array_equal(before, after)
    first.train_on_batch(X, SUMS)
    assert not np.array_equal(after, shared.get_weights()[0])
    shared.set_weights([np.zeros_like(w) for w in shared.get_weights()])
    for model in (first, second):
        model.layers[-1].set_weights([np.ones((3, 1)), np.ones(1)])
        assert model.test_on_batch(X, SUMS) == pytest.approx(((SUMS - 1) ** 2).mean())


def test_steps_of_a_model_that_has_changed_are_dropped() -> None:
    model = classifier()
    model.fit(X, Y, verbose=0)
    for i in range(4):
        model.get_layer("hidden").trainable = bool(i % 2)
        model.fit(X, Y, verbose=0, validation_data=(X, Y))
    assert len(model.compilation._steps) == 4  # two states, which may come back
    for i in range(4):
        model.get_layer("hidden").anything = i
        model.fit(X, Y, verbose=0, validation_data=(X, Y))
    assert len(model.compilation._steps) == 2


def test_a_metric_that_failed_is_made_the_next_time() -> None:
    model = classifier(metrics=["accuracy", metrics.Precision()])
    with pytest.raises(ShapeError):
        model.fit(X, Y, verbose=0)
    onehot = np.eye(3, dtype=np.float32)[Y]
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy", "precision"])
    with pytest.raises(ArgumentError, match="metrics argument for output 'scores'"):
        model.fit(X, verbose=0)
    logs = model.fit(X, onehot, verbose=0).history
    assert list(logs) == ["loss", "accuracy", "precision"]


def test_labels_are_held_against_the_present_classes() -> None:
    model = classifier()
    model.evaluate(X, Y, verbose=0)
    model.pop()
    model.add(layers.Dense(5, activation="softmax"))
    model.evaluate(X, Y + 2, verbose=0)
    with pytest.raises(ArgumentError, match=r"y holds the label 5 at y\[\d+\]; 5 clas"):
        model.evaluate(X, Y + 3, verbose=0)


# Going on.


def test_a_source_that_is_walked_over_once_loses_no_batch(tmp_path: Path) -> None:
    def endless() -> Any:
        number = 0
        while True:
            number = number % 17 + 1
            yield X[number : number + 3], SUMS[number : number + 3]

    def train(resume: Any, *extra: Any) -> Any:
        model = linear(optimizer="adam")
        history = model.fit(
            endless(), steps_per_epoch=4, epochs=3, verbose=0, resume=resume,
            checkpoint_freq=2, callbacks=list(extra),
        )  # fmt: skip
        return history.history, model.get_weights()

    wanted, weights = train(None)
    for batch in (3, 7):
        folder = tmp_path / str(batch)
        with pytest.raises(OSError, match="power is gone"):
            train(folder, Once(batch, fail))
        found, resumed = train(folder)
        assert found == wanted
        assert same(weights, resumed)


def test_a_fit_in_a_callback_leaves_the_outer_one_its_place(tmp_path: Path) -> None:
    def train(resume: Any, *extra: Any) -> Any:
        model = linear(optimizer="adam")
        inner = Once(2, lambda m: m.fit(X, SUMS, verbose=0))
        return model.fit(
            X, SUMS, batch_size=5, epochs=3, verbose=0, resume=resume,
            checkpoint_freq=3, callbacks=[inner, *extra],
        )  # fmt: skip

    with pytest.raises(OSError, match="power is gone"):
        train(tmp_path, Once(7, fail))
    assert train(tmp_path).epoch == [0, 1, 2]


# Predictions.


class Heard(callbacks.Callback):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_predict_begin(self, logs: Any = None) -> None:
        self.seen.append("begin")

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append((batch, logs["outputs"][0].shape))

    def on_predict_end(self, logs: Any = None) -> None:
        self.seen.append("end")


@pytest.mark.parametrize("kind", ["arrays", "generator", "dataset", "unbuilt"])
def test_predictions_for_whatever_makes_batches(kind: str) -> None:
    class Parts(seqir.data.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, i: int) -> Any:
            return X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]

    model = classifier()
    wanted = model.predict(X, verbose=0)
    source: Any = iter(Parts()) if kind in ("generator", "unbuilt") else Parts()
    if kind == "arrays":
        source = X
    if kind == "unbuilt":
        model = seqir.Sequential(model.layers)
    heard = Heard()
    size = 8 if kind == "arrays" else None
    found = model.predict(source, batch_size=size, callbacks=[heard], verbose=0)
    np.testing.assert_array_equal(found, wanted)
    each = [(0, (8, 3)), (1, (8, 3)), (2, (4, 3))]
    assert heard.seen == ["begin", *each, "end"]
    assert model.predict(Parts(), steps=2, verbose=0).shape == (16, 3)


def test_predictions_of_batches_need_a_batch_axis() -> None:
    x = seqir.Input((4,))
    model = seqir.Model(x, ops.mean(layers.Dense(1)(x)))
    with pytest.raises(ShapeError, match="for 20 samples has no batch axis"):
        model.predict(iter([X]), verbose=0)


# Wrong uses.


def wrong(match: str, kind: type[Exception], **arguments: Any) -> Any:
    return pytest.param(match, kind, arguments, id=match)


@pytest.mark.parametrize(
    ("match", "kind", "arguments"),
    [
        wrong("validation_split must be a number > 0 and < 1, got 'x'", ArgumentError,
              validation_split="x"),
        wrong("validation_freq must be an integer >= 1 or several of them, "
              "got (1, 'a')", ArgumentError, validation_freq=(1, "a")),
        wrong("checkpoint_freq must be 'epoch' or an integer >= 1, "
              "got True", ArgumentError, checkpoint_freq=True),
        wrong("resume must name a folder, got ''", ArgumentError, resume=""),
        wrong("resume must name a folder, got True", ArgumentError, resume=True),
        wrong("batch_size must be an integer >= 1, got 0", ArgumentError,
              validation_data=(X, Y), validation_batch_size=0),
        wrong("'' is not a device", ArgumentError, device=""),
        wrong("loss 'sparse_categorical_crossentropy' of output 'scores' needs "
              "targets, but y has none", ArgumentError, y=None),
        wrong("loss 'sparse_categorical_crossentropy' of output 'scores' needs "
              "targets", ArgumentError, validation_data=X),
        wrong("y holds the label 1.5 at y[", ArgumentError, y=Y + 0.5),
        wrong("in batch 1 of epoch 1", ArgumentError, y=Y + 1),
        wrong("finite numbers, got {0: nan}", ArgumentError,
              class_weight={0: float("nan")}),
        wrong("sample_weight of that batch has 20 NaN", Exception,
              sample_weight=np.full(20, np.nan)),
    ],
)  # fmt: skip
def test_wrong_arguments(match: str, kind: Any, arguments: Any) -> None:
    model = classifier()
    before = model.get_weights()
    with pytest.raises(kind) as caught:
        model.fit(**{"x": X, "y": Y, "verbose": 0, **arguments})
    notes = " ".join(getattr(caught.value, "__notes__", ()))
    assert match in f"{caught.value} {notes}"
    assert same(before, model.get_weights())


def test_integers_of_numpy_are_integers(tmp_path: Path) -> None:
    two: Any = np.int64(2)
    history = linear().fit(
        X, SUMS, batch_size=two, epochs=two, validation_data=(X, SUMS),
        validation_freq=two, steps_per_epoch=two, initial_epoch=two - 2,
        checkpoint_freq=two, resume=tmp_path, verbose=0,
    )  # fmt: skip
    assert history.epoch == [0, 1]
    assert len(history.history["val_loss"]) == 1


def test_a_batch_takes_arrays() -> None:
    model = classifier()
    with pytest.raises(ArgumentError, match="arrays of one batch, got a list_iterator"):
        model.train_on_batch(iter([(X, Y)]))
    with pytest.raises(ArgumentError, match="x holds no array"):
        model.train_on_batch([], Y)
    with pytest.raises(ArgumentError, match="x takes an array, got 3"):
        model.test_on_batch(3, Y)
    with pytest.raises(ArgumentError, match=r"x\[0\]\[0\] takes an array, got"):
        model.train_on_batch(X.tolist(), Y)


def test_targets_and_labels_of_several_outputs() -> None:
    model = two_headed()
    with pytest.raises(ArgumentError, match="loss 'mse' of output 'size' needs targ"):
        model.fit(X, {"kind": Y}, verbose=0)
    with pytest.raises(ArgumentError, match=r"y\['kind'\] holds the label"):
        model.fit(X, [SUMS, Y], verbose=0)
    with pytest.raises(ArgumentError, match="loss_weights must be numbers, got 'a'"):
        two_headed(loss_weights=["a", 1]).fit(X, [Y, SUMS], verbose=0)
    with pytest.raises(ShapeError) as caught:
        two_headed(loss="mse").fit(X, [np.ones((20, 2)), SUMS], verbose=0)
    assert "in the loss 'mse' of output 'kind'" in caught.value.__notes__


def test_metrics_of_users_need_no_sample_weight() -> None:
    class Count(metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="count")
            self.total = self.add_weight(name="total")

        def update_state(self, y_true: Any, y_pred: Any) -> None:
            self.total.assign(self.total + ops.sum(ops.ones_like(y_pred)))

        def result(self) -> Any:
            return self.total

    logs = linear(metrics=[Count()]).fit(X, SUMS, batch_size=8, verbose=0)
    assert logs.history["count"] == [20.0]
    with pytest.raises(ArgumentError, match="'mean' \\(Mean\\) cannot be used in comp"):
        linear(metrics=[metrics.Mean()]).fit(X, SUMS, verbose=0)


def test_outputs_need_a_batch_axis() -> None:
    x = seqir.Input((4,))
    model = seqir.Model(x, ops.mean(layers.Dense(1)(x)), name="net")
    model.compile("sgd", "mse")
    with pytest.raises(ShapeError, match="model 'net' is one number for the whole bat"):
        model.fit(X, SUMS, verbose=0)


def test_an_optimizer_of_another_model_is_refused() -> None:
    optimizer = seqir.optimizers.Adam()
    linear(optimizer=optimizer).fit(X, SUMS, verbose=0)
    with pytest.raises(GraphError, match=r"compile\(\) again, with a new optimizer"):
        linear(optimizer=optimizer).fit(X, SUMS, verbose=0)


def test_a_variable_holds_numbers() -> None:
    model = linear()
    with pytest.raises(DTypeError, match="learning_rate' cannot hold 'x'"):
        model.optimizer.learning_rate = "x"


def test_compiling_waits_for_the_end_of_fit() -> None:
    model = linear()
    again = Once(1, lambda m: m.compile("sgd", "mae"))
    with pytest.raises(
        GraphError, match="is being trained: compile it before or after"
    ):
        model.fit(X, SUMS, verbose=0, callbacks=[again])
    model.compile("sgd", "mae")


# Folders and files.


def test_a_checkpoint_of_another_compile_is_refused(tmp_path: Path) -> None:
    linear(metrics=["mae"]).fit(X, SUMS, verbose=0, resume=tmp_path)
    averaged = seqir.optimizers.SGD(0.01, use_ema=True)
    with pytest.raises(LoadError, match="compiled in another way; its optimizer are"):
        linear(optimizer=averaged, metrics=["mae"]).fit(
            X, SUMS, epochs=2, verbose=0, resume=tmp_path
        )


def test_foreign_files_in_the_folder_are_passed_over(tmp_path: Path) -> None:
    model = linear()
    model.fit(X, SUMS, verbose=0, resume=tmp_path)
    (whole,) = tmp_path.glob("step-*")
    arrays, note = tensorfile.read(whole)
    del note["order"]
    tensorfile.write(tmp_path / "step-7.safetensors", arrays, note)
    (tmp_path / "step-8.safetensors").mkdir()
    (tmp_path / "step-9.safetensors").symlink_to(tmp_path / "nothing")
    with pytest.warns(UserWarning, match="is passed over") as caught:
        history = linear().fit(X, SUMS, epochs=2, verbose=0, resume=tmp_path)
    assert "another version of seqir: it lacks order" in str(caught[2].message)
    assert history.epoch == [0, 1]


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(ExportError, match=r"cannot write .*\.lock: "):
        linear().fit(X, SUMS, verbose=0, resume=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(
        ExportError, match=r"cannot make the folder .*file: File exists"
    ):
        linear().fit(X, SUMS, verbose=0, resume=tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ExportError, match="cannot make the folder"):
        linear().fit(X, SUMS, verbose=0, resume=tmp_path / "link")
    (tmp_path / "real").mkdir()
    (tmp_path / "good").symlink_to(tmp_path / "real")
    linear().fit(X, SUMS, verbose=0, resume=tmp_path / "good")
    assert list((tmp_path / "real").glob("step-*"))


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    many = np.repeat(SUMS, 300, 1)
    model = linear(300)
    model.fit(X, many, verbose=0, resume=tmp_path)
    kept = {p.name: p.read_bytes() for p in tmp_path.glob("step-*")}
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        with pytest.raises(ExportError, match=r"cannot write .*step-"):
            model.fit(X, many, epochs=2, verbose=0, resume=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert {
        p.name: p.read_bytes() for p in tmp_path.iterdir() if p.stat().st_size
    } == kept
    resumed = linear(300)
    assert resumed.fit(X, many, epochs=2, verbose=0, resume=tmp_path).epoch == [0, 1]


def test_memory_stays_flat() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc")

    def sizes() -> Any:
        while True:
            for n in range(1, 20):
                yield X[:n], Y[:n]

    model, batches = classifier(), sizes()
    model.fit(batches, steps_per_epoch=300, verbose=0)
    before = resident()
    model.fit(batches, steps_per_epoch=1000, epochs=3, verbose=0)
    assert resident() - before < 512  # pages: 2 MB


def test_more_targets_than_predictions_are_refused() -> None:
    with pytest.raises(ShapeError, match="2 labels for 1 predictions along an axis"):
        linear().fit(X, np.ones((20, 2)), verbose=0)


def test_an_evaluation_says_what_is_wrong() -> None:
    with pytest.raises(ArgumentError, match="verbose must be 'auto', 0, 1 or 2, got 7"):
        linear().evaluate(X, SUMS, verbose=7)
    model = two_headed(loss={"size": "mse"}, metrics={"kind": ["accuracy"]})
    model.evaluate(X, {"kind": Y, "size": SUMS}, verbose=0)
    with pytest.raises(ArgumentError, match="metric 'kind_accuracy' of output 'ki"):
        model.evaluate(X, {"size": SUMS}, verbose=0)


def test_metrics_have_results_of_known_sizes() -> None:
    class Last(metrics.Metric):
        def update_state(self, y_true: Any, y_pred: Any) -> None:
            self.last = y_pred  # pyright: ignore[reportAttributeAccessIssue]

        def result(self) -> Any:
            return self.last

    model = linear(metrics=[Last(name="last")])
    with pytest.raises(ShapeError, match="metric 'last' has a result of shape"):
        model.fit(X, SUMS, verbose=0)


def test_files_of_others_are_no_weights(tmp_path: Path) -> None:
    save_file({"a": X}, tmp_path / "a.safetensors")
    with pytest.raises(LoadError, match="was not written by seqir: it has no 'seqir'"):
        linear().load_weights(tmp_path / "a.safetensors")


def test_sizes_that_only_a_run_knows_are_said() -> None:
    x = seqir.Input((None, 4), name="steps")
    model = seqir.Model(x, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    with pytest.raises(RunError) as caught:
        model.fit(np.ones((2, 3, 4)), np.ones((2, 5, 1)), verbose=0)
    assert "with steps (2, 3, 4), target (2, 5, 1): " in str(caught.value)
    assert "in batch 1 of epoch 1" in caught.value.__notes__
