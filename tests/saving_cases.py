"""Trainings that one library begins and the other ends: one text for both.

Run as a program, ``python saving_cases.py FOLDER``, it is Keras's part: it ends what
seqir has begun in FOLDER, and begins and ends trainings of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from training_cases import MODELS, batches, initial

HALF = 5


def _scaled(keras: Any) -> Any:
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))


def _decaying(keras: Any) -> Any:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.7)
    return keras.optimizers.Adam(schedule)


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda keras: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "plain-sgd": lambda keras: keras.optimizers.SGD(0.05),
    "adam": lambda keras: keras.optimizers.Adam(0.005),
    "amsgrad": lambda keras: keras.optimizers.Adam(0.005, amsgrad=True, clipnorm=1.0),
    "adamw": lambda keras: keras.optimizers.AdamW(0.005, weight_decay=0.02),
    "adamax": lambda keras: keras.optimizers.Adamax(0.005),
    "nadam": lambda keras: keras.optimizers.Nadam(0.005),
    "rmsprop": lambda keras: keras.optimizers.RMSprop(
        0.002, momentum=0.5, centered=True
    ),
    "adagrad": lambda keras: keras.optimizers.Adagrad(0.02),
    "adadelta": lambda keras: keras.optimizers.Adadelta(0.5),
    "adafactor": lambda keras: keras.optimizers.Adafactor(0.01),
    "ftrl": lambda keras: keras.optimizers.Ftrl(0.05),
    "lion": lambda keras: keras.optimizers.Lion(0.001),
    "lamb": lambda keras: keras.optimizers.Lamb(0.005),
    "scaled": _scaled,
    "decaying": _decaying,
    "averaged": lambda keras: keras.optimizers.SGD(
        0.05, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3
    ),
    "accumulated": lambda keras: keras.optimizers.Adam(
        0.005, gradient_accumulation_steps=2
    ),
}
CASES = [
    *(("mlp", name, ".keras") for name in OPTIMIZERS),
    ("mlp", "adam", ".h5"),
    ("mlp", "rmsprop", ".weights.h5"),
    ("cnn", "adam", ".keras"),
    ("cnn", "sgd", ".weights.h5"),
    ("embedding", "adamw", ".h5"),
]


def compiled(keras: Any, name: str, optimizer: str) -> Any:
    """A model that has not been trained."""
    model = MODELS[name][0](keras)
    model.set_weights(initial(model))
    model.compile(OPTIMIZERS[optimizer](keras), "sparse_categorical_crossentropy")
    return model


def train(model: Any, name: str, half: int) -> None:
    """The first (0) or the second (1) half of the steps."""
    for x, y in [*batches(name)][half * HALF : (half + 1) * HALF]:
        model.train_on_batch(x, y)


def begin(keras: Any, folder: Path, who: str) -> None:
    """Train half of the steps, save, train on; what comes out is kept."""
    for name, optimizer, suffix in CASES:
        model = compiled(keras, name, optimizer)
        train(model, name, 0)
        path = folder / f"{who}-{name}-{optimizer}{suffix}"
        save = model.save_weights if suffix == ".weights.h5" else model.save
        save(path)
        train(model, name, 1)
        np.savez(f"{path}.npz", *model.get_weights())


def end(
    keras: Any, folder: Path, who: str, skipped: str | None = None
) -> dict[str, float]:
    """Go on from the files of the other; how far the results are from its own."""
    errors: dict[str, float] = {}
    for name, optimizer, suffix in CASES:
        if suffix == skipped:
            continue
        path = folder / f"{who}-{name}-{optimizer}{suffix}"
        if suffix == ".weights.h5":
            model = compiled(keras, name, optimizer)
            train(model, name, 0)  # so that it has a state, another one
            model.load_weights(path)
        else:
            model = keras.models.load_model(path)
        train(model, name, 1)
        with np.load(f"{path}.npz") as wanted:
            pairs = zip(model.get_weights(), wanted.values(), strict=True)
            errors[path.name] = max(
                float(np.abs(a - b).max()) / max(float(np.abs(b).max()), 1e-3)
                for a, b in pairs
            )
    return errors


def main(folder: Path) -> None:
    """Keras's part."""
    import keras

    # Keras on JAX forgets to build the optimizer of an .h5 file, its own ones too.
    errors = end(keras, folder, "seqir", skipped=".h5")
    np.savez(folder / "errors.npz", **errors)
    begin(keras, folder, "keras")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
