"""Predicting while weights change: in turn with a training, in other threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import seqir as keras
from seqir import layers
from seqir.runtime import session as session_module
from seqir.train import halves

SECONDS = 0.7


@pytest.fixture(params=["whole steps", "halves"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that write elsewhere, and such as write where they read."""
    if request.param == "halves":
        monkeypatch.setattr(halves, "_WORTH_IT", 0)


def sums(units: int = 64, count: int = 6) -> Any:
    """A model whose weights are all the same number, so that mixtures can be seen.

    With all weights at k, a row of ones gives a power of k.
    """
    stack = [
        layers.Dense(units, use_bias=False, kernel_initializer="ones")
        for _ in range(count)
    ]
    return keras.Sequential([keras.Input((units,)), *stack])


def state(model: Any, k: int) -> list[Any]:
    """All weights of `sums` at 2**k / units: outputs are then exact powers of two."""
    return [np.full(w.shape, 2.0**k / w.shape[0], np.float32) for w in model.weights]


@contextmanager
def meanwhile(work: Callable[[], Any]) -> Generator[list[BaseException]]:
    """Do the work again and again in another thread."""
    ended = threading.Event()
    failed: list[BaseException] = []

    def repeat() -> None:
        try:
            while not ended.is_set():
                work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield failed
    finally:
        ended.set()
        thread.join()
    assert not failed


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Generator[list[int]]:
    """The sessions that are made."""
    made: list[int] = []
    before = session_module.Session._open

    def opened(self: Any, *args: Any) -> None:
        made.append(1)
        before(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(session_module.Session, "_open", opened)
        yield made


def small(units: int = 16) -> Any:
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(units, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(3),
        ]
    )
    model.compile("adam", "mse")
    return model


def data(rows: int = 32) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 8)).astype(np.float32)
    return x, rng.normal(size=(rows, 3)).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 80], ids=["one batch", "several batches"])
@pytest.mark.parametrize("trained", [False, True])
def test_a_prediction_sees_one_state_of_all_weights(rows: int, trained: bool) -> None:
    model = sums()
    x = np.ones((rows, 64), np.float32)
    if trained:  # so that a device holds the weights
        model.compile(keras.optimizers.SGD(0.0), "mse")
        model.fit(x, x, verbose=0)
    states = [state(model, 0), state(model, 1)]
    model.set_weights(states[0])
    turn = iter(range(10**9))
    seen: set[float] = set()
    with meanwhile(lambda: model.set_weights(states[next(turn) % 2])):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            found = np.unique(model.predict(x, verbose=0))
            assert found.tolist() in ([1.0], [64.0])
            seen |= set(found.tolist())
    assert seen == {1.0, 64.0}
    for each in states:  # and later ones the newest
        model.set_weights(each)
        wanted = 1.0 if each is states[0] else 64.0
        assert model.predict(x, verbose=0)[0, 0] == wanted


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("work", ["fit", "train_on_batch"])
def test_after_a_training_in_another_thread_predictions_are_the_newest(
    work: str,
) -> None:
    model = small()
    x, y = data()
    options = {"verbose": 0} if work == "fit" else {}
    with meanwhile(lambda: getattr(model, work)(x, y, **options)):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            assert np.isfinite(model.predict(x, verbose=0)).all()
    twin = small()
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(
        model.predict(x, verbose=0), twin.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )


@pytest.mark.usefixtures("form")
def test_weights_that_are_set_during_steps_are_not_lost() -> None:
    """A learning rate of 0: the steps compute and change nothing."""
    model = sums(units=32)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x = np.ones((64, 32), np.float32)
    states = [state(model, 0), state(model, 1)]
    with meanwhile(lambda: model.train_on_batch(x, x)):
        end = time.monotonic() + SECONDS
        k = 0
        while time.monotonic() < end:
            k = 1 - k
            model.set_weights(states[k])
            for got, wanted in zip(model.get_weights(), states[k], strict=True):
                np.testing.assert_array_equal(got, wanted)


def test_predicting_after_each_step_makes_no_session_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = small()
    x, y = data()
    for _ in range(3):
        model.train_on_batch(x, y)
        model.predict(x, verbose=0)
    twin = small()
    with counted(monkeypatch) as made:
        for _ in range(20):
            model.train_on_batch(x, y)
            found = model.predict(x, verbose=0)
    assert not made
    twin.set_weights(model.get_weights())
    wanted = twin.predict(x, verbose=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)  # pyright: ignore[reportPossiblyUnboundVariable]


def test_weights_that_are_set_before_each_prediction_make_no_session_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As target networks do."""
    model, target = small(), small()
    x, _ = data()
    for factor in range(3):
        target.set_weights([w + factor for w in model.get_weights()])
        target.predict(x, verbose=0)
    with counted(monkeypatch) as made:
        for factor in range(20):
            target.set_weights([w * factor for w in model.get_weights()])
            target.predict(x, verbose=0)
    assert not made


def test_weights_that_rest_are_constants_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = small()
    x, y = data()
    for _ in range(3):
        model.train_on_batch(x, y)
        model.predict(x, verbose=0)
    fed = model.predict(x, verbose=0)
    with counted(monkeypatch) as made:
        for _ in range(100):
            found = model.predict(x, verbose=0)
    assert len(made) == 1
    np.testing.assert_allclose(found, fed, rtol=1e-5, atol=1e-6)  # pyright: ignore[reportPossiblyUnboundVariable]
    twin = small()
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(found, twin.predict(x, verbose=0))  # pyright: ignore[reportPossiblyUnboundVariable]
    model.train_on_batch(x, y)  # and are fed again when they move
    assert np.abs(model.predict(x, verbose=0) - found).max() > 0  # pyright: ignore[reportPossiblyUnboundVariable]


def test_a_frozen_part_stays_constant_while_the_rest_moves() -> None:
    model = small()
    model.layers[0].trainable = False
    x, y = data()
    for _ in range(3):
        model.train_on_batch(x, y)
        model.predict(x, verbose=0)
    names = model._layer_state.runner.form().session.input_names
    assert sum("kernel" in name for name in names) == 1
    model.layers[0].set_weights([w + 1 for w in model.layers[0].get_weights()])
    found = model.predict(x, verbose=0)
    twin = small()
    twin.set_weights(model.get_weights())
    wanted = twin.predict(x, verbose=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("form")
def test_all_batches_of_a_prediction_see_the_weights_of_its_beginning() -> None:
    model = sums()
    x = np.ones((96, 64), np.float32)

    class Change(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            model.set_weights(state(model, batch + 1))

    model.set_weights(state(model, 0))
    for first in (1.0, 64.0**3):  # constants at first, then inputs
        found = model.predict(x, verbose=0, callbacks=[Change()])
        assert np.unique(found).tolist() == [first]


def test_layers_called_in_a_thread_see_one_state() -> None:
    layer = layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")
    x = np.ones((1, 4), np.float32)
    layer(x)
    turn = iter(range(10**9))

    def change() -> None:
        k = 1.0 + next(turn) % 2
        layer.set_weights([np.full((4, 1), k), np.full(1, 100 * k)])

    with meanwhile(change):
        end = time.monotonic() + SECONDS / 2
        while time.monotonic() < end:
            assert float(layer(x)[0, 0]) in (5.0, 104.0, 208.0)
