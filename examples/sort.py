"""Sorting: a small transformer learns to put seven digits in order.

Each digit becomes a vector, to which one for its place is added. Two blocks of
attention and dense networks, with residuals around them, read the row as a whole, and
each place answers with one of ten digits. How to sort it is never told: it sees rows as
they are and as they should be. The exported file is run by plain onnxruntime.

Run: ``python examples/sort.py [FOLDER]``
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import seqir as keras
from seqir import layers

LENGTH, DIGITS, WIDTH = 7, 10, 32


class Places(layers.Layer):
    """Adds a learned vector for each place."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.places = self.add_weight(shape[1:], "random_normal", name="places")

    def call(self, x: Any) -> Any:
        return x + self.places


def block(x: keras.KerasTensor) -> keras.KerasTensor:
    """Attention, then a dense network, each added to what it read."""
    seen = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(4, WIDTH // 4)(seen, seen)])
    seen = layers.LayerNormalization()(x)
    made = layers.Dense(2 * WIDTH, activation="relu")(seen)
    return layers.Add()([x, layers.Dense(WIDTH)(made)])


def transformer() -> keras.Model:
    """Rows of digits to the probabilities of each digit at each place."""
    row = keras.Input((LENGTH,), dtype="int32", name="row")
    x = Places()(layers.Embedding(DIGITS, WIDTH)(row))
    for _ in range(2):
        x = block(x)
    x = layers.LayerNormalization()(x)
    digit = layers.Dense(DIGITS, activation="softmax", name="digit")(x)
    return keras.Model(row, digit, name="sorter")


def main(folder: str = "out") -> None:
    """Train, sort rows that it has not seen, export, and run the file."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    rows = np.random.default_rng(1).integers(DIGITS, size=(22_000, LENGTH))
    rows = np.unique(rows.astype(np.int32), axis=0)
    np.random.default_rng(2).shuffle(rows)
    train, test = rows[:-2000], rows[-2000:]

    model = transformer()
    model.summary()
    model.compile(
        keras.optimizers.Adam(0.003),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(train, np.sort(train), batch_size=128, epochs=6, verbose=0)

    chances = model.predict(test, verbose=0)
    answers = chances.argmax(-1)
    right = float((answers == np.sort(test)).all(-1).mean())
    print(f"{right:.1%} of {len(test)} new rows sorted right, digit for digit")
    assert right > 0.9
    for row, answer in zip(test[:3], answers[:3], strict=True):
        print(*row, "->", *answer)

    report = model.export(out / "sort.onnx")
    print(report)
    session = onnxruntime.InferenceSession(out / "sort.onnx")
    (same,) = session.run(None, {"row": test})
    np.testing.assert_allclose(same, chances, rtol=1e-4, atol=1e-5)
    print("plain onnxruntime sorts the same")


if __name__ == "__main__":
    main(*sys.argv[1:])
