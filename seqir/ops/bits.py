"""Functions of the bits of integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from seqir import dtypes
from seqir.errors import DTypeError
from seqir.operators.bits import Bitwise
from seqir.ops.apply import apply, coerce, common_dtype, numeric
from seqir.ops.arith import (
    floor_divide,
    less,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    multiply,
    not_equal,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.gather import take
from seqir.ops.tensor import Result, TensorLike

_Logical: TypeAlias = Callable[[TensorLike, TensorLike], Result]


def _bitwise(f: str, logical: _Logical, x: TensorLike, y: TensorLike) -> Result:
    dtype = _integers(f"bitwise_{f}", x, y)
    if dtype == "bool":
        return logical(x, y)
    return apply(Bitwise(f), coerce(x, dtype), coerce(y, dtype))


def _integers(name: str, *operands: Any) -> str:
    dtype = common_dtype(*operands)
    if dtypes.is_float(dtype):
        raise DTypeError(f"{name} takes integers, got {dtype}; cast them first")
    return dtype


@operation
def bitwise_and(x: TensorLike, y: TensorLike) -> Result:
    """The bits that both have. Source: ``keras.ops.bitwise_and``."""
    return _bitwise("and", logical_and, x, y)


@operation
def bitwise_or(x: TensorLike, y: TensorLike) -> Result:
    """The bits that one of them has. Source: ``keras.ops.bitwise_or``."""
    return _bitwise("or", logical_or, x, y)


@operation
def bitwise_xor(x: TensorLike, y: TensorLike) -> Result:
    """The bits that exactly one has. Source: ``keras.ops.bitwise_xor``."""
    return _bitwise("xor", logical_xor, x, y)


@operation
def bitwise_invert(x: TensorLike) -> Result:
    """The bits that x does not have. Source: ``keras.ops.bitwise_invert``."""
    dtype = _integers("bitwise_invert", x)
    if dtype == "bool":
        return logical_not(x)
    ones = np.invert(np.zeros((), dtypes.to_numpy(dtype)))
    return subtract(ones, numeric(x))


@operation
def bitwise_not(x: TensorLike) -> Result:
    """The bits that x does not have. Source: ``keras.ops.bitwise_not``."""
    return bitwise_invert(x)


@operation
def bitwise_left_shift(x: TensorLike, y: TensorLike) -> Result:
    """x times 2ʸ, without the bits that leave. Source: ``keras.ops``."""
    dtype, size = _shifted("bitwise_left_shift", x, y)
    powers = np.ones(size, dtypes.to_numpy(dtype)) << np.arange(size, dtype=dtype)
    inside, places = _places(y, size)
    return where(inside, multiply(coerce(x, dtype), take(powers, places)), 0)


@operation
def left_shift(x: TensorLike, y: TensorLike) -> Result:
    """x times 2ʸ, without the bits that leave. Source: ``keras.ops.left_shift``."""
    return bitwise_left_shift(x, y)


@operation
def bitwise_right_shift(x: TensorLike, y: TensorLike) -> Result:
    """floor(x / 2ʸ). Source: ``keras.ops.bitwise_right_shift``."""
    dtype, size = _shifted("bitwise_right_shift", x, y)
    size -= dtype in dtypes.SIGNED  # the sign is not a bit to shift
    powers = np.ones(size, dtypes.to_numpy(dtype)) << np.arange(size, dtype=dtype)
    x = coerce(x, dtype)
    inside, places = _places(y, size)
    nothing = np.zeros((), dtypes.to_numpy(dtype))
    if dtype in dtypes.SIGNED:
        nothing = subtract(nothing, coerce(less(x, 0), dtype))
    return where(inside, floor_divide(x, take(powers, places)), nothing)


@operation
def right_shift(x: TensorLike, y: TensorLike) -> Result:
    """floor(x / 2ʸ). Source: ``keras.ops.right_shift``."""
    return bitwise_right_shift(x, y)


def _shifted(name: str, x: TensorLike, y: TensorLike) -> tuple[str, int]:
    """The type of a shift and how many bits it has."""
    dtype = _integers(name, x, y)
    dtype = "int32" if dtype == "bool" else dtype
    return dtype, 8 * dtypes.itemsize(dtype)


def _places(y: TensorLike, size: int) -> tuple[Result, Result]:
    """Where a shift leaves bits over, and the number of places there, else 0."""
    wide = coerce(y, "int64")
    inside = logical_and(not_equal(less(wide, 0), True), less(wide, size))
    return inside, where(inside, wide, np.int64(0))


__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "left_shift",
    "right_shift",
]
