"""Systems of equations, determinants and factors of matrices of known sizes.

ONNX has no such operators (``Det`` alone, without a gradient), so the steps of the
algorithms are written out, ten to forty nodes for each row; a stack of matrices takes
no more nodes than one. Half-precision numbers are computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqir.errors import ArgumentError, ShapeError
from seqir.ops.apply import coerce, common_dtype, precise, rank_of, type_of_operand
from seqir.ops.arith import (
    add,
    divide,
    equal,
    less,
    logical_and,
    logical_not,
    multiply,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.gather import take_along_axis
from seqir.ops.indexing import getitem
from seqir.ops.matrices import triu
from seqir.ops.movement import broadcast_to, expand_dims, shape, squeeze, swapaxes
from seqir.ops.parts import concatenate, flip, pad
from seqir.ops.products import matmul
from seqir.ops.reduce import argmax, prod
from seqir.ops.reduce import sum as sum_
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import absolute, log, sign, sqrt


def _sizes(name: str, x: TensorLike, *, square: bool = True) -> tuple[int, int]:
    """Rows and columns, which must be known.

    Raises: ShapeError if they are not, or if the matrix must be square and is not.
    """
    found = type_of_operand(x)
    rows, columns = found.shape[-2:] if found.rank > 1 else (None, None)
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise ShapeError(f"{name} takes matrices of a known size, got {found}")
    if square and rows != columns:
        raise ShapeError(f"{name} takes square matrices, got {found}")
    return rows, columns


def _part(x: TensorLike, rows: slice, columns: slice) -> Result:
    return getitem(x, (..., rows, columns))


def _eliminate(name: str, a: Result, b: Result | None) -> tuple[Result, Result, Result]:
    """Gauss-Jordan elimination with the largest number of each column as pivot.

    Rows stay where they are; a mask remembers which were taken.

    Returns: pivots[..., n], the row that each was in [..., n], and for b[..., n, m]
        the solution [..., n, m].
    """
    n, _ = _sizes(name, a)
    rest = a if b is None else concatenate([a, b], -1)
    free: Any = np.ones(n, np.bool_)
    pivots: list[Any] = []
    rows: list[Any] = []
    for _ in range(n):
        column = _part(rest, slice(None), slice(0, 1))
        rest = _part(rest, slice(None), slice(1, None))
        size = squeeze(absolute(column), -1)
        row = argmax(where(free, size, -1.0), -1, keepdims=True)
        taken = equal(row, np.arange(n, dtype=np.int32))
        free = logical_and(free, logical_not(taken))
        chosen = expand_dims(taken, -1)
        pivot = sum_(where(chosen, column, 0.0), -2, keepdims=True)
        pivots.append(squeeze(pivot, -1))
        rows.append(row)
        if type_of_operand(rest).shape[-1] == 0:
            break
        # Without a right side there may be no pivot, and the determinant is 0.
        divisor = where(equal(pivot, 0.0), 1.0, pivot) if b is None else pivot
        row_of_pivot = sum_(where(chosen, rest, 0.0), -2, keepdims=True)
        scaled = divide(row_of_pivot, divisor)
        rest = where(chosen, scaled, subtract(rest, multiply(column, scaled)))
    places = concatenate(rows, -1)
    if b is not None:
        wide = broadcast_to(expand_dims(places, -1), shape(rest))
        rest = take_along_axis(rest, wide, -2)
    return concatenate(pivots, -1), places, rest


def _turns(places: TensorLike, dtype: str) -> Result:
    """1 for an even permutation, -1 for an odd one."""
    n = shape(places)[-1]
    after = less(expand_dims(places, -2), expand_dims(places, -1))
    upset = logical_and(after, np.triu(np.ones((n, n), np.bool_), 1))
    return prod(coerce(where(upset, -1, 1), dtype), (-2, -1))


@operation
def det(x: TensorLike) -> Result:
    """Determinants. Shapes: x[..., n, n] -> [...]. Source: ``keras.ops.det``."""
    dtype, (matrix,) = precise(x)
    pivots, places, _ = _eliminate("det", matrix, None)
    y = multiply(prod(pivots, -1), _turns(places, common_dtype(matrix)))
    return coerce(y, dtype)


@operation
def slogdet(x: TensorLike) -> tuple[Result, Result]:
    """Sign of the determinant and logarithm of its size. Source: ``keras.ops``."""
    dtype, (matrix,) = precise(x)
    pivots, places, _ = _eliminate("slogdet", matrix, None)
    turned = multiply(prod(sign(pivots), -1), _turns(places, common_dtype(matrix)))
    return coerce(turned, dtype), coerce(sum_(log(absolute(pivots)), -1), dtype)


@operation
def logdet(x: TensorLike) -> Result:
    """Logarithm of the size of determinants. Source: ``keras.ops.logdet``."""
    dtype, (matrix,) = precise(x)
    pivots, *_ = _eliminate("logdet", matrix, None)
    return coerce(sum_(log(absolute(pivots)), -1), dtype)


@operation
def solve(a: TensorLike, b: TensorLike) -> Result:
    """The x of which ``a @ x`` is b; infinite or NaN if there is none.

    Shapes: a[..., n, n], b[..., n] or b[..., n, m] -> that of b.
    Source: ``keras.ops.solve``.
    """

    def columns(a: Result, b: Result) -> Result:
        return _eliminate("solve", a, b)[2]

    return _with_columns("solve", columns, a, b)


def _with_columns(
    name: str, f: Callable[[Result, Result], Result], a: TensorLike, b: TensorLike
) -> Result:
    """f of matrices and of columns, or of single columns given as vectors."""
    dtype, (a, b) = precise(a, b)
    n, _ = _sizes(name, a)
    vectors = rank_of(b) == rank_of(a) - 1
    b = expand_dims(b, -1) if vectors else b
    if rank_of(b) != rank_of(a) or type_of_operand(b).shape[-2] != n:
        raise ShapeError(
            f"{name} of {type_of_operand(a)} takes as many columns of {n} numbers, got "
            f"{type_of_operand(b)}"
        )
    y = coerce(f(a, b), dtype)
    return squeeze(y, -1) if vectors else y


@operation
def inv(x: TensorLike) -> Result:
    """Inverse matrices; infinite or NaN if there is none. Source: ``keras.ops.inv``."""
    dtype, (matrix,) = precise(x)
    n, _ = _sizes("inv", matrix)
    unit = broadcast_to(coerce(np.eye(n), common_dtype(matrix)), shape(matrix))
    return coerce(_eliminate("inv", matrix, unit)[2], dtype)


@operation
def solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> Result:
    """The x of which ``a @ x`` is b, with a's upper (or lower) triangle alone.

    Shapes: a[..., n, n], b[..., n] or b[..., n, m] -> that of b.
    Source: ``keras.ops.solve_triangular``.
    """
    if not lower:

        def backwards(a: Result, b: Result) -> Result:
            return flip(_forwards(flip(a, (-2, -1)), flip(b, -2)), -2)

        return _with_columns("solve_triangular", backwards, a, b)
    return _with_columns("solve_triangular", _forwards, a, b)


def _forwards(a: Result, b: Result) -> Result:
    """Substitution in a lower triangle, row by row."""
    n, _ = _sizes("solve_triangular", a)
    found: list[Any] = []
    for k in range(n):
        one = slice(k, k + 1)
        x = divide(_part(b, slice(0, 1), slice(None)), _part(a, one, one))
        found.append(x)
        if k + 1 < n:
            below = _part(a, slice(k + 1, None), one)
            b = subtract(_part(b, slice(1, None), slice(None)), multiply(below, x))
    return concatenate(found, -2)


@operation
def cholesky(x: TensorLike, upper: bool = False) -> Result:
    """The triangle L of which ``L @ Lᵀ`` is x (symmetric), or its transpose.

    NaN if x is not positive definite. Source: ``keras.ops.cholesky``.
    """
    dtype, (x,) = precise(x)
    n, _ = _sizes("cholesky", x)
    rest = multiply(add(x, swapaxes(x, -2, -1)), 0.5)
    columns: list[Any] = []
    for k in range(n):
        column = _part(rest, slice(None), slice(0, 1))
        column = divide(column, sqrt(_part(column, slice(0, 1), slice(None))))
        above = [(0, 0)] * (rank_of(x) - 2) + [(k, 0), (0, 0)]
        columns.append(pad(column, above) if k else column)
        if k + 1 < n:
            below = _part(column, slice(1, None), slice(None))
            rest = _part(rest, slice(1, None), slice(1, None))
            rest = subtract(rest, multiply(below, swapaxes(below, -2, -1)))
    y = coerce(concatenate(columns, -1), dtype)
    return swapaxes(y, -2, -1) if upper else y


@operation
def cholesky_inverse(x: TensorLike, upper: bool = False) -> Result:
    """The inverse of ``L @ Lᵀ``, from L. Source: ``keras.ops.cholesky_inverse``."""
    dtype, (x,) = precise(x)
    n, _ = _sizes("cholesky_inverse", x)
    unit = broadcast_to(coerce(np.eye(n), common_dtype(x)), shape(x))
    inverse = solve_triangular(x, unit, lower=not upper)
    turned = swapaxes(inverse, -2, -1)
    y = matmul(inverse, turned) if upper else matmul(turned, inverse)
    return coerce(y, dtype)


@operation
def qr(x: TensorLike, mode: str = "reduced") -> tuple[Result, Result]:
    """Q with orthonormal columns and a triangle R of which ``Q @ R`` is x.

    By Householder's reflections, with LAPACK's signs.

    Shapes: x[..., m, n] -> Q[..., m, k], R[..., k, n], k = min(m, n), or m if
    `mode` is "complete".
    Source: ``keras.ops.qr``.
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"mode must be 'reduced' or 'complete', got {mode!r}")
    dtype, (x,) = precise(x)
    m, n = _sizes("qr", x, square=False)
    size = m if mode == "complete" else min(m, n)
    reflections: list[tuple[Any, Any]] = []
    top: list[Any] = []
    rest = x
    for k in range(min(m - 1, n)):
        v, weight = _reflection(_part(rest, slice(None), slice(0, 1)))
        reflections.append((v, weight))
        rest = _reflected(rest, v, weight)
        first = _part(rest, slice(0, 1), slice(None))
        left = [(0, 0)] * (rank_of(x) - 1) + [(k, 0)]
        top.append(pad(first, left) if k else first)
        rest = _part(rest, slice(1, None), slice(1, None))
    done = len(top)
    if n > done:
        left = [(0, 0)] * (rank_of(x) - 1) + [(done, 0)]
        top.append(pad(rest, left) if done else rest)
    elif size > done:
        top.append(multiply(_part(x, slice(done, size), slice(None)), 0.0))
    r = triu(_part(concatenate(top, -2), slice(0, size), slice(None)))
    unit = coerce(np.eye(m, size), common_dtype(x))
    q = broadcast_to(unit, (*shape(x)[:-2], m, size))
    for k, (v, weight) in reversed([*enumerate(reflections)]):
        kept = _part(q, slice(0, k), slice(None))
        turned = _reflected(_part(q, slice(k, None), slice(None)), v, weight)
        q = concatenate([kept, turned], -2) if k else turned
    return coerce(q, dtype), coerce(r, dtype)


def _reflection(column: TensorLike) -> tuple[Result, Result]:
    """The v and w of which ``1 - w·v·vᵀ`` takes a column to its first axis."""
    first = _part(column, slice(0, 1), slice(None))
    below = _part(column, slice(1, None), slice(None))
    tail = sum_(multiply(below, below), -2, keepdims=True)
    none = equal(tail, 0.0)  # it is there already
    length = sqrt(where(none, 1.0, add(multiply(first, first), tail)))
    target = where(less(first, 0.0), length, multiply(length, -1.0))
    weight = where(none, 0.0, divide(subtract(target, first), target))
    one = add(multiply(first, 0.0), 1.0)
    v = divide(below, where(none, 1.0, subtract(first, target)))
    return concatenate([one, v], -2), weight


def _reflected(x: TensorLike, v: TensorLike, weight: TensorLike) -> Result:
    """x - w·v·(vᵀ·x)."""
    along = matmul(swapaxes(v, -2, -1), x)
    return subtract(x, multiply(multiply(v, weight), along))


__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "inv",
    "logdet",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
]
