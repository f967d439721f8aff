"""The page of models on runtimes: ``python -m tools.runtimes_page [--install]``.

Writes docs/runtimes.md. A test compares its rows and columns with what is here; the
cells need the runtimes.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

import seqir as keras
from seqir import applications, layers
from seqir.runtimes import NAMES
from seqir.verification import Report, RuntimeReport

PAGE = Path(__file__).parents[1] / "docs" / "runtimes.md"
COLUMNS = ("onnxruntime", "onnxruntime==1.20.1", "onnxruntime==1.17.3", *NAMES[1:])
HEAD = """# Models on runtimes

Made by `python -m tools.runtimes_page` with
[`seqir.verify`](export.md#on-other-runtimes): each model with random weights is
exported as usual and run by each runtime. Right is what its graph gives before any
pass, for a training step what ONNX Runtime gives without its optimizations. A number is
the largest error over the largest magnitude of the output; one in bold is above what is
allowed. A letter in brackets stands for the reason, below, for which there is none.

What is known of the wrong ones: the masked LSTM hands on the lengths of sequences, and
without a mask both runtimes are right.

"""

Subject = tuple[Any, Any]
"""A model or a file, and data or None for inputs that are drawn."""


def guide() -> keras.Model:
    """The last model of Keras's guide of Sequential, with the head for ten classes."""
    relu: dict[str, Any] = {"activation": "relu"}
    return keras.Sequential(
        [
            keras.Input((250, 250, 3)),
            layers.Conv2D(32, 5, strides=2, **relu),
            layers.Conv2D(32, 3, **relu),
            layers.MaxPooling2D(3),
            layers.Conv2D(32, 3, **relu),
            layers.Conv2D(32, 3, **relu),
            layers.MaxPooling2D(3),
            layers.Conv2D(32, 3, **relu),
            layers.Conv2D(32, 3, **relu),
            layers.MaxPooling2D(2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10),
        ]
    )


def mlp() -> keras.Model:
    inner = [
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(8, activation="gelu"),
        layers.LayerNormalization(),
    ]
    return keras.Sequential(
        [keras.Input((12,)), *inner, layers.Dense(4, activation="softmax")]
    )


def recurrent(layer: Any, **options: Any) -> keras.Model:
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 8, **options)(tokens)
    x = layers.Bidirectional(layer(6, return_sequences=True))(x)
    return keras.Model(tokens, layers.Dense(3)(layer(5)(x)))


def attention() -> keras.Model:
    tokens = keras.Input((12,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 16)(tokens)
    y = layers.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    y = layers.Dense(16)(layers.Dense(32, activation="gelu")(x))
    return keras.Model(tokens, layers.Dense(50)(layers.Add()([x, y])))


def unet(join: str = "transpose") -> keras.Model:
    image = keras.Input((32, 32, 3))
    a = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    b = layers.MaxPooling2D()(a)
    b = layers.Conv2D(16, 3, padding="same", activation="relu")(b)
    if join == "transpose":
        b = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(b)
    else:
        b = layers.UpSampling2D(interpolation=join)(b)
    c = layers.Concatenate()([a, b])
    return keras.Model(image, layers.Conv2D(2, 1, activation="sigmoid")(c))


def step(optimizer: str) -> Callable[[Path], Subject]:
    """A training step, and the state that a training begins with."""

    def make(folder: Path) -> Subject:
        net = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Conv2D(4, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dropout(0.5),
                layers.Dense(3),
            ]
        )
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        net.compile(optimizer, loss)
        rng = np.random.default_rng(0)
        x = rng.uniform(size=(4, 8, 8, 1)).astype("float32")
        y = np.eye(3, dtype="float32")[[0, 1, 2, 0]]
        net.export_training(folder, x, y)
        manifest = json.loads((folder / "manifest.json").read_text())
        program = manifest["programs"]["train_step"]
        state = load_file(folder / "init.safetensors")
        data = {each["input"]: state[each["name"]] for each in program["state"]}
        batch = (each["input"] for each in program["batch"])
        data |= dict(zip(batch, (x, y), strict=True))
        data |= {program[name]: np.int32(7) for name in ("seed", "step")}
        return folder / program["file"], data

    return make


