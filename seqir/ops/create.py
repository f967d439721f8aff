"""Constant tensors from sizes and numbers; what is known of a tensor at once.

Sizes may be those of ``ops.shape(x)`` that only the run knows: then a tensor of the
graph comes back, otherwise an array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array
from seqir.operators.sizes import Fill
from seqir.ops.apply import as_array, coerce, common_dtype, type_of_operand
from seqir.ops.arith import (
    add,
    divide,
    equal,
    greater_equal,
    maximum,
    multiply,
    power,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.convert import convert_to_tensor
from seqir.ops.movement import broadcast_to, expand_dims, moveaxis, shape
from seqir.ops.several import sizes_of
from seqir.ops.size import (
    ShapeLike,
    Size,
    SizeLike,
    dim_of,
    is_int,
    is_size,
    maximum_size,
)
from seqir.ops.sizes import apply_sizes, counting
from seqir.ops.tensor import Result, Tensor, TensorLike
from seqir.ops.unary import ceil


def _kind(dtype: DTypeLike | None) -> np.dtype[Any]:
    return dtypes.to_numpy(dtypes.canonical(dtype or "float32"))


def _any_unknown(*values: TensorLike) -> bool:
    return any(isinstance(v, Tensor) for v in values)


def _sizes(shape: ShapeLike) -> tuple[Any, ...]:
    """One size or several, none of them negative."""
    sizes = sizes_of(shape)
    if any(is_int(n) and n < 0 for n in sizes):
        raise ShapeError(f"sizes must not be negative, got {sizes}")
    return sizes


@operation
def full(
    shape: ShapeLike, fill_value: TensorLike, dtype: DTypeLike | None = None
) -> Result:
    """Every element `fill_value`. Source: ``keras.ops.full``."""
    kind = _kind(dtype)
    sizes = _sizes(shape)
    dims = tuple(map(dim_of, sizes))
    if not _any_unknown(*sizes, fill_value):
        value = np.broadcast_to(as_array(fill_value), sizes)
        return np.array(value, kind)
    if isinstance(fill_value, Tensor) or np.ndim(fill_value):
        return broadcast_to(coerce(fill_value, kind.name), sizes)
    value = np.asarray(fill_value).astype(kind).item()
    return apply_sizes(Fill(dims, value, kind.name), sizes)


@operation
def zeros(shape: ShapeLike, dtype: DTypeLike | None = None) -> Result:
    """Zeros. Source: ``keras.ops.zeros``."""
    return full(shape, 0, dtype)


@operation
def ones(shape: ShapeLike, dtype: DTypeLike | None = None) -> Result:
    """Ones. Source: ``keras.ops.ones``."""
    return full(shape, 1, dtype)


@operation
def empty(shape: ShapeLike, dtype: DTypeLike | None = None) -> Result:
    """An array that nothing was said about: zeros. Source: ``keras.ops.empty``."""
    return full(shape, 0, dtype)


@operation
def eye(
    N: SizeLike,  # noqa: N803
    M: SizeLike | None = None,  # noqa: N803
    k: int = 0,
    dtype: DTypeLike | None = None,
) -> Result:
    """Ones on a diagonal. Source: ``keras.ops.eye``."""
    rows, columns = _sizes((N, N if M is None else M))
    if not _any_unknown(rows, columns):
        return np.eye(rows, columns, k, _kind(dtype))
    places = expand_dims(counting(rows), 1) + k
    return coerce(equal(places, counting(columns)), _kind(dtype).name)


@operation
def identity(n: SizeLike, dtype: DTypeLike | None = None) -> Result:
    """The unit matrix. Source: ``keras.ops.identity``."""
    return eye(n, dtype=dtype)


@operation
def tri(
    N: SizeLike,  # noqa: N803
    M: SizeLike | None = None,  # noqa: N803
    k: int = 0,
    dtype: DTypeLike | None = None,
) -> Result:
    """Ones on and below a diagonal. Source: ``keras.ops.tri``."""
    rows, columns = _sizes((N, N if M is None else M))
    return coerce(at_or_below(rows, columns, k), _kind(dtype).name)


@operation
def arange(
    start: TensorLike,
    stop: TensorLike | None = None,
    step: TensorLike | None = None,
    dtype: DTypeLike | None = None,
) -> Result:
    """Numbers from start to before stop. Source: ``keras.ops.arange``.

    Raises: ArgumentError for a step of 0, and for one that the run computes.
    """
    given = [v for v in (start, stop, step) if v is not None]
    if step is not None and not isinstance(step, Tensor) and not step:
        raise ArgumentError("arange needs a step that is not 0")
    kind = _kind(dtype or common_dtype(*given))
    begin, end = (0, start) if stop is None else (start, stop)
    by = 1 if step is None else step
    if not _any_unknown(begin, end, by):
        return np.arange(begin, end, by, kind)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
    if isinstance(by, Tensor) and not isinstance(by, Size):
        raise ArgumentError(
            f"arange needs a step that is known, got {by!r}: multiply its result by it"
        )
    if all(map(is_size, (begin, end, by))):
        count = _steps(begin, end, by)
    else:
        steps = divide(subtract(coerce(end, "float64"), coerce(begin, "float64")), by)
        count = coerce(maximum(ceil(steps), 0.0), "int64")
    return coerce(add(multiply(counting(count), by), begin), kind.name)


def _steps(begin: Any, end: Any, by: Any) -> Any:
    """How many steps lead from size to size, the last one excluded."""
    reach, pace = (end - begin, by) if by > 0 else (begin - end, -by)
    return maximum_size((reach + pace - 1) // pace, 0)


@operation
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: SizeLike = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Result | tuple[Result, Result]:
    """Evenly spaced numbers. Source: ``keras.ops.linspace``."""
    found = spaced(start, stop, num, endpoint, dtype, axis)
    return found if retstep else found[0]


def spaced(
    start: TensorLike,
    stop: TensorLike,
    num: SizeLike,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> tuple[Result, Result]:
    """Evenly spaced numbers, and the distance of one to the next."""
    kind = _kind(dtype or common_dtype(start, stop, floating=True))
    (num,) = sizes_of(num)
    if not isinstance(num, Size) and num < 0:
        raise ArgumentError(f"num must not be negative, got {num}")
    if not _any_unknown(start, stop, num):
        with np.errstate(all="ignore"):
            return np.linspace(start, stop, num, endpoint, True, kind, axis)  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType]
    wide = common_dtype(start, stop, floating=True)
    begin, end = coerce(start, wide), coerce(stop, wide)
    gaps = maximum_size(num - 1 if endpoint else num, 1)
    step = divide(subtract(end, begin), coerce(gaps, wide))
    rank = max(type_of_operand(begin).rank, type_of_operand(end).rank)
    places = expand_dims(counting(num), tuple(range(1, rank + 1)))
    y = add(multiply(coerce(places, wide), step), begin)
    if endpoint:  # the last one is exact, whatever the sums have lost
        y = where(equal(places, maximum_size(num - 1, 1)), end, y)
    y = moveaxis(coerce(y, kind.name), 0, axis)
    return y, step


@operation
def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: SizeLike = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Result:
    """Powers of the base, evenly spaced. Source: ``keras.ops.logspace``."""
    kind = _kind(dtype or common_dtype(start, stop, floating=True))
    if not isinstance(num, Tensor) and not _any_unknown(start, stop):
        ends = np.asarray(start), np.asarray(stop)
        return np.logspace(*ends, int(num), endpoint, base, kind, axis=axis)
    exponents, _ = spaced(start, stop, num, endpoint, axis=axis)
    return coerce(power(coerce(base, common_dtype(exponents)), exponents), kind.name)


@operation
def array(x: TensorLike, dtype: DTypeLike | None = None) -> Result:
    """Numbers as an array, a tensor as it is. Source: ``keras.ops.array``."""
    return convert_to_tensor(x, dtype)


def convert_to_numpy(x: TensorLike) -> Array:
    """The values of an array or variable. Source: ``keras.ops.convert_to_numpy``."""
    return np.array(as_array(x))


def is_tensor(x: TensorLike) -> bool:
    """Whether x is an array or a tensor. Source: ``keras.ops.is_tensor``."""
    return isinstance(x, Tensor | np.ndarray)


def ndim(x: TensorLike) -> int:
    """Number of axes. Source: ``keras.ops.ndim``."""
    return type_of_operand(x).rank


def size(x: TensorLike) -> int | Size:
    """Number of elements, as `shape` gives sizes. Source: ``keras.ops.size``."""
    return math.prod(shape(x))


def dtype(x: TensorLike) -> str:
    """Name of the element type. Source: ``keras.ops.dtype``."""
    return type_of_operand(x).dtype


def at_or_below(rows: SizeLike, columns: SizeLike, k: int = 0) -> Result:
    """Whether each place of a matrix lies on or below a diagonal."""
    if not isinstance(rows, Tensor) and not isinstance(columns, Tensor):
        return np.tri(int(rows), int(columns), k, dtype=np.bool_)
    return greater_equal(expand_dims(counting(rows), 1) + k, counting(columns))


__all__ = [
    "arange",
    "array",
    "convert_to_numpy",
    "dtype",
    "empty",
    "eye",
    "full",
    "identity",
    "is_tensor",
    "linspace",
    "logspace",
    "ndim",
    "ones",
    "size",
    "tri",
    "zeros",
]
