"""A recurrent layer that a user writes with ``ops.scan``: one text for both libraries.

Run as a program it trains the model with Keras and writes all weights after each step:
``python recurrent_case.py OUT.npz``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

STEPS = 30
SIZES = ((8, 5), (3, 9), (8, 12))
"""Batch and time of the batches in turn."""


def elman(keras: Any) -> type[Any]:
    """The layer, made from a library's Layer and ops."""
    ops = keras.ops

    class Elman(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape: Any) -> None:
            n = input_shape[-1]
            self.kernel = self.add_weight((n, self.units), name="kernel")
            self.recurrent = self.add_weight((self.units, self.units), name="recurrent")
            self.bias = self.add_weight((self.units,), "zeros", name="bias")

        def call(self, x: Any) -> Any:
            def step(h: Any, slice: Any) -> Any:
                h = ops.tanh(
                    ops.matmul(slice, self.kernel)
                    + ops.matmul(h, self.recurrent)
                    + self.bias
                )
                return h, h

            h = ops.zeros((ops.shape(x)[0], self.units))
            return ops.moveaxis(ops.scan(step, h, ops.moveaxis(x, 1, 0))[1], 0, 1)

    return Elman


def build(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None, 3), name="x"),
            elman(keras)(6, name="elman"),
            layers.GlobalAveragePooling1D(name="pool"),
            layers.Dense(4, activation="softmax", name="out"),
        ]
    )
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.4, tuple(w.shape)) for w in model.weights])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def batches() -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(2)
    for i in range(STEPS):
        batch, time = SIZES[i % len(SIZES)]
        x = rng.normal(size=(batch, time, 3)).astype("float32")
        yield x, rng.integers(0, 4, batch).astype("int32")


def train(keras: Any) -> Iterator[list[Any]]:
    """The weights after each step, and the loss."""
    model = build(keras)
    for x, y in batches():
        loss = np.asarray(model.train_on_batch(x, y), "float64")
        yield [*model.get_weights(), loss]


if __name__ == "__main__":
    import keras

    found = {
        f"{step}/{i}": array
        for step, arrays in enumerate(train(keras))
        for i, array in enumerate(arrays)
    }
    np.savez(sys.argv[1], **found)
