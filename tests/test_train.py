"""compile, fit, evaluate and what belongs to them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import blobs

import seqir
from seqir import callbacks, layers, losses, metrics, ops, tensorfile
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


def classifier(**options: Any) -> seqir.Sequential:
    seqir.utils.set_random_seed(0)
    model = seqir.Sequential(
        [
            seqir.Input((4,), name="point"),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dense(3, activation="softmax", name="scores"),
        ],
        name="blobs",
    )
    model.compile(
        **{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **options}
    )
    return model


def linear(*, loss: Any = "mse", **options: Any) -> seqir.Sequential:
    """One weight that is 0: the prediction is 0, whatever comes in."""
    model = seqir.Sequential(
        [seqir.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    model.compile(seqir.optimizers.SGD(0.0), loss, **options)
    return model


# What is reported.


def test_the_loss_of_an_epoch_is_the_mean_over_its_samples() -> None:
    x = np.arange(1, 8, dtype=np.float32)[:, None]
    model = linear()
    history = model.fit(x, x, batch_size=3, epochs=2, shuffle=False, verbose=0)
    wanted = float((x**2).mean())
    assert history.history["loss"] == pytest.approx([wanted, wanted])
    assert model.evaluate(x, x, batch_size=2, verbose=0) == pytest.approx(wanted)


def test_weights_of_samples_and_classes_scale_the_loss() -> None:
    x = np.array([[1], [2], [3], [4]], np.float32)
    w = np.array([0, 0, 2, 1], np.float32)
    model = linear(metrics=["mae"], weighted_metrics=["mae"])
    logs = model.evaluate(x, x, sample_weight=w, verbose=0, return_dict=True)
    # The mean divides by the number of samples, as in Keras: (2*9 + 16) / 4.
    assert logs == pytest.approx({"loss": 8.5, "mae": 2.5, "weighted_mae": 10 / 3})
    labels = np.array([0, 1, 1, 0], np.int32)
    model = classifier(optimizer=seqir.optimizers.SGD(0.0))
    points = np.zeros((4, 4), np.float32)
    plain = model.train_on_batch(points, labels)
    heavy = model.train_on_batch(points, labels, class_weight={0: 1.0, 1: 3.0})
    assert heavy == pytest.approx(2 * plain)


def test_regularizers_and_added_losses_count() -> None:
    class Extra(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(ops.mean(x) * 10.0)
            return x

    model = seqir.Sequential(
        [
            seqir.Input((1,)),
            Extra(),
            layers.Dense(
                1, kernel_initializer="ones", kernel_regularizer="l2", use_bias=False
            ),
        ]
    )
    model.compile(seqir.optimizers.SGD(0.0), "mse")
    x = np.array([[1.0], [3.0]], np.float32)
    assert model.evaluate(x, x, verbose=0) == pytest.approx(20.0 + 0.01)
    assert model.train_on_batch(x, x) == pytest.approx(20.0 + 0.01)


def test_a_step_reports_its_own_batch_alone() -> None:
    model = linear(metrics=["mae"])
    x = np.array([[2.0]], np.float32)
    assert model.train_on_batch(x, x) == pytest.approx([4.0, 2.0])
    assert model.train_on_batch(3 * x, 3 * x) == pytest.approx([36.0, 6.0])
    assert model.test_on_batch(x, x, return_dict=True) == pytest.approx(
        {"loss": 4.0, "mae": 2.0}
    )


def test_the_same_metric_twice_has_two_names() -> None:
    model = linear(metrics=["mse", metrics.MeanSquaredError(name="mse")])
    x = np.ones((2, 1), np.float32)
    logs = model.evaluate(x, x, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "mse", "mse_1"]


def test_a_metric_with_several_numbers_is_reported_whole() -> None:
    x, y = blobs()
    model = classifier(
        loss="categorical_crossentropy", metrics=[metrics.F1Score(average=None)]
    )
    logs = model.evaluate(x, np.eye(3, dtype=np.float32)[y], verbose=0,
                          return_dict=True)  # fmt: skip
    assert logs["f1_score"].shape == (3,)


def test_a_metric_may_report_several_names() -> None:
    class Range(metrics.Metric):
        def __init__(self, name: str = "range", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.low = self.add_variable((), "zeros", name="low")
            self.high = self.add_variable((), "zeros", name="high")

        def update_state(
            self, y_true: Any, y_pred: Any, sample_weight: Any = None
        ) -> None:
            self.low.assign(ops.minimum(self.low, ops.min(y_true)))
            self.high.assign(ops.maximum(self.high, ops.max(y_true)))

        def result(self) -> Any:
            return {"lowest": self.low, "highest": self.high}

    x = np.array([[-2.0], [5.0]], np.float32)
    model = linear(metrics=[Range(), "mae"])
    logs = model.evaluate(x, x, verbose=0, return_dict=True)
    assert logs == pytest.approx(
        {"loss": 14.5, "lowest": -2.0, "highest": 5.0, "mae": 3.5}
    )
    assert model.metrics_names == list(logs)
    assert model.directions["mae"] == "down"


# Several inputs and outputs.


def two_headed() -> seqir.Model:
    seqir.utils.set_random_seed(0)
    a, b = seqir.Input((3,), name="a"), seqir.Input((2,), name="b")
    both = layers.Concatenate()([a, b])
    hidden = layers.Dense(8, activation="relu")(both)
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    size = layers.Dense(1, name="size")(hidden)
    return seqir.Model([a, b], [kind, size])


def heads_data(n: int = 32) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = {
        "a": rng.normal(size=(n, 3)).astype(np.float32),
        "b": rng.normal(size=(n, 2)).astype(np.float32),
    }
    return x, [rng.integers(0, 3, n), x["a"].sum(1, keepdims=True)]


def test_outputs_have_losses_weights_and_metrics_of_their_own() -> None:
    x, y = heads_data()
    model = two_headed()
    model.compile(
        "adam",
        {"kind": "sparse_categorical_crossentropy", "size": "mse"},
        loss_weights={"kind": 2.0, "size": 0.5},
        metrics={"kind": ["accuracy"], "size": "mae"},
    )
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert list(logs) == [
        "loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae",
    ]  # fmt: skip
    assert logs["loss"] == pytest.approx(2 * logs["kind_loss"] + logs["size_loss"] / 2)
    by_name = {"size": y[1], "kind": y[0]}
    assert model.evaluate(x, by_name, verbose=0, return_dict=True) == logs
    as_lists = [x["a"], x["b"]]
    assert model.evaluate(as_lists, y, verbose=0, return_dict=True) == logs
    history = model.fit(x, y, epochs=15, verbose=0, batch_size=8)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_an_output_may_have_no_loss() -> None:
    x, y = heads_data()
    model = two_headed()
    model.compile("adam", {"size": "mse"})
    before = [w.numpy() for w in model.get_layer("kind").weights]
    with pytest.warns(UserWarning, match="the loss does not depend on"):
        model.fit(x, {"size": y[1]}, epochs=1, verbose=0)
    after = model.get_layer("kind").get_weights()
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_of_a_dict_takes_targets_by_its_keys() -> None:
    x = seqir.Input((3,))
    model = seqir.Model(x, {"u": layers.Dense(1)(x), "v": layers.Dense(1)(x)})
    model.compile("sgd", {"u": "mse", "v": "mae"})
    given = np.ones((4, 3), np.float32)
    target = {"v": given[:, :1], "u": given[:, :1]}
    logs = model.train_on_batch(given, target, return_dict=True)
    assert list(logs) == ["loss", "u_loss", "v_loss"]


# Custom parts.


def test_losses_metrics_and_optimizers_of_users() -> None:
    class Half(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return ops.mean(ops.square(y_true - y_pred), axis=-1) * 0.5

    class Largest(metrics.Metric):
        def __init__(self, name: str = "largest", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.most = self.add_variable((), "zeros", name="most")

        def update_state(
            self, y_true: Any, y_pred: Any, sample_weight: Any = None
        ) -> None:
            error = ops.max(ops.absolute(y_true - y_pred))
            self.most.assign(ops.maximum(self.most, error))

        def result(self) -> Any:
            return self.most

    class Down(seqir.optimizers.Optimizer):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.assign_sub(variable, ops.sign(gradient) * learning_rate)

    def bias(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(y_pred - y_true)

    model = linear()
    model.compile(Down(0.25), Half(), metrics=[Largest(), bias])
    x = np.array([[1.0], [2.0], [4.0]], np.float32)
    history = model.fit(x, x, batch_size=2, epochs=2, verbose=0, shuffle=False)
    np.testing.assert_allclose(model.get_weights()[0], [[1.0]])
    assert history.history["largest"] == pytest.approx([3.0, 1.0])
    assert list(history.history) == ["loss", "largest", "bias"]


def test_a_model_with_a_call_of_its_own_is_trained() -> None:
    class Net(seqir.Model):
        def __init__(self) -> None:
            super().__init__(name="net")
            self.hidden = layers.Dense(8, activation="relu")
            self.drop = layers.Dropout(0.2)
            self.out = layers.Dense(3, activation="softmax")

        def call(self, x: Any, training: bool = False) -> Any:
            return self.out(self.drop(self.hidden(x), training=training))

    x, y = blobs()
    seqir.utils.set_random_seed(0)
    net = Net()
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = net.fit(x, y, epochs=20, batch_size=16, verbose=0)
    assert history.history["accuracy"][-1] > 0.8


def test_the_loss_of_a_model_in_half_precision_is_scaled() -> None:
    x, y = blobs()
    seqir.utils.set_random_seed(0)
    model = seqir.Sequential(
        [
            seqir.Input((4,)),
            layers.Dense(16, activation="relu", dtype="mixed_float16"),
            layers.Dense(3, activation="softmax", dtype="float32"),
        ]
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"],
        auto_scale_loss=False,
    )  # fmt: skip
    assert isinstance(model.optimizer, seqir.optimizers.Adam)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert isinstance(model.optimizer, seqir.optimizers.LossScaleOptimizer)
    history = model.fit(x, y, epochs=25, batch_size=16, verbose=0)
    assert history.history["accuracy"][-1] > 0.9
    assert model.optimizer.inner_optimizer.iterations.array == 25 * 8


# State.


def test_training_is_reproducible_and_goes_on_where_it_stopped() -> None:
    x, y = blobs()

    def run(epochs: list[int]) -> list[Any]:
        model = seqir.Sequential(
            [seqir.Input((4,)), layers.Dense(8), layers.Dropout(0.5), layers.Dense(3)]
        )
        seqir.utils.set_random_seed(5)
        model.set_weights([np.full(w.shape, 0.1) for w in model.weights])
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        for n in epochs:
            model.fit(x, y, epochs=n, verbose=0)
        return model.get_weights()

    for a, b in zip(run([3]), run([3]), strict=True):
        np.testing.assert_array_equal(a, b)
    differ = zip(run([1, 1, 1]), run([3]), strict=True)
    assert not all(np.array_equal(a, b) for a, b in differ)  # other orders


def test_assigning_during_a_training_takes_effect() -> None:
    x, y = blobs()
    model = classifier(optimizer=seqir.optimizers.SGD(0.1))
    model.train_on_batch(x, y)
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    model.train_on_batch(x, y)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.set_weights([np.zeros_like(w) for w in before])
    assert model.test_on_batch(x, y) == pytest.approx(np.log(3))
    np.testing.assert_allclose(model.predict(x, verbose=0), 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("kind", ["alone", "scaled", "several"])
def test_a_schedule_that_is_set_later_takes_effect(kind: str) -> None:
    inner = seqir.optimizers.SGD(0.5)
    optimizer = {
        "alone": lambda: inner,
        "scaled": lambda: seqir.optimizers.LossScaleOptimizer(inner),
        "several": lambda: seqir.optimizers.MultiOptimizer(lambda _: inner),
    }[kind]()
    model = classifier(optimizer=optimizer)
    model.fit(*blobs(12), epochs=1, verbose=0)
    before = model.get_weights()
    inner.learning_rate = seqir.optimizers.schedules.ExponentialDecay(0.0, 1, 0.5)
    model.fit(*blobs(12), epochs=1, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    inner.learning_rate = lambda: 0.5
    model.fit(*blobs(12), epochs=1, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_freezing_after_compile_takes_effect_and_thawing_says_what_to_do() -> None:
    x, y = blobs()
    model = classifier()
    model.fit(x, y, epochs=1, verbose=0)
    model.get_layer("hidden").trainable = False
    before = model.get_layer("hidden").get_weights()
    model.fit(x, y, epochs=1, verbose=0)
    for a, b in zip(before, model.get_layer("hidden").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=1, verbose=0)
    model.get_layer("hidden").trainable = True
    with pytest.raises(GraphError, match=r"'blobs/hidden/kernel' .* call compile"):
        model.fit(x, y, epochs=1, verbose=0)


def test_a_frozen_part_has_no_gradient_in_the_graph() -> None:
    x, y = blobs()
    model = classifier()
    model.get_layer("hidden").trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    (step,) = model.compilation._steps.values()
    sources = {node.source for node in step.program.graph.nodes}
    assert "hidden" in sources
    assert not {s for s in sources if s.startswith("hidden/gradient")}
    assert not [p for p in step.program.graph.params if p.startswith("hidden")]
    assert [u.param for u in step.program.graph.updates if "scores" in u.param]


def test_copies_and_pickles_go_on_alone() -> None:
    x, y = blobs()
    model = classifier()
    model.fit(x, y, epochs=1, verbose=0)
    for copied in (copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        before, other = model.get_weights(), copied(model)
        for a, b in zip(before, other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        other.fit(x, y, epochs=1, verbose=0)
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        # A copy takes nothing away: the state is still where the training works.
        model.fit(x, y, epochs=1, verbose=0)
        for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        trained = model.get_weights()
        model.set_weights([np.zeros_like(w) for w in before])
        assert model.test_on_batch(x, y) == pytest.approx(np.log(3))
        model.set_weights(trained)


def test_compiling_again_keeps_the_weights() -> None:
    x, y = blobs()
    model = classifier()
    model.fit(x, y, epochs=2, verbose=0)
    before = model.get_weights()
    model.compile("sgd", "sparse_categorical_crossentropy")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(x, y, epochs=1, verbose=0)


def test_moving_statistics_move_in_training_only() -> None:
    model = seqir.Sequential(
        [seqir.Input((2,)), layers.BatchNormalization(momentum=0.5), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x = np.array([[1, 2], [3, 6]], np.float32)
    model.test_on_batch(x, x[:, :1])
    np.testing.assert_array_equal(model.layers[0].moving_mean.array, [0, 0])
    model.train_on_batch(x, x[:, :1])
    np.testing.assert_allclose(model.layers[0].moving_mean.array, [1, 2])
    np.testing.assert_allclose(model.layers[0].moving_variance.array, [1, 2.5])
    model.layers[0].trainable = False
    model.train_on_batch(x, x[:, :1])
    np.testing.assert_allclose(model.layers[0].moving_mean.array, [1, 2])


def test_constraints_hold_after_each_step() -> None:
    model = seqir.Sequential(
        [seqir.Input((2,)), layers.Dense(3, kernel_constraint="non_neg")]
    )
    model.compile(seqir.optimizers.SGD(0.5), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 2)), rng.normal(size=(16, 3))
    model.fit(x, y, epochs=3, verbose=0)
    assert (model.get_weights()[0] >= 0).all()


def test_unknown_sizes_are_trained() -> None:
    words = seqir.Input(("time",), dtype="int32")
    y = layers.Embedding(20, 4)(words)
    y = layers.GlobalAveragePooling1D()(layers.Dense(8, activation="relu")(y))
    model = seqir.Model(words, layers.Dense(1)(y))
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)

    def batches() -> Any:
        for time in (5, 3, 8):
            yield rng.integers(0, 20, (4, time)), np.ones((4, 1), np.float32)

    history = model.fit(batches(), epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert len(model.compilation._steps) == 1


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
    with pytest.raises(LoadError, match="is no safetensors file"):
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
        with pytest.raises(ArgumentError, match=r"'msee' is no loss\. Did you mean"):
            model.compile("adam", loss)
    for given in (["acuracy"], [["mae", "acuracy"]], {"dense": ["acuracy"]}):
        with pytest.raises(ArgumentError, match=r"'acuracy' is no metric\. Did"):
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
