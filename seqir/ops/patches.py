"""Windows that slide over axes: parts of sequences, blocks of images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seqir import shapes
from seqir.arguments import integers
from seqir.errors import ShapeError
from seqir.ops.apply import (
    coerce,
    common_dtype,
    floating,
    numeric,
    rank_of,
    type_of_operand,
)
from seqir.ops.arith import add, multiply
from seqir.ops.call import operation
from seqir.ops.gather import take
from seqir.ops.indexing import getitem
from seqir.ops.movement import expand_dims, reshape, shape, transpose
from seqir.ops.parts import pad
from seqir.ops.size import Size, maximum_size
from seqir.ops.sizes import counting
from seqir.ops.spatial import conv_transpose
from seqir.ops.tensor import Result, TensorLike


def windows(
    x: TensorLike, axis: int, size: int, stride: int = 1, dilation: int = 1
) -> Result:
    """The axis as two: which window, and which of its elements."""
    n = shape(x)[axis]
    reach = (size - 1) * dilation + 1
    count = maximum_size((n - reach) // stride + 1, 0)
    if isinstance(count, Size):
        starts = expand_dims(multiply(counting(count), stride), 1)
        places = add(starts, np.arange(size, dtype=np.int32) * dilation)
        return take(x, places, axis)
    if stride == size and dilation == 1 and count:
        sizes = shape(x)
        if n != count * size:
            x = getitem(x, (*[slice(None)] * axis, slice(0, count * size)))
        return reshape(x, (*sizes[:axis], count, size, *sizes[axis + 1 :]))
    starts = np.arange(count, dtype=np.int32)[:, None] * stride
    return take(x, starts + np.arange(size, dtype=np.int32) * dilation, axis)


def frames(x: TensorLike, length: int, stride: int) -> Result:
    """Parts of the last axis, one every `stride` elements."""
    if not rank_of(x):
        raise ShapeError(f"a sequence has an axis, got {type_of_operand(x)}")
    return windows(numeric(x), rank_of(x) - 1, length, stride)


def blocks(
    x: TensorLike, size: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Result:
    """All blocks of channels-first x[N, C, *n] as y[N, C, *size, *count]."""
    rank = len(size)
    for i in reversed(range(rank)):
        x = windows(x, 2 + i, size[i], strides[i], dilations[i])
    counts, inner = range(2, 2 + 2 * rank, 2), range(3, 3 + 2 * rank, 2)
    return transpose(x, (0, 1, *inner, *counts))


@operation
def unfold(
    x: TensorLike,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Result:
    """All blocks of images, each as a column.

    Shapes: x[N, C, H, W] -> y[N, C*kH*kW, blocks].
    Source: ``keras.ops.unfold``.
    """
    if rank_of(x) != 4:
        raise ShapeError(f"unfold takes images [N, C, H, W], got {type_of_operand(x)}")
    k = integers("kernel_size", kernel_size, count=2, least=1)
    d = integers("dilation", dilation, count=2, least=1)
    p = integers("padding", padding, count=2, least=0)
    s = integers("stride", stride, count=2, least=1)
    x = numeric(x)
    if any(p):
        x = pad(x, ((0, 0), (0, 0), (p[0], p[0]), (p[1], p[1])))
    n, channels, *_ = shape(x)
    y = blocks(x, k, s, d)
    return reshape(y, (n, channels * math.prod(k), math.prod(shape(y)[-2:])))


@operation
def fold(
    x: TensorLike,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Result:
    """The adjoint of `unfold`: blocks are added where they overlap.

    Shapes: x[N, C*kH*kW, blocks] -> y[N, C, H, W].
    Source: ``keras.ops.fold``.
    """
    t = type_of_operand(x)
    if t.rank != 3:
        raise ShapeError(f"fold takes blocks [N, C*kH*kW, blocks], got {t}")
    size = integers("output_size", output_size, count=2, least=1)
    k = integers("kernel_size", kernel_size, count=2, least=1)
    d = integers("dilation", dilation, count=2, least=1)
    p = integers("padding", padding, count=2, least=0)
    s = integers("stride", stride, count=2, least=1)
    taps, channels = math.prod(k), t.shape[1]
    if not isinstance(channels, int) or channels % taps:
        raise ShapeError(f"fold of blocks {k} needs a multiple of {taps} rows, got {t}")
    reach = [(k[i] - 1) * d[i] + 1 for i in range(2)]
    count = [(size[i] + 2 * p[i] - reach[i]) // s[i] + 1 for i in range(2)]
    if not shapes.may_equal(t.shape[2], math.prod(count)) or min(count) < 1:
        raise ShapeError(
            f"fold to {size} takes {count[0]} by {count[1]} blocks of {k}, got {t}"
        )
    dtype = common_dtype(x)
    n = shape(x)[0]
    x = reshape(floating(x), (-1, taps, *count))
    places = np.eye(taps).reshape(*k, 1, taps).astype(x.dtype)
    y = conv_transpose(
        x, places, s, output_padding=0, data_format="channels_first", dilation_rate=d
    )
    # What no block reaches is 0.
    ends = [size[i] + 2 * p[i] - (count[i] - 1) * s[i] - reach[i] for i in range(2)]
    y = pad(y, ((0, 0), (0, 0), (0, ends[0]), (0, ends[1])))
    inside = (slice(p[i], p[i] + size[i]) for i in range(2))
    y = getitem(y, (slice(None), slice(None), *inside))
    return coerce(reshape(y, (n, channels // taps, *size)), dtype)


__all__ = ["fold", "unfold"]
