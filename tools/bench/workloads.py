"""The models that training is timed on; one text for Keras and for seqir."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


def lstm(keras: Any) -> Any:
    """80 of 20,000 words: embedding 128, LSTM 64, yes or no; batch 32, Adam."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((80,), dtype="int32"),
            layers.Embedding(20_000, 128),
            layers.LSTM(64),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def encoder(keras: Any) -> Any:
    """128 x 256: four encoder layers of 8 heads, their mean; batch 16, Adam."""
    layers = keras.layers
    x = y = keras.Input((128, 256))
    for _ in range(4):
        attended = layers.MultiHeadAttention(8, 32)(y, y)
        y = layers.LayerNormalization()(layers.Add()([y, attended]))
        inner = layers.Dense(1024, activation="relu")(y)
        y = layers.LayerNormalization()(layers.Add()([y, layers.Dense(256)(inner)]))
    y = layers.GlobalAveragePooling1D()(y)
    return keras.Model(x, layers.Dense(10, activation="softmax")(y))


def films(keras: Any) -> Any:
    """8 images of 24x24: ConvLSTM2D of 16 filters, the mean; batch 8, Adam."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 24, 24, 1)),
            layers.ConvLSTM2D(16, 3, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


@dataclass(frozen=True)
class Workload:
    """A model, and what it is trained on and with."""

    make: Make
    shape: tuple[int, ...]
    batch: int
    optimizer: str
    words: int = 0
    """How many different numbers a whole-numbered input has; 0: it is of floats."""
    classes: int = 10
    """2: the model says yes or no with one number."""
    step_target: float = 1.0
    """The largest ratio of a step to that of the fastest peer."""

    @property
    def loss(self) -> str:
        """The loss that it is trained with."""
        several = "sparse_categorical_crossentropy"
        return several if self.classes > 2 else "binary_crossentropy"

    def data(self, batches: int) -> tuple[Any, Any]:
        """Random inputs and labels."""
        rng = np.random.default_rng(0)
        size = (batches * self.batch, *self.shape)
        if self.words:
            x = rng.integers(0, self.words, size).astype(np.int32)
        else:
            x = rng.normal(size=size).astype(np.float32)
        return x, rng.integers(0, self.classes, len(x)).astype(np.int32)


WORKLOADS: dict[str, Workload] = {
    "MLP": Workload(mlp, (784,), 128, "adam"),
    "CNN": Workload(cnn, (28, 28, 1), 128, "adam"),
    "batch-normalized CNN": Workload(normalized, (32, 32, 3), 64, "sgd"),
    "frozen CNN, new head": Workload(frozen, (32, 32, 3), 64, "adam"),
    "LSTM": Workload(lstm, (80,), 32, "adam", words=20_000, classes=2, step_target=0.7),
    "encoder": Workload(encoder, (128, 256), 16, "adam"),
    "ConvLSTM2D": Workload(films, (8, 24, 24, 1), 8, "adam"),
}
