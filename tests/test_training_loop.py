"""The loops of fit and evaluate: what callbacks are told, and what they may do."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import callbacks, layers, metrics
from seqir.errors import NonFiniteLossError

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2)
Y = X.sum(1, keepdims=True)


def linear(**options: Any) -> seqir.Sequential:
    seqir.utils.set_random_seed(0)
    model = seqir.Sequential([seqir.Input((2,)), layers.Dense(1, name="out")])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **options})
    return model


class Keeps(callbacks.Callback):
    """Keeps the logs of all hooks."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.tests: list[Any] = []
        self.last: Any = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches.append(logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.tests.append(logs)

    def on_train_end(self, logs: Any = None) -> None:
        self.last = logs


# The logs.


def test_logs_of_batches_can_be_kept() -> None:
    kept = Keeps()
    model = linear()
    model.fit(X, Y, batch_size=3, shuffle=False, verbose=0, callbacks=[kept])
    again, seen = linear(), []
    for first in range(0, 12, 3):
        rows = slice(first, first + 3)
        seen.append(again.train_on_batch(X[rows], Y[rows])[0])
    running = np.cumsum(seen) / np.arange(1, 5)
    assert [logs["loss"] for logs in kept.batches] == pytest.approx(running, rel=1e-6)
    model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=[kept])
    assert len({logs["loss"] for logs in kept.tests}) == 3


