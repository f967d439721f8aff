"""Slicing, stacking and rearranging, composed of the movement operators."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.ops.apply import (
    as_array,
    is_floating,
    numeric,
    operand,
    rank_of,
    type_of_operand,
)
from seqir.ops.arith import (
    add,
    equal,
    floor_divide,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    mod,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.convert import cast, zeros_like
from seqir.ops.gather import take
from seqir.ops.indexing import getitem
from seqir.ops.movement import expand_dims, reshape, swapaxes, transpose
from seqir.ops.movement import shape as shape_
from seqir.ops.parts import concatenate, flip, pad, split
from seqir.ops.reduce import any as any_
from seqir.ops.reduce import sum as sum_
from seqir.ops.several import is_several, sizes_of
from seqir.ops.size import (
    ShapeLike,
    Size,
    dim_of,
    is_computed,
    is_int,
    minimum_size,
)
from seqir.ops.sizes import counting
from seqir.ops.tensor import Index, Result, Tensor, TensorLike
from seqir.ops.unary import isnan
from seqir.shapes import Axes


@operation
def ravel(x: TensorLike) -> Result:
    """x as one axis. Source: ``keras.ops.ravel``."""
    return reshape(x, (-1,))


@operation
def get_item(x: TensorLike, key: Index) -> Result:
    """``x[key]``. Source: ``keras.ops.get_item``."""
    return getitem(x, key)


@operation
def copy(x: TensorLike) -> Result:
    """x itself: values never change. Source: ``keras.ops.copy``."""
    return numeric(x)


@operation
def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Result:
    """x2 after x1, flattened if no axis is given. Source: ``keras.ops.append``."""
    if axis is None:
        return concatenate([reshape(x1, (-1,)), reshape(x2, (-1,))], 0)
    return concatenate([x1, x2], axis)


@operation
def hstack(xs: Sequence[TensorLike]) -> Result:
    """Tensors joined along axis 1 (0 for vectors). Source: ``keras.ops.hstack``."""
    xs = [_at_least(x, 1) for x in xs]
    return concatenate(xs, 0 if rank_of(xs[0]) == 1 else 1)


@operation
def vstack(xs: Sequence[TensorLike]) -> Result:
    """Rows joined along axis 0. Source: ``keras.ops.vstack``."""
    return concatenate([_at_least(x, 2) for x in xs], 0)


@operation
def dstack(xs: Sequence[TensorLike]) -> Result:
    """Tensors joined along axis 2. Source: ``keras.ops.dstack``."""
    xs = [_at_least(x, 2) for x in xs]
    return concatenate([expand_dims(x, 2) if rank_of(x) == 2 else x for x in xs], 2)


def _at_least(x: TensorLike, rank: int) -> Result:
    missing = rank - rank_of(x)
    return expand_dims(x, tuple(range(missing))) if missing > 0 else operand(x)


@operation
def array_split(x: TensorLike, indices_or_sections: Any, axis: int = 0) -> list[Result]:
    """x cut into parts, the first ones larger by one if it does not come out even.

    Source: ``keras.ops.array_split``.
    """
    if is_several(indices_or_sections):
        return split(x, indices_or_sections, axis)
    axis = shapes.normalize_axis(axis, rank_of(x))
    (n,) = shapes.integers(indices_or_sections)
    if n < 1:
        raise ArgumentError(f"array_split needs at least one part, got {n}")
    each, more = divmod(shape_(x)[axis], n)
    cuts = [each * i + minimum_size(i, more) for i in range(1, n)]
    return split(x, cuts, axis)


@operation
def vsplit(x: TensorLike, indices_or_sections: Any) -> list[Result]:
    """x cut along axis 0. Source: ``keras.ops.vsplit``."""
    return split(x, indices_or_sections, 0)


@operation
def hsplit(x: TensorLike, indices_or_sections: Any) -> list[Result]:
    """x cut along axis 1 (0 for vectors). Source: ``keras.ops.hsplit``."""
    return split(x, indices_or_sections, 0 if rank_of(x) == 1 else 1)


@operation
def fliplr(x: TensorLike) -> Result:
    """x in reverse order along axis 1. Source: ``keras.ops.fliplr``."""
    return flip(x, 1)


@operation
def flipud(x: TensorLike) -> Result:
    """x in reverse order along axis 0. Source: ``keras.ops.flipud``."""
    return flip(x, 0)


@operation
def rot90(array: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Result:
    """Rotated by k quarters from the first axis to the second.

    Source: ``keras.ops.rot90``.
    """
    planes = shapes.normalize_axes(axes, rank_of(array))
    if len(planes) != 2:
        raise ArgumentError(f"rot90 turns two different axes, got {axes}")
    a, b = planes
    (k,) = shapes.integers(k)
    turns = k % 4
    if turns == 0:
        return numeric(array)
    if turns == 2:
        return flip(array, (a, b))
    turned = swapaxes(array, a, b)
    return flip(turned, a if turns == 1 else b)


@operation
def roll(x: TensorLike, shift: ShapeLike, axis: Axes | None = None) -> Result:
    """x moved along axes, what leaves at the end comes back. Source: ``keras.ops``."""
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), shift, 0), shape_(x))
    axes, shifts = shapes.integers(axis), sizes_of(shift)
    axes = axes * len(shifts) if len(axes) == 1 else axes
    shifts = shifts * len(axes) if len(shifts) == 1 else shifts
    if len(axes) != len(shifts):
        raise ArgumentError(f"roll got shifts {shift} for axes {axis}")
    for a, by in zip(axes, shifts, strict=True):
        a = shapes.normalize_axis(a, rank_of(x))
        size = shape_(x)[a]
        if isinstance(size, Size) and not (is_int(by) and -1 <= by <= 1):
            x = take(x, mod(counting(size) - by, size), a)
            continue
        by = by % size if isinstance(size, int) and size else by
        if by:
            key = (builtins.slice(None),) * a
            last = getitem(x, (*key, builtins.slice(-by, None)))
            x = concatenate([last, getitem(x, (*key, builtins.slice(None, -by)))], a)
    return numeric(x)


@operation
def slice(inputs: TensorLike, start_indices: ShapeLike, shape: ShapeLike) -> Result:
    """The block of that shape that begins there; -1 is all that follows.

    A block that would reach over an end is moved back, as on JAX, where it is known or
    computed that it would.
    Source: ``keras.ops.slice``.
    """
    own = type_of_operand(inputs).shape
    begins, sizes = sizes_of(start_indices), sizes_of(shape)
    if not len(begins) == len(sizes) == len(own):
        raise ShapeError(
            f"slice of {type_of_operand(inputs)} needs a beginning and a size for each "
            f"axis, got {start_indices} and {shape}"
        )
    keys: list[Any] = []
    x = numeric(inputs)
    for axis, (b, n, d) in enumerate(zip(begins, sizes, own, strict=True)):
        if is_computed(b):
            begin = _moved_back(b, n, shape_(x)[axis], axis)
            x = take(x, add(counting(n), begin), axis)
            keys.append(builtins.slice(None))
        elif dim_of(n) == d and is_int(b) and b == 0:
            keys.append(builtins.slice(None))
        elif is_int(n) and n == -1:
            keys.append(builtins.slice(b, None))
        else:
            b = _moved_back(b, n, d, axis)
            keys.append(builtins.slice(b, b + n))
    return getitem(x, tuple(keys))


def _moved_back(begin: Any, size: Any, whole: Any, axis: int) -> Any:
    """Where a block begins that would reach over an end, as far as it is known."""
    if is_int(size) and size < 0:
        raise ShapeError(f"a block cannot have the size {size} along axis {axis}")
    if is_computed(begin):
        begin = where(less(begin, 0), add(begin, whole), begin)
        return maximum(minimum(begin, subtract(whole, size)), 0)
    if not (is_int(begin) and is_int(size) and is_int(whole)):
        return begin
    if size > whole:
        raise ShapeError(f"no block of {size} is in axis {axis} of size {whole}")
    begin = begin + whole if begin < 0 else begin
    return max(min(begin, whole - size), 0)


@operation
def slice_update(
    inputs: TensorLike, start_indices: ShapeLike, updates: TensorLike
) -> Result:
    """Inputs with a block replaced, moved back if it would reach over an end.

    Source: ``keras.ops.slice_update``.
    """
    begins, own, block = sizes_of(start_indices), shape_(inputs), shape_(updates)
    if not len(begins) == len(own) == len(block):
        raise ShapeError(
            f"slice_update of {type_of_operand(inputs)} by {type_of_operand(updates)} "
            f"needs a beginning for each axis, got {start_indices}"
        )
    width: list[tuple[Any, Any]] = []
    inside: Result = np.ones((1,) * len(own), np.bool_)
    for axis, (b, d, n) in enumerate(zip(begins, own, block, strict=True)):
        if dim_of(d) == dim_of(n):
            width.append((0, 0))
            continue
        b = _moved_back(b, n, d, axis)
        place = counting(d)
        if all(map(is_int, (b, n, d))):
            width.append((b, d - n - b))
            place = reshape(place, [-1 if i == axis else 1 for i in range(len(own))])
        else:
            width.append((0, 0))
            source = minimum(maximum(subtract(place, b), 0), subtract(n, 1))
            updates = take(updates, source, axis)
            place = expand_dims(place, [i for i in range(len(own)) if i != axis])
        inside = inside & (place >= b) & (place < b + n)
    wide = pad(cast(updates, type_of_operand(inputs).dtype), width)
    return where(inside, wide, inputs)


@operation
def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Result]:
    """Coordinates of a grid, one tensor for each axis. Source: ``keras.ops``."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"indexing must be 'xy' or 'ij', got {indexing!r}")
    n = len(x)
    order = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    places = [order.index(i) for i in range(n)]
    columns = [
        reshape(v, tuple(-1 if i == p else 1 for i in range(n)))
        for v, p in zip(map(ravel, x), places, strict=True)
    ]
    grid: list[Result] = []
    for i, column in enumerate(columns):
        for j, other in enumerate(columns):
            if j != i:  # repeated by a sum with nothing, whatever the sizes are
                nothing = zeros_like(other, dtype=type_of_operand(column).dtype)
                column = add(column, nothing)
        grid.append(column)
    return grid


