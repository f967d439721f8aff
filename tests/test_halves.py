"""A large step in two halves computes what the whole one does, in less memory."""

from typing import Any

import numpy as np
import pytest

import seqir as keras
from seqir import layers, optimizers, runtime
from seqir.errors import NonFiniteLossError
from seqir.train import halves

X = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(24, 2)).astype(np.float32)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halves, "_WORTH_IT", 0)


def made(optimizer: Any, **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(2, kernel_regularizer="l2", kernel_constraint="max_norm"),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"], **options)
    return model


def step_of(model: Any) -> Any:
    return list(model.compilation._steps.values())[-1]


def state(model: Any) -> list[Any]:
    variables = [*model.weights, *model.optimizer.variables]
    return [np.array(v.array) for v in variables]


OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda: optimizers.SGD(0.05),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(0.05),
    "amsgrad": lambda: optimizers.Adam(0.05, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.05, weight_decay=0.1),
    "clipped": lambda: optimizers.Adam(0.05, global_clipnorm=0.1),
    "averaged": lambda: optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5),
    "gathered": lambda: optimizers.Adam(0.05, gradient_accumulation_steps=2),
    "rmsprop": lambda: optimizers.RMSprop(0.05, centered=True),
    "adafactor": lambda: optimizers.Adafactor(0.05),
    "muon": lambda: optimizers.Muon(0.05),
    "lion": lambda: optimizers.Lion(0.05),
    "ftrl": lambda: optimizers.Ftrl(0.05),
    "schedule": lambda: optimizers.Adam(
        optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_halves_compute_what_the_whole_does(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[list[Any]] = []
    for worth in (1 << 40, 0):
        monkeypatch.setattr(halves, "_WORTH_IT", worth)
        model = made(OPTIMIZERS[name]())
        history = model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
        step = step_of(model)
        assert (step.update is not None) == (worth == 0)
        found.append([*state(model), *history.history["loss"]])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", ["adam", "momentum", "adamw", "clipped"])
def test_what_is_written_in_place_has_one_buffer(name: str) -> None:
    model = made(OPTIMIZERS[name]())
    for _ in range(3):
        model.train_on_batch(X, Y)
    own = {*model.trainable_weights, *model.optimizer.variables}
    slots = [v.slot for v in own if v.name != "learning_rate"]
    assert all(slot._spare is None for slot in slots)
    assert len(slots) > 6


@pytest.mark.usefixtures("always")
def test_a_step_whose_loss_is_not_finite_changes_nothing() -> None:
    model = made("adam")
    model.fit(X, Y, verbose=0)
    before = state(model)
    bad = np.where(X > 2, np.nan, X)
    assert np.isnan(bad).any()
    with pytest.raises(NonFiniteLossError):
        model.fit(bad, Y, batch_size=24, verbose=0)
    for one, other in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(one, other)
    model.fit(bad, Y, batch_size=24, verbose=0, on_nan="ignore")
    assert np.isnan(state(model)[0]).any()


@pytest.mark.usefixtures("always")
def test_a_scaled_loss_leaves_the_step_whole() -> None:
    """All gradients depend on the scale, which is the optimizer's."""
    model = made(optimizers.LossScaleOptimizer(optimizers.Adam(0.05)))
    model.fit(X, Y, verbose=0)
    assert step_of(model).update is None


def test_a_small_step_is_left_whole_and_a_large_one_is_not() -> None:
    for width, cut in ((16, False), (600, True)):
        model = keras.Sequential([keras.Input((6,)), layers.Dense(width)])
        model.add(layers.Dense(width))
        model.add(layers.Dense(2))
        model.compile("adam", "mse")
        model.train_on_batch(X, Y)
        assert (step_of(model).update is not None) == cut


@pytest.mark.usefixtures("always")
def test_a_prediction_keeps_what_it_reads() -> None:
    """A buffer that a run reads is replaced, and not written in place."""
    from seqir.runtime.slot import Held

    model = made("adam")
    model.train_on_batch(X, Y)
    kernel = model.weights[0]
    held = Held({"kernel": kernel})
    before = held.values["kernel"].numpy().copy()
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(held.values["kernel"].numpy(), before)
    assert not np.array_equal(kernel.array, before)
    held.release()
    model.train_on_batch(X, Y)


@pytest.mark.usefixtures("always")
def test_only_an_update_with_something_to_fuse_is_optimized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []
    make = runtime.StepSession

    def note(*args: Any, **options: Any) -> Any:
        asked.append(options["optimize"])
        return make(*args, **options)

    monkeypatch.setattr(runtime, "StepSession", note)
    for optimizer in (optimizers.Adam(0.05), optimizers.Muon(0.05)):
        model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(2)])
        model.compile(optimizer, "mse")
        model.train_on_batch(X, Y)
    assert asked == [True, False, True, True]
