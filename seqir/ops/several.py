"""Several sizes at once: in a list, an array, or a vector that a graph computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.errors import SeqirError, ShapeError
from seqir.ir import Array, Builder, Node, Op, Value
from seqir.narrow import is_sequence
from seqir.operators.convert import Cast
from seqir.operators.movement import Squeeze
from seqir.operators.pieces import Slice
from seqir.operators.sizes import Sizes
from seqir.ops.size import Place, Size, dim_of, is_computed
from seqir.ops.tensor import Traced

_MOST = 64
"""Numbers of the longest tensor that is read as sizes: shapes are short."""


def is_several(value: Any) -> bool:
    """Whether it is a list, tuple or vector, which `sizes_of` takes apart."""
    return is_sequence(value) or np.ndim(value) == 1


def sizes_of(value: Any) -> tuple[Any, ...]:
    """One size or several, of Python or NumPy, as integers, `Size`s, computed ones.

    A vector that a graph computes, as ``ops.stack([ops.shape(x)[0], 1])`` does, gives
    the sizes that it was made of, where they can be followed.

    Raises: ShapeError if one is none of them.
    """
    if isinstance(value, Traced) and value.ndim == 1:
        value = _taken_apart(value)
    several = is_several(value)
    return tuple(
        n if isinstance(n, Size) or is_computed(n) else dim_of(n)
        for n in (value if several else (value,))
    )


def followed(x: Traced) -> Array | None:
    """The integers and sizes that a tensor holds; None for what the run alone knows."""
    return _followed(x.builder, x.value, {})


def _taken_apart(vector: Traced) -> tuple[Any, ...]:
    """The sizes in a vector of a graph."""
    b, (count,) = vector.builder, vector.type.shape
    if not isinstance(count, int) or not dtypes.is_integer(vector.dtype):
        raise ShapeError(
            f"sizes in a vector must be integers, and how many is known before the "
            f"run, got {vector!r}"
        )
    sizes = _followed(b, vector.value, {})
    if sizes is not None:
        return tuple(sizes)
    return tuple(Traced(b, _element(b, vector.value, i)) for i in range(count))


def _element(b: Builder, vector: Value, i: int) -> Value:
    return b(Squeeze((0,)), b(Slice((0,), (i,), (i + 1,), (1,)), vector))


def _followed(b: Builder, value: Value, seen: dict[Value, Array | None]) -> Any:
    """Integers and sizes, in an array of objects; None for what the run alone knows.

    What computes them is computed with `Size`s in the place of numbers: their
    arithmetic is Python's, and operators that move numbers move objects as well.
    """
    if value in seen:
        return seen[value]
    shape = value.type.shape
    sizes = [d for d in shape if isinstance(d, int)]
    known = len(sizes) == len(shape) and math.prod(sizes) <= _MOST
    node = b.producer.get(value)
    result = None
    if node is not None and known and _counts(value):
        result = _computed(b, node, seen)
    if result is not None and result.shape != shape:
        result = None
    seen[value] = result
    return result


def _computed(b: Builder, node: Node, seen: dict[Value, Array | None]) -> Any:
    op = node.op
    if isinstance(op, Sizes):
        axes: dict[str, Place] = {
            n: (Traced(b, node.operands[i]), axis) for n, i, axis in op.places
        }
        sizes = np.empty(len(op.dims), object)
        for i, dim in enumerate(op.dims):
            sizes[i] = dim if isinstance(dim, int) else _named(dim, axes)
        return sizes
    if op.constant is not None:
        return op.constant.array.astype(object)
    operands = [_followed(b, x, seen) for x in node.operands]
    if any(x is None for x in operands) or len(node.results) != 1:
        return None
    if isinstance(op, Cast):
        return operands[0]
    sized = [any(isinstance(n, Size) for n in x.flat) for x in operands]
    if node.result.type.dtype == "bool" and any(sized):
        return None
    pairs = zip(operands[1:], sized[1:], strict=True)
    others = [x if unknown else _numbers(x) for x, unknown in pairs]
    return _evaluated(op, [*operands[:1], *others], node.result.type.rank)


def _evaluated(op: Op, operands: Sequence[Array], rank: int) -> Array | None:
    """What an operator makes of integers and sizes; None if it takes no sizes."""
    one = op.elementwise and not rank
    if one:  # NumPy's functions give the one object itself, not an array of it
        operands = [np.atleast_1d(x) for x in operands]
    try:
        found: Any = op.evaluate(*operands)[0]
    except (SeqirError, TypeError, ValueError):  # a size has no number yet
        return None
    if isinstance(found, int | Size):  # as do its ways to take one
        found, number = np.empty((), object), found
        found[()] = number
    found = found.reshape(()) if one else found
    return found.astype(object) if found.dtype.kind in "Oiub" else None


def _numbers(objects: Array) -> Array:
    """Integers, or truth values, as such: places among others must be."""
    truth = all(isinstance(n, bool | np.bool_) for n in objects.flat)
    return objects.astype(bool if truth and objects.size else np.int64)


def _counts(value: Value) -> bool:
    """Whether it is integers, or truth values, which choose between some."""
    return value.type.dtype == "bool" or dtypes.is_integer(value.type.dtype)


def _named(formula: str, places: dict[str, Place]) -> Any:
    return Size(formula, formula, places).mapped(lambda x: x)