@operation
def searchsorted(
    sorted_sequence: TensorLike, values: TensorLike, side: str = "left"
) -> Result:
    """Where values belong in an ordered vector (int32). Source: ``keras.ops``."""
    if side not in ("left", "right"):
        raise ArgumentError(f"side must be 'left' or 'right', got {side!r}")
    if rank_of(sorted_sequence) != 1:
        raise ShapeError(
            f"expected an ordered vector, got {type_of_operand(sorted_sequence)}"
        )
    before = less if side == "left" else less_equal
    values = expand_dims(values, -1)
    below = before(sorted_sequence, values)
    if is_floating(values):  # NaN comes last
        last = isnan(values)
        if side == "left":
            last = logical_and(last, logical_not(isnan(sorted_sequence)))
        below = logical_or(below, last)
    return sum_(cast(below, "int32"), -1)


@operation
def digitize(x: TensorLike, bins: TensorLike) -> Result:
    """The bin (int32) that each number falls in. Source: ``keras.ops.digitize``.

    Bins that are known may fall; those that only the run knows must rise.
    """
    edges = None if isinstance(bins, Tensor) else as_array(bins)
    if edges is not None and edges.ndim == 1 and edges.size and edges[-1] < edges[0]:
        return subtract(edges.size, searchsorted(edges[::-1], x, "left"))
    return searchsorted(bins, x, "right")


