"""Models that were not told their input's size, on arrays of a second and third one."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import ShapeError

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(5)


def images(*size: int, n: int = 2) -> Any:
    return RNG.normal(size=(n, *size, 3)).astype(np.float32)


def stack(k: Any) -> Any:
    return k.Sequential(
        [
            k.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            k.layers.BatchNormalization(),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dense(2),
        ],
        name="stack",
    )


def subclass(k: Any) -> Any:
    class Net(k.Model):
        def __init__(self) -> None:
            super().__init__(name="net")
            self.body = stack(k)
            self.side = k.layers.Conv2D(2, 1)

        def call(self, x: Any) -> Any:
            y = self.side(x)
            # With the sizes as numbers, as code for JAX has them.
            y = k.ops.reshape(y, (-1, x.shape[1] * x.shape[2], 2))
            return self.body(x) + k.ops.mean(y, axis=1)

    return Net()


MAKERS = {"stack": stack, "subclass": subclass}


def pair(kind: str) -> tuple[Any, Any]:
    """Our model and Keras's, built for 8x8, with the same weights."""
    ours, theirs = MAKERS[kind](seqir), MAKERS[kind](keras)
    x = images(8, 8)
    ours(x), theirs(x)  # pyright: ignore[reportUnusedExpression]
    arrays = [RNG.uniform(0.1, 1, w.shape) for w in ours.weights]
    ours.set_weights(arrays)
    theirs.set_weights(arrays)
    return ours, theirs


@pytest.mark.parametrize("kind", MAKERS)
def test_other_sizes_have_keras_numbers(kind: str) -> None:
    ours, theirs = pair(kind)
    for size in ((8, 8), (9, 8), (5, 12), (8, 8), (9, 8)):
        x = images(*size, n=3)
        expected = np.asarray(theirs(x))
        for found in (ours(x), ours.predict(x, batch_size=2), ours.predict_on_batch(x)):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        trained = ours(x, training=True)
        np.testing.assert_allclose(
            trained, np.asarray(theirs(x, training=True)), rtol=1e-3, atol=1e-4
        )
    assert ours.input_shape == (2, 8, 8, 3)  # what it was built for


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("start", ["array", "build"])
def test_training_on_other_sizes(kind: str, start: str) -> None:
    model = MAKERS[kind](seqir)
    if start == "build":
        model.build((None, 8, 8, 3))
    model.compile(seqir.optimizers.SGD(0.05), "mse")
    y = np.ones((4, 2), np.float32)
    losses = []
    for _ in range(4):
        for size in ((8, 8), (6, 9)):
            x = np.ones((4, *size, 3), np.float32)
            losses += model.fit(x, y, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    x = images(7, 10, n=4)
    loss = model.evaluate(x, y, verbose=0)
    assert loss == pytest.approx(np.mean((model.predict(x) - y) ** 2), rel=1e-4)
    assert model.test_on_batch(x, y) == pytest.approx(loss, rel=1e-5)


def test_new_weights_reach_every_size() -> None:
    ours, theirs = pair("stack")
    x = images(9, 8)
    ours(x)
    arrays = [w * 0.5 for w in ours.get_weights()]
    ours.set_weights(arrays)
    theirs.set_weights(arrays)
    np.testing.assert_allclose(ours(x), np.asarray(theirs(x)), rtol=1e-4, atol=1e-5)


def test_sequences_of_any_length() -> None:
    model = seqir.Sequential([layers.Conv1D(2, 3, padding="same"), layers.Dense(3)])
    for length in range(3, 30):
        assert model(np.ones((2, length, 4), np.float32)).shape == (2, length, 3)
    assert len(model._layer_state.runner._others) == 16


@pytest.mark.parametrize("use", ["call", "predict", "fit", "cache"])
def test_sizes_that_a_layer_cannot_take(use: str) -> None:
    model = seqir.Sequential(
        [layers.Flatten(), layers.Dense(3, name="d", trainable=False), layers.Dense(2)],
        name="flat",
    )
    model(np.ones((2, 8, 3), np.float32))
    assert model(np.ones((2, 6, 4), np.float32)).shape == (2, 2)
    model.compile("sgd", "mse")
    x, y = np.ones((2, 9, 3), np.float32), np.ones((2, 2), np.float32)
    message = (
        r"input '.*' of model 'flat'. Expected shape \(None, 8, 3\), but input has "
        r"incompatible shape \(None, 9, 3\)"
    )
    if use != "cache":
        message += ": .*layer 'd'.*expected axis -1"
    uses = {
        "call": lambda: model(x),
        "predict": lambda: model.predict(x),
        "fit": lambda: model.fit(x, y, verbose=0),
        "cache": lambda: model.fit(x, y, verbose=0, cache_frozen="memory"),
    }
    with pytest.raises(ShapeError, match=message):
        uses[use]()
    with pytest.raises(ShapeError, match=r"incompatible shape \(2, 24\)$"):
        model(np.ones((2, 24), np.float32))


def test_a_declared_size_is_the_only_one() -> None:
    for first in (
        [seqir.Input((8, 8, 3)), layers.ReLU()],
        [layers.ReLU(input_shape=(8, 8, 3))],
    ):
        model = seqir.Sequential(first)
        with pytest.raises(ShapeError, match=r"Expected shape \(None, 8, 8, 3\)"):
            model(images(9, 8))
