"""What layers with spatial axes share: argument forms, padding, channel order."""

from __future__ import annotations

from collections.abc import Sequence

from seqir import ops
from seqir.arguments import one_of
from seqir.ops.tensor import Result


def padding_name(value: object, allowed: Sequence[str]) -> str:
    """The padding in lower case.

    Raises: ArgumentError unless it is one of the allowed ones.
    """
    spelt = value.lower() if isinstance(value, str) else value
    return one_of("padding", spelt, allowed)


def to_channels_first(x: Result, data_format: str | None) -> Result:
    """x[N, *size, C] as x[N, C, *size]."""
    if data_format == "channels_first":
        return x
    return ops.transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def from_channels_first(y: Result, data_format: str | None) -> Result:
    """y[N, C, *size] back in the order of the layer."""
    if data_format == "channels_first":
        return y
    return ops.transpose(y, (0, *range(2, y.ndim), 1))


def spatial_axes(rank: int, data_format: str | None) -> tuple[int, ...]:
    """Where images of this rank have their spatial axes."""
    return tuple(
        range(2, rank) if data_format == "channels_first" else range(1, rank - 1)
    )


def channel_axis(data_format: str | None) -> int:
    """Where images have their channels."""
    return 1 if data_format == "channels_first" else -1
