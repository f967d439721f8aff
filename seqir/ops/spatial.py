"""Convolution and pooling with Keras's arguments: layout, padding by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.operators.conv import Conv, ConvTranspose, static
from seqir.operators.pool import AveragePool, MaxPool
from seqir.operators.taps import Pairs
from seqir.ops.apply import (
    apply,
    coerce,
    common_dtype,
    floating,
    rank_of,
    type_of_operand,
)
from seqir.ops.call import operation
from seqir.ops.movement import moveaxis, reshape, transpose
from seqir.ops.tensor import Result, TensorLike


def _ints(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    values: Sequence[Any] = np.ravel(np.asarray(value)).tolist()
    values = values * rank if np.ndim(value) == 0 else values
    if len(values) != rank or not all(type(v) is int for v in values):
        raise ArgumentError(f"expected {rank} numbers, got {value!r}")
    return tuple(values)


def _first(x: Result, data_format: str | None) -> Result:
    """x with the channels first."""
    if data_format not in (None, "channels_first", "channels_last"):
        raise ArgumentError(
            "data_format must be 'channels_first' or 'channels_last', "
            f"got {data_format!r}"
        )
    return x if data_format == "channels_first" else moveaxis(x, -1, 1)


def _back(y: Result, data_format: str | None) -> Result:
    """The result in the order that the operands had."""
    return y if data_format == "channels_first" else moveaxis(y, 1, -1)


def resolve_padding(
    x: TensorLike,
    padding: str,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> tuple[Pairs, bool]:
    """Explicit pads for channels-first x, or that it is "same" whatever the sizes.

    With strides, "same" padding of an unknown size is only known when it runs.
    """
    name = padding.lower()
    if name == "causal":
        return ((dilations[0] * (kernel[0] - 1), 0),), False
    none = ((0, 0),) * len(kernel)
    if name == "valid":
        return none, False
    if name != "same":
        raise ArgumentError(f"padding must be 'valid' or 'same', got {padding!r}")
    sizes = type_of_operand(x).shape[2:]
    axes = zip(sizes, kernel, strides, dilations, strict=True)
    pads = [shapes.same_pads(*axis) for axis in axes]
    known = tuple(pair for pair in pads if pair is not None)
    return (known, False) if len(known) == len(pads) else (none, True)


@operation
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Result:
    """Convolution of 1 to 3 spatial axes, grouped if the channels are more.

    Shapes: inputs[N, *size, C], kernel[*k, C/groups, M] -> [N, *out, M].
    Source: ``keras.ops.conv``.
    """
    dtype = common_dtype(inputs, kernel, floating=True)
    x, w = _first(coerce(inputs, dtype), data_format), coerce(kernel, dtype)
    rank = rank_of(x) - 2
    w = transpose(w, (rank + 1, rank, *range(rank)))
    s, d = _ints(strides, rank), _ints(dilation_rate, rank)
    _, per_group, *k = static(type_of_operand(w).shape)
    channels = type_of_operand(x).shape[1]
    known = channels if isinstance(channels, int) else per_group
    if known % per_group:
        raise ShapeError(f"kernel of {per_group} channels does not divide {channels}")
    pads, same = resolve_padding(x, padding, k, s, d)
    op = Conv(s, pads, d, known // per_group, same)
    return _back(apply(op, x, w), data_format)


@operation
def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Result:
    """Each channel convolved by itself.

    Shapes: inputs[N, *size, C], kernel[*k, C, m] -> [N, *out, C*m].
    Source: ``keras.ops.depthwise_conv``.
    """
    *k, c, m = static(type_of_operand(kernel).shape)
    apart = reshape(kernel, (*k, 1, c * m))
    return conv(inputs, apart, strides, padding, data_format, dilation_rate)


@operation
def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Result:
    """A depthwise convolution, then one of 1 by 1. Source: ``keras.ops``."""
    y = depthwise_conv(
        inputs, depthwise_kernel, strides, padding, data_format, dilation_rate
    )
    return conv(y, pointwise_kernel, 1, "valid", data_format, 1)


@operation
def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Result:
    """The adjoint of `conv`.

    Shapes: inputs[N, *size, C], kernel[*k, M, C] -> [N, *out, M].
    Source: ``keras.ops.conv_transpose``.
    """
    dtype = common_dtype(inputs, kernel, floating=True)
    x, w = _first(coerce(inputs, dtype), data_format), coerce(kernel, dtype)
    rank = rank_of(x) - 2
    w = transpose(w, (rank + 1, rank, *range(rank)))
    s, d = _ints(strides, rank), _ints(dilation_rate, rank)
    k = static(type_of_operand(w).shape)[2:]
    extra = (None,) * rank if output_padding is None else _ints(output_padding, rank)
    pads, more = zip(
        *(transpose_pads(padding, *axis) for axis in zip(k, s, d, extra, strict=True)),
        strict=True,
    )
    return _back(apply(ConvTranspose(s, pads, d, more), x, w), data_format)


def transpose_pads(
    padding: str, kernel: int, stride: int, dilation: int, extra: int | None
) -> tuple[tuple[int, int], int]:
    """What to cut off before and after, and what to add at the end.

    Keras's results: ``(n - 1)*s + max(k, s)`` for "valid", ``n*s`` for "same", and
    with `extra` ``(n - 1)*s + k + extra`` or ``(n - 1)*s + k % 2 + extra``.
    """
    reach = (kernel - 1) * dilation + 1
    if padding.lower() not in ("valid", "same"):
        raise ArgumentError(f"padding must be 'valid' or 'same', got {padding!r}")
    if padding.lower() == "valid":
        return (0, 0), max(reach, stride) - reach if extra is None else extra
    total = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
    before = min(total // 2 + total % 2, reach - 1)
    # In zeros around the spread-out input; cut off is what is left of reach - 1.
    end = reach - 1 - (total - before)
    return (reach - 1 - before, max(end, 0)), max(-end, 0)


def _pool(
    kind: type[MaxPool] | type[AveragePool],
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    padding: str,
    data_format: str | None,
) -> Result:
    x = _first(floating(inputs), data_format)
    rank = rank_of(x) - 2
    window = _ints(pool_size, rank)
    s = window if strides is None else _ints(strides, rank)
    op = kind(window, s, *resolve_padding(x, padding, window, s, (1,) * rank))
    return _back(apply(op, x), data_format)


@operation
def max_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Result:
    """Largest number of each window. Source: ``keras.ops.max_pool``."""
    return _pool(MaxPool, inputs, pool_size, strides, padding, data_format)


@operation
def average_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Result:
    """Mean of each window, padding not counted. Source: ``keras.ops.average_pool``."""
    return _pool(AveragePool, inputs, pool_size, strides, padding, data_format)


__all__ = [
    "average_pool",
    "conv",
    "conv_transpose",
    "depthwise_conv",
    "max_pool",
    "separable_conv",
]
