"""A layer of your own, in a model with a branch and a way around.

A layer declares its arguments as fields, makes its weights in ``build`` and computes
in ``call`` with ``seqir.ops`` and Python's operators. Nothing else is needed to run,
export and verify it: the operators bring their types, their NumPy reference and their
ONNX form.

The model scales the channels of a feature map by what a small bottleneck network makes
of their means (squeeze and excitation), and adds the result to what came in.

Run: ``python examples/custom_layer.py [FOLDER]``
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import seqir as keras
from seqir import layers, ops


class SqueezeExcite(layers.Layer):
    """x times a factor from 0 to 1 per channel. Source: arXiv:1709.01507."""

    ratio: int = 4

    def build(self, input_shape: Any) -> None:
        channels = input_shape[-1]
        narrow = max(1, channels // self.ratio)
        self.down = self.add_weight((channels, narrow), "he_normal", name="down")
        self.up = self.add_weight((narrow, channels), "glorot_uniform", name="up")
        self.bias = self.add_weight((channels,), "zeros", name="bias")

    def call(self, x: Any) -> Any:
        squeezed = ops.mean(x, axis=(1, 2), keepdims=True)
        excited = ops.relu(squeezed @ self.down) @ self.up + self.bias
        return x * ops.sigmoid(excited)


def by_numpy(layer: SqueezeExcite, x: np.ndarray) -> np.ndarray:
    """What the layer should compute."""
    down, up, bias = layer.get_weights()
    squeezed = x.mean(axis=(1, 2), keepdims=True)
    excited = np.maximum(squeezed @ down, 0) @ up + bias
    return x / (1 + np.exp(-excited))


def main(folder: str = "out") -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.clear_session()
    keras.utils.set_random_seed(5)

    print("1. The layer alone, on an array")
    layer = SqueezeExcite(ratio=2)
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 8)).astype(np.float32)
    np.testing.assert_allclose(layer(x), by_numpy(layer, x), rtol=1e-4, atol=1e-6)
    print(f"   {layer.get_config()}")
    print(f"   {[w.path for w in layer.weights]}, as NumPy computes it")

    print("2. In a model, where one of two branches is a way around it")
    image = keras.Input((32, 32, 3), name="image")
    stem = layers.Conv2D(16, 3, padding="same", activation="relu", name="stem")(image)
    y = layers.Conv2D(16, 3, padding="same", name="inner")(stem)
    y = SqueezeExcite(name="excite")(y)
    y = ops.relu(y + stem)
    y = layers.GlobalAveragePooling2D(name="mean")(y)
    model = keras.Model(image, layers.Dense(4, name="scores")(y), name="excited")
    model.summary()

    print("3. Exported, verified, drawn")
    print(model.export(out / "custom_layer.onnx"))
    picture = out / "custom_layer.svg"
    keras.utils.plot_model(model, picture, show_shapes=True, show_params=True)
    print(f"{picture}: {picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:2])
