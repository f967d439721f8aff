"""Indexing and slicing; ends and places may be known to the run only."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.narrow import is_slice
from seqir.operators.gather import GatherND
from seqir.operators.pieces import Concat, Slice
from seqir.operators.sizes import NonZero, SliceAt, Unique
from seqir.ops.apply import (
    apply,
    as_array,
    coerce,
    operand,
    rank_of,
    type_of_operand,
    vector,
)
from seqir.ops.call import operation
from seqir.ops.gather import take
from seqir.ops.movement import (
    broadcast_to,
    expand_dims,
    reshape,
    shape,
    squeeze,
    transpose,
)
from seqir.ops.size import Size, is_int, is_size, size_dim, unknown
from seqir.ops.tensor import Index, IndexPart, Result, Tensor, TensorLike


@operation
def getitem(x: TensorLike, key: Index) -> Result:
    """``x[key]`` for integers, slices, None, ``...``, sizes, indices and masks.

    Raises: ShapeError if x has no such place; ArgumentError for more than one tensor.
    """
    keys = _keys(key, rank_of(x))
    at = [k for k in keys if k is not None]
    if not all(map(_is_cut, at)):
        return _looked_up(x, keys)
    if len(at) > rank_of(x):
        raise ShapeError(f"too many indices for rank {rank_of(x)}: {key!r}")
    y = _cut(operand(x), at)
    dropped = [axis for axis, k in enumerate(at) if is_size(k)]
    y = squeeze(y, dropped) if dropped else y
    left = [k for k in keys if not is_size(k)]
    added = [place for place, k in enumerate(left) if k is None]
    return expand_dims(y, added) if added else y


def _keys(key: Index, rank: int) -> list[Any]:
    """One key for each axis, ``...`` written out, and None for each new axis."""
    keys: list[IndexPart] = list(key) if isinstance(key, tuple) else [key]
    if any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        used = sum(k is not None and k is not Ellipsis for k in keys)
        keys[at : at + 1] = [slice(None)] * (rank - used)
    return keys


def _looked_up(x: TensorLike, keys: list[Any]) -> Result:
    """Slices of x at the places that one array names, among slices and new axes."""
    at, *more = [i for i, k in enumerate(keys) if not _is_cut(k)]
    others = [*keys[:at], slice(None), *keys[at + 1 :]]
    if more or any(map(is_size, others)):
        raise ArgumentError("index with one tensor at a time, or use ops.take")
    places = keys[at]
    if type_of_operand(places).dtype == "bool":
        if len(keys) == 1:
            return _picked(x, places)
        if isinstance(places, Tensor) or rank_of(places) != 1:
            raise ArgumentError(
                f"a mask {type_of_operand(places)} beside other indices must be a "
                "known vector; index with it alone, or use ops.where"
            )
        places = np.flatnonzero(as_array(places))
    return take(x if len(keys) == 1 else getitem(x, tuple(others)), places, axis=at)


def _is_cut(key: IndexPart) -> bool:
    """Whether a key is anything but an array."""
    return key is None or isinstance(key, slice) or is_size(key)


def _picked(x: TensorLike, key: TensorLike) -> Result:
    """The elements of x where a mask is true."""
    mask, sizes = type_of_operand(key), type_of_operand(x).shape
    if not mask.rank or not shapes.agree(mask.shape, sizes[: mask.rank]):
        raise ShapeError(f"a mask {mask} does not fit {type_of_operand(x)}")
    if not isinstance(key, Tensor):
        return apply(GatherND(), operand(x), np.argwhere(as_array(key)))
    places = apply(NonZero(unknown("nonzero", key)), key)
    return apply(GatherND(), operand(x), transpose(places))


@operation
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: TensorLike | None = None,
) -> Result | tuple[Result, ...]:
    """The different values of x, in order whatever `sorted` says.

    With them, as int32: where each stands first, which of them each element is, and
    how often each occurs. The run counts them, unless `size` says how many to give:
    fewer are filled up with `fill_value` (0).

    Raises: ArgumentError for an axis of several.
    Source: ``keras.ops.unique``.
    """
    type = type_of_operand(x)
    if axis is not None and type.rank != 1:
        raise ArgumentError(
            f"unique takes all numbers of {type}, not slices along axis {axis}: leave "
            "axis=None"
        )
    inner = "int64" if not dtypes.is_float(type.dtype) else "float32"
    inner = type.dtype if type.dtype == "float64" else inner
    flat = reshape(coerce(x, inner), (-1,))
    values, first, which, counts = apply(Unique(unknown("unique", flat)), flat)
    if size is not None:
        values = _filled(values, size, np.asarray(fill_value or 0))
        first, counts = _filled(first, size, first[:1]), _filled(counts, size, 0)
    found = (
        (return_index, first),
        (return_inverse, reshape(which, shape(x))),
        (return_counts, counts),
    )
    more = [coerce(y, "int32") for wanted, y in found if wanted]
    values = coerce(values, type.dtype)
    return (values, *more) if more else values


def _filled(x: TensorLike, size: int, value: TensorLike) -> Result:
    """The first elements of a vector, filled up with a value to a size."""
    dtype = type_of_operand(x).dtype
    filler = broadcast_to(coerce(value, dtype), (size,))
    return getitem(apply(Concat(0), x, filler), slice(size))


def _cut(x: Result, keys: list[Any]) -> Result:
    """The slices of x, and a slice of one element for each integer."""
    sizes = type_of_operand(x).shape
    inside: list[tuple[int, ...]] = []
    clipped: list[tuple[int, ...]] = []
    for axis, (k, n) in enumerate(zip(keys, sizes, strict=False)):
        if is_int(k):
            if isinstance(n, int) and not -n <= k < n:
                raise ShapeError(
                    f"index {k} is out of range for axis {axis} of size {n}"
                )
            inside.append((axis, int(k), Slice.END if k == -1 else int(k) + 1, 1))
        elif is_slice(k) and _plain(k, n):
            ends = _ends(k)
            if ends != (0, Slice.END, 1):
                (inside if isinstance(n, int) else clipped).append((axis, *ends))
    unsure = any(not isinstance(sizes[axis], int) for axis, *_ in inside)
    x = _sliced(_sliced(x, inside, inside=unsure), clipped)
    for axis, (k, n) in enumerate(zip(keys, sizes, strict=False)):
        if is_slice(k) and not _plain(k, n):
            x = sliced(x, axis, k.start, k.stop, k.step)
        elif isinstance(k, Size):
            x = take(x, expand_dims(k, 0), axis=axis)
    return x


def _sliced(x: Result, cuts: list[tuple[int, ...]], *, inside: bool = False) -> Result:
    """x cut at places of axis, begin, end and step."""
    if not cuts:
        return x
    axes, begins, ends, steps = zip(*cuts, strict=True)
    return apply(Slice(axes, begins, ends, steps, inside), operand(x))


def _plain(key: slice, size: shapes.Dim) -> bool:
    """Whether `Slice` can do it: known ends, and a part backwards of a known size."""
    if any(isinstance(end, Tensor) for end in (key.start, key.stop, key.step)):
        return False
    forwards = key.step is None or key.step > 0
    return isinstance(size, int) or forwards or key.start is None is key.stop


def _ends(key: slice) -> tuple[int, int, int]:
    """Begin, end and step of a slice of known ends."""
    step = 1 if key.step is None else int(key.step)
    begin = (0 if step > 0 else -1) if key.start is None else int(key.start)
    last = Slice.END if step > 0 else -Slice.END
    return begin, last if key.stop is None else int(key.stop), step


def sliced(x: TensorLike, axis: int, begin: Any, end: Any, step: Any = None) -> Result:
    """``x[begin:end:step]`` along an axis; the ends may be known to the run only.

    Raises: ShapeError for a step that only the run knows.
    """
    if isinstance(step, Tensor):
        raise ShapeError(f"the step of a slice must be known, got {step!r}")
    key = slice(begin, end, step)
    if _plain(key, type_of_operand(x).shape[axis]):
        start, stop, by = _ends(key)
        return apply(Slice((axis,), (start,), (stop,), (by,)), operand(x))
    if step is not None and step < 0:  # place i of x is place -1 - i of x backwards
        back = apply(Slice((axis,), (-1,), (-Slice.END,), (-1,)), operand(x))
        begin, end = (None if e is None else -1 - e for e in (begin, end))
        return sliced(back, axis, begin, end, -step)
    size = shape(x)[axis]
    start, stop = 0 if begin is None else begin, size if end is None else end
    by = 1 if step is None else int(step)
    length = None
    if is_size(start) and is_size(stop):
        length = shapes.sliced(size_dim(size), size_dim(start), size_dim(stop), by)
    if length is None:
        length = unknown("slice", x)
    return apply(SliceAt(axis, by, length), operand(x), vector(start), vector(stop))


__all__ = ["getitem", "unique"]
