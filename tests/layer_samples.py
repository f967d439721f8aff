"""Layers with arguments and inputs to try them on, for every layer that there is.

Sizes are small and differ from each other, so that a swapped axis cannot hide.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqir import activations

Shape = tuple[int, ...]
FIRST = {"data_format": "channels_first"}


@dataclass(frozen=True)
class LayerSample:
    """One layer and the arrays to call it on."""

    layer: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: tuple[Shape, ...]
    """Shapes of the inputs, batch included; several are passed as a list."""
    dtype: str = "float32"
    """Element type of the inputs."""
    high: int | None = None
    """Inputs are integers below this number."""
    label: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        shown = [str(a) for a in self.args]
        shown += [f"{k}={_short(v)}" for k, v in self.kwargs.items()]
        sizes = "+".join("x".join(map(str, s)) for s in self.shapes)
        text = f"{self.layer}({','.join(shown)})-{sizes}"
        text += f"-{self.dtype}" if self.dtype != "float32" else ""
        return (text + self.label).replace(" ", "")

    def inputs(self, seed: int = 0) -> Any:
        """Arrays to call the layer on: one, or a list."""
        rng = np.random.default_rng(seed)
        arrays = [self._array(rng, shape) for shape in self.shapes]
        return arrays if len(arrays) > 1 or self.layer in MERGING else arrays[0]

    def _array(self, rng: np.random.Generator, shape: Shape) -> Any:
        if self.high is not None:
            return rng.integers(0, self.high, shape).astype(self.dtype)
        return rng.normal(size=shape).astype(self.dtype)


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    return "cf" if value == "channels_first" else str(value)


MERGING = (
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
)


def s(
    layer: str,
    *args: Any,
    x: Any,
    dtype_in: str = "float32",
    high: int | None = None,
    **kwargs: Any,
) -> LayerSample:
    """A sample; `x` is the shape of the input, or a list of shapes."""
    shapes = tuple(x) if isinstance(x, list) else (x,)
    return LayerSample(layer, args, kwargs, shapes, dtype_in, high)


def swapped(shape: Shape) -> Shape:
    """A channels-last shape with the channels first."""
    return (shape[0], shape[-1], *shape[1:-1])


SPATIAL: dict[int, Shape] = {1: (2, 9, 4), 2: (2, 8, 7, 4), 3: (2, 5, 6, 7, 2)}


def convolutions() -> Iterator[LayerSample]:
    for rank, x in SPATIAL.items():
        name = f"Conv{rank}D"
        yield s(name, 3, 2, x=x)
        yield s(name, 3, 3, x=x, padding="same", activation="relu")
        yield s(name, 3, 3, x=x, strides=2, padding="same", use_bias=False)
        yield s(name, 2, 2, x=x, strides=2)
        yield s(name, 3, 2, x=x, strides=3, padding="same")
        yield s(name, 3, 2, x=x, dilation_rate=2)
        yield s(name, 3, 3, x=x, dilation_rate=2, padding="same")
        yield s(name, 4, 2, x=x, groups=2)
        yield s(name, 4, 3, x=x, groups=2, strides=2, padding="same")
        yield s(name, 3, 1, x=x)
        first = swapped(x)
        yield s(name, 3, 2, x=first, **FIRST)
        yield s(name, 3, 3, x=first, strides=2, padding="same", **FIRST)
        yield s(name, 4, 2, x=first, groups=2, activation="tanh", **FIRST)
        yield s(name, 3, 2, x=first, dilation_rate=2, **FIRST)
    x1, x2, x3 = SPATIAL.values()
    for k, d in ((2, 1), (3, 1), (3, 2), (1, 1)):
        yield s("Conv1D", 3, k, x=x1, padding="causal", dilation_rate=d)
    yield s("Conv1D", 3, 3, x=x1, padding="causal", strides=2)
    yield s("Conv1D", 4, 2, x=x1, padding="causal", groups=4)
    yield s("Conv1D", 3, 4, 2, "same", x=(2, 10, 4))
    yield s("Conv2D", 3, (2, 3), x=x2)
    yield s("Conv2D", 3, (3, 2), x=x2, strides=(1, 2), padding="same")
    yield s("Conv2D", 3, (3, 2), x=x2, strides=(2, 1), padding="VALID")
    yield s("Conv2D", 3, (3, 2), x=x2, dilation_rate=(1, 2), padding="same")
    yield s("Conv2D", 3, 5, 2, x=(1, 9, 8, 3), activation="softmax")
    yield s("Conv2D", 3, (8, 7), x=x2)
    yield s("Conv2D", 3, 4, x=(2, 3, 2, 3), padding="same")
    yield s("Conv2D", 3, 2, x=(2, 6, 5, 3), strides=4, padding="same")
    yield s("Conv2D", 3, 2, x=x2, dtype="float16", dtype_in="float16")
    yield s("Conv2D", 3, 2, x=x2, dtype="mixed_float16")
    yield s("Conv3D", 2, (2, 1, 3), x=x3, strides=(1, 2, 1))
    for rank in (1, 2):
        x = SPATIAL[rank]
        for name, args in (("DepthwiseConv", ()), ("SeparableConv", (3,))):
            name = f"{name}{rank}D"
            yield s(name, *args, 2, x=x)
            yield s(name, *args, 3, x=x, strides=2, padding="same")
            yield s(name, *args, 2, x=x, depth_multiplier=3)
            yield s(name, *args, 3, x=x, padding="same", use_bias=False)
            yield s(name, *args, 2, x=x, dilation_rate=2, activation="elu")
            yield s(name, *args, 3, x=x, dilation_rate=2, padding="same")
            for pad in ("valid", "same"):
                yield s(name, *args, 2, x=x, strides=2, dilation_rate=3, padding=pad)
            first = swapped(x)
            yield s(name, *args, 3, x=first, depth_multiplier=2, **FIRST)
            yield s(name, *args, 3, x=first, strides=2, padding="same", **FIRST)
    yield s("SeparableConv1D", 3, 3, x=x1, padding="causal")
    yield s("SeparableConv1D", 3, 3, x=x1, padding="causal", strides=2)
    yield s("DepthwiseConv2D", (3, 2), x=x2)
    yield s("SeparableConv2D", 3, (3, 2), x=x2, strides=2, padding="valid")
    yield s("DepthwiseConv2D", 3, x=(2, 6, 5, 1), depth_multiplier=4)


def transposed() -> Iterator[LayerSample]:
    x = (2, 4, 3)
    for k, stride, pad in itertools.product(
        range(1, 6), range(1, 4), ("valid", "same")
    ):
        yield s("Conv1DTranspose", 2, k, x=x, strides=stride, padding=pad)
        for extra in range(stride):
            given = {"strides": stride, "padding": pad, "output_padding": extra}
            if pad == "valid" or k > 1:
                yield s("Conv1DTranspose", 2, k, x=x, **given)
    for k, d, pad in itertools.product((2, 3), (2, 3), ("valid", "same")):
        yield s("Conv1DTranspose", 2, k, x=x, dilation_rate=d, padding=pad)
    yield s("Conv1DTranspose", 2, 3, x=swapped(x), strides=2, **FIRST)
    x = (2, 4, 5, 3)
    for k, stride, pad in itertools.product((1, 2, 3, 4), (1, 2, 3), ("valid", "same")):
        yield s("Conv2DTranspose", 2, k, x=x, strides=stride, padding=pad)
    yield s("Conv2DTranspose", 2, (3, 2), x=x, strides=(2, 1), padding="same")
    yield s("Conv2DTranspose", 2, (2, 3), x=x, strides=(1, 3), activation="relu")
    yield s("Conv2DTranspose", 2, 3, 2, "same", (1, 0), x=x)
    yield s("Conv2DTranspose", 2, 3, 2, "valid", 1, x=x)
    yield s("Conv2DTranspose", 2, 2, x=x, dilation_rate=2, use_bias=False)
    yield s("Conv2DTranspose", 2, 3, x=swapped(x), strides=2, **FIRST)
    yield s("Conv2DTranspose", 2, 2, x=swapped(x), padding="same", **FIRST)


def pooling() -> Iterator[LayerSample]:
    for rank, x in SPATIAL.items():
        for kind in ("Max", "Average"):
            name = f"{kind}Pooling{rank}D"
            yield s(name, 2, x=x)
            yield s(name, 3, x=x, strides=2)
            yield s(name, 2, x=x, padding="same")
            yield s(name, 3, x=x, strides=2, padding="same")
            yield s(name, 3, x=x, strides=1, padding="same")
            yield s(name, 2, x=x, strides=3, padding="same")
            yield s(name, 1, x=x, strides=2)
            yield s(name, 2, x=swapped(x), **FIRST)
            yield s(name, 3, x=swapped(x), strides=2, padding="same", **FIRST)
            whole = f"Global{kind}Pooling{rank}D"
            yield s(whole, x=x)
            yield s(whole, x=x, keepdims=True)
            yield s(whole, x=swapped(x), **FIRST)
            yield s(whole, x=swapped(x), keepdims=True, **FIRST)
        if rank > 1:
            sizes = (2, 3, 1)[:rank]
            yield s(f"MaxPooling{rank}D", sizes, x=x)
            yield s(f"AveragePooling{rank}D", sizes, x=x, padding="same")
            yield s(f"AveragePooling{rank}D", 2, (1, 2, 3)[:rank], x=x)
        yield s(f"MaxPooling{rank}D", x=x)
    yield s("MaxPooling2D", 5, x=(2, 3, 4, 2), padding="same")
    yield s("AveragePooling2D", 5, x=(2, 3, 4, 2), padding="same")


def normalization() -> Iterator[LayerSample]:
    for rank in (2, 3, 4):
        x = (3, 5, 4, 6)[:rank]
        yield s("BatchNormalization", x=x)
        yield s("BatchNormalization", x=x, center=False)
        yield s("BatchNormalization", x=x, scale=False)
        yield s("BatchNormalization", x=x, center=False, scale=False, epsilon=0.1)
        yield s("BatchNormalization", x=x, axis=1)
        yield s("BatchNormalization", x=x, axis=1 - rank)
        yield s("LayerNormalization", x=x)
        yield s("LayerNormalization", x=x, center=False)
        yield s("LayerNormalization", x=x, scale=False, epsilon=0.1)
        yield s("LayerNormalization", x=x, center=False, scale=False)
        yield s("LayerNormalization", x=x, axis=1)
    yield s("BatchNormalization", x=(2, 3, 4, 5), axis=2)
    yield s("BatchNormalization", x=(2, 3, 2, 4, 5))
    yield s("BatchNormalization", x=(3, 4), dtype="float64", dtype_in="float64")
    yield s("BatchNormalization", x=(3, 4), dtype="mixed_float16")
    yield s("GroupNormalization", 2, x=(3, 4))
    yield s("GroupNormalization", 3, x=(2, 4, 5, 6), epsilon=0.1)
    yield s("GroupNormalization", 3, 1, x=(2, 6, 5, 4), center=False)
    yield s("GroupNormalization", 3, 2, x=(2, 5, 6, 4), scale=False)
    yield s("GroupNormalization", -1, x=(2, 4, 3))
    yield s("GroupNormalization", 2, x=(2, 3, 4), dtype="mixed_float16")
    yield s("RMSNormalization", x=(2, 3, 4))
    yield s("RMSNormalization", x=(2, 3, 4), axis=[1, 2], epsilon=0.1)
    yield s("UnitNormalization", x=(2, 3, 4))
    yield s("UnitNormalization", [1, 2], x=(2, 3, 4))
    yield s("UnitNormalization", 1, x=(2, 3, 4))
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=[-1, -2])
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=[1, 3])
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=(1, 2, 3))
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=[2, 3], scale=False)
    yield s("LayerNormalization", x=(2, 3, 4, 5), axis=-2)
    yield s("LayerNormalization", x=(3, 4), dtype="float64", dtype_in="float64")
    yield s("LayerNormalization", x=(3, 4), dtype="float16", dtype_in="float16")
    yield s("LayerNormalization", x=(3, 4), dtype="mixed_float16")


def activation_layers() -> Iterator[LayerSample]:
    for name in activations.NAMES:
        if name == "threshold":  # needs two more arguments, in Keras too
            continue
        yield s("Activation", name, x=(3, 6))
        yield s("Dense", 4, name, x=(3, 5))
    yield s("Activation", "relu", x=(3, 4), dtype_in="float16", dtype="float16")
    yield s("Activation", "softmax", x=(2, 3, 4))
    yield s("Activation", None, x=(2, 3))
    x = (3, 4, 5)
    yield s("ReLU", x=x)
    yield s("ReLU", x=x, max_value=1.0)
    yield s("ReLU", x=x, negative_slope=0.2)
    yield s("ReLU", x=x, threshold=0.5)
    yield s("ReLU", 0.8, 0.1, 0.3, x=x)
    yield s("ReLU", 6, x=x)
    yield s("LeakyReLU", x=x)
    yield s("LeakyReLU", 0.1, x=x)
    yield s("ELU", x=x)
    yield s("ELU", 0.5, x=x)
    yield s("PReLU", x=x)
    yield s("PReLU", x=x, shared_axes=[1])
    yield s("PReLU", x=x, shared_axes=2)
    yield s("PReLU", x=(2, 3, 4, 5), shared_axes=[1, 2])
    yield s("PReLU", x=(2, 3, 4, 5), shared_axes=(1, 2, 3))
    yield s("PReLU", x=(3, 4), alpha_initializer="ones")
    yield s("Softmax", x=x)
    yield s("Softmax", 1, x=x)
    yield s("Softmax", x=x, axis=-2)
    yield s("Softmax", x=x, axis=(1, 2))
    yield s("Softmax", x=(2, 3, 4, 5), axis=[1, -1])
    yield s("Softmax", x=x, axis=(2,))


def merging() -> Iterator[LayerSample]:
    x = (2, 3, 4)
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum"):
        yield s(name, x=[x, x])
        yield s(name, x=[x, x, x])
        yield s(name, x=[x, x, x, x])
        yield s(name, x=[x, (2, 1, 4)])
        yield s(name, x=[(2, 3, 1), (2, 1, 4), x])
        yield s(name, x=[x, (2, 4)])
        yield s(name, x=[(2, 4), (2, 5, 3, 4), (2, 3, 4)])
        yield s(name, x=[x, x], dtype_in="int32", high=9)
    yield s("Subtract", x=[x, x])
    yield s("Subtract", x=[x, (2, 1, 4)])
    yield s("Subtract", x=[(2, 4), x])
    yield s("Add", x=[x, x], dtype="float64", dtype_in="float64")
    yield s("Concatenate", x=[x, x])
    yield s("Concatenate", x=[x, (2, 3, 2), (2, 3, 1)])
    yield s("Concatenate", 1, x=[x, (2, 5, 4)])
    yield s("Concatenate", x=[x, (2, 5, 4)], axis=-2)
    yield s("Concatenate", x=[x, (3, 3, 4)], axis=0)
    yield s("Concatenate", x=[(2, 3, 4, 2), (2, 3, 4, 5)], axis=3)
    yield s("Concatenate", x=[x])
    for normalize in (False, True):
        given = {"normalize": normalize}
        yield s("Dot", x=[(3, 4), (3, 4)], axes=1, **given)
        yield s("Dot", x=[(3, 4), (3, 4)], axes=-1, **given)
        yield s("Dot", x=[(2, 3, 4), (2, 5, 4)], axes=2, **given)
        yield s("Dot", x=[(2, 3, 4), (2, 3, 5)], axes=1, **given)
        yield s("Dot", (2, 1), x=[(2, 3, 4), (2, 4, 5)], **given)
        yield s("Dot", (1, 2), x=[(2, 4, 3), (2, 5, 4)], **given)
        yield s("Dot", x=[(2, 3, 4), (2, 4)], axes=(2, 1), **given)
        yield s("Dot", x=[(2, 4), (2, 3, 4)], axes=(1, 2), **given)
        yield s("Dot", x=[(2, 3, 4, 5), (2, 5, 6)], axes=(3, 1), **given)
        yield s("Dot", x=[(2, 3, 4, 5), (2, 6, 5, 7)], axes=(-1, -2), **given)
        yield s("Dot", x=[(2, 3, 4, 5), (2, 3)], axes=(1, 1), **given)


def reshaping() -> Iterator[LayerSample]:
    x1, x2, x3 = SPATIAL.values()
    for x in (x1, x2, x3, (3, 4)):
        yield s("Flatten", x=x)
        yield s("Flatten", x=x, **FIRST)
    yield s("Flatten", x=(3,))
    yield s("Reshape", (6, 2), x=(2, 3, 4))
    yield s("Reshape", (-1,), x=(2, 3, 4))
    yield s("Reshape", (2, -1, 3), x=(2, 3, 4))
    yield s("Reshape", (4, 3), x=(2, 3, 4), dtype_in="int32", high=5)
    yield s("Reshape", (1, 1), x=(3,))
    yield s("Reshape", (), x=(3, 1))
    yield s("Permute", (2, 1), x=(2, 3, 4))
    yield s("Permute", (3, 1, 2), x=(2, 3, 4, 5))
    yield s("Permute", (1, 2), x=(2, 3, 4))
    yield s("RepeatVector", 3, x=(2, 4))
    yield s("RepeatVector", 1, x=(2, 4))
    yield s("ZeroPadding1D", x=x1)
    yield s("ZeroPadding1D", 2, x=x1)
    yield s("ZeroPadding1D", (1, 3), x=x1)
    yield s("ZeroPadding1D", (0, 2), x=swapped(x1), **FIRST)
    yield s("ZeroPadding2D", x=x2)
    yield s("ZeroPadding2D", (1, 2), x=x2)
    yield s("ZeroPadding2D", ((0, 1), (3, 2)), x=x2)
    yield s("ZeroPadding2D", ((0, 1), (3, 2)), x=swapped(x2), **FIRST)
    yield s("ZeroPadding3D", x=x3)
    yield s("ZeroPadding3D", (1, 0, 2), x=x3)
    yield s("ZeroPadding3D", ((0, 1), (3, 2), (1, 0)), x=x3)
    yield s("ZeroPadding3D", 1, x=swapped(x3), **FIRST)
    yield s("Cropping1D", x=x1)
    yield s("Cropping1D", 2, x=x1)
    yield s("Cropping1D", (0, 3), x=x1)
    yield s("Cropping2D", x=x2)
    yield s("Cropping2D", 1, x=x2)
    yield s("Cropping2D", (1, 2), x=x2)
    yield s("Cropping2D", ((0, 1), (3, 2)), x=x2)
    yield s("Cropping2D", ((0, 1), (3, 2)), x=swapped(x2), **FIRST)
    yield s("Cropping3D", x=x3)
    yield s("Cropping3D", (1, 0, 2), x=x3)
    yield s("Cropping3D", ((0, 1), (3, 2), (1, 0)), x=x3)
    yield s("Cropping3D", 1, x=swapped(x3), **FIRST)
    yield s("UpSampling1D", x=x1)
    yield s("UpSampling1D", 3, x=x1)
    yield s("UpSampling2D", x=x2)
    yield s("UpSampling2D", (3, 1), x=x2)
    yield s("UpSampling2D", 2, x=swapped(x2), **FIRST)
    yield s("UpSampling2D", 2, x=x2, interpolation="bilinear")
    yield s("UpSampling2D", (2, 3), x=swapped(x2), interpolation="bilinear", **FIRST)
    yield s("UpSampling2D", 2, x=x2, interpolation="bicubic")
    yield s("UpSampling3D", x=(2, 2, 3, 4, 2))
    yield s("UpSampling3D", (1, 2, 3), x=(2, 2, 3, 4, 2))
    yield s("UpSampling3D", 2, x=(2, 2, 3, 4, 2), **FIRST)


def preprocessing() -> Iterator[LayerSample]:
    yield s("Rescaling", 0.5, x=(2, 3))
    yield s("Rescaling", 1 / 127.5, offset=-1.0, x=(2, 3))
    yield s("Rescaling", 2, 1, x=(2, 3), dtype_in="uint8", high=255)
    yield s("Rescaling", np.float32([1, 2, 3]), x=(2, 3), offset=np.float32([0, 1, 2]))
    yield s("Rescaling", [0.1, 0.2, 0.3], x=(2, 4, 3), offset=[0.0, -1.0, 1.0])
    x, pixels = (2, 6, 9, 3), {"dtype_in": "uint8", "high": 256}
    yield s("Normalization", x=x)
    yield s("Normalization", x=x, axis=1)
    yield s("Normalization", x=x, axis=(1, -1), invert=True)
    yield s("Normalization", None, x=x)
    yield s("Normalization", x=(4, 3), dtype="mixed_float16")
    yield s("Normalization", x=(4, 3), dtype_in="int32", high=9)
    yield s("Normalization", -1, [1.0, 2.0, 3.0], [0.5, 1.0, 4.0], x=x, **pixels)
    yield s("Normalization", -1, 2.0, 0.0, True, x=x)
    yield s("Normalization", None, 2.0, 0.25, x=x)
    yield s("Normalization", (-1, 1), [1.0, 2.0, 3.0], [0.5, 1.0, 4.0], x=x)
    yield s("Normalization", x=(4, 3), dtype="float64", dtype_in="float64")
    for mode in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
        yield s("Resizing", 4, 7, mode, x=x)
        yield s("Resizing", 13, 12, mode, x=swapped(x), **FIRST)
        if mode != "nearest":
            yield s("Resizing", 4, 5, mode, antialias=True, x=x)
    for mode in ("nearest", "bilinear"):
        yield s("Resizing", 3, 3, mode, x=x, **pixels)
        yield s("Resizing", 12, 18, mode, x=swapped(x), **FIRST, **pixels)
        yield s("Resizing", 3, 3, mode, True, x=x, **pixels)
        yield s("Resizing", 5, 12, mode, True, x=swapped(x), **FIRST)
        yield s("Resizing", 3, 4, mode, False, True, x=x)
        yield s("Resizing", 4, 12, mode, False, True, fill_value=0.7, x=x, **pixels)
    yield s("Resizing", 6, 9, x=x, **pixels)
    yield s("Resizing", 6, 3, "bicubic", x=x)
    yield s("Resizing", 3, 3, x=x, dtype="float16", dtype_in="float16")
    yield s("CenterCrop", 4, 4, x=x)
    yield s("CenterCrop", 3, 9, x=swapped(x), **FIRST)
    yield s("CenterCrop", 5, 2, x=x, **pixels)
    yield s("CenterCrop", 6, 10, x=x)
    yield s("CenterCrop", 9, 4, x=swapped(x), **FIRST)


def core() -> Iterator[LayerSample]:
    yield s("Dense", 3, x=(2, 4))
    yield s("Dense", 3, x=(2, 4), use_bias=False)
    yield s("Dense", 3, "relu", False, x=(2, 5, 4))
    yield s("Dense", 3, x=(2, 3, 5, 4))
    yield s("Dense", 1, x=(2, 1))
    yield s("Dense", 3, x=(2, 4), dtype="float16", dtype_in="float16")
    yield s("Dense", 3, x=(2, 4), dtype="float64", dtype_in="float64")
    yield s("Dense", 3, x=(2, 4), dtype="mixed_float16")
    yield s("Dense", 3, x=(2, 4), dtype_in="float64")
    yield s("Dense", 3, x=(2, 4), trainable=False)
    yield s("Embedding", 7, 3, x=(2, 4), dtype_in="int32", high=7)
    yield s("Embedding", 7, 3, x=(2,), dtype_in="int64", high=7)
    yield s("Embedding", 7, 3, x=(2, 4, 2), dtype_in="int32", high=7, mask_zero=True)
    yield s("Embedding", 7, 3, x=(2, 4), high=7)
    yield s("Embedding", 7, 3, x=(2, 4), dtype_in="int32", high=7, dtype="float16")
    yield s(
        "Embedding", 7, 3, x=(2, 4), dtype_in="int32", high=7, dtype="mixed_float16"
    )
    yield s("Dropout", 0.5, x=(2, 4))
    yield s("Dropout", 0, x=(2, 3, 4), noise_shape=(2, 1, 4))
    yield s("SpatialDropout1D", 0.5, x=(2, 3, 4))
    yield s("SpatialDropout2D", 0.5, x=(2, 3, 5, 4))
    yield s("SpatialDropout3D", 0.5, x=(2, 3, 5, 2, 4))
    yield s("GaussianDropout", 0.5, x=(2, 4))
    yield s("GaussianNoise", 0.5, x=(2, 4))
    yield s("AlphaDropout", 0.5, x=(2, 4))
    yield s("ActivityRegularization", 0.5, 0.25, x=(2, 4))
    yield s("Identity", x=(2, 4))
    yield s("Identity", x=(2, 4), dtype_in="int32", high=4)


def of_integers() -> Iterator[LayerSample]:
    x = (2, 4, 4, 2)
    for dtype in ("int32", "uint8"):
        given = {"x": x, "dtype_in": dtype, "high": 200}
        yield s("BatchNormalization", **given)
        yield s("MaxPooling2D", 2, **given)
        yield s("MaxPooling2D", 3, padding="same", **given)
        yield s("GlobalMaxPooling2D", **given)
        yield s("UpSampling2D", 2, **given)
        yield s("ZeroPadding2D", 1, **given)
        yield s("Cropping2D", 1, **given)
        yield s("Flatten", **given)
        yield s("ReLU", **given)
        yield s("Dense", 3, **given)
    yield s("AveragePooling2D", 2, x=x, dtype_in="int32", high=9)
    yield s("UpSampling3D", 2, x=(1, 2, 2, 2, 1), dtype_in="uint8", high=9)


SAMPLES: tuple[LayerSample, ...] = (
    *of_integers(),
    *core(),
    *activation_layers(),
    *merging(),
    *normalization(),
    *reshaping(),
    *preprocessing(),
    *pooling(),
    *convolutions(),
    *transposed(),
)
