"""Building blocks of several architectures."""

from __future__ import annotations

from typing import Any

from seqir import layers
from seqir.applications.frame import channel_axis
from seqir.ops.tensor import KerasTensor


def channels(x: KerasTensor) -> int:
    """How many channels a batch of images has."""
    size = x.shape[channel_axis()]
    assert size is not None, "features have a known number of channels"
    return size


def batch_norm(x: KerasTensor, name: str | None = None, **options: Any) -> KerasTensor:
    """Batch normalization over the channels."""
    return layers.BatchNormalization(axis=channel_axis(), name=name, **options)(x)


def relu(x: KerasTensor, name: str | None = None) -> KerasTensor:
    """max(x, 0), by an `Activation` layer."""
    return layers.Activation("relu", name=name)(x)


def divisible(value: float, divisor: int = 8) -> int:
    """The multiple of the divisor next to a width, at most 10 % below it.

    Source: the width rule of MobileNetV2, arXiv:1801.04381.
    """
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest


def stride_padding(
    x: KerasTensor, kernel_size: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros around images before a "valid" convolution with stride 2.

    One side gets as many as the kernel reaches out; the other gets one less on an
    axis of even size (where that zero would never be read) or of unknown size.
    """
    first = 2 if channel_axis() == 1 else 1
    height, width = x.shape[first : first + 2]
    reach = kernel_size // 2

    def sides(size: int | None) -> tuple[int, int]:
        even = height is None or size is None or size % 2 == 0
        return reach - even, reach

    return sides(height), sides(width)
