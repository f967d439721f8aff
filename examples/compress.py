"""An autoencoder: 64 pixels of a scanned digit as ten numbers, and back.

Strided convolutions make ten numbers of a picture, transposed convolutions a picture of
ten numbers. The two halves are files of their own: one writes what the other reads.
Trained on scikit-learn's digits (they come with the library).

Run: ``python examples/compress.py [FOLDER]``
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import seqir as keras
from seqir import layers


def encoder() -> keras.Sequential:
    """A picture as ten numbers."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(10, name="code"),
        ],
        name="encoder",
    )


def decoder() -> keras.Sequential:
    """Ten numbers as a picture."""
    return keras.Sequential(
        [
            keras.Input((10,), name="code"),
            layers.Dense(2 * 2 * 32, activation="relu"),
            layers.Reshape((2, 2, 32)),
            layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(
                1, 3, strides=2, padding="same", activation="sigmoid", name="picture"
            ),
        ],
        name="decoder",
    )


def main(folder: str = "out") -> None:
    """Train both halves at once, compare with ten principal components, export."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    images: NDArray[np.float32] = (load_digits().images / 16).astype(np.float32)[
        ..., None
    ]
    train, test = images[:1500], images[1500:]

    first, second = encoder(), decoder()
    both = keras.Sequential([first, second], name="autoencoder")
    both.compile(keras.optimizers.Adam(0.003), "mse")
    both.fit(train, train, batch_size=32, epochs=30, verbose=0)

    found: NDArray[np.float32] = both.predict(test, verbose=0)
    error = float(np.mean((found - test) ** 2)) ** 0.5
    flat, middle = test.reshape(len(test), -1), train.reshape(len(train), -1).mean(0)
    axes = np.linalg.svd(train.reshape(len(train), -1) - middle, full_matrices=False)[2]
    linear: NDArray[np.float32] = (flat - middle) @ axes[:10].T @ axes[:10] + middle
    known = float(np.mean((linear - flat) ** 2)) ** 0.5
    print(f"error {error:.3f}, that of ten principal components {known:.3f}")
    assert error < known

    for half in (first, second):
        print(half.export(out / f"{half.name}.onnx"))
    sessions = [
        onnxruntime.InferenceSession(out / f"{half.name}.onnx")
        for half in (first, second)
    ]
    (code,) = sessions[0].run(None, {"image": test})
    (again,) = sessions[1].run(None, {"code": code})
    np.testing.assert_allclose(again, found, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    main(*sys.argv[1:])
