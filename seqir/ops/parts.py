"""Cutting, joining and repeating tensors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.ops.apply import apply, coerce, common_dtype, rank_of, type_of_operand
from seqir.ops.call import operation
from seqir.ops.movement import (
    Concat,
    Expand,
    Pad,
    Slice,
    Tile,
    expand_dims,
    operand,
    reshape,
    shape,
    squeeze,
)


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
    counts = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    rank = rank_of(x)
    if len(counts) > rank:
        x = expand_dims(x, tuple(range(len(counts) - rank)))
    return apply(Tile((1,) * (rank - len(counts)) + counts), operand(x))


@operation
def repeat(x: Any, repeats: int, axis: int | None = None) -> Any:
    """X with every element repeated in place. Source: ``keras.ops.repeat``."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    sizes = list(shape(x))
    axis = shapes.normalize_axis(axis, len(sizes))
    times = [1] * (len(sizes) + 1)
    times[axis + 1] = repeats
    wide = apply(Expand(tuple(times)), expand_dims(x, axis + 1))
    sizes[axis] = sizes[axis] * repeats
    return reshape(wide, sizes)


@operation
def pad(
    x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Any:
    """X with elements added at its edges. Source: ``keras.ops.pad``."""
    rank = rank_of(x)
    if mode not in ("constant", "reflect", "edge"):
        raise ArgumentError(
            f"pad knows the modes constant, reflect, edge, not {mode!r}"
        )
    width = np.broadcast_to(np.asarray(pad_width, int), (rank, 2))
    before, after = (tuple(int(v) for v in width[:, i]) for i in (0, 1))
    return apply(Pad(before, after, mode, float(constant_values or 0)), operand(x))


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
    """X cut along an axis, into equal parts or at indices. Source: ``keras.ops``."""
    axis = shapes.normalize_axis(axis, rank_of(x))
    size = type_of_operand(x).shape[axis]
    if isinstance(indices_or_sections, int):
        n = indices_or_sections
        if not isinstance(size, int) or size % n:
            raise ShapeError(f"axis {axis} of size {size} has no {n} equal parts")
        cuts = list(range(0, size + 1, size // n))
    else:
        cuts = [0, *(int(i) for i in indices_or_sections), Slice.END]
    return [
        apply(Slice((axis,), (a,), (b,), (1,)), operand(x))
        for a, b in itertools.pairwise(cuts)
    ]


@operation
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The slices of x along an axis. Source: ``keras.ops.unstack``."""
    size = num or type_of_operand(x).shape[axis]
    return [squeeze(part, axis) for part in split(x, size, axis)]


@operation
def getitem(x: Any, key: Any) -> Any:
    """``x[key]`` for integers, slices, None, ``...`` and arrays of integers."""
    keys = list(key) if isinstance(key, tuple) else [key]
    rank = rank_of(x)
    if any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        used = sum(k is not None and k is not Ellipsis for k in keys)
        keys[at : at + 1] = [slice(None)] * (rank - used)
    cuts: list[tuple[int, int, int, int]] = []
    dropped: list[int] = []
    added: list[int] = []
    axis = 0
    for k in keys:
        if k is None:
            added.append(axis - len(dropped) + len(added))
            continue
        if axis >= rank:
            raise ShapeError(f"too many indices for rank {rank}: {key!r}")
        if isinstance(k, int | np.integer):
            end = Slice.END if k == -1 else int(k) + 1
            cuts.append((axis, int(k), end, 1))
            dropped.append(axis)
        elif isinstance(k, slice):
            step = 1 if k.step is None else k.step
            begin = (0 if step > 0 else -1) if k.start is None else k.start
            end = (Slice.END if step > 0 else -Slice.END) if k.stop is None else k.stop
            cuts.append((axis, begin, end, step))
        else:
            from seqir.ops.gather import take

            if len(keys) > 1:
                raise ArgumentError("index with one tensor at a time, or use ops.take")
            return take(x, k, axis=0)
        axis += 1
    size = type_of_operand(x).shape
    for a, begin, _, _ in cuts:
        n = size[a]
        if a in dropped and isinstance(n, int) and not -n <= begin < n:
            raise ShapeError(f"index {begin} is out of range for axis {a} of size {n}")
    cuts = [c for c in cuts if c[1:] != (0, Slice.END, 1)]
    y = apply(Slice(*zip(*cuts, strict=True)), operand(x)) if cuts else x
    y = squeeze(y, dropped) if dropped else y
    return expand_dims(y, added) if added else y