def application(name: str, **options: Any) -> Callable[[], keras.Model]:
    """An architecture at a small size."""
    arguments = {"input_shape": (32, 32, 3), "weights": None, "classes": 10}
    return lambda: getattr(applications, name)(**{**arguments, **options})


MODELS: dict[str, Callable[[], keras.Model]] = {
    "the guide's CNN": guide,
    "MLP": mlp,
    "LSTM": lambda: recurrent(layers.LSTM),
    "LSTM, masked": lambda: recurrent(layers.LSTM, mask_zero=True),
    "GRU": lambda: recurrent(layers.GRU),
    "attention": attention,
    "U-Net": unet,
    "U-Net, bilinear": lambda: unet("bilinear"),
    "U-Net, bicubic": lambda: unet("bicubic"),
    "MobileNet": application("MobileNet", alpha=0.25),
    "MobileNetV2": application("MobileNetV2", alpha=0.35),
    "MobileNetV3Small": application("MobileNetV3Small", alpha=0.75),
    "EfficientNetB0": application("EfficientNetB0"),
    "EfficientNetV2B0": application("EfficientNetV2B0"),
    "DenseNet121": application("DenseNet121"),
    "ResNet50": application("ResNet50"),
    "ResNet50V2": application("ResNet50V2"),
    "VGG16": application("VGG16"),
    "ConvNeXtTiny": application("ConvNeXtTiny"),
    "NASNetMobile": application("NASNetMobile"),
    "InceptionV3": application("InceptionV3", input_shape=(75, 75, 3)),
    "Xception": application("Xception", input_shape=(71, 71, 3)),
}
STEPS = {
    "training step, SGD": step("sgd"),
    "training step, Adam": step("adam"),
}
ROWS = (*MODELS, *STEPS)


def randomized(model: keras.Model) -> keras.Model:
    """The model with statistics, scales and shifts that matter."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        kind = weight.name.rpartition("/")[2]
        shape = tuple(weight.array.shape)
        if "variance" in kind or "gamma" in kind:
            weight.assign(rng.uniform(0.5, 1.5, shape))
        elif any(word in kind for word in ("bias", "beta", "mean")):
            weight.assign(rng.uniform(-0.3, 0.3, shape))
    return model


def report(name: str, columns: list[str], install: bool) -> Report:
    """A row of the table."""
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        if name in STEPS:
            subject, data = STEPS[name](Path(folder))
        else:
            subject, data = randomized(MODELS[name]()), None
        return keras.verify(subject, columns, data, install=install, timeout=120)


def cell(runtime: RuntimeReport, reasons: list[str]) -> str:
    """A number, or the letter of a reason."""
    if runtime.verdict == "absent":
        return ""
    faults = [output.fault for output in runtime.outputs if output.fault]
    if reason := runtime.reason or next(iter(faults), ""):
        text = f"{runtime.name}: {re.sub(r'/tmp/[^ ]+/', '', reason)}"
        reasons += [text] if text not in reasons else []
        return f"[{letter(reasons.index(text))}]"
    largest = max(output.relative for output in runtime.outputs)
    return f"{largest:.0e}" if runtime.verdict == "right" else f"**{largest:.1g}**"


def letter(place: int) -> str:
    """a to z, then a1 to z1, and so on."""
    return chr(ord("a") + place % 26) + (str(place // 26) if place >= 26 else "")


def page(install: bool = False) -> str:
    """The whole text of docs/runtimes.md."""
    reasons: list[str] = []
    lines: list[str] = []
    versions: dict[str, str] = {}
    for name in ROWS:
        found = report(name, [*COLUMNS], install)
        versions |= {r.name: r.version for r in found.runtimes if r.version}
        cells = [cell(runtime, reasons) for runtime in found.runtimes]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr)
    table = [f"| model | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    shown = ", ".join(f"{n} {v}" for n, v in versions.items() if "==" not in n)
    notes = [f"- [{letter(i)}] {plain(text)}" for i, text in enumerate(reasons)]
    releases = f"Releases: {shown}."
    return "\n".join([HEAD + "\n".join(table + lines), "", releases, "", *notes]) + "\n"


def plain(text: str) -> str:
    """A reason as code, which no sign of it formats."""
    name, _, reason = text.partition(": ")
    return f"{name}: `{reason.replace('`', chr(39)).replace('|', '/')}`"


if __name__ == "__main__":
    PAGE.write_text(page("--install" in sys.argv))