@operation
def isin(
    x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False
) -> Result:
    """Which elements of x1 are among those of x2. Source: ``keras.ops.isin``."""
    found = any_(equal(expand_dims(x1, -1), reshape(x2, (-1,))), -1)
    return logical_not(found) if invert else found


@operation
def unravel_index(indices: TensorLike, shape: ShapeLike) -> tuple[Result, ...]:
    """Places along the axes of elements counted flat. Source: ``keras.ops``."""
    indices, shape = numeric(indices), sizes_of(shape)
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    flat = where(less(indices, 0), add(indices, math.prod(shape)), indices)
    return tuple(
        mod(floor_divide(flat, step), size)
        for step, size in zip(steps, shape, strict=True)
    )


@operation
def depth_to_space(
    x: TensorLike, block_size: int, data_format: str = "channels_last"
) -> Result:
    """Channels laid out as blocks of pixels.

    Channels last count ``(row, column, channel)``, channels first ``(channel, row,
    column)``, as in Keras on its JAX and NumPy backends.
    Source: ``keras.ops.depth_to_space``.
    """
    b = _block(x, block_size, data_format)
    if data_format == "channels_last":
        n, h, w, c = shape_(x)
        c = _divided(c, b * b, "channels")
        y = transpose(reshape(x, (n, h, w, b, b, c)), (0, 1, 3, 2, 4, 5))
        return reshape(y, (n, h * b, w * b, c))
    n, c, h, w = shape_(x)
    c = _divided(c, b * b, "channels")
    y = transpose(reshape(x, (n, c, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return reshape(y, (n, c, h * b, w * b))


@operation
def space_to_depth(
    x: TensorLike, block_size: int, data_format: str = "channels_last"
) -> Result:
    """Blocks of pixels laid out as channels; undoes `depth_to_space`.

    Source: ``keras.ops.space_to_depth``.
    """
    b = _block(x, block_size, data_format)
    if data_format == "channels_last":
        n, h, w, c = shape_(x)
        h, w = _divided(h, b, "rows"), _divided(w, b, "columns")
        y = transpose(reshape(x, (n, h, b, w, b, c)), (0, 1, 3, 2, 4, 5))
        return reshape(y, (n, h, w, c * b * b))
    n, c, h, w = shape_(x)
    h, w = _divided(h, b, "rows"), _divided(w, b, "columns")
    y = transpose(reshape(x, (n, c, h, b, w, b)), (0, 1, 3, 5, 2, 4))
    return reshape(y, (n, c * b * b, h, w))


def _block(x: TensorLike, block_size: int, data_format: str) -> int:
    """The size of blocks, if x has images."""
    (size,) = shapes.integers(block_size)
    if size < 1:
        raise ArgumentError(f"block_size must be positive, got {block_size}")
    if data_format not in ("channels_first", "channels_last"):
        raise ArgumentError(
            "data_format must be 'channels_first' or 'channels_last', "
            f"got {data_format!r}"
        )
    if rank_of(x) != 4:
        raise ShapeError(f"expected images of rank 4, got {type_of_operand(x)}")
    return size


def _divided(size: Any, by: int, what: str) -> Any:
    if isinstance(size, int) and size % by:
        raise ShapeError(f"{size} {what} cannot be divided by {by}")
    return size // by


__all__ = [
    "append",
    "array_split",
    "copy",
    "depth_to_space",
    "digitize",
    "dstack",
    "fliplr",
    "flipud",
    "get_item",
    "hsplit",
    "hstack",
    "isin",
    "meshgrid",
    "ravel",
    "roll",
    "rot90",
    "searchsorted",
    "slice",
    "slice_update",
    "space_to_depth",
    "unravel_index",
    "vsplit",
    "vstack",
]
