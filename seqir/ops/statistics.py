"""Statistics composed of reductions."""

from __future__ import annotations

import math
from typing import Any

from seqir.errors import ArgumentError
from seqir.ops.apply import (
    coerce,
    common_dtype,
    floating,
    is_floating,
    numeric,
    rank_of,
)
from seqir.ops.arith import (
    add,
    greater,
    less,
    logical_not,
    minimum,
    multiply,
    not_equal,
    subtract,
    true_divide,
    where,
)
from seqir.ops.call import operation
from seqir.ops.convert import cast, zeros_like
from seqir.ops.gather import scatter_update, take_along_axis
from seqir.ops.indexing import getitem
from seqir.ops.movement import expand_dims, moveaxis, reshape, shape, transpose
from seqir.ops.numbers import isclose
from seqir.ops.parts import concatenate
from seqir.ops.reduce import all as all_
from seqir.ops.reduce import any as any_
from seqir.ops.reduce import axes_of, prod
from seqir.ops.reduce import max as max_
from seqir.ops.reduce import mean as mean_
from seqir.ops.reduce import min as min_
from seqir.ops.reduce import sum as sum_
from seqir.ops.sorting import sort
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import isnan, sqrt
from seqir.shapes import Axes


@operation
def amax(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Largest number along axes. Source: ``keras.ops.amax``."""
    return max_(x, axis, keepdims)


@operation
def amin(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Smallest number along axes. Source: ``keras.ops.amin``."""
    return min_(x, axis, keepdims)


@operation
def ptp(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Largest less smallest number. Source: ``keras.ops.ptp``."""
    return subtract(max_(x, axis, keepdims), min_(x, axis, keepdims))


@operation
def average(
    x: TensorLike, axis: Axes | None = None, weights: TensorLike | None = None
) -> Result:
    """Weighted mean along axes. Source: ``keras.ops.average``."""
    if weights is None:
        return mean_(x, axis)
    dtype = common_dtype(x, weights, floating=True)
    x, weights = coerce(x, dtype), coerce(weights, dtype)
    if rank_of(weights) == 1 and rank_of(x) > 1:
        if not isinstance(axis, int):
            raise ArgumentError("average with a vector of weights needs one axis")
        (place,) = axes_of(x, axis)
        weights = reshape(
            weights, tuple(-1 if i == place else 1 for i in range(rank_of(x)))
        )
    total = sum_(add(multiply(x, 0.0), weights), axis)
    return true_divide(sum_(multiply(x, weights), axis), total)


@operation
def count_nonzero(x: TensorLike, axis: Axes | None = None) -> Result:
    """How many values are not 0 (int32). Source: ``keras.ops.count_nonzero``."""
    return sum_(cast(not_equal(x, coerce(0, common_dtype(x))), "int32"), axis)


@operation
def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Result:
    """Each number less the one before, n times. Source: ``keras.ops.diff``."""
    (place,) = axes_of(a, axis)
    key = (slice(None),) * place
    for _ in range(n):
        later = getitem(a, (*key, slice(1, None)))
        before = getitem(a, (*key, slice(None, -1)))
        if common_dtype(a) == "bool":
            a = not_equal(later, before)
        else:
            a = subtract(later, before)
    return numeric(a)


@operation
def median(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """The middle number, or the mean of the two. Source: ``keras.ops.median``."""
    x, axes, rank = floating(x), axes_of(x, axis), rank_of(x)
    kept = [i for i in range(rank) if i not in axes]

    own = shape(x)
    count = math.prod(own[i] for i in axes)
    if 0 in [own[i] for i in axes if isinstance(own[i], int)]:
        return mean_(x, axes, keepdims)  # NaN
    flat = reshape(transpose(x, (*kept, *axes)), (*(own[i] for i in kept), count))
    ordered = sort(flat, -1)
    low = getitem(ordered, (..., (count - 1) // 2))
    high = getitem(ordered, (..., count // 2))
    y = add(multiply(low, 0.5), multiply(high, 0.5))
    y = where(any_(isnan(flat), -1), math.nan, y)
    if not keepdims:
        return y
    return reshape(y, tuple(1 if i in axes else own[i] for i in range(rank)))


@operation
def allclose(
    x1: TensorLike,
    x2: TensorLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Result:
    """Whether all elements are close. Source: ``keras.ops.allclose``."""
    return all_(isclose(x1, x2, rtol, atol, equal_nan))


@operation
def nansum(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Sum of the values that are not NaN. Source: ``keras.ops.nansum``."""
    return sum_(_known(x, 0), axis, keepdims)


@operation
def nanprod(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Product of the values that are not NaN. Source: ``keras.ops.nanprod``."""
    return prod(_known(x, 1), axis, keepdims)


@operation
def nanmean(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Mean of the values that are not NaN. Source: ``keras.ops.nanmean``."""
    x = floating(x)
    count = sum_(cast(logical_not(isnan(x)), x.dtype), axis, keepdims)
    return true_divide(nansum(x, axis, keepdims), count)


@operation
def nanvar(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Variance of the values that are not NaN. Source: ``keras.ops.nanvar``."""
    x = floating(x)
    centred = subtract(x, nanmean(x, axis, keepdims=True))
    return nanmean(multiply(centred, centred), axis, keepdims)


@operation
def nanstd(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Square root of `nanvar`. Source: ``keras.ops.nanstd``."""
    return sqrt(nanvar(x, axis, keepdims))


@operation
def nanmax(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Largest of the values that are not NaN. Source: ``keras.ops.nanmax``."""
    return _extreme(max_, -math.inf, x, axis, keepdims)


@operation
def nanmin(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Result:
    """Smallest of the values that are not NaN. Source: ``keras.ops.nanmin``."""
    return _extreme(min_, math.inf, x, axis, keepdims)


def _known(x: TensorLike, filler: float) -> Result:
    return where(isnan(x), filler, x)


def _extreme(
    reduce: Any, filler: float, x: TensorLike, axis: Axes | None, keepdims: bool
) -> Result:
    if not is_floating(x):
        return reduce(x, axis, keepdims)
    x = floating(x)
    nothing = all_(isnan(x), axis, keepdims)
    return where(nothing, math.nan, reduce(_known(x, filler), axis, keepdims))


@operation
def trapezoid(
    y: TensorLike, x: TensorLike | None = None, dx: float = 1.0, axis: int = -1
) -> Result:
    """Integral of a polygon. Source: ``keras.ops.trapezoid``."""
    dtype = common_dtype(*(v for v in (y, x) if v is not None), floating=True)
    y = moveaxis(coerce(y, dtype), axis, -1)
    width = coerce(dx, dtype)
    if x is not None:
        x = coerce(x, dtype)
        width = diff(x if rank_of(x) == 1 else moveaxis(x, axis, -1))
    middle = add(getitem(y, (..., slice(1, None))), getitem(y, (..., slice(None, -1))))
    return sum_(multiply(multiply(middle, 0.5), width), -1)


@operation
def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Result:
    """Whether fewer than k predictions beat the target's. Source: ``keras.ops``."""
    own = take_along_axis(predictions, expand_dims(targets, -1), -1)
    own = where(isnan(own), -math.inf, own)
    better = sum_(cast(greater(predictions, own), "int32"), -1)
    return less(better, k)


@operation
def segment_sum(
    data: TensorLike,
    segment_ids: TensorLike,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Result:
    """Sums of the rows of each segment. Source: ``keras.ops.segment_sum``."""
    if num_segments is None:
        raise ArgumentError("segment_sum needs num_segments: the result has that size")

    n = int(num_segments)
    data, ids = numeric(data), cast(segment_ids, "int64")
    # A row more takes what belongs to no segment.
    ids = where(less(ids, 0), n, minimum(ids, n))
    blank = zeros_like(sum_(data, 0, keepdims=True), dtype=common_dtype(data))
    blank = concatenate([blank] * (n + 1), 0)
    sums = scatter_update(blank, expand_dims(ids, -1), data, "add")
    return getitem(sums, slice(None, n))


__all__ = [
    "allclose",
    "amax",
    "amin",
    "average",
    "count_nonzero",
    "diff",
    "in_top_k",
    "median",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "ptp",
    "segment_sum",
    "trapezoid",
]
