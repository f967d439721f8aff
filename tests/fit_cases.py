"""Whole calls of `fit` that seqir and Keras make side by side: one text for both.

Run as a program it makes them with Keras and writes what they reported:
``python fit_cases.py OUT.json`` (``KERAS_BACKEND`` says on what).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from training_cases import initial

Case = Callable[[Any], tuple[Any, dict[str, Any], dict[str, Any]]]
"""A library to a model, the arguments of compile, and those of fit."""

SAMPLES = 22
EVEN = {"batch_size": 11}
"""For cases without a last batch that is shorter: Keras compiles less for them."""
EPOCHS = 3
CASES: dict[str, Case] = {}

_rng = np.random.default_rng(3)
X = _rng.normal(size=(SAMPLES, 6)).astype(np.float32)
KINDS = _rng.integers(0, 3, SAMPLES).astype(np.int32)
ONEHOT = np.eye(3, dtype=np.float32)[KINDS]
SUMS = X.sum(1, keepdims=True)
SIGNS = (SUMS > 0).astype(np.float32)
WEIGHTS = _rng.uniform(0, 2, SAMPLES).astype(np.float32)
COLUMN = WEIGHTS[:, None]
TIMES = _rng.normal(size=(SAMPLES, 4, 6)).astype(np.float32)
WORDS = _rng.integers(0, 3, (SAMPLES, 4)).astype(np.int32)
HELD = _rng.normal(size=(9, 6)).astype(np.float32)
HELD_KINDS = _rng.integers(0, 3, 9).astype(np.int32)


def case(make: Case) -> Case:
    CASES[make.__name__] = make
    return make


def mlp(keras: Any, units: int, activation: str | None = None, **options: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="tanh", **options),
            layers.Dense(units, activation=activation),
        ]
    )


def two_headed(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((6,), name="x")
    hidden = layers.Dense(8, activation="relu", kernel_regularizer="l2")(x)
    hidden = layers.BatchNormalization(momentum=0.8)(hidden)
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    return keras.Model(x, [kind, layers.Dense(1, name="size")(hidden)])


@case
def sparse_labels(keras: Any) -> Any:
    settings = {
        "optimizer": keras.optimizers.Adam(0.01),
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)],
    }
    return mlp(keras, 3, "softmax"), settings, {"y": KINDS}


@case
def class_weights_and_validation(keras: Any) -> Any:
    settings = {
        "optimizer": "sgd",
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        "weighted_metrics": ["accuracy", "sparse_categorical_crossentropy"],
    }
    data = {
        "y": KINDS,
        "class_weight": {0: 2.0, 2: 0.25},
        "validation_data": (HELD, HELD_KINDS, np.linspace(0, 2, 9, dtype=np.float32)),
    }
    return mlp(keras, 3, "softmax"), settings, data


@case
def onehot_class_weights(keras: Any) -> Any:
    settings = {
        "optimizer": keras.optimizers.SGD(0.05, momentum=0.9),
        "loss": keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        "metrics": ["accuracy", "mse", keras.metrics.F1Score(average="macro")],
    }
    model = mlp(keras, 3, "softmax", kernel_regularizer=keras.regularizers.L1L2(0.01))
    return model, settings, {"y": ONEHOT, "class_weight": {1: 3.0}, **EVEN}


@case
def sample_weights_split(keras: Any) -> Any:
    settings = {
        "optimizer": keras.optimizers.RMSprop(0.005),
        "loss": "mse",
        "metrics": ["mae", keras.metrics.RootMeanSquaredError()],
        "weighted_metrics": ["mae", "mse"],
    }
    data = {"y": SUMS, "sample_weight": WEIGHTS, "validation_split": 0.3}
    return mlp(keras, 1, activity_regularizer="l2"), settings, data


@case
def flat_targets(keras: Any) -> Any:
    settings = {
        "optimizer": keras.optimizers.AdamW(0.01, clipnorm=0.5),
        "loss": keras.losses.Huber(0.7),
        "metrics": ["mae", "mape", keras.metrics.R2Score()],
    }
    return mlp(keras, 1), settings, {"y": SUMS, **EVEN}


@case
def binary(keras: Any) -> Any:
    metrics = keras.metrics
    settings = {
        "optimizer": keras.optimizers.Adam(0.02, weight_decay=0.01),
        "loss": keras.losses.BinaryCrossentropy(from_logits=True),
        "metrics": [
            metrics.BinaryAccuracy(threshold=0.0),
            metrics.AUC(from_logits=True, num_thresholds=50),
            metrics.Precision(thresholds=0.5),
            metrics.Recall(thresholds=0.5),
        ],
    }
    return mlp(keras, 1), settings, {"y": SIGNS, "sample_weight": WEIGHTS, **EVEN}


@case
def several_losses(keras: Any) -> Any:
    settings = {
        "optimizer": keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.8),
        "loss": {"kind": "sparse_categorical_crossentropy", "size": "mse"},
        "loss_weights": {"kind": 0.7, "size": 0.2},
        "metrics": {"kind": ["accuracy"], "size": ["mae", "mse"]},
        "weighted_metrics": {"size": ["mae"]},
    }
    data = {
        "y": [KINDS, SUMS],
        "sample_weight": [WEIGHTS, WEIGHTS[::-1].copy()],
        "validation_data": (HELD, [HELD_KINDS, HELD[:, :1]]),
    }
    return two_headed(keras), settings, data


@case
def one_weight_for_several(keras: Any) -> Any:
    settings = {
        "optimizer": keras.optimizers.SGD(0.02, gradient_accumulation_steps=2),
        "loss": ["sparse_categorical_crossentropy", "mae"],
        "metrics": [["accuracy"], None],
    }
    data = {"y": [KINDS, SUMS], "sample_weight": WEIGHTS, **EVEN}
    return two_headed(keras), settings, data


@case
def sequences(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4, 6)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    settings = {
        "optimizer": "sgd",
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        "weighted_metrics": ["accuracy"],
    }
    weights = (WORDS != 1).astype(np.float32)
    return model, settings, {"x": TIMES, "y": WORDS, "sample_weight": weights, **EVEN}


@case
def masked_words(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            layers.Embedding(3, 5, mask_zero=True),
            layers.Dense(3, activation="softmax"),
        ]
    )
    settings = {
        "optimizer": keras.optimizers.Adam(0.05),
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    data = {"x": WORDS, "y": np.roll(WORDS, 1, 1), "sample_weight": COLUMN, **EVEN}
    return model, settings, data


@case
def steps_and_validation_freq(keras: Any) -> Any:
    settings = {
        "optimizer": keras.optimizers.SGD(
            keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.7)
        ),
        "loss": "log_cosh",
        "metrics": [keras.metrics.CosineSimilarity(axis=-1), "msle"],
    }
    data = {
        "y": SUMS,
        "steps_per_epoch": 2,
        "validation_data": (HELD, HELD[:, :1]),
        "validation_freq": 2,
        "validation_batch_size": 4,
    }
    return mlp(keras, 1), settings, data


@case
def frozen_part(keras: Any) -> Any:
    layers = keras.layers
    base = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, kernel_regularizer="l2", activation="relu"),
            layers.BatchNormalization(),
        ]
    )
    base.trainable = False
    x = keras.Input((6,))
    model = keras.Model(x, layers.Dense(3, activation="softmax")(base(x)))
    settings = {
        "optimizer": "adam",
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    return model, settings, {"y": KINDS, **EVEN}


def in_half_precision(keras: Any, policy: str) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="gelu", dtype=policy),
            layers.LayerNormalization(dtype=policy),
            layers.Dense(3, activation="softmax", dtype=policy),
        ]
    )
    optimizer = keras.optimizers.SGD(0.1)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    settings = {"optimizer": optimizer, "loss": "sparse_categorical_crossentropy"}
    return model, settings, {"y": KINDS, **EVEN}


@case
def mixed_float16(keras: Any) -> Any:
    return in_half_precision(keras, "mixed_float16")


@case
def mixed_bfloat16(keras: Any) -> Any:
    return in_half_precision(keras, "mixed_bfloat16")


def run(keras: Any, make: Case) -> dict[str, Any]:
    """What `fit` (or `evaluate`) reported, and a digest of the weights."""
    model, settings, data = make(keras)
    model.set_weights(initial(model))
    model.compile(**settings)
    data = {"x": X, "batch_size": 8, **data}
    history = model.fit(**data, epochs=EPOCHS, shuffle=False, verbose=0).history
    keys = ("x", "y", "batch_size", "sample_weight")
    given = {key: data[key] for key in keys if key in data}
    found = {name: np.asarray(values).tolist() for name, values in history.items()}
    if not any(name.startswith("val_") for name in found):
        logs = model.evaluate(**given, return_dict=True, verbose=0)
        found |= {f"evaluate {k}": np.asarray(v).tolist() for k, v in logs.items()}
    sums = [float(np.abs(w).astype(np.float64).sum()) for w in model.get_weights()]
    return {**found, "weights": sums}


def main(path: str) -> None:
    import keras

    with open(path, "w") as file:
        json.dump({name: run(keras, make) for name, make in CASES.items()}, file)


if __name__ == "__main__":
    main(sys.argv[1])
