"""Handwritten digits: trained, evaluated, exported, verified, looked into.

The data are scikit-learn's 1,797 scanned digits of 8 by 8 pixels, which come with the
library. A small convolutional network learns them on ONNX Runtime in well under a
minute; the trained network is written as an ONNX file and run by plain onnxruntime,
its features are cut out, and two pictures are drawn: how loss and accuracy went, and
which digits are taken for which.

Run: ``python examples/digits.py [FOLDER]``
"""

import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import seqir as keras
from seqir import layers

HELD_BACK = 0.2
EPOCHS = 30


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images [1797, 8, 8, 1] with numbers from 0 to 16, in random order, and labels."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    x = images.reshape(-1, 8, 8, 1).astype(np.float32)
    return x[order], labels.astype(np.int32)[order]


def network() -> keras.Model:
    """Two convolutions, a pool, a hidden layer, ten probabilities."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Rescaling(1 / 16),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="strokes"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="shapes"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(64, activation="relu", name="features"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )


def draw_confusion(truth: np.ndarray, found: np.ndarray, path: Path) -> None:
    """Rows: what it was; columns: what the network said."""
    table = np.zeros((10, 10), int)
    np.add.at(table, (truth, found), 1)
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(np.where(table, np.log1p(table), np.nan), cmap="Blues")
    for (row, column), count in np.ndenumerate(table):
        if count:
            colour = "white" if count > table.max() / 3 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour)
    axes.set(xlabel="the network's answer", ylabel="the digit", xticks=range(10))
    axes.set_yticks(range(10))
    axes.set_title(f"{(truth == found).mean():.1%} of {len(truth)} digits are right")
    figure.savefig(path, dpi=120)


def main(folder: str = "out") -> None:
    """Train, evaluate, export, compare, draw."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    x, y = digits()
    model = network()
    model.summary()
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    start = time.perf_counter()
    history = model.fit(
        x,
        y,
        batch_size=64,
        epochs=EPOCHS,
        validation_split=HELD_BACK,
        callbacks=[keras.callbacks.ReduceLROnPlateau("val_loss", 0.3, patience=4)],
        verbose="auto",
    )
    seconds = time.perf_counter() - start
    accuracy = history.history["val_accuracy"][-1]
    print(f"trained for {seconds:.1f} s: {accuracy:.2%} of the held-back digits right")

    report = model.export(out / "digits.onnx")
    print(report)
    held = x[-int(len(x) * HELD_BACK) - 1 :]
    truth = y[-len(held) :]
    session = onnxruntime.InferenceSession(
        out / "digits.onnx", providers=["CPUExecutionProvider"]
    )
    (scores,) = session.run(None, {"image": held})
    same = np.abs(scores - model.predict(held, verbose=0)).max()
    print(f"plain onnxruntime differs from predict by at most {same:.1e}")

    features = model.slice("features")
    features.export(out / "digits_features.onnx")
    print(f"features of one digit: {features(held[:1]).shape[-1]} numbers")

    history.plot(out / "digits_history.png")
    draw_confusion(truth, scores.argmax(-1), out / "digits_confusion.png")
    print(f"All files are in {out}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
