"""Counting, correlating, windows, powers: functions of vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.ir import Array
from seqir.narrow import is_a
from seqir.ops.apply import (
    as_array,
    coerce,
    common_dtype,
    floating,
    rank_of,
    type_of_operand,
)
from seqir.ops.arith import add, divide, equal, less_equal, power, subtract, where
from seqir.ops.arrange import ravel, searchsorted
from seqir.ops.call import operation
from seqir.ops.convert import zeros_like
from seqir.ops.create import spaced
from seqir.ops.gather import one_hot
from seqir.ops.matrices import diag, diagonal
from seqir.ops.movement import expand_dims, reshape, transpose
from seqir.ops.parts import flip, pad, split
from seqir.ops.products import matmul
from seqir.ops.reduce import max as max_
from seqir.ops.reduce import mean
from seqir.ops.reduce import min as min_
from seqir.ops.reduce import sum as sum_
from seqir.ops.spatial import conv
from seqir.ops.tensor import Result, Tensor, TensorLike
from seqir.ops.unary import exp, log, sqrt
from seqir.ops.variable import Variable


@operation
def empty_like(x: TensorLike, dtype: DTypeLike | None = None) -> Result:
    """A tensor of that shape that nothing was said about: zeros. Source: Keras."""
    return zeros_like(x, dtype)


@operation
def diagflat(x: TensorLike, k: int = 0) -> Result:
    """The matrix with all of x on a diagonal. Source: ``keras.ops.diagflat``."""
    return diag(ravel(x), k)


@operation
def dsplit(x: TensorLike, indices_or_sections: Any) -> list[Result]:
    """x cut along axis 2. Source: ``keras.ops.dsplit``."""
    return split(x, indices_or_sections, 2)


@operation
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Result:  # noqa: N803
    """The powers of each number as a row. Source: ``keras.ops.vander``."""
    size = type_of_operand(x).shape[0] if N is None else N
    if rank_of(x) != 1 or not isinstance(size, int):
        raise ShapeError(
            f"vander takes a vector, and N if its size is not known, got "
            f"{type_of_operand(x)}"
        )
    y = power(expand_dims(x, 1), np.arange(size, dtype=np.int32))
    y = coerce(y, common_dtype(x))
    return y if increasing else flip(y, 1)


@operation
def corrcoef(x: TensorLike) -> Result:
    """How the rows of x go together, from -1 to 1. Source: ``keras.ops.corrcoef``."""
    x = floating(x)
    x = expand_dims(x, 0) if rank_of(x) == 1 else x
    single = type_of_operand(x).shape[0] == 1
    centred = subtract(x, mean(x, 1, keepdims=True))
    products = matmul(centred, transpose(centred))
    length = sqrt(diagonal(products))
    y = divide(divide(products, expand_dims(length, 1)), length)
    return reshape(y, ()) if single else y


@operation
def correlate(x1: TensorLike, x2: TensorLike, mode: str = "valid") -> Result:
    """``y[k] = sum(x1[n + k] * x2[n])`` of two vectors. Source: ``keras.ops``.

    Raises: ShapeError unless both are vectors and the size of x2 is known.
    """
    if mode not in ("valid", "same", "full"):
        raise ArgumentError(f"mode must be 'valid', 'same' or 'full', got {mode!r}")
    first, second = (type_of_operand(x).shape for x in (x1, x2))
    if len(first) != 1 or len(second) != 1 or not isinstance(second[0], int):
        raise ShapeError(
            "correlate takes two vectors, the second of a known size, got "
            f"{type_of_operand(x1)} and {type_of_operand(x2)}"
        )
    if isinstance(first[0], int) and first[0] < second[0]:
        return flip(correlate(x2, x1, mode))
    dtype = common_dtype(x1, x2)
    if not dtypes.is_float(dtype):
        dtype = "float64" if dtype == "int64" else "float32"
    size = second[0]
    around = {
        "valid": (0, 0),
        "same": (size // 2, size - 1 - size // 2),
        "full": (size - 1, size - 1),
    }
    x = pad(coerce(x1, dtype), (around[mode],))
    kernel = reshape(coerce(x2, dtype), (size, 1, 1))
    return reshape(conv(reshape(x, (1, -1, 1)), kernel), (-1,))


@operation
def bincount(
    x: TensorLike,
    weights: TensorLike | None = None,
    minlength: int = 0,
    sparse: bool = False,
) -> Array:
    """How often each integer stands in an array. Source: ``keras.ops.bincount``.

    Raises: UnsupportedError for tensors: how many counts there are, numbers say.
    """
    given = [v for v in (x, weights) if v is not None]
    if any(isinstance(v, Tensor) and not isinstance(v, Variable) for v in given):
        raise UnsupportedError(
            "bincount of a tensor has a size that depends on its numbers; for n counts "
            "use ops.sum(ops.one_hot(x, n), axis=-2)"
        )
    if sparse:
        raise UnsupportedError("bincount makes no sparse tensors; leave sparse=False")
    x, dtype = as_array(x), "int32"
    if weights is not None:
        weights = as_array(weights)
        dtype = dtypes.promote(dtype, weights.dtype.name)
    if x.ndim == 2:
        minlength = max(minlength, int(x.max(initial=-1)) + 1)
        rows = zip(x, [None] * len(x) if weights is None else weights, strict=True)
        return np.stack([bincount(row, w, minlength) for row, w in rows]).astype(dtype)
    return np.bincount(x, weights, minlength).astype(dtype)


@operation
def histogram(
    x: TensorLike, bins: int = 10, range: Any = None
) -> tuple[Result, Result]:
    """How many numbers lie in each of equal parts, and their edges. Source: Keras."""
    if not is_a(bins, int) or bins < 1:
        raise ArgumentError(f"bins must be a positive number of parts, got {bins!r}")
    if rank_of(x) != 1:
        raise ShapeError(f"histogram takes a vector, got {type_of_operand(x)}")
    x = floating(x)
    if range is None:
        low, high = min_(x), max_(x)
    else:
        low, high = (coerce(v, common_dtype(x)) for v in range)
    same = equal(low, high)
    low, high = where(same, subtract(low, 0.5), low), where(same, add(high, 0.5), high)
    edges, _ = spaced(low, high, bins + 1, dtype=common_dtype(x))
    places = subtract(searchsorted(edges, x, side="right"), 1)
    places = where(equal(x, high), bins - 1, places)
    inside = less_equal(x, high)
    counts = one_hot(where(inside, places, -1), bins, dtype=common_dtype(x))
    return sum_(counts, 0), edges


@operation
def geomspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Result:
    """Numbers of one ratio to the next. Source: ``keras.ops.geomspace``."""
    name = dtypes.canonical(dtype or "float32")
    if not any(isinstance(v, Tensor) for v in (start, stop)):
        kind = dtypes.to_numpy(name)
        ends = np.asarray(start), np.asarray(stop)
        return np.geomspace(*ends, num, endpoint=endpoint, dtype=kind, axis=axis)
    low, high = log(floating(start)), log(floating(stop))
    return coerce(exp(spaced(low, high, num, endpoint, axis=axis)[0]), name)


@operation
def bartlett(x: TensorLike) -> Result:
    """A triangle of that many numbers. Source: ``keras.ops.bartlett``."""
    return _window("bartlett", np.bartlett, x)


@operation
def blackman(x: TensorLike) -> Result:
    """Blackman's window of that many numbers. Source: ``keras.ops.blackman``."""
    return _window("blackman", np.blackman, x)


@operation
def hamming(x: TensorLike) -> Result:
    """Hamming's window of that many numbers. Source: ``keras.ops.hamming``."""
    return _window("hamming", np.hamming, x)


@operation
def hanning(x: TensorLike) -> Result:
    """A raised cosine of that many numbers. Source: ``keras.ops.hanning``."""
    return _window("hanning", np.hanning, x)


@operation
def kaiser(x: TensorLike, beta: float) -> Result:
    """Kaiser's window of that many numbers. Source: ``keras.ops.kaiser``."""
    return _window("kaiser", lambda n: np.kaiser(n, beta), x)


def _window(name: str, make: Callable[[int], Array], size: TensorLike) -> Array:
    if isinstance(size, Tensor) and not isinstance(size, Variable):
        raise ArgumentError(f"{name} takes a size that is known, got {size!r}")
    return make(int(as_array(size))).astype(np.float32)


__all__ = [
    "bartlett",
    "bincount",
    "blackman",
    "corrcoef",
    "correlate",
    "diagflat",
    "dsplit",
    "empty_like",
    "geomspace",
    "hamming",
    "hanning",
    "histogram",
    "kaiser",
    "vander",
]
