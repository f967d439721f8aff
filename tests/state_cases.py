"""Layers that assign to their variables, run in every way: one text for both libraries.

Run as a program it runs them with Keras and writes what the models gave and kept:
``python state_cases.py OUT.json`` (``KERAS_BACKEND`` says on what).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

CASES: dict[str, Callable[[Any], Any]] = {}
"""A library to a compiled model of inputs (batch, 2)."""
X = np.arange(12, dtype=np.float32).reshape(6, 2) / 4 - 1


def case(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    CASES[make.__name__] = make
    return make


def counter(keras: Any, **options: Any) -> Any:
    class Counter(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.n = self.add_weight(
                shape=(), initializer="zeros", trainable=False, name="n", **options
            )

        def call(self, x: Any) -> Any:
            self.n.assign(self.n + 1)
            return x + keras.ops.cast(self.n, x.dtype)

    return Counter(name="counter")


def last_row(keras: Any) -> Any:
    class LastRow(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.row = self.add_weight(
                shape=(2,), initializer="ones", trainable=False, name="row"
            )

        def call(self, x: Any) -> Any:
            y = x + self.row
            self.row.assign(x[-1])
            return y

    return LastRow()


def stack(keras: Any, *layers: Any) -> Any:
    model = keras.Sequential([keras.Input((2,)), *layers])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def dense(keras: Any) -> Any:
    return keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(0.5))


@case
def counts(keras: Any) -> Any:
    return stack(keras, counter(keras), dense(keras))


@case
def counts_in_integers(keras: Any) -> Any:
    return stack(keras, dense(keras), counter(keras, dtype="int32"))


@case
def counts_while_frozen(keras: Any) -> Any:
    layer = counter(keras)
    layer.trainable = False
    return stack(keras, layer, dense(keras))


@case
def remembers_the_last_row(keras: Any) -> Any:
    return stack(keras, dense(keras), last_row(keras))


@case
def one_counter_called_twice(keras: Any) -> Any:
    layer, x = counter(keras), keras.Input((2,))
    model = keras.Model(x, dense(keras)(layer(layer(x))))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


@case
def a_model_in_a_model(keras: Any) -> Any:
    inner = keras.Sequential([keras.Input((2,)), last_row(keras), counter(keras)])
    return stack(keras, inner, dense(keras))


@case
def a_model_with_a_call(keras: Any) -> Any:
    class Steps(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.dense = counter(keras), dense(keras)
            self.steps = keras.Variable(0.0, trainable=False, name="steps")

        def call(self, x: Any) -> Any:
            self.steps.assign_add(2.0)
            return self.dense(self.inner(x)) - self.steps

    model = Steps()
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


@case
def assigns_in_training_only(keras: Any) -> Any:
    class Center(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.mean = self.add_weight(
                shape=(2,), initializer="zeros", trainable=False, name="mean"
            )

        def call(self, x: Any, training: Any = None) -> Any:
            if training:
                mean = keras.ops.mean(x, axis=0)
                self.mean.assign(0.5 * self.mean + 0.5 * mean)
            return x - self.mean

    return stack(keras, Center(), dense(keras))


@case
def batch_normalization(keras: Any) -> Any:
    return stack(keras, keras.layers.BatchNormalization(), dense(keras))


@case
def batch_renormalization(keras: Any) -> Any:
    layer = keras.layers.BatchNormalization(
        momentum=0.5, renorm=True, renorm_clipping={"rmax": 1.5, "dmax": 0.5}
    )
    return stack(keras, layer, dense(keras))


@case
def batch_normalization_that_always_trains(keras: Any) -> Any:
    class Always(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = keras.layers.BatchNormalization(momentum=0.5)

        def call(self, x: Any) -> Any:
            return self.inner(x, training=True)

    return stack(keras, Always(), dense(keras))


@case
def a_normalization_that_was_adapted(keras: Any) -> Any:
    layer = keras.layers.Normalization()
    layer.adapt(X)
    return stack(keras, layer, dense(keras))


@case
def a_trained_weight_is_assigned(keras: Any) -> Any:
    class Grows(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.gain = self.add_weight(shape=(2,), initializer="ones", name="gain")

        def call(self, x: Any) -> Any:
            y = x * self.gain
            self.gain.assign(self.gain * 1.5)
            return y + self.gain

    return stack(keras, Grows())


@case
def a_kernel_of_norm_one(keras: Any) -> Any:
    """As SpectralNormalization does it."""
    ops = keras.ops

    class NormOne(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            start = keras.initializers.Constant([[1.0, 0.5], [0.25, 2.0]])
            self.kernel = self.add_weight(shape=(2, 2), initializer=start, name="k")
            self.u = self.add_weight(
                shape=(1, 2), initializer="ones", trainable=False, name="u"
            )

        def call(self, x: Any, training: Any = False) -> Any:
            if training:
                v = ops.normalize(ops.matmul(self.u, ops.transpose(self.kernel)))
                u = ops.normalize(ops.matmul(v, self.kernel))
                sigma = ops.matmul(ops.matmul(v, self.kernel), ops.transpose(u))
                self.u.assign(ops.stop_gradient(u))
                self.kernel.assign(self.kernel / ops.reshape(sigma, ()))
            return ops.matmul(x, self.kernel)

    return stack(keras, NormOne())


@case
def what_is_assigned_is_no_result(keras: Any) -> Any:
    class Assigns(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.before, self.now, self.listed, self.array = (
                self.add_weight(shape=(2,), initializer="zeros", trainable=False)
                for _ in range(4)
            )
            self.number = self.add_weight(
                shape=(), initializer="zeros", trainable=False, dtype="int32"
            )
            self.weight = self.add_weight(shape=(2,), initializer="ones")

        def call(self, x: Any) -> Any:
            self.before.assign(self.now)
            self.now.assign(x[-1])
            self.listed.assign([3.0, 4.0])
            self.array.assign(np.array([1, 2], np.float32))
            self.number.assign(7)
            y = (x + self.before) * self.weight + self.listed - self.array
            self.listed.assign(self.weight)
            return y + keras.ops.cast(self.number, "float32") / 7.0

    return stack(keras, Assigns(), dense(keras))


def runs(model: Any) -> Iterator[Any]:
    """What a model gives when it is run in every way, one after the other."""
    y = X[:, ::-1]
    yield model(X)
    yield model(X[:2])
    yield model.predict(X, batch_size=2, verbose=0)
    yield model.predict_on_batch(X[:2])
    yield model.evaluate(X, y, batch_size=2, verbose=0)
    yield model.test_on_batch(X[2:4], y[2:4])
    history = model.fit(X, y, batch_size=2, epochs=2, shuffle=False, verbose=0)
    yield history.history["loss"]
    yield model.train_on_batch(X[4:], y[4:])
    yield model(X[:2], training=True)
    yield model.predict(X[:2], verbose=0)


def trace(keras: Any, name: str) -> list[list[float]]:
    """After every run: what came out, and all weights."""
    model = CASES[name](keras)
    found: list[list[float]] = []
    for result in runs(model):
        arrays = [result, *model.get_weights()]
        flat = [np.asarray(a, np.float64).reshape(-1) for a in arrays]
        found.append(np.concatenate(flat).tolist())
    return found


if __name__ == "__main__":
    import keras

    with open(sys.argv[1], "w") as file:
        json.dump({name: trace(keras, name) for name in CASES}, file)
