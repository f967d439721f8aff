"""Denoising: a U-Net takes the noise off scanned digits.

Convolutions make the picture smaller and deeper, transposed convolutions make it
large again, and what was seen on the way down is put beside what comes up. Trained on
scikit-learn's digits (they come with the library) with noise that a layer adds in
training alone.

Run: ``python examples/denoise.py [FOLDER]``
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import seqir as keras
from seqir import layers


def block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Two convolutions with batch normalization."""
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return x


def unet() -> keras.Model:
    """Two floors down, two floors up."""
    image = keras.Input((8, 8, 1), name="image")
    high = block(image, 8)
    middle = block(layers.MaxPooling2D()(high), 16)
    x = block(layers.MaxPooling2D()(middle), 32)
    for filters, beside in ((16, middle), (8, high)):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = block(layers.Concatenate()([x, beside]), filters)
    clean = layers.Conv2D(1, 1, activation="sigmoid", name="clean")(x)
    return keras.Model(image, clean, name="unet")


def main(folder: str = "out") -> None:
    """Train, measure what is left of the noise, export."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    images: NDArray[np.float32] = (load_digits().images / 16).astype(np.float32)[
        ..., None
    ]
    train, test = images[:1500], images[1500:]

    model = unet()
    noisy = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.GaussianNoise(0.3), model], name="noisy"
    )
    noisy.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
    noisy.fit(train, train, batch_size=64, epochs=12, verbose=0)

    noise = np.random.default_rng(2).normal(size=test.shape).astype(np.float32)
    given = test + 0.3 * noise
    clean = model.predict(given, verbose=0)
    before, after = (float(np.sqrt(np.mean((x - test) ** 2))) for x in (given, clean))
    print(f"noise {before:.3f} before, {after:.3f} after")
    assert after < 0.6 * before
    report = model.export(out / "denoise.onnx")
    print(report)


if __name__ == "__main__":
    main(*sys.argv[1:])
