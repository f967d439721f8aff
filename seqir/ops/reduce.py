"""Reductions along axes."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence

from seqir import dtypes, shapes
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, UnsupportedError
from seqir.operators.kinds import wide
from seqir.operators.reduce import ArgReduce, Count, CumSum, Reduce
from seqir.ops.apply import (
    apply,
    coerce,
    common_dtype,
    floating,
    precise,
    rank_of,
    type_of_operand,
)
from seqir.ops.arith import (
    clip,
    maximum,
    minimum,
    not_equal,
    power,
    square,
    subtract,
    true_divide,
)
from seqir.ops.call import operation
from seqir.ops.like import expand_like
from seqir.ops.movement import reshape, squeeze
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import absolute, sqrt
from seqir.shapes import Axes


def count(x: TensorLike, axes: tuple[int, ...], dtype: str) -> float | Result:
    """How many elements x has along the axes: a number, or a tensor of one."""
    size = shapes.volume(type_of_operand(x).shape[a] for a in axes)
    return float(size) if isinstance(size, int) else apply(Count(axes, dtype), x)


def axes_of(x: TensorLike, axis: int | Sequence[int] | None) -> tuple[int, ...]:
    """The axes as a sorted tuple of non-negative numbers; None means all.

    Raises: ShapeError if one is not there or named twice.
    """
    rank = rank_of(x)
    return tuple(
        range(rank) if axis is None else sorted(shapes.normalize_axes(axis, rank))
    )


def _is_empty(x: TensorLike, axis: Axes | None) -> bool:
    """Whether there is certainly nothing along the axes."""
    sizes = type_of_operand(x).shape
    return 0 in (sizes[a] for a in axes_of(x, axis))


def _reduce(kind: str, x: TensorLike, axis: Axes | None, keepdims: bool) -> Result:
    if kind == "mean" and _is_empty(x, axis):
        return true_divide(floating(_reduce("sum", x, axis, keepdims)), 0.0)
    dtype = common_dtype(x, floating=Reduce.TABLE[kind].kinds == "float")
    narrow = dtypes.itemsize(dtype) < 4 and not dtypes.is_float(dtype)
    if kind in ("sum", "prod") and narrow:
        dtype = "uint32" if dtype.startswith("u") else "int32"
    op = Reduce(kind, axes_of(x, axis), keepdims)
    return coerce(apply(op, coerce(x, wide(dtype))), dtype)


@operation
def sum(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Sum along axes. Source: ``keras.ops.sum``."""
    return _reduce("sum", x, axis, keepdims)


