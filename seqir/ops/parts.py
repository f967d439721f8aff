"""Cutting, joining and repeating tensors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import nest, shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.ops.apply import apply, coerce, common_dtype, rank_of, type_of_operand
from seqir.ops.call import operation
from seqir.ops.indexing import getitem, sliced
from seqir.ops.movement import (
    Concat,
    Pad,
    Slice,
    Tile,
    broadcast_to,
    expand_dims,
    operand,
    reshape,
    shape,
    squeeze,
)
from seqir.ops.size import Size, is_size


@operation
def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Tensors joined along an axis. Source: ``keras.ops.concatenate``."""
    if not xs:
        raise ArgumentError("concatenate needs at least one tensor")
    dtype = common_dtype(*xs)
    axis = shapes.normalize_axis(axis, rank_of(xs[0]))
    return apply(Concat(axis), *(coerce(x, dtype) for x in xs))


@operation
def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Tensors joined along a new axis. Source: ``keras.ops.stack``."""
    axis = shapes.normalize_axis(axis, rank_of(x[0]) + 1)
    return concatenate([expand_dims(t, axis) for t in x], axis)


@operation
def tile(x: Any, repeats: Any) -> Any:
    """X repeated whole. Source: ``keras.ops.tile``."""
    counts = (repeats,) if is_size(repeats) else tuple(repeats)
    rank = rank_of(x)
    if len(counts) > rank:
        x = expand_dims(x, tuple(range(len(counts) - rank)))
    counts = (1,) * (rank - len(counts)) + counts
    if not any(isinstance(n, Size) for n in counts):
        return apply(Tile(tuple(map(int, counts))), operand(x))
    sizes = shape(x)
    wide = expand_dims(x, tuple(range(0, 2 * len(sizes), 2)))
    wide = broadcast_to(wide, tuple(itertools.chain(*zip(counts, sizes, strict=True))))
    return reshape(wide, [n * d for n, d in zip(counts, sizes, strict=True)])


@operation
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """X with every element repeated in place. Source: ``keras.ops.repeat``."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    sizes = list(shape(x))
    axis = shapes.normalize_axis(axis, len(sizes))
    places = (*sizes[: axis + 1], repeats, *sizes[axis + 1 :])
    wide = broadcast_to(expand_dims(x, axis + 1), places)
    sizes[axis] = sizes[axis] * repeats
    return reshape(wide, sizes)


@operation
def pad(
    x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Any:
    """X with elements added at its edges. Source: ``keras.ops.pad``.

    Raises: ArgumentError for an unknown mode; ShapeError for a width that only the run
        knows, in a mode other than constant.
    """
    rank = rank_of(x)
    if mode not in ("constant", "reflect", "edge"):
        raise ArgumentError(
            f"pad knows the modes constant, reflect, edge, not {mode!r}"
        )
    if any(isinstance(n, Size) for n in nest.flatten(pad_width)):
        return _padded(x, pad_width, mode, constant_values or 0)
    width = np.broadcast_to(np.asarray(pad_width, int), (rank, 2))
    before, after = (tuple(int(v) for v in width[:, i]) for i in (0, 1))
    return apply(Pad(before, after, mode, float(constant_values or 0)), operand(x))


def _padded(x: Any, pad_width: Any, mode: str, value: Any) -> Any:
    """Padding by widths that only the run knows: constants joined to the edges."""
    if mode != "constant":
        raise ShapeError(f"pad of mode {mode!r} needs known widths, got {pad_width!r}")
    from seqir.ops.create import full

    width = [pad_width] if isinstance(pad_width, Size) else list(pad_width)
    if not isinstance(width[0], tuple | list):
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
def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """X in reverse order along axes. Source: ``keras.ops.flip``."""
    rank = rank_of(x)
    axes = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    places = tuple(shapes.normalize_axis(a, rank) for a in axes)
    n = len(places)
    return apply(Slice(places, (-1,) * n, (-Slice.END,) * n, (-1,) * n), operand(x))


@operation
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """X cut along an axis, into equal parts or at indices. Source: ``keras.ops``.

    Raises: ShapeError if the axis has no equal parts; where the run alone knows its
        size, the run fails.
    """
    axis = shapes.normalize_axis(axis, rank_of(x))
    sizes = shape(x)
    size = sizes[axis]
    if not isinstance(indices_or_sections, int | np.integer):
        cuts = [0, *indices_or_sections, None]
    elif isinstance(size, Size):
        n = int(indices_or_sections)
        rows = reshape(x, (*sizes[:axis], n, size // n, *sizes[axis + 1 :]))
        return [getitem(rows, (*(slice(None),) * axis, i)) for i in range(n)]
    else:
        n = int(indices_or_sections)
        if size % n:
            raise ShapeError(f"axis {axis} of size {size} has no {n} equal parts")
        cuts = [size // n * i for i in range(n + 1)]
    return [sliced(x, axis, a, b) for a, b in itertools.pairwise(cuts)]


@operation
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The slices of x along an axis. Source: ``keras.ops.unstack``.

    Raises: ShapeError if it is not known how many there are.
    """
    size = num or type_of_operand(x).shape[axis]
    if not isinstance(size, int):
        raise ShapeError(
            f"axis {axis} of {type_of_operand(x)} has an unknown number of slices: say "
            "num="
        )
    return [squeeze(part, axis) for part in split(x, size, axis)]
