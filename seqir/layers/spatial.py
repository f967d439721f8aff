"""What layers with spatial axes share: argument forms, padding, channel order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqir import ops, shapes
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


Pairs = tuple[tuple[int, int], ...]


def resolve_padding(
    x: Any,
    padding: str,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> tuple[Pairs, bool]:
    """Explicit pads for channels-first x, and whether they depend on its sizes.

    With strides, 'same' padding of an unknown size is only known when it runs.
    """
    rank = len(kernel)
    none: Pairs = ((0, 0),) * rank
    if padding == "causal":
        return ((dilations[0] * (kernel[0] - 1), 0),), False
    if padding == "valid":
        return none, False
    sizes = x.type.shape[2:]
    pads: list[tuple[int, int]] = []
    for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        if isinstance(size, int):
            pads.append(shapes.same_pads(size, k, s, d))
        elif s == 1:
            reach = (k - 1) * d
            pads.append((reach // 2, reach - reach // 2))
        else:
            return none, True
    return tuple(pads), False
