"""A photograph through a convolutional network, from pixels to a verified ONNX file.

The network is the ten-layer one that is grown step by step in ``grow_a_cnn.py``, with
a Rescaling layer in front, so that the file takes plain pixels from 0 to 255. Nothing
has trained it. Its first layer gets 32 kernels made by hand (edges, bars, spots and
colour contrasts), so that its feature maps show something; all other weights are
random numbers with a fixed seed, and the ten scores at the end mean nothing.

What happens: the photograph is cropped and resized with NumPy; the model is exported
and verified; the file is run by plain onnxruntime and the model by seqir, and both
must agree; the outputs of all layers are computed and drawn; the layers up to one of
them are exported as a feature extractor.

Run: ``python examples/photograph.py [FOLDER]``
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_image

import seqir as keras
from seqir import layers

SIZE = 250
MAPS = 14
CENTRED = {"ha": "center", "va": "center", "fontsize": 12}
TIGHT = {
    "right": 0.99, "top": 0.95, "bottom": 0.01, "wspace": 0.06, "hspace": 0.14,
}  # fmt: skip


def photograph() -> np.ndarray:
    """A temple in China: the middle of the picture, 250 by 250 pixels."""
    pixels = load_sample_image("china.jpg").astype(np.float64)
    side = min(pixels.shape[:2])
    top, left = ((n - side) // 2 for n in pixels.shape[:2])
    square = pixels[top : top + side, left : left + side]
    shrink = area_weights(side, SIZE)
    rows = np.einsum("yh,hwc->ywc", shrink, square)
    return np.einsum("xw,ywc->yxc", shrink, rows).round().astype(np.uint8)


def area_weights(old: int, new: int) -> np.ndarray:
    """Row i: how much each old pixel contributes to new pixel i, by its area."""
    edges = np.linspace(0, old, new + 1)
    pixel = np.arange(old)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(
        edges[:-1, None], pixel
    )
    overlap = np.clip(overlap, 0, None)
    return overlap / overlap.sum(axis=1, keepdims=True)


def kernels() -> tuple[list[str], np.ndarray]:
    """Names and values of 32 kernels of 5 x 5 pixels and 3 colours."""
    y, x = np.mgrid[-2:3, -2:3].astype(np.float64)
    near = np.exp(-(x**2 + y**2) / 2.5)
    grey, red, green, blue = np.vstack([np.full(3, 1 / 3), np.eye(3)])
    found: dict[str, np.ndarray] = {}

    def add(name: str, space: np.ndarray, colour: np.ndarray) -> None:
        kernel = space[:, :, None] * colour
        found[name] = kernel / np.abs(kernel).sum()

    def across(degrees: float) -> np.ndarray:
        angle = np.deg2rad(degrees)
        return x * np.cos(angle) - y * np.sin(angle)

    for degrees in range(0, 360, 45):
        add(f"edge {degrees}°", near * across(degrees), grey)
    for degrees in range(0, 180, 45):
        bar = near * np.cos(1.6 * across(degrees))
        bar -= near * bar.sum() / near.sum()
        add(f"bright bar {degrees}°", bar, grey)
        add(f"dark bar {degrees}°", -bar, grey)
    spot = near - near.mean()
    add("bright spot", spot, grey)
    add("dark spot", -spot, grey)
    for name, colour in {
        "blur": grey,
        "red": red,
        "green": green,
        "blue": blue,
        "red - green": red - green,
        "green - red": green - red,
        "blue - yellow": blue - (red + green) / 2,
        "yellow - blue": (red + green) / 2 - blue,
        "red - blue": red - blue,
        "green - magenta": green - (red + blue) / 2,
    }.items():
        add(name, near, colour)
    for degrees in range(0, 360, 90):
        add(f"colour edge {degrees}°", near * across(degrees), blue - red)
    return list(found), np.stack(list(found.values()), axis=-1)


def network() -> keras.Sequential:
    """The convolutional network of the Sequential guide, for pixels from 0 to 255."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(2024)
    model = keras.Sequential(name="photograph")
    model.add(keras.Input(shape=(SIZE, SIZE, 3), name="pixels"))
    model.add(layers.Rescaling(1 / 255))
    model.add(layers.Conv2D(32, 5, strides=2, activation="relu"))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(3))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(3))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.GlobalMaxPooling2D())
    model.add(layers.Dense(10, name="scores"))
    _, by_hand = kernels()
    model.get_layer("conv2d").set_weights([by_hand, np.zeros(32)])
    return model


