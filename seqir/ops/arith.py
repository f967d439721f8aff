"""Arithmetic, comparison, logic and choice, with NumPy's broadcasting."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, overload

from seqir.errors import ArgumentError
from seqir.ir import Op
from seqir.operators.activation import Clip
from seqir.operators.arith import (
    Add,
    And,
    Div,
    Equal,
    FloorDiv,
    Fmod,
    Less,
    LessEqual,
    Maximum,
    Minimum,
    Mod,
    Mul,
    Not,
    Or,
    Pow,
    Sub,
    Where,
    Xor,
)
from seqir.operators.kinds import wide
from seqir.operators.movement import Squeeze
from seqir.operators.pieces import Slice
from seqir.operators.sizes import NonZero
from seqir.operators.unary import Function
from seqir.ops.apply import (
    apply,
    coerce,
    common_dtype,
    is_floating,
    operand,
    rank_of,
    type_of_operand,
)
from seqir.ops.call import operation
from seqir.ops.size import Size, is_size, maximum_size, minimum_size, unknown
from seqir.ops.tensor import Result, TensorLike


def _binary(
    op: Any,
    a: TensorLike,
    b: TensorLike,
    *,
    fractions: bool = False,
    computed_wide: bool = False,
    closed: bool = False,
) -> Result:
    """The operator on its operands in the type that they meet in.

    With `closed`, truth values make truth values, as in NumPy.
    """
    if is_size(a) and is_size(b) and Size in {type(a), type(b)} and op in _OF_SIZES:
        return _OF_SIZES[op](a, b)
    dtype = common_dtype(a, b, floating=fractions)
    truth = dtype == "bool"
    if truth and op.kinds != "any":
        dtype = "int32"
    inner = wide(dtype) if computed_wide else dtype
    y = apply(op, coerce(a, inner), coerce(b, inner))
    wanted = "bool" if closed and truth else dtype if computed_wide else None
    return y if wanted is None else coerce(y, wanted)


_OF_SIZES: dict[Op, Callable[[Any, Any], Any]] = {
    Add(): operator.add,
    Sub(): operator.sub,
    Mul(): operator.mul,
    FloorDiv(): lambda a, b: a // b,
    Mod(): operator.mod,
    Maximum(): maximum_size,
    Minimum(): minimum_size,
}
"""What sizes make of each other is a size."""


@operation
def add(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 + x2. Source: ``keras.ops.add``."""
    return _binary(Add(), x1, x2, closed=True)


