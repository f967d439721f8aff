"""Samples: convolution."""

import itertools
from collections.abc import Iterator

from layer_samples.sample import FIRST, SPATIAL, LayerSample, s, swapped


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
    x = (1, 3, 2, 4, 2)
    for k, stride, pad in itertools.product((1, 2, 3), (1, 2), ("valid", "same")):
        yield s("Conv3DTranspose", 2, k, x=x, strides=stride, padding=pad)
    yield s("Conv3DTranspose", 2, (3, 1, 2), x=x, strides=(1, 2, 3), padding="same")
    yield s("Conv3DTranspose", 2, (2, 3, 1), x=x, activation="relu", use_bias=False)
    yield s("Conv3DTranspose", 2, 3, 2, "same", None, (1, 0, 1), x=x)
    yield s("Conv3DTranspose", 2, 3, 3, output_padding=2, x=x)
    yield s("Conv3DTranspose", 2, 2, x=x, dilation_rate=(2, 1, 2))
    yield s("Conv3DTranspose", 2, 3, x=swapped(x), strides=2, **FIRST)
    yield s("Conv3DTranspose", 2, 2, x=swapped(x), padding="same", **FIRST)
    yield s("Conv3DTranspose", 2, 2, x=x, strides=2, dtype="mixed_float16")


SAMPLES = (*convolutions(), *transposed())
