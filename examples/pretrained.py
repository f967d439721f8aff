"""Transfer learning with a ready-made architecture, its weights from a local file.

The second pattern of Keras's Sequential guide, on real data (scikit-learn's scanned
digits): a MobileNet learns the ten digits, and its weights are saved without its head.
``applications.MobileNet(weights="that file")`` is then a frozen backbone, and a new
head on top of it learns which pictures show an odd number. The features are computed
once for each picture and kept, instead of once for each picture and epoch: the result
is the same.

With ``weights="imagenet"`` the file would come from Keras's own storage.

Run: ``python examples/pretrained.py [FOLDER]``
"""

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import seqir as keras
from seqir import applications, layers


def backbone(weights: Path | None) -> keras.Model:
    """A quarter of a MobileNet for pictures of 32 by 32 pixels, without its head."""
    return applications.MobileNet(
        input_shape=(32, 32, 3),
        alpha=0.25,
        include_top=False,
        weights=weights,
        pooling="avg",
        dropout=0.0,
    )


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """The digits as pictures of the size and range that the backbone takes."""
    x, y = load_digits(return_X_y=True)
    small = x.reshape(-1, 8, 8, 1) * (255 / 16)
    large = small.repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)
    scaled = applications.mobilenet.preprocess_input(large.astype(np.float32))
    return scaled, y.astype(np.int32)


def with_head(base: keras.Model, classes: int, rate: float) -> keras.Sequential:
    """The backbone and a score for each class."""
    model = keras.Sequential([base, layers.Dense(classes, name="scores")])
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def main(folder: str = "out") -> None:
    """Train, save, load into a frozen backbone, train a head with and without cache."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    x, y = pictures()
    half = len(x) // 2

    base = backbone(None)
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.8  # so few steps: its averages have to be quick
    with_head(base, 10, 2e-3).fit(x[:half], y[:half], epochs=10, verbose=0)
    file = out / "mobilenet.weights.h5"
    base.save_weights(file)

    odd = y % 2
    heads: list[list[NDArray[np.float32]]] = []
    seconds: list[float] = []
    for cache in (None, "memory"):
        keras.utils.set_random_seed(2)
        base = backbone(file)
        base.trainable = False
        model = with_head(base, 2, 1e-2)
        start = time.perf_counter()
        history = model.fit(
            x[half:],
            odd[half:],
            epochs=10,
            validation_split=0.2,
            verbose=0,
            cache_frozen=cache,
        ).history
        seconds.append(time.perf_counter() - start)
        heads.append(model.layers[-1].get_weights())
    model.summary()
    print(f"odd or even: {history['val_accuracy'][-1]:.1%} of the held-back right")
    print(f"{seconds[0]:.1f} s, with features kept {seconds[1]:.1f} s")
    assert all(map(np.array_equal, *heads))
    print("the head is the same to the last bit")
    print(model.export(out / "pretrained.onnx"))


if __name__ == "__main__":
    main(*sys.argv[1:])
