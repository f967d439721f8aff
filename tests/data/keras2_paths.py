"""Makes `keras2_paths.zip`: files of which the weights have paths of their own kind.

Keras 2.12 and 2.13 count layers with weights twice. Run it with each of them in turn,
``python tests/data/keras2_paths.py``: it puts its files into the archive as
VERSION/NAME.keras, NAME.weights.h5, and NAME.npz with an input ``x`` and output ``y``.
"""

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers as L

ARCHIVE = Path(__file__).with_suffix(".zip")
X = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)


def stack() -> Any:
    hidden = L.Dense(4, activation="hard_sigmoid")
    first = [L.Input((4,)), L.Dense(4), L.Dropout(0.5), hidden, L.BatchNormalization()]
    last = [L.Dense(4), L.Dropout(0.3), L.BatchNormalization(), L.Dense(2)]
    return keras.Sequential([*first, *last])


def nested() -> Any:
    """Models of one class, with and without weights."""
    x = y = L.Input((4,))
    for _ in range(2):
        y = keras.Sequential([L.Input((4,)), L.ReLU()])(y)
        y = keras.Sequential([L.Input((4,)), L.Dense(4), L.Dense(4)])(y)
    i = L.Input((4,))
    block = keras.Model(i, L.Add()([i, L.Dense(4)(L.Dense(4)(i))]))
    return keras.Model(x, L.Dense(2)(block(L.PReLU()(y)) + 1.0))


def shared() -> Any:
    """A layer that is in the model and in a model inside of it."""
    i, x = L.Input((4,)), L.Input((4,))
    twice = L.Dense(4)
    y = twice(L.Dense(4)(keras.Model(i, twice(i))(x)))
    return keras.Model(x, L.Dense(4)(L.Dense(4)(y)))


def trained() -> Any:
    model = keras.Sequential([L.Input((4,)), L.Dense(4), L.Dense(4), L.Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, np.ones((3, 1)), epochs=2, verbose=0)
    return model


def main() -> None:
    rng = np.random.default_rng(0)
    with (
        tempfile.TemporaryDirectory() as name,
        zipfile.ZipFile(ARCHIVE, "a", zipfile.ZIP_DEFLATED) as archive,
    ):
        folder = Path(name)
        for make in (stack, nested, shared, trained):
            model, kind = make(), make.__name__
            if make is not trained:
                shapes = [w.shape for w in model.get_weights()]
                model.set_weights([rng.uniform(0.2, 1, size=shape) for shape in shapes])
            model.save(folder / f"{kind}.keras", save_format="keras_v3")
            model.save_weights(folder / f"{kind}.weights.h5")
            np.savez(folder / f"{kind}.npz", x=X, y=model(X))
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{keras.__version__}/{path.name}")


if __name__ == "__main__":
    main()
