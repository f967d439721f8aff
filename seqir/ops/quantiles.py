"""Quantiles, and what leaves out NaN."""

from __future__ import annotations

import math
from typing import Any, Final

from seqir.errors import ArgumentError
from seqir.ops.apply import coerce, common_dtype, floating, is_floating, rank_of
from seqir.ops.arith import (
    add,
    divide,
    equal,
    logical_not,
    maximum,
    multiply,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.convert import cast
from seqir.ops.gather import take_along_axis
from seqir.ops.movement import broadcast_to, moveaxis, reshape, shape, transpose
from seqir.ops.reduce import all as all_
from seqir.ops.reduce import any as any_
from seqir.ops.reduce import argmax, argmin, axes_of
from seqir.ops.reduce import sum as sum_
from seqir.ops.sorting import sort
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import ceil, floor, isnan, round
from seqir.shapes import Axes

_METHODS: Final = ("linear", "lower", "higher", "midpoint", "nearest")


@operation
def quantile(
    x: TensorLike,
    q: TensorLike,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Result:
    """The number that a part q of them lies below. Source: ``keras.ops.quantile``.

    Shapes: x[*size], q[*n] -> [*n, *size without the axes].
    Raises: ArgumentError for a method that Keras does not have.
    """
    return _quantile(x, q, axis, method, keepdims, ignore=False)


@operation
def percentile(
    x: TensorLike,
    q: TensorLike,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Result:
    """`quantile` with parts in percent. Source: ``keras.ops.percentile``."""
    return quantile(x, _parts(x, q), axis, method, keepdims)


@operation
def nanquantile(
    x: TensorLike,
    q: TensorLike,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Result:
    """`quantile` of the values that are not NaN. Source: ``keras.ops``."""
    return _quantile(x, q, axis, method, keepdims, ignore=True)


@operation
def nanpercentile(
    x: TensorLike,
    q: TensorLike,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Result:
    """`percentile` of the values that are not NaN. Source: ``keras.ops``."""
    return nanquantile(x, _parts(x, q), axis, method, keepdims)


@operation
def nanmedian(
    x: TensorLike, axis: Axes | None = None, keepdims: bool = False
) -> Result:
    """The middle of the values that are not NaN. Source: ``keras.ops.nanmedian``."""
    return nanquantile(x, 0.5, axis, "linear", keepdims)


def _parts(x: TensorLike, q: TensorLike) -> Result:
    return divide(coerce(q, _place_dtype(x)), 100.0)


def _place_dtype(x: TensorLike) -> str:
    """A type in which the places in x are exact enough."""
    return "float64" if common_dtype(x) == "float64" else "float32"


def _quantile(
    x: TensorLike,
    q: TensorLike,
    axis: Axes | None,
    method: str,
    keepdims: bool,
    *,
    ignore: bool,
) -> Result:
    if method not in _METHODS:
        raise ArgumentError(f"method must be one of {_METHODS}, got {method!r}")
    exact = _place_dtype(x)
    x, axes, rank, q_rank = floating(x), axes_of(x, axis), rank_of(x), rank_of(q)
    own = shape(x)
    kept = [i for i in range(rank) if i not in axes]
    count = math.prod(own[i] for i in axes)
    rows = reshape(transpose(x, (*kept, *axes)), (*(own[i] for i in kept), count))
    unknown = isnan(rows)
    ordered = sort(where(unknown, math.inf, rows), -1)
    parts = reshape(coerce(q, exact), (-1,))
    known = sum_(cast(logical_not(unknown), exact), -1, keepdims=True)
    last = subtract(known if ignore else coerce(count, exact), 1.0)
    y = _at(ordered, multiply(maximum(last, 0.0), parts), method)
    lost = equal(known, 0.0) if ignore else any_(unknown, -1, keepdims=True)
    y = moveaxis(where(lost, math.nan, y), -1, 0)
    front = shape(q) if q_rank else ()
    sizes = (
        (1 if i in axes else own[i] for i in range(rank))
        if keepdims
        else (own[i] for i in kept)
    )
    return reshape(y, (*front, *sizes))


def _at(ordered: TensorLike, places: TensorLike, method: str) -> Result:
    """The values at places between the indices of the last axis."""
    if method == "nearest":
        return _pick(ordered, round(places))
    if method == "lower":
        return _pick(ordered, floor(places))
    high = _pick(ordered, ceil(places))
    if method == "higher":
        return high
    low = _pick(ordered, floor(places))
    way = coerce(subtract(places, floor(places)), common_dtype(ordered))
    between = multiply(subtract(high, low), 0.5 if method == "midpoint" else way)
    return where(equal(high, low), low, add(low, between))


def _pick(ordered: TensorLike, places: TensorLike) -> Result:
    sizes = (*shape(ordered)[:-1], shape(places)[-1])
    return take_along_axis(ordered, broadcast_to(cast(places, "int64"), sizes), -1)


@operation
def nanargmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Result:
    """Index of the largest number, -1 if none is one. Source: ``keras.ops``."""
    return _place(argmax, -math.inf, x, axis, keepdims)


@operation
def nanargmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Result:
    """Index of the smallest number, -1 if none is one. Source: ``keras.ops``."""
    return _place(argmin, math.inf, x, axis, keepdims)


def _place(
    find: Any, filler: float, x: TensorLike, axis: int | None, keepdims: bool
) -> Result:
    if not is_floating(x):
        return find(x, axis, keepdims)
    unknown = isnan(x)
    places = find(where(unknown, filler, x), axis, keepdims)
    return where(all_(unknown, axis, keepdims), -1, places)


__all__ = [
    "nanargmax",
    "nanargmin",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
]
