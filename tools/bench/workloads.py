"""The models that training is timed on; one text for Keras and for seqir."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Make = Callable[[Any], Any]


def mlp(keras: Any) -> Any:
    """784-512-512-10, batch 128, Adam."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dense(512, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def cnn(keras: Any) -> Any:
    """28x28: conv 32, pool, conv 64, pool, dropout, dense; batch 128, Adam."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def normalized(keras: Any) -> Any:
    """32x32x3: three times conv, batch normalization, ReLU, pool; batch 64, SGD."""
    layers = keras.layers
    stack: list[Any] = [keras.Input((32, 32, 3))]
    for filters in (32, 64, 128):
        stack += [
            layers.Conv2D(filters, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(2),
        ]
    stack += [layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")]
    return keras.Sequential(stack)


def frozen(keras: Any) -> Any:
    """The batch-normalized CNN, frozen, with a new head; batch 64, Adam."""
    layers = keras.layers
    body = keras.Sequential(normalized(keras).layers[:-1])
    body.build((None, 32, 32, 3))
    body.trainable = False
    return keras.Sequential(
        [keras.Input((32, 32, 3)), body, layers.Dense(10, activation="softmax")]
    )


WORKLOADS: dict[str, tuple[Make, tuple[int, ...], int, str]] = {
    "MLP": (mlp, (784,), 128, "adam"),
    "CNN": (cnn, (28, 28, 1), 128, "adam"),
    "batch-normalized CNN": (normalized, (32, 32, 3), 64, "sgd"),
    "frozen CNN, new head": (frozen, (32, 32, 3), 64, "adam"),
}
"""Name to model, input shape, batch size and optimizer."""


def data_for(shape: tuple[int, ...], samples: int) -> tuple[Any, Any]:
    """Random images and labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, *shape)).astype(np.float32)
    return x, rng.integers(0, 10, samples).astype(np.int32)