@pytest.mark.parametrize(
    "use",
    [
        lambda logs: logs.copy(),
        lambda logs: logs | {"more": 1.0},
        lambda logs: logs.update(more=1.0),
        lambda logs: logs.setdefault("more", 1.0),
        lambda logs: json.loads(json.dumps(logs)),
        lambda logs: pickle.loads(pickle.dumps(logs)),
    ],
)
def test_logs_are_plain_dicts(use: Any) -> None:
    class Uses(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            assert type(logs) is dict
            assert {type(value) for value in logs.values()} == {float}
            assert use(logs) is not False

        on_test_batch_end = on_train_batch_end

    linear().fit(X, Y, verbose=0, callbacks=[Uses()], validation_data=(X, Y))


def test_what_is_added_to_the_logs_of_a_batch_others_see() -> None:
    class Adds(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            logs["batch"] = float(batch)

    kept = Keeps()
    linear().fit(X, Y, batch_size=6, verbose=0, callbacks=[Adds(), kept])
    assert [logs["batch"] for logs in kept.batches] == [0.0, 1.0]


def test_the_end_of_a_training_is_told_the_last_epoch() -> None:
    kept = Keeps()
    history = linear().fit(
        X, Y, epochs=2, verbose=0, callbacks=[kept], validation_data=(X, Y)
    )
    assert kept.last == {name: v[-1] for name, v in history.history.items()}
    linear().fit(X, Y, epochs=0, verbose=0, callbacks=[kept])
    assert kept.last == {}


# Loops inside of loops.


def nested_evaluate(model: Any) -> Any:
    return model.evaluate(X[:4] * 3, Y[:4], verbose=0)


def nested_test(model: Any) -> Any:
    return model.test_on_batch(X[:4] * 3, Y[:4])


def nested_reset(model: Any) -> Any:
    with_own = model.evaluate(X[:4], Y[:4], verbose=0, callbacks=[Inner()])
    return with_own


class Inner(callbacks.Callback):
    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        nested_test(self.model)


@pytest.mark.parametrize("nested", [nested_evaluate, nested_test, nested_reset])
@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
def test_an_evaluation_in_a_callback_leaves_the_epoch_as_it_is(
    nested: Any, hook: str
) -> None:
    asks = callbacks.Callback()
    setattr(asks, hook, lambda batch, logs=None: nested(asks.model))
    kept, alone = Keeps(), Keeps()
    options: dict[str, Any] = {"batch_size": 5, "shuffle": False, "verbose": 0}
    found = linear().fit(X, Y, epochs=2, callbacks=[asks, kept], **options)
    wanted = linear().fit(X, Y, epochs=2, callbacks=[alone], **options)
    assert found.history == wanted.history
    assert kept.batches == alone.batches


def test_an_evaluation_in_an_evaluation_leaves_it_as_it_is() -> None:
    model = linear()
    wanted = model.evaluate(X, Y, batch_size=5, verbose=0)
    assert model.evaluate(X, Y, 5, verbose=0, callbacks=[Inner()]) == wanted


def test_a_callback_ends_an_evaluation() -> None:
    class Stops(Keeps):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            super().on_test_batch_end(batch, logs)
            self.model.stop_evaluating = batch == 1

    model, stops = linear(), Stops()
    found = model.evaluate(X, Y, batch_size=3, verbose=0, callbacks=[stops])
    assert len(stops.tests) == 2
    assert found == pytest.approx(model.evaluate(X[:6], Y[:6], verbose=0))
    assert model.stop_evaluating is False, "the next evaluation is a whole one"


@pytest.mark.parametrize("arrays", [True, False])
def test_a_callback_ends_a_prediction(arrays: bool) -> None:
    class Stops(callbacks.Callback):
        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_predicting = batch == 1

    model = linear()
    x: Any = X if arrays else (X[i : i + 3] for i in range(0, 12, 3))
    given: dict[str, Any] = {"batch_size": 3} if arrays else {}
    found = model.predict(x, verbose=0, callbacks=[Stops()], **given)
    wanted = model.predict(X, batch_size=3, verbose=0)
    assert wanted.shape == (12, 1), "the next prediction is a whole one"
    np.testing.assert_array_equal(found, wanted[:6])


# Trainings that do not train.


def test_a_model_without_weights_to_train_is_evaluated() -> None:
    model = linear()
    model.trainable = False
    before = model.get_weights()
    with pytest.warns(UserWarning, match="has no weight to train"):
        history = model.fit(X, Y, epochs=2, verbose=0)
    loss, mae = model.evaluate(X, Y, verbose=0)
    assert history.history["loss"] == pytest.approx([loss, loss])
    assert history.history["mae"] == pytest.approx([mae, mae])
    for found, wanted in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(found, wanted)
    bare = seqir.Sequential([seqir.Input((2,)), layers.ReLU()])
    bare.compile(loss="mse")
    with pytest.warns(UserWarning, match="has no weight to train"):
        assert bare.train_on_batch(X, X) >= 0


def test_terminate_on_nan_may_act(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = np.where(np.arange(12)[:, None] == 7, np.nan, Y).astype(np.float32)
    kept = Keeps()
    given = [kept, callbacks.TerminateOnNaN()]
    options: dict[str, Any] = {"batch_size": 3, "shuffle": False, "verbose": 0}
    model = linear()
    history = model.fit(X, bad, epochs=3, callbacks=given, **options)
    assert len(kept.batches) == 3
    assert np.isnan(history.history["loss"]).tolist() == [True]
    assert "the loss is nan after batch 3: training stops" in capsys.readouterr().err
    raises = callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(NonFiniteLossError, match="after batch 3"):
        linear().fit(X, bad, callbacks=[raises], **options)
    with pytest.raises(NonFiniteLossError, match="y of that batch has 1 NaN"):
        linear().fit(X, bad, **options)
    resumed = linear().fit(X, bad, callbacks=given, resume=tmp_path, **options)
    assert len(resumed.epoch) == 1
    assert "no checkpoint is written" in capsys.readouterr().err


# Metrics.


def test_a_metric_that_was_used_before_starts_anew() -> None:
    flags = (np.arange(10)[:, None] < 6).astype(np.float32)
    ones = np.ones((10, 1), np.float32)

    def constant() -> seqir.Sequential:
        return seqir.Sequential([seqir.Input((1,)), layers.ReLU()])

    used: list[metrics.BinaryAccuracy] = [metrics.BinaryAccuracy() for _ in range(4)]
    first = constant()
    first.compile(loss="mse", metrics=[used[0]])
    first.evaluate(ones, 1 - flags, verbose=0)
    first.compile(loss="mse", metrics=[used[0]])
    for metric in used[1:]:
        metric.update_state(1 - flags, ones)
    others = [constant() for _ in used[1:]]
    for model, metric in zip(others, used[1:], strict=True):
        model.compile("sgd", loss="mse", metrics=[metric])
    assert first.evaluate(ones, flags, verbose=0)[1] == pytest.approx(0.6)
    assert others[0].evaluate(ones, flags, verbose=0)[1] == pytest.approx(0.6)
    assert others[1].test_on_batch(ones, flags)[1] == pytest.approx(0.6)
    with pytest.warns(UserWarning, match="no weight to train"):
        assert others[2].train_on_batch(ones, flags)[1] == pytest.approx(0.6)


class Watched(layers.Layer):
    """Passes its input on, and gathers two metrics of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.size = metrics.Mean(name="size")
        self.others = {"most": [metrics.Sum(name="total")]}

    def call(self, x: Any) -> Any:
        self.size.update_state(x)
        self.others["most"][0].update_state(x)
        return x


def test_metrics_of_layers_are_reported() -> None:
    model = seqir.Sequential([seqir.Input((2,)), Watched(), layers.Dense(1)])
    assert [metric.name for metric in model.metrics] == ["size", "total"]
    model.compile("sgd", "mse", metrics=["mae"])
    ones = np.ones((8, 2), np.float32)
    history = model.fit(ones, ones[:, :1], batch_size=3, epochs=2, verbose=0)
    assert list(history.history) == ["loss", "mae", "size", "total"]
    assert history.history["size"] == [1.0, 1.0]
    assert history.history["total"] == [16.0, 16.0]
    found = model.evaluate(2 * ones, ones[:, :1], verbose=0, return_dict=True)
    assert (found["size"], found["total"]) == (2.0, 32.0)
    model.predict(5 * ones, verbose=0)
    assert [metric.name for metric in model.metrics] == ["loss", "mae", "size", "total"]
