"""Where in a photograph a network sees what it says: a saliency map, as one ONNX file.

A small convolutional network learns to tell patches of two photographs that come with
scikit-learn: a temple and a flower. Its score for a whole picture is made of those of
all places, and the larger ones count for more. ``seqir.grad`` makes a second model of
it, which gives the scores and the gradient of one by every pixel; a seed says of which
one, so that one file answers for both classes.

What happens: a window of the flower, which training never saw, is put into the
temple's photograph. The gradient of the flower's score shows where the window is.

Run: ``python examples/saliency.py [FOLDER]``
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_image

import seqir as keras
from seqir import layers, ops

PATCH = 24
TOP, LEFT, SIDE = 40, 60, 72
"""Where the window is, in pixels."""


def photograph(name: str) -> np.ndarray:
    """Half of the pixels each way, from 0 to 1."""
    return load_sample_image(name)[::2, ::2].astype(np.float32) / 255


def patches(image: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    rows = rng.integers(0, image.shape[0] - PATCH, count)
    columns = rng.integers(0, image.shape[1] - PATCH, count)
    pairs = zip(rows, columns, strict=True)
    return np.array([image[r : r + PATCH, c : c + PATCH] for r, c in pairs])


def best(places: Any) -> Any:
    """Nearly the largest score of all places."""
    return ops.logsumexp(places / 4, axis=(1, 2))


def network() -> keras.Model:
    """Pictures of any size to a score for each class."""
    keras.utils.set_random_seed(11)
    image = keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(16, 5, activation="relu", name="colours")(image)
    x = layers.Conv2D(16, 5, activation="relu", strides=2, name="textures")(x)
    x = layers.Conv2D(2, 8, name="places")(x)
    pooled = layers.Lambda(best, name="scores")
    return keras.Model(image, pooled(x))


def draw(picture: np.ndarray, maps: list[np.ndarray], path: Path) -> None:
    figure = Figure(figsize=(12, 3.1), facecolor="white", layout="constrained")
    titles = ("the picture", "gradient of 'temple'", "gradient of 'flower'")
    shown = zip(figure.subplots(1, 3), titles, [picture, *maps], strict=True)
    for axes, title, image in shown:
        top = np.quantile(image, 0.999)
        axes.imshow(np.clip(image / top, 0, 1), cmap="magma")
        axes.set_title(title)
        axes.axis("off")
    figure.savefig(path, dpi=110)


def main(folder: str = "out") -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    temple, flower = photograph("china.jpg"), photograph("flower.jpg")
    window = flower[TOP : TOP + SIDE, 160 : 160 + SIDE]
    seen = np.concatenate([flower[:, :150], flower[:, 240:]], axis=1)
    x = np.concatenate([patches(temple, 600, rng), patches(seen, 600, rng)])
    y = np.repeat([0, 1], 600)

    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=64, epochs=6, verbose=0).history
    print(f"patches told apart: {history['accuracy'][-1]:.1%}")

    saliency = keras.grad(model, outputs="scores", wrt="image", seed=True)
    print(saliency.export(out / "saliency.onnx"))
    session = onnxruntime.InferenceSession(out / "saliency.onnx")

    picture = temple.copy()
    picture[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = window
    maps: list[np.ndarray] = []
    for label in range(2):
        seed = np.eye(2, dtype=np.float32)[[label]]
        feeds = {"image": picture[None], "seed/scores": seed}
        (slope,) = session.run(["d/image"], feeds)
        maps.append(np.abs(slope[0]).max(axis=-1))
    inside = maps[1][TOP : TOP + SIDE, LEFT : LEFT + SIDE].sum() / maps[1].sum()
    share = SIDE * SIDE / picture[..., 0].size
    print(f"{inside:.0%} of the flower's gradient is in the window, {share:.0%} of all")
    draw(picture, maps, out / "saliency.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