@operation
def subtract(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 - x2. Source: ``keras.ops.subtract``."""
    return _binary(Sub(), x1, x2)


@operation
def multiply(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 * x2. Source: ``keras.ops.multiply``."""
    return _binary(Mul(), x1, x2, closed=True)


@operation
def true_divide(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 / x2 as floating-point numbers. Source: ``keras.ops.true_divide``."""
    return _binary(Div(), x1, x2, fractions=True)


divide = true_divide


@operation
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 / x2, and 0 where x2 is 0. Source: ``keras.ops.divide_no_nan``."""
    zero = equal(x2, 0)
    return where(zero, 0.0, true_divide(x1, where(zero, 1.0, x2)))


@operation
def floor_divide(x1: TensorLike, x2: TensorLike) -> Result:
    """floor(x1 / x2). Source: ``keras.ops.floor_divide``."""
    if is_floating(x1) or is_floating(x2):
        return apply(Function("floor"), true_divide(x1, x2))
    return _binary(FloorDiv(), x1, x2)


@operation
def mod(x1: TensorLike, x2: TensorLike) -> Result:
    """Remainder with the sign of x2. Source: ``keras.ops.mod``."""
    if is_floating(x1) or is_floating(x2):
        return subtract(x1, multiply(floor_divide(x1, x2), x2))
    return _binary(Mod(), x1, x2)


@operation
def power(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 ** x2. Source: ``keras.ops.power``."""
    return _binary(Pow(), x1, x2, computed_wide=True)


@operation
def square(x: TensorLike) -> Result:
    """x * x. Source: ``keras.ops.square``."""
    return _binary(Mul(), x, x)


@operation
def maximum(x1: TensorLike, x2: TensorLike) -> Result:
    """The larger of two, element by element. Source: ``keras.ops.maximum``."""
    return _binary(Maximum(), x1, x2, closed=True)


@operation
def minimum(x1: TensorLike, x2: TensorLike) -> Result:
    """The smaller of two, element by element. Source: ``keras.ops.minimum``."""
    return _binary(Minimum(), x1, x2, closed=True)


@operation
def fmod(x1: TensorLike, x2: TensorLike) -> Result:
    """Remainder with the sign of x1. Source: ``keras.ops.fmod``."""
    if is_floating(x1) or is_floating(x2):
        return _binary(Fmod(), x1, x2)
    rest = mod(x1, x2)  # of the other sign than x1 if the signs differ
    differ = logical_and(not_equal(rest, 0), not_equal(less(x1, 0), less(x2, 0)))
    return where(differ, subtract(rest, coerce(x2, rest.dtype)), rest)


@operation
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Result:
    """The choice of the first condition that holds. Source: ``keras.ops.select``."""
    y = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        y = where(condition, choice, y)
    return y


@operation
def squared_difference(x1: TensorLike, x2: TensorLike) -> Result:
    """(x1 - x2)². Source: ``keras.ops`` (name from the backends)."""
    return square(subtract(x1, x2))


@operation
def equal(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 == x2 as bool. Source: ``keras.ops.equal``."""
    return _binary(Equal(), x1, x2)


@operation
def not_equal(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 != x2 as bool. Source: ``keras.ops.not_equal``."""
    return apply(Not(), _binary(Equal(), x1, x2))


@operation
def less(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 < x2 as bool. Source: ``keras.ops.less``."""
    return _binary(Less(), x1, x2)


@operation
def less_equal(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 <= x2 as bool. Source: ``keras.ops.less_equal``."""
    return _binary(LessEqual(), x1, x2)


@operation
def greater(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 > x2 as bool. Source: ``keras.ops.greater``."""
    return _binary(Less(), x2, x1)


@operation
def greater_equal(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 >= x2 as bool. Source: ``keras.ops.greater_equal``."""
    return _binary(LessEqual(), x2, x1)


@operation
def logical_and(x1: TensorLike, x2: TensorLike) -> Result:
    """Both hold. Source: ``keras.ops.logical_and``."""
    return apply(And(), coerce(x1, "bool"), coerce(x2, "bool"))


@operation
def logical_or(x1: TensorLike, x2: TensorLike) -> Result:
    """One of them holds. Source: ``keras.ops.logical_or``."""
    return apply(Or(), coerce(x1, "bool"), coerce(x2, "bool"))


@operation
def logical_xor(x1: TensorLike, x2: TensorLike) -> Result:
    """Exactly one of them holds. Source: ``keras.ops.logical_xor``."""
    return apply(Xor(), coerce(x1, "bool"), coerce(x2, "bool"))


@operation
def logical_not(x: TensorLike) -> Result:
    """It does not hold. Source: ``keras.ops.logical_not``."""
    return apply(Not(), coerce(x, "bool"))


@overload
def where(condition: TensorLike) -> tuple[Result, ...]: ...
@overload
def where(condition: TensorLike, x1: TensorLike, x2: TensorLike) -> Result: ...
@operation
def where(
    condition: TensorLike, x1: TensorLike | None = None, x2: TensorLike | None = None
) -> Result | tuple[Result, ...]:
    """x1 where the condition holds, else x2; without choices, the places where it does.

    Source: ``keras.ops.where``.
    """
    if x1 is None and x2 is None:
        return nonzero(condition)
    if x1 is None or x2 is None:
        raise ArgumentError("where needs both choices, or none to give places")
    dtype = common_dtype(x1, x2)
    return apply(
        Where(), coerce(condition, "bool"), coerce(x1, dtype), coerce(x2, dtype)
    )


@operation
def clip(x: TensorLike, x_min: TensorLike, x_max: TensorLike) -> Result:
    """min(max(x, x_min), x_max). Source: ``keras.ops.clip``."""
    dtype = common_dtype(x)
    dtype = "int32" if dtype == "bool" else dtype
    if isinstance(x_min, int | float) and isinstance(x_max, int | float):
        inner = common_dtype(x, x_min, x_max)
        inner = dtype if inner == "bool" else inner
        y = apply(Clip(float(x_min), float(x_max)), coerce(x, inner))
    else:
        y = minimum(maximum(coerce(x, dtype), x_min), x_max)
    return coerce(y, dtype)


@operation
def add_n(tensors: Any) -> Result:
    """Sum of a list of tensors."""
    return functools.reduce(add, tensors)


@operation
def nonzero(x: TensorLike) -> tuple[Result, ...]:
    """Places (int32) of what is not 0, along each axis. Source: ``keras.ops.nonzero``.

    The run finds out how many there are.
    """
    truth = x if type_of_operand(x).dtype == "bool" else not_equal(x, 0)
    places = apply(NonZero(unknown("nonzero", truth)), operand(truth))
    return tuple(coerce(_row(places, i), "int32") for i in range(rank_of(x)))


def _row(x: TensorLike, i: int) -> Result:
    """The row i of a matrix."""
    return apply(Squeeze((0,)), apply(Slice((0,), (i,), (i + 1,), (1,)), x))


__all__ = [
    "add",
    "add_n",
    "clip",
    "divide",
    "divide_no_nan",
    "equal",
    "floor_divide",
    "fmod",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nonzero",
    "not_equal",
    "power",
    "select",
    "square",
    "squared_difference",
    "subtract",
    "true_divide",
    "where",
]
