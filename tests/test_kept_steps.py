"""Compiled steps are kept for what comes back, and for all sizes that they can take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqir as keras
from seqir import layers, ops
from seqir.runtime import step as step_module
from seqir.train import compiled as compiled_module


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The steps that are compiled."""
    found: list[Any] = []
    before = step_module.StepSession.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        found.append(self)
        before(self, *args, **options)

    monkeypatch.setattr(step_module.StepSession, "__init__", init)
    return found


def gan() -> tuple[Any, Any, Any]:
    """A generator, a discriminator, and both together."""
    keras.utils.set_random_seed(3)
    generator = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(6)]
    )
    critic = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    critic.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    both = keras.Sequential([generator, critic])
    critic.trainable = False
    both.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    return generator, critic, both


def rounds(generator: Any, critic: Any, both: Any, count: int) -> list[Any]:
    rng = np.random.default_rng(0)
    zeros, ones = np.zeros((16, 1), np.float32), np.ones((16, 1), np.float32)
    losses: list[Any] = []
    for _ in range(count):
        noise = rng.normal(size=(16, 4)).astype(np.float32)
        real = rng.normal(size=(16, 6)).astype(np.float32)
        critic.trainable = True
        losses.append(critic.train_on_batch(real, ones))
        losses.append(critic.train_on_batch(generator.predict(noise, verbose=0), zeros))
        critic.trainable = False
        losses.append(both.train_on_batch(noise, ones))
    return losses


def test_a_state_that_comes_back_finds_its_step(made: list[Any]) -> None:
    models = gan()
    rounds(*models, 3)
    before = len(made)
    rounds(*models, 5)
    assert len(made) == before <= 4


def test_what_is_frozen_in_a_kept_step_is_as_it_is_now() -> None:
    """The same numbers as without anything that is kept."""
    models, fresh = gan(), gan()
    for kept, other in zip(models, fresh, strict=True):
        other.set_weights(kept.get_weights())
    found = rounds(*models, 6)
    rng = np.random.default_rng(0)
    zeros, ones = np.zeros((16, 1), np.float32), np.ones((16, 1), np.float32)
    wanted: list[Any] = []
    generator, critic, both = fresh
    for _ in range(6):
        noise = rng.normal(size=(16, 4)).astype(np.float32)
        real = rng.normal(size=(16, 6)).astype(np.float32)
        critic.trainable = True
        critic.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
        wanted.append(critic.train_on_batch(real, ones))
        wanted.append(critic.train_on_batch(generator(noise), zeros))
        critic.trainable = False
        both.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
        wanted.append(both.train_on_batch(noise, ones))
    np.testing.assert_allclose(found, wanted, rtol=2e-5)
    for kept, other in zip(models, fresh, strict=True):
        for a, b in zip(kept.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_weight_that_is_frozen_by_itself_stays_as_it_is() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    model.fit(x, y, verbose=0)
    kernel, bias = model.weights
    for frozen, moving in ((kernel, bias), (bias, kernel)):
        frozen.trainable, moving.trainable = False, True
        before = frozen.numpy(), moving.numpy()
        model.fit(x, y, verbose=0)
        np.testing.assert_array_equal(frozen.numpy(), before[0])
        assert np.abs(moving.numpy() - before[1]).max() > 0


def recurrent(loss: Any, units: int = 3, **options: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((None, 2)), layers.Dense(units)])
    model.compile("sgd", loss, **options)
    return model


@pytest.mark.parametrize(
    ("loss", "sparse", "weighted"),
    [
        ("mse", False, False),
        ("mse", False, True),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), True, True),
        (keras.losses.Huber(), False, True),
    ],
)
def test_one_step_takes_targets_of_all_lengths(
    loss: Any, sparse: bool, weighted: bool, made: list[Any]
) -> None:
    model = recurrent(loss, weighted_metrics=["mse"] if not sparse else None)
    rng = np.random.default_rng(0)
    batches: list[Any] = []
    for length in (7, 3, 2, 12, 31):
        x = rng.normal(size=(4, length, 2)).astype(np.float32)
        y = rng.normal(size=(4, length, 3)).astype(np.float32)
        w = rng.uniform(size=(4, length)).astype(np.float32) if weighted else None
        batches.append((x, rng.integers(0, 3, (4, length)) if sparse else y, w))
    found = [model.train_on_batch(x, y, w) for x, y, w in batches]
    found += [model.test_on_batch(x, y, w) for x, y, w in batches]
    assert len(made) == 2
    for i, (x, y, w) in enumerate(batches):  # a model that sees only this size
        single = recurrent(loss, weighted_metrics=["mse"] if not sparse else None)
        single.set_weights(model.get_weights())
        np.testing.assert_allclose(
            single.test_on_batch(x, y, w), found[len(batches) + i], rtol=1e-5
        )


def test_targets_of_many_sizes_that_no_output_has(made: list[Any]) -> None:
    """A loss that compares each output with all of several targets."""

    def nearest(y: Any, p: Any) -> Any:
        return ops.min(ops.abs(y - p), axis=-1)

    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.compile("sgd", nearest)
    x = np.ones((4, 2), np.float32)
    for size in range(2, 20):
        y = np.arange(4 * size, dtype=np.float32).reshape(4, size)
        wanted = np.abs(y - model.predict(x, verbose=0)).min(-1).mean()
        np.testing.assert_allclose(model.train_on_batch(x, y), wanted, rtol=1e-5)
    assert len(made) == 2


def test_a_loss_that_computes_with_the_size_of_targets_gets_it(made: list[Any]) -> None:
    def averaged(y: Any, p: Any) -> Any:
        return ops.mean(ops.square(y - p), axis=-1) * (1.0 / int(y.shape[1]))

    model = recurrent(averaged)
    for length in range(2, 14):
        x = np.ones((2, length, 2), np.float32)
        y = np.zeros((2, length, 3), np.float32)
        wanted = (model.predict(x, verbose=0) ** 2).mean() / length
        np.testing.assert_allclose(model.train_on_batch(x, y), wanted, rtol=1e-5)
    assert len(model.compilation._steps) == compiled_module.KEEP < 12


def test_a_size_of_one_is_repeated() -> None:
    model = recurrent("mse", units=1)
    for length in (5, 1, 3):
        x = np.ones((2, length, 2), np.float32)
        y = np.full((2, 1, 1), 2.0, np.float32)
        wanted = np.square(model.predict(x, verbose=0) - 2.0).mean()
        np.testing.assert_allclose(model.train_on_batch(x, y), wanted, rtol=1e-5)
