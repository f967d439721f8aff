"""Cutting, joining and repeating tensors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from seqir import dtypes, nest, shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.narrow import is_sequence
from seqir.operators.pieces import Concat, Pad, Slice, Tile
from seqir.ops.apply import (
    apply,
    coerce,
    common_dtype,
    operand,
    rank_of,
    type_of_operand,
)
from seqir.ops.call import operation
from seqir.ops.create import full
from seqir.ops.gather import take
from seqir.ops.indexing import getitem, sliced
from seqir.ops.movement import broadcast_to, expand_dims, reshape, shape, squeeze
from seqir.ops.several import is_several, sizes_of
from seqir.ops.size import Size, is_int
from seqir.ops.tensor import Result, TensorLike

_Mirror: TypeAlias = Literal["reflect", "symmetric", "wrap"]
"""How an edge continues by what stands beside it."""


@operation
def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Result:
    """Tensors joined along an axis, flattened for None. Source: ``keras.ops``."""
    if not len(xs):
        raise ArgumentError("concatenate needs at least one tensor")
    dtype = common_dtype(*xs)
    if axis is None:
        xs, axis = [reshape(x, (-1,)) for x in xs], 0
    axis = shapes.normalize_axis(axis, rank_of(xs[0]))
    return apply(Concat(axis), *(coerce(x, dtype) for x in xs))


@operation
def stack(x: Sequence[Any], axis: int = 0) -> Result:
    """Tensors joined along a new axis. Source: ``keras.ops.stack``."""
    if not len(x):
        raise ArgumentError("stack needs at least one tensor")
    axis = shapes.normalize_axis(axis, rank_of(x[0]) + 1)
    return concatenate([expand_dims(t, axis) for t in x], axis)


@operation
def tile(x: TensorLike, repeats: Any) -> Result:
    """x repeated whole. Source: ``keras.ops.tile``."""
    counts = sizes_of(repeats)
    rank = rank_of(x)
    if len(counts) > rank:
        x = expand_dims(x, tuple(range(len(counts) - rank)))
    counts = (1,) * (rank - len(counts)) + counts
    if all(map(is_int, counts)):
        return apply(Tile(tuple(map(int, counts))), operand(x))
    sizes = shape(x)
    wide = expand_dims(x, tuple(range(0, 2 * len(sizes), 2)))
    wide = broadcast_to(wide, tuple(itertools.chain(*zip(counts, sizes, strict=True))))
    return reshape(wide, [n * d for n, d in zip(counts, sizes, strict=True)])


@operation
def repeat(x: TensorLike, repeats: Any, axis: int | None = None) -> Result:
    """x with every element repeated in place, all as often or each as it says.

    Source: ``keras.ops.repeat``.
    """
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    sizes = list(shape(x))
    axis = shapes.normalize_axis(axis, len(sizes))
    counts = sizes_of(repeats)
    if any(is_int(n) and n < 0 for n in counts):
        raise ArgumentError(f"repeat cannot repeat {repeats} times")
    if len(counts) != 1:
        if len(counts) != sizes[axis]:
            raise ShapeError(
                f"{len(counts)} repeats do not fit a size of {sizes[axis]}"
            )
        if not all(map(is_int, counts)):
            raise ShapeError(
                f"repeat needs numbers of times that are known before the run, got "
                f"{repeats!r}; one number for all may be computed"
            )
        size: int = sizes[axis]
        return take(x, np.repeat(np.arange(size), counts), axis)
    (times,) = counts
    if is_int(times) and not times:  # runtimes do not expand to 0
        return sliced(x, axis, 0, 0)
    places = (*sizes[: axis + 1], times, *sizes[axis + 1 :])
    wide = broadcast_to(expand_dims(x, axis + 1), places)
    sizes[axis] = sizes[axis] * times
    return reshape(wide, sizes)


@operation
def pad(
    x: TensorLike, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Result:
    """x with elements added at its edges.

    `mode` is "constant", "edge", "reflect", "symmetric" or "wrap".

    Raises: ArgumentError for an unknown mode; ShapeError for a width that only the run
        knows, in a mode other than constant.
    Source: ``keras.ops.pad``.
    """
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise ArgumentError(
            "pad knows the modes constant, edge, reflect, symmetric, wrap, "
            f"not {mode!r}"
        )
    if mode != "constant" and constant_values is not None:
        raise ArgumentError(
            f"constant_values are for mode 'constant' only, the mode is {mode!r}"
        )
    if any(isinstance(n, Size) for n in nest.flatten(pad_width)):
        return _padded(operand(x), pad_width, mode, constant_values or 0)
    width = _pad_width(pad_width, rank_of(x))
    if mode in ("reflect", "symmetric", "wrap"):
        for axis, (before, after) in enumerate(width):
            x, done = _padded_axis(x, axis, before, after, mode)
            width[axis] = (0, 0) if done else (before, after)
    before, after = (tuple(w[i] for w in width) for i in (0, 1))
    try:
        kind = dtypes.to_numpy(type_of_operand(x).dtype)
        value = float(np.asarray(constant_values or 0).astype(kind))
    except (TypeError, ValueError):
        raise ArgumentError(
            f"constant_values must be one number, got {constant_values!r}"
        ) from None
    return apply(Pad(before, after, mode, value), operand(x))


def _pad_width(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    """Elements before and after, for each axis."""
    try:
        given = np.asarray(pad_width)
        if given.size and given.dtype.kind not in "iu":
            raise TypeError
        pairs = np.broadcast_to(given.astype(int) if rank else 0, (rank, 2))
    except (TypeError, ValueError):
        raise ArgumentError(
            f"pad_width must be an integer, or pairs of them for {rank} axes, "
            f"got {pad_width!r}"
        ) from None
    if pairs.size and pairs.min() < 0:
        raise ShapeError(f"pad cannot take away: {pad_width}")
    return [(int(a), int(b)) for a, b in pairs]


def _padded_axis(
    x: TensorLike, axis: int, before: int, after: int, mode: _Mirror
) -> tuple[Any, bool]:
    """x padded along one axis with what it has there, if `Pad` cannot do it."""
    size = type_of_operand(x).shape[axis]
    if mode == "reflect" and not (isinstance(size, int) and max(before, after) >= size):
        return x, False
    if isinstance(size, int):
        if not size and before + after:
            raise ShapeError(f"axis {axis} of size 0 has nothing to pad it with")
        width = (before, after)
        return take(x, np.pad(np.arange(size), width, mode), axis), True

    def cut(begin: int, end: int) -> Result:
        return apply(Slice((axis,), (begin,), (end,), (1,)), operand(x))

    first, last = cut(0, before), cut(-after, Slice.END)
    if mode == "wrap":
        first, last = cut(-before, Slice.END), cut(0, after)
    ends = [y if mode == "wrap" else flip(y, axis) for y in (first, last)]
    parts = [*ends[: before > 0], x, *ends[2 - (after > 0) :]]
    return concatenate(parts, axis), True


def _padded(x: Result, pad_width: Any, mode: str, value: TensorLike) -> Result:
    """Padding by widths that only the run knows: constants joined to the edges."""
    if mode != "constant":
        raise ShapeError(f"pad of mode {mode!r} needs known widths, got {pad_width!r}")

    width = [pad_width] if isinstance(pad_width, Size) else list(pad_width)
    if not is_sequence(width[0]):
        width = [width * (2 // len(width))]
    pairs = width * rank_of(x) if len(width) == 1 else width
    for axis, (before, after) in enumerate(pairs):
        sizes = list(shape(x))
        parts = [x]
        for place, n in ((0, before), (2, after)):
            if isinstance(n, Size) or n:
                sizes[axis] = n
                parts.insert(place, full(sizes, value, type_of_operand(x).dtype))
        x = concatenate(parts, axis)
    return x


@operation
def flip(x: TensorLike, axis: int | Sequence[int] | None = None) -> Result:
    """x in reverse order along axes. Source: ``keras.ops.flip``."""
    rank = rank_of(x)
    places = shapes.normalize_axes(range(rank) if axis is None else axis, rank)
    n = len(places)
    return apply(Slice(places, (-1,) * n, (-Slice.END,) * n, (-1,) * n), operand(x))


@operation
def split(x: TensorLike, indices_or_sections: Any, axis: int = 0) -> list[Result]:
    """x cut along an axis, into equal parts or at indices. Source: ``keras.ops``.

    Raises: ShapeError if the axis has no equal parts; where the run alone knows its
        size, the run fails.
    """
    axis = shapes.normalize_axis(axis, rank_of(x))
    sizes = shape(x)
    size = sizes[axis]
    if is_several(indices_or_sections):
        cuts = [0, *sizes_of(indices_or_sections), None]
        return [sliced(x, axis, a, b) for a, b in itertools.pairwise(cuts)]
    (n,) = shapes.integers(indices_or_sections)
    if n < 1 or (not isinstance(size, Size) and size % n):
        raise ShapeError(f"axis {axis} of size {size} has no {n} equal parts")
    if isinstance(size, Size):
        rows = reshape(x, (*sizes[:axis], n, size // n, *sizes[axis + 1 :]))
        return [getitem(rows, (*(slice(None),) * axis, i)) for i in range(n)]
    cuts = [size // n * i for i in range(n + 1)]
    return [sliced(x, axis, a, b) for a, b in itertools.pairwise(cuts)]


@operation
def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Result]:
    """The slices of x along an axis. Source: ``keras.ops.unstack``.

    Raises: ShapeError if it is not known how many there are; ArgumentError if there
        are others than `num` says.
    """
    axis = shapes.normalize_axis(axis, rank_of(x))
    size = type_of_operand(x).shape[axis]
    if num is not None and isinstance(size, int) and num != size:
        raise ArgumentError(f"axis {axis} has size {size}, not num={num}")
    n = size if num is None else num
    if not isinstance(n, int | np.integer):
        raise ShapeError(
            f"axis {axis} of {type_of_operand(x)} has an unknown number of slices: say "
            "num="
        )
    return [squeeze(part, axis) for part in split(x, n, axis)] if n else []


__all__ = ["concatenate", "flip", "pad", "repeat", "split", "stack", "tile", "unstack"]