@operation
def mean(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Arithmetic mean along axes. Source: ``keras.ops.mean``."""
    return _reduce("mean", x, axis, keepdims)


@operation
def max(
    x: TensorLike,
    axis: Axes | None = None,
    keepdims: bool = False,
    initial: TensorLike | None = None,
) -> Result:
    """Largest number along axes, and of `initial`. Source: ``keras.ops.max``."""
    return _with_initial("max", maximum, x, axis, keepdims, initial)


@operation
def min(
    x: TensorLike,
    axis: Axes | None = None,
    keepdims: bool = False,
    initial: TensorLike | None = None,
) -> Result:
    """Smallest number along axes, and of `initial`. Source: ``keras.ops.min``."""
    return _with_initial("min", minimum, x, axis, keepdims, initial)


def _with_initial(
    kind: str,
    of_two: Callable[[TensorLike, TensorLike], Result],
    x: TensorLike,
    axis: Axes | None,
    keepdims: bool,
    initial: TensorLike | None,
) -> Result:
    if initial is None:
        return _reduce(kind, x, axis, keepdims)
    initial = coerce(initial, common_dtype(x))
    if _is_empty(x, axis):
        return expand_like(initial, _reduce("sum", x, axis, keepdims))
    return of_two(_reduce(kind, x, axis, keepdims), initial)


@operation
def prod(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Product along axes. Source: ``keras.ops.prod``."""
    return _reduce("prod", x, axis, keepdims)


@operation
def logsumexp(
    x: TensorLike, axis: Axes | None = None, keepdims: bool = False
) -> Result:
    """log(sum(eˣ)) along axes. Source: ``keras.ops.logsumexp``."""
    return _reduce("logsumexp", x, axis, keepdims)


@operation
def var(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Mean squared distance from the mean. Source: ``keras.ops.var``.

    Squares of 16-bit numbers are taken in float32, as on JAX.
    """
    dtype, (x,) = precise(x)
    centred = subtract(x, _reduce("mean", x, axis, True))
    return coerce(_reduce("mean", square(centred), axis, keepdims), dtype)


@operation
def std(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Square root of the variance. Source: ``keras.ops.std``."""
    return sqrt(var(x, axis, keepdims))


@operation
def moments(
    x: TensorLike, axes: Axes, keepdims: bool = False, synchronized: bool = False
) -> tuple[Result, Result]:
    """Mean and variance along axes. Source: ``keras.ops.moments``."""
    if synchronized:
        raise UnsupportedError("moments are not synchronized across machines")
    dtype, (wide,) = precise(x)
    found = mean(wide, axes, keepdims), var(wide, axes, keepdims)
    if dtype not in dtypes.HALF:
        return found
    most = float(dtypes.finfo("float16").max)
    first, second = (coerce(clip(y, -most, most), dtype) for y in found)
    return first, second


@operation
def norm(
    x: TensorLike,
    ord: float | str | None = None,
    axis: Axes | None = None,
    keepdims: bool = False,
) -> Result:
    """Length of vectors: Euclidean, or the p-norm of order `ord`; norms of matrices.

    Of matrices (two axes) there are ``None``, ``"fro"``, 1, -1, inf and -inf.

    Raises: ArgumentError for an order that vectors or matrices do not have.
    Source: ``keras.ops.norm``.
    """
    x = floating(x)
    axes = axes_of(x, axis)
    if ord is None and axis is None:
        return _reduce("l2", x, axis, keepdims) if axes else absolute(x)
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(x, 2.0 if ord is None else float(ord), axes, keepdims)
    if len(axes) != 2:
        raise ArgumentError(
            f"norm of order {ord!r} is of vectors or matrices, along one axis or two, "
            f"got {len(axes)} axes"
        )
    if ord in (None, "fro"):
        return _reduce("l2", x, axis, keepdims)
    if ord not in (1, -1, math.inf, -math.inf):
        raise ArgumentError(
            f"norm of order {ord!r} of matrices is not there: use None, 'fro', 1, -1, "
            "inf or -inf"
        )
    rows, columns = axes if axis is None else shapes.normalize_axes(axis, rank_of(x))
    summed, chosen = (rows, columns) if builtins.abs(ord) == 1 else (columns, rows)
    sums = sum(absolute(x), summed, keepdims=True)
    y = _reduce("max" if ord > 0 else "min", sums, chosen, True)
    if keepdims:
        return y

    return squeeze(y, axes)


def _vector_norm(
    x: Result, ord: float, axes: tuple[int, ...], keepdims: bool
) -> Result:

    if ord == 2:
        return _reduce("l2", x, axes, keepdims)
    if ord == 0:
        return sum(coerce(not_equal(x, 0), common_dtype(x)), axes, keepdims)
    size = absolute(x)
    if math.isinf(ord):
        return _reduce("max" if ord > 0 else "min", size, axes, keepdims)
    if ord == 1:
        return sum(size, axes, keepdims)
    return power(sum(power(size, ord), axes, keepdims), 1 / ord)


@operation
def all(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Whether all hold. Source: ``keras.ops.all``."""
    return min(coerce(x, "bool"), axis, keepdims, initial=True)


@operation
def any(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Whether one holds. Source: ``keras.ops.any``."""
    return max(coerce(x, "bool"), axis, keepdims, initial=False)


def _arg(kind: str, x: TensorLike, axis: int | None, keepdims: bool) -> Result:

    rank = rank_of(x)
    if axis is None:
        x, keepdims, shape = reshape(x, (-1,)), False, (1,) * (rank * keepdims)
    else:
        shape = None
    op = ArgReduce(kind, shapes.normalize_axis(axis or 0, rank_of(x)), keepdims)
    places = coerce(apply(op, coerce(x, wide(common_dtype(x)))), "int32")
    return places if not shape else reshape(places, shape)


@operation
def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Result:
    """Index (int32) of the largest number. Source: ``keras.ops.argmax``."""
    return _arg("max", x, axis, keepdims)


@operation
def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Result:
    """Index (int32) of the smallest number. Source: ``keras.ops.argmin``."""
    return _arg("min", x, axis, keepdims)


@operation
def cumsum(
    x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None
) -> Result:
    """Running sum along an axis. Source: ``keras.ops.cumsum``."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    wanted = dtypes.canonical(dtype) if dtype else common_dtype(x)
    wanted = "int32" if wanted == "bool" else wanted
    y = apply(CumSum(axis), coerce(coerce(x, wanted), wide(wanted)))
    return coerce(y, wanted)


__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "cumsum",
    "logsumexp",
    "max",
    "mean",
    "min",
    "moments",
    "norm",
    "prod",
    "std",
    "sum",
    "var",
]
