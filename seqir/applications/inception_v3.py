"""InceptionV3: branches of different reach, joined. arXiv:1512.00567.

InceptionResNetV2 begins in the same way and is built of the same parts.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from seqir import layers
from seqir.applications.blocks import batch_norm, relu
from seqir.applications.frame import (
    Frame,
    Pretrained,
    application,
    channel_axis,
    plain_pool,
)
from seqir.applications.imagenet_utils import decode_predictions, preprocessing
from seqir.ops.tensor import KerasTensor

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

Kernel: TypeAlias = int | tuple[int, int]
Convolution: TypeAlias = tuple[int, Kernel]
"""Filters and kernel."""

TWICE: tuple[Convolution, ...] = ((64, 1), (96, 3), (96, 3))
"""A branch that sees 5x5 pixels by two kernels of 3x3."""

preprocess_input = preprocessing("tf")


@application(
    "inception_v3",
    Frame(
        Pretrained(
            "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels",
            "9a0d58056eeedaa3f26cb7ebd46da564",
            "bcbd6486424b2319ff4ef7d526e38f63",
        ),
        default_size=299,
        min_size=75,
        pool=plain_pool,
    ),
)
def InceptionV3(x: KerasTensor) -> KerasTensor:
    """InceptionV3. Source: Keras 3 ``applications.InceptionV3``; arXiv:1512.00567."""
    x = stem(x)
    for i, pooled in enumerate((32, 64, 64)):
        branches = chain(x, (64, 1)), chain(x, (48, 1), (64, 5)), chain(x, *TWICE)
        x = join(*branches, averaged(x, pooled), name=f"mixed{i}")
    branches = halved(x, (384, 3)), halved(x, *TWICE)
    x = join(*branches, layers.MaxPooling2D(3, strides=2)(x), name="mixed3")
    for i, width in enumerate((128, 160, 160, 192), start=4):
        x = _factorized(x, width, f"mixed{i}")
    branches = (
        halved(x, (192, 1), (320, 3)),
        halved(x, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)),
    )
    x = join(*branches, layers.MaxPooling2D(3, strides=2)(x), name="mixed8")
    for i in range(2):
        narrow = chain(x, (320, 1))
        wide = _split(chain(x, (384, 1)), f"mixed9_{i}")
        wider = _split(chain(x, (448, 1), (384, 3)), None)
        x = join(narrow, wide, wider, averaged(x, 192), name=f"mixed{9 + i}")
    return x


def _factorized(x: KerasTensor, width: int, name: str) -> KerasTensor:
    """Branches that see 7x7 pixels by kernels of one row or column."""
    row, column = (1, 7), (7, 1)
    narrow = chain(x, (192, 1))
    once = chain(x, (width, 1), (width, row), (192, column))
    twice = chain(
        x, (width, 1), (width, column), (width, row), (width, column), (192, row)
    )
    return join(narrow, once, twice, averaged(x, 192), name=name)


def _split(x: KerasTensor, name: str | None) -> KerasTensor:
    """A row and a column of three pixels side by side."""
    return join(chain(x, (384, (1, 3))), chain(x, (384, (3, 1))), name=name)


def stem(x: KerasTensor) -> KerasTensor:
    """Convolutions that bring images to 192 channels at an eighth of the size."""
    x = chain(halved(x, (32, 3)), (32, 3), padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(chain(x, (64, 3)))
    x = chain(chain(x, (80, 1), padding="valid"), (192, 3), padding="valid")
    return layers.MaxPooling2D(3, strides=2)(x)


def averaged(x: KerasTensor, filters: int) -> KerasTensor:
    """A branch of the mean around every pixel."""
    mean = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return chain(mean, (filters, 1))


def chain(
    x: KerasTensor,
    *convolutions: Convolution,
    strides: int = 1,
    padding: str = "same",
) -> KerasTensor:
    """Convolutions one after the other; strides and padding are of the last one."""
    *first, last = convolutions
    for filters, kernel in first:
        x = convolve(x, filters, kernel)
    return convolve(x, *last, strides=strides, padding=padding)


def halved(x: KerasTensor, *convolutions: Convolution) -> KerasTensor:
    """Convolutions the last of which halves the height and width."""
    return chain(x, *convolutions, strides=2, padding="valid")


def convolve(
    x: KerasTensor,
    filters: int,
    kernel: Kernel,
    strides: int = 1,
    padding: str = "same",
    name: str | None = None,
) -> KerasTensor:
    """A convolution, normalized and cut at 0."""
    x = layers.Conv2D(
        filters, kernel, strides=strides, padding=padding, use_bias=False, name=name
    )(x)
    x = batch_norm(x, name and f"{name}_bn", scale=False)
    return relu(x, name and f"{name}_ac")


def join(*branches: KerasTensor, name: str | None = None) -> Any:
    """The channels of all branches side by side."""
    return layers.Concatenate(axis=channel_axis(), name=name)(list(branches))
