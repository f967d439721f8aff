"""Trainings that seqir and Keras run side by side: one text for both.

Run as a program it trains them with Keras and writes all weights after each step:
``python training_cases.py OUT.npz`` (``KERAS_BACKEND`` says on what).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

STEPS = 10
BATCH = 16


def mlp(keras: Any) -> Any:
    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(24, activation="relu"),
            keras.layers.Dense(16, activation="tanh", kernel_regularizer="l2"),
            keras.layers.Dense(5, activation="softmax"),
        ]
    )


def cnn(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Conv2D(12, 3, strides=2, activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax"),
        ]
    )


def embedding(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            layers.Embedding(30, 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(5, activation="softmax"),
        ]
    )


def distributed(keras: Any) -> Any:
    layers = keras.layers
    step = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
        ]
    )
    return keras.Sequential(
        [
            keras.Input((None, 6)),
            layers.TimeDistributed(step),
            layers.TimeDistributed(layers.Dense(5, activation="relu")),
            layers.GlobalAveragePooling1D(),
            layers.Dense(5, activation="softmax"),
        ]
    )


def lstm(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, 6)),
            layers.LSTM(7, return_sequences=True),
            layers.LSTM(5, "relu", "hard_sigmoid", go_backwards=True),
            layers.Dense(5, activation="softmax"),
        ]
    )


def gru_of_words(keras: Any) -> Any:
    """With masks; 0 stands in the middle of the words, too."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(30, 8, mask_zero=True),
            layers.GRU(7, return_sequences=True),
            layers.GRU(6, reset_after=False),
            layers.Dense(5, activation="softmax"),
        ]
    )


def bidirectional(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(30, 8, mask_zero=True),
            layers.Bidirectional(layers.LSTM(6, return_sequences=True)),
            layers.Bidirectional(layers.SimpleRNN(5), merge_mode="sum"),
            layers.Dense(5, activation="softmax"),
        ]
    )


def conv_lstm(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, 6, 5, 2)),
            layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True),
            layers.ConvLSTM2D(2, 2, strides=2),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )


def films(rng: Any) -> Any:
    return rng.normal(size=(BATCH, 3, 6, 5, 2)).astype(np.float32)


def transformer(keras: Any) -> Any:
    layers = keras.layers
    words = keras.Input((7,), dtype="int32")
    x = layers.Embedding(30, 8, mask_zero=True)(words)
    read = layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.Add()([x, read]))
    wider = layers.Dense(8)(layers.Dense(16, activation="gelu")(x))
    x = layers.LayerNormalization()(layers.Add()([x, wider]))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(words, layers.Dense(5, activation="softmax")(x))


def series(rng: Any) -> Any:
    return rng.normal(size=(BATCH, 4, 6)).astype(np.float32)


def images(rng: Any) -> Any:
    return rng.normal(size=(BATCH, 12, 12, 3)).astype(np.float32)


def rows(rng: Any) -> Any:
    return rng.normal(size=(BATCH, 12)).astype(np.float32)


def spectral(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((12,)),
            layers.SpectralNormalization(layers.Dense(8, activation="relu"), 2),
            layers.Dense(5, activation="softmax"),
        ]
    )


def words(rng: Any) -> Any:
    return rng.integers(0, 30, (BATCH, 7)).astype(np.int32)


def sentences(rng: Any) -> Any:
    return words(rng) * (rng.random((BATCH, 7)) < 0.7)


MODELS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "mlp": (mlp, rows),
    "cnn": (cnn, images),
    "embedding": (embedding, words),
    "distributed": (distributed, series),
    "transformer": (transformer, sentences),
    "spectral": (spectral, rows),
    "lstm": (lstm, series),
    "gru_of_words": (gru_of_words, sentences),
    "bidirectional": (bidirectional, sentences),
    "conv_lstm": (conv_lstm, films),
}
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda keras: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda keras: keras.optimizers.Adam(0.005),
    "adamw": lambda keras: keras.optimizers.AdamW(0.005, weight_decay=0.02),
    "rmsprop": lambda keras: keras.optimizers.RMSprop(0.002),
}
FIRST = ("mlp", "cnn", "embedding")
"""The models that are trained with each optimizer."""
CASES = [
    *((model, optimizer) for model in FIRST for optimizer in OPTIMIZERS),
    *((model, "adam") for model in MODELS if model not in (*FIRST, "transformer")),
    # The bias of the keys has no gradient: Adam would divide noise by its size.
    ("transformer", "sgd"),
]


def initial(model: Any) -> list[Any]:
    """Weights that do not depend on anyone's random numbers."""
    rng = np.random.default_rng(1)
    found: list[Any] = []
    for weight in model.weights:
        shape = tuple(weight.shape)
        values = rng.normal(0, 0.3, shape)
        if "variance" in weight.path or "gamma" in weight.path:
            values = 0.5 + np.abs(values)
        found.append(values.astype(np.float32))
    return found


def batches(name: str) -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(2)
    make = MODELS[name][1]
    for _ in range(STEPS):
        yield make(rng), rng.integers(0, 5, BATCH).astype(np.int32)


def train(keras: Any, name: str, optimizer: str) -> list[list[Any]]:
    """The weights after each step, and the loss as the last one."""
    model = MODELS[name][0](keras)
    model.set_weights(initial(model))
    model.compile(OPTIMIZERS[optimizer](keras), "sparse_categorical_crossentropy")
    trace: list[list[Any]] = []
    for x, y in batches(name):
        loss = np.asarray(model.train_on_batch(x, y), np.float64)
        trace.append([*model.get_weights(), loss])
    return trace


def main(path: str) -> None:
    import keras

    found = {
        f"{name}/{optimizer}/{step}/{i}": array
        for name, optimizer in CASES
        for step, arrays in enumerate(train(keras, name, optimizer))
        for i, array in enumerate(arrays)
    }
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
