"""What layers with spatial axes share: argument forms, padding, channel order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqir import ops, shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.ops.movement import Pad
from seqir.ops.apply import apply


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
    *,
    what: str,
) -> Pairs:
    """Explicit pads for channels-first x.

    Raises: ShapeError for 'same' with strides on an axis of unknown size: how much
        to pad would depend on it.
    """
    rank = len(kernel)
    if padding == "causal":
        return ((dilations[0] * (kernel[0] - 1), 0),)
    if padding == "valid":
        return ((0, 0),) * rank
    pads: list[tuple[int, int]] = []
    sizes = x.type.shape[2:]
    for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        if isinstance(size, int):
            pads.append(shapes.same_pads(size, k, s, d))
        elif s == 1 or (k - 1) * d + 1 <= 1:
            reach = (k - 1) * d
            pads.append((reach // 2, reach - reach // 2) if s == 1 else (0, 0))
        else:
            raise ShapeError(
                f"padding='same' with strides={s} on an axis of unknown size is not "
                f"possible in {what}: give the input a known size there, or pad with "
                "ZeroPadding and use padding='valid'"
            )
    return tuple(pads)


def zero_pad(x: Any, pads: Pairs, *, value: float = 0.0) -> Any:
    """Channels-first x with its spatial axes padded."""
    before = (0, 0, *(p[0] for p in pads))
    after = (0, 0, *(p[1] for p in pads))
    return apply(Pad(before, after, "constant", value), x)
