"""Transfer learning: what was learned on the digits 0 to 4 helps with 5 to 9.

The first pattern of Keras's Sequential guide, on real data (scikit-learn's scanned
digits, which come with the library): a network is trained on one half of the task and
its weights are saved; a network of the same build loads them, all of its layers but
the last are frozen, and only the last one is trained on the other half. The frozen
weights are the same afterwards, to the last bit.

Run: ``python examples/transfer.py [FOLDER]``
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import seqir as keras
from seqir import layers


def network() -> keras.Sequential:
    """Three hidden layers and five scores."""
    return keras.Sequential(
        [
            keras.Input((64,), name="image"),
            layers.Rescaling(1 / 16),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(5),
        ]
    )


def train(model: keras.Sequential, x: np.ndarray, y: np.ndarray, rate: float) -> float:
    """Train; the accuracy on the last fifth of the samples."""
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(x, y, batch_size=32, epochs=60, validation_split=0.2, verbose=0)
    return history.history["val_accuracy"][-1]


def main(folder: str = "out") -> None:
    """Train, save, load, freeze, train the rest, compare."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    x, y = load_digits(return_X_y=True)
    x, y = x.astype(np.float32), y.astype(np.int32)
    low = y < 5

    first = network()
    accuracy = train(first, x[low], y[low], 1e-3)
    print(f"digits 0 to 4: {accuracy:.1%} right, {first.count_params():,} weights")
    first.save_weights(out / "pretrained.safetensors")

    second = network()
    second.load_weights(out / "pretrained.safetensors")
    for layer in second.layers[:-1]:
        layer.trainable = False
    second.summary()
    before = second.get_weights()
    accuracy = train(second, x[~low], y[~low] - 5, 1e-2)
    after = second.get_weights()
    frozen = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert frozen == [True] * 6 + [False] * 2
    print(f"digits 5 to 9: {accuracy:.1%} right with only the last layer trained")
    print("the frozen weights are the same to the last bit")
    print(second.export(out / "transfer.onnx"))


if __name__ == "__main__":
    main(*sys.argv[1:])
