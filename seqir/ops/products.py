"""Products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any, Final, TypeAlias

from seqir import shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.operators.kinds import wide
from seqir.operators.linalg import Einsum, MatMul
from seqir.ops.apply import apply, coerce, common_dtype, rank_of, type_of_operand
from seqir.ops.arith import multiply
from seqir.ops.call import operation
from seqir.ops.movement import reshape, squeeze
from seqir.ops.tensor import Result, TensorLike
from seqir.shapes import Axes

AxisPairs: TypeAlias = int | Sequence[Axes]
"""How many axes, or those of one operand and of the other."""

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of axes. The module `string` is slow to load."""


@operation
def matmul(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 @ x2. Source: ``keras.ops.matmul``."""
    dtype = common_dtype(x1, x2)
    small = type_of_operand(x1).dtype == type_of_operand(x2).dtype == "int8"
    inner = wide(dtype)
    y = apply(MatMul(), coerce(x1, inner), coerce(x2, inner))
    return coerce(y, "int32" if small else dtype)


@operation
def dot(x1: TensorLike, x2: TensorLike) -> Result:
    """Last axis of x1 times second-to-last of x2. Source: ``keras.ops.dot``."""
    left, right = rank_of(x1), rank_of(x2)
    if not left or not right:
        return multiply(x1, x2)
    return tensordot(x1, x2, ((left - 1,), (max(right - 2, 0),)))


@operation
def tensordot(x1: TensorLike, x2: TensorLike, axes: AxisPairs = 2) -> Result:
    """Sum of products over pairs of axes. Source: ``keras.ops.tensordot``."""
    left, right = rank_of(x1), rank_of(x2)
    first, second = _contracted(axes, left, right)
    letters = iter(_LETTERS)
    a = [next(letters) for _ in range(left)]
    b = [next(letters) for _ in range(right)]
    for i, j in zip(first, second, strict=True):
        b[j] = a[i]
    summed = {a[i] for i in first}
    kept = [letter for letter in (*a, *b) if letter not in summed]
    dtype = common_dtype(x1, x2)
    op = Einsum(f"{''.join(a)},{''.join(b)}->{''.join(kept)}")
    inner = wide(dtype)
    return coerce(apply(op, coerce(x1, inner), coerce(x2, inner)), dtype)


def _contracted(
    axes: Any, left: int, right: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of both operands that are summed over, in pairs."""
    try:
        n = index(axes)
    except TypeError:
        first, second = axes
    else:
        if not 0 <= n <= min(left, right):
            raise ShapeError(f"ranks {left} and {right} have no {n} axes to sum over")
        first, second = range(left - n, left), range(n)
    first = shapes.normalize_axes(first, left)
    second = shapes.normalize_axes(second, right)
    if len(first) != len(second):
        raise ShapeError(f"axes {axes} must be as many of one operand as of the other")
    return first, second


@operation
def inner(x1: TensorLike, x2: TensorLike) -> Result:
    """Sum of products over the last axes. Source: ``keras.ops.inner``."""
    if not rank_of(x1) or not rank_of(x2):
        return multiply(x1, x2)
    return tensordot(x1, x2, ((-1,), (-1,)))


@operation
def vdot(x1: TensorLike, x2: TensorLike) -> Result:
    """Sum of products of all elements. Source: ``keras.ops.vdot``."""
    return tensordot(reshape(x1, (-1,)), reshape(x2, (-1,)), 1)


@operation
def einsum(subscripts: str, *operands: Any) -> Result:
    """Sums of products by an equation; sizes of 1 broadcast. Source: ``keras.ops``."""
    equation = _spelled_out(subscripts, [rank_of(x) for x in operands])
    equation, *factors = _without_ones(equation, *operands)
    dtype = common_dtype(*factors)
    small = all(type_of_operand(x).dtype == "int8" for x in factors)
    inner = wide(dtype)
    y = apply(Einsum(equation), *(coerce(x, inner) for x in factors))
    return coerce(y, "int32" if small else dtype)


def _without_ones(equation: str, *operands: Any) -> tuple[Any, ...]:
    """The equation and operands without axes of 1 that meet larger ones."""
    inputs, output = equation.split("->")
    terms = inputs.split(",")
    sizes: dict[str, set[shapes.Dim]] = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, d in zip(term, type_of_operand(x).shape, strict=True):
            sizes.setdefault(letter, set()).add(d)
    left: list[Any] = []
    for i, x in enumerate(operands):
        ones = [
            axis
            for axis, (c, d) in enumerate(
                zip(terms[i], type_of_operand(x).shape, strict=True)
            )
            if d == 1 and sizes[c] != {1}
        ]
        terms[i] = "".join(c for axis, c in enumerate(terms[i]) if axis not in ones)
        left.append(squeeze(x, ones) if ones else x)
    return f"{','.join(terms)}->{output}", *left


def _spelled_out(subscripts: str, ranks: list[int]) -> str:
    """The equation with an output and with letters for ``...``."""
    equation = subscripts.replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ranks):
        raise ArgumentError(f"einsum {subscripts!r} takes {len(terms)} operands")
    used = [t.replace("...", "") for t in terms]
    if not arrow:
        once = [c for c in sorted(set("".join(used))) if inputs.count(c) == 1]
        output = ("..." if "..." in inputs else "") + "".join(once)
    spare = [c for c in _LETTERS if c not in equation]
    wild = [
        r - len(u) for r, u, t in zip(ranks, used, terms, strict=True) if "..." in t
    ]
    most = "".join(spare[: max(wild, default=0)])
    for i, (rank, letters) in enumerate(zip(ranks, used, strict=True)):
        terms[i] = terms[i].replace("...", most[len(most) - rank + len(letters) :])
    return f"{','.join(terms)}->{output.replace('...', most)}"


@operation
def outer(x1: TensorLike, x2: TensorLike) -> Result:
    """All products of two vectors. Source: ``keras.ops.outer``."""
    return multiply(reshape(x1, (-1, 1)), reshape(x2, (1, -1)))


__all__ = ["dot", "einsum", "inner", "matmul", "outer", "tensordot", "vdot"]
