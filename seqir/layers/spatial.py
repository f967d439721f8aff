"""What layers with spatial axes share: argument forms, padding, channel order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqir import ops
from seqir.errors import ArgumentError


def ints(name: str, value: Any, rank: int, *, least: int = 1) -> tuple[int, ...]:
    """One number for each spatial axis, from one number or a sequence.

    Raises: ArgumentError for anything else, or a number below `least`.
    """
    values = (value,) * rank if hasattr(value, "__index__") else value
    try:
        found = tuple(int(v.__index__()) for v in values)
    except (TypeError, AttributeError):
        found = ()
    if len(found) != rank or isinstance(value, bool):
        raise ArgumentError(
            f"{name} must be an integer or {rank} integers, got {value!r}"
        )
    if any(v < least for v in found):
        raise ArgumentError(f"{name} must be at least {least}, got {value!r}")
    return found


def padding_name(value: Any, allowed: Sequence[str]) -> str:
    """The padding in lower case.

    Raises: ArgumentError unless it is one of the allowed ones.
    """
    name = value.lower() if isinstance(value, str) else value
    if name not in allowed:
        raise ArgumentError(
            f"padding must be one of {', '.join(map(repr, allowed))}, got {value!r}"
        )
    return name


def to_channels_first(x: Any, data_format: str) -> Any:
    """x[N, *size, C] as x[N, C, *size]."""
    if data_format == "channels_first":
        return x
    return ops.transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def from_channels_first(y: Any, data_format: str) -> Any:
    """y[N, C, *size] back in the order of the layer."""
    if data_format == "channels_first":
        return y
    return ops.transpose(y, (0, *range(2, y.ndim), 1))


def spatial_axes(rank: int, data_format: str) -> tuple[int, ...]:
    """Where images of this rank have their spatial axes."""
    return tuple(
        range(2, rank) if data_format == "channels_first" else range(1, rank - 1)
    )


def channel_axis(data_format: str) -> int:
    """Where images have their channels."""
    return 1 if data_format == "channels_first" else -1