def draw(photo: np.ndarray, features: dict[str, np.ndarray], path: Path) -> None:
    """The photograph, all maps of the first layer, the most varied of later ones."""
    names, _ = kernels()
    later = {n: f for n, f in features.items() if f.ndim == 4 and f.shape[-1] == 32}
    first = later.pop("conv2d")
    figure = Figure(figsize=(15, 14.2), facecolor="white")

    axes = figure.add_axes((0.01, 0.61, 0.31, 0.342))
    axes.imshow(photo, aspect="auto")
    axes.set_title(f"the photograph, {photo.shape[0]} x {photo.shape[1]}")
    axes.axis("off")

    height, width = first.shape[1:3]
    figure.text(
        0.665, 0.975, f"conv2d: kernels made by hand, {height} x {width}", **CENTRED
    )
    grid = figure.subplots(4, 8, gridspec_kw={**TIGHT, "bottom": 0.575, "left": 0.34})
    for channel, axes in enumerate(grid.flat):
        show(axes, first[0, :, :, channel])
        axes.set_title(names[channel], fontsize=7, pad=2)

    figure.text(0.54, 0.55, "later layers: random weights, untrained", **CENTRED)
    rows = figure.subplots(
        len(later), gridspec_kw={**TIGHT, "top": 0.535, "left": 0.09, "hspace": 0.07}
    )
    for axes, (name, maps) in zip(rows, later.items(), strict=True):
        spread = maps[0].std(axis=(0, 1))
        most_varied = np.sort(np.argsort(-spread)[:MAPS])
        height, width = maps.shape[1:3]
        label = f"{name}\n{height} x {width}"
        axes.set_ylabel(label, rotation=0, ha="right", va="center")
        show(axes, strip([maps[0, :, :, channel] for channel in most_varied]))
    figure.savefig(path, dpi=110)


def show(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(bright(image), cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    axes.set_aspect("auto")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def bright(image: np.ndarray) -> np.ndarray:
    """From 0 to 1; the brightest half percent is cut off to show the rest."""
    return image / (np.nanquantile(image, 0.995) or 1)


def strip(maps: list[np.ndarray]) -> np.ndarray:
    """Maps side by side on a 12th of their width of nothing."""
    zoom = -(-48 // len(maps[0]))
    tiles = [np.kron(bright(image), np.ones((zoom, zoom))) for image in maps]
    gap = np.full((len(tiles[0]), len(tiles[0]) // 12), np.nan)
    return np.hstack([piece for tile in tiles for piece in (gap, tile)][1:])


def main(folder: str = "out") -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    photo = photograph()
    batch = photo[None].astype(np.float32)
    print(f"photograph: {photo.shape}, {photo.dtype}, mean {photo.mean():.1f}")

    model = network()
    model.summary()

    report = model.export(out / "photograph.onnx", metadata={"input": "RGB, 0 to 255"})
    print(report)

    session = onnxruntime.InferenceSession(report.path)
    (from_file,) = session.run(None, {"pixels": batch})
    from_model = model.predict(batch)
    difference = np.abs(from_file - from_model).max()
    print(f"scores by onnxruntime: {np.round(from_file[0], 4)}")
    print(f"scores by seqir:       {np.round(from_model[0], 4)}")
    print(f"largest difference:    {difference:.2g}")
    assert difference <= 1e-6 * np.abs(from_model).max()

    extractor = keras.Model(
        inputs=model.inputs, outputs=[layer.output for layer in model.layers]
    )
    outputs = extractor.predict(batch)
    features = {
        layer.name: feature
        for layer, feature in zip(model.layers, outputs, strict=True)
    }
    for name, feature in features.items():
        print(f"  {name:<22} {feature.shape!s:<20} mean {feature.mean():.4f}")
    picture = out / "photograph_features.png"
    draw(photo, features, picture)
    print(f"{picture}: feature maps")

    part = model.slice("max_pooling2d_1")
    print(part.export(out / "photograph_features.onnx"))
    print("The model is exported, verified and run. Its scores mean nothing: it is")
    print("untrained, and only the kernels of its first layer were chosen by hand.")


if __name__ == "__main__":
    main(*sys.argv[1:2])
