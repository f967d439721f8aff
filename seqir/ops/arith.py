"""Arithmetic, comparison, logic and choice, with NumPy's broadcasting."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import ArgumentError, DTypeError
from seqir.ir import Array, Emit, Node, Op
from seqir.ops.apply import (
    apply,
    coerce,
    common_dtype,
    floating,
    is_floating,
    numeric,
    wide,
)
from seqir.ops.call import operation
from seqir.ops.elementwise import Elementwise, check_kind
from seqir.ops.size import Size, is_size, maximum_size, minimum_size
from seqir.tensortype import TensorType


class Binary(Elementwise):
    """``y[i] = f(a[i], b[i])`` by a NumPy function of two arrays."""

    compute: ClassVar[Any]

    def evaluate(self, a: Array, b: Array) -> tuple[Array]:
        with np.errstate(all="ignore"):
            y = np.asarray(self.compute(a, b))
        wanted = np.dtype(bool) if self.result_dtype else a.dtype
        return (y.astype(wanted, copy=False),)


@dataclass(frozen=True)
class Add(Binary):
    """y = a + b. Source: ONNX ``Add`` (opset 14)."""

    name: ClassVar[str] = "add"
    monotone: ClassVar[bool] = True
    onnx: ClassVar[str] = "Add"
    compute: ClassVar[Any] = np.add

    def channelwise(
        self, rank: int, axis: int, *operands: Array | None
    ) -> tuple[Array, Array] | None:
        a, b = operands
        constant = per_channel(b if a is None else a, rank, axis)
        if constant is None:
            return None
        return np.ones((), constant.dtype), constant

    def vjp(self, g: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
        return g, g


@dataclass(frozen=True)
class Sub(Binary):
    """y = a - b. Source: ONNX ``Sub`` (opset 14)."""

    name: ClassVar[str] = "sub"
    onnx: ClassVar[str] = "Sub"
    compute: ClassVar[Any] = np.subtract

    def vjp(self, g: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
        return g, -g


@dataclass(frozen=True)
class Mul(Binary):
    """y = a * b. Source: ONNX ``Mul`` (opset 14)."""

    name: ClassVar[str] = "mul"
    onnx: ClassVar[str] = "Mul"
    compute: ClassVar[Any] = np.multiply

    def channelwise(
        self, rank: int, axis: int, *operands: Array | None
    ) -> tuple[Array, Array] | None:
        a, b = operands
        constant = per_channel(b if a is None else a, rank, axis)
        if constant is None:
            return None
        return constant, np.zeros((), constant.dtype)

    def vjp(self, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
        return g * b, g * a


@dataclass(frozen=True)
class Div(Binary):
    """y = a / b, for floating-point numbers. Source: ONNX ``Div`` (opset 14)."""

    name: ClassVar[str] = "div"
    onnx: ClassVar[str] = "Div"
    kinds: ClassVar[str] = "float"
    compute: ClassVar[Any] = np.divide

    def vjp(self, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
        da = g / b
        return da, -(da * y)


@dataclass(frozen=True)
class FloorDiv(Binary):
    """y = floor(a / b), for integers.

    Source: ONNX ``Div`` rounds to zero and ``Mod`` follows Python, so that
    ``(a - a mod b) / b`` is exact.
    """

    name: ClassVar[str] = "floor_div"
    kinds: ClassVar[str] = "integer"
    compute: ClassVar[Any] = np.floor_divide

    def lower(self, emit: Emit, node: Node, a: str, b: str) -> tuple[str]:
        return (emit("Div", emit("Sub", a, emit("Mod", a, b)), b),)


@dataclass(frozen=True)
class Mod(Binary):
    """y = a mod b with the sign of b, for integers. Source: ONNX ``Mod`` (13)."""

    name: ClassVar[str] = "mod"
    onnx: ClassVar[str] = "Mod"
    kinds: ClassVar[str] = "integer"
    compute: ClassVar[Any] = np.mod


@dataclass(frozen=True)
class Fmod(Binary):
    """y = a mod b with the sign of a, for floats. Source: ONNX ``Mod`` (13), fmod 1."""

    name: ClassVar[str] = "fmod"
    kinds: ClassVar[str] = "float"
    compute: ClassVar[Any] = np.fmod

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        return (emit("Mod", *operands, fmod=1),)

    def vjp(self, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
        from seqir.ops.unary import round

        return g, -g * round((a - y) / b)


@dataclass(frozen=True)
class Pow(Binary):
    """y = a ** b. Source: ONNX ``Pow`` (opset 15)."""

    name: ClassVar[str] = "pow"
    onnx: ClassVar[str] = "Pow"
    kinds: ClassVar[str] = "wide"
    compute: ClassVar[Any] = np.power

    def vjp(self, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
        from seqir.ops.unary import log

        # 0 ** -1 and log(0) are infinite where the gradient is 0: keep away from them.
        slope = b * a ** (b - 1.0 + coerce(equal(b, 0.0), b.dtype))
        return g * slope, g * y * log(a + coerce(equal(a, 0.0), a.dtype))


@dataclass(frozen=True)
class Maximum(Binary):
    """y = max(a, b); equal numbers share the gradient, as in JAX.

    Source: ONNX ``Max`` (opset 13).
    """

    name: ClassVar[str] = "maximum"
    onnx: ClassVar[str] = "Max"
    compute: ClassVar[Any] = np.maximum

    def vjp(self, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
        da = g * _share(a, b)
        return da, g - da


@dataclass(frozen=True)
class Minimum(Binary):
    """y = min(a, b); equal numbers share the gradient, as in JAX.

    Source: ONNX ``Min`` (opset 13).
    """

    name: ClassVar[str] = "minimum"
    onnx: ClassVar[str] = "Min"
    compute: ClassVar[Any] = np.minimum

    def vjp(self, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
        da = g * _share(b, a)
        return da, g - da


def _share(a: Any, b: Any) -> Any:
    """1 where a is larger, 1/2 where they are equal, else 0."""
    return (coerce(a > b, a.dtype) + coerce(a >= b, a.dtype)) * 0.5


def per_channel(constant: Array | None, rank: int, axis: int) -> Array | None:
    """The constant as one number or one number per channel; None if it is neither."""
    if constant is None:
        return None
    shape = (1,) * (rank - constant.ndim) + constant.shape
    others = [d for i, d in enumerate(shape) if i != axis % rank]
    if constant.ndim > rank or any(d != 1 for d in others):
        return None
    return constant.reshape(()) if constant.size == 1 else constant.reshape(-1)


class Comparison(Binary):
    """``y[i] = a[i] ? b[i]`` as bool."""

    result_dtype: ClassVar[str | None] = "bool"


@dataclass(frozen=True)
class Equal(Comparison):
    """y = (a == b). Source: ONNX ``Equal`` (opset 13)."""

    name: ClassVar[str] = "equal"
    onnx: ClassVar[str] = "Equal"
    kinds: ClassVar[str] = "any"
    compute: ClassVar[Any] = np.equal


@dataclass(frozen=True)
class Less(Comparison):
    """y = (a < b). Source: ONNX ``Less`` (opset 13)."""

    name: ClassVar[str] = "less"
    onnx: ClassVar[str] = "Less"
    compute: ClassVar[Any] = np.less


@dataclass(frozen=True)
class LessEqual(Comparison):
    """y = (a <= b). Source: ONNX ``LessOrEqual`` (opset 16)."""

    name: ClassVar[str] = "less_equal"
    onnx: ClassVar[str] = "LessOrEqual"
    compute: ClassVar[Any] = np.less_equal


class Logic(Binary):
    """``y[i] = f(a[i], b[i])`` on truth values."""

    kinds: ClassVar[str] = "bool"


@dataclass(frozen=True)
class And(Logic):
    """y = a and b. Source: ONNX ``And`` (opset 7)."""

    name: ClassVar[str] = "and"
    onnx: ClassVar[str] = "And"
    compute: ClassVar[Any] = np.logical_and


@dataclass(frozen=True)
class Or(Logic):
    """y = a or b. Source: ONNX ``Or`` (opset 7)."""

    name: ClassVar[str] = "or"
    onnx: ClassVar[str] = "Or"
    compute: ClassVar[Any] = np.logical_or


@dataclass(frozen=True)
class Xor(Logic):
    """y = either a or b. Source: ONNX ``Xor`` (opset 7)."""

    name: ClassVar[str] = "xor"
    onnx: ClassVar[str] = "Xor"
    compute: ClassVar[Any] = np.logical_xor


@dataclass(frozen=True)
class Not(Elementwise):
    """y = not x. Source: ONNX ``Not`` (opset 1)."""

    name: ClassVar[str] = "not"
    onnx: ClassVar[str] = "Not"
    kinds: ClassVar[str] = "bool"

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.logical_not(x),)


@dataclass(frozen=True)
class Where(Elementwise):
    """y = a where the condition holds, else b. Source: ONNX ``Where`` (opset 16)."""

    name: ClassVar[str] = "where"
    onnx: ClassVar[str] = "Where"

    def infer(
        self, condition: TensorType, a: TensorType, b: TensorType
    ) -> tuple[TensorType]:
        check_kind("the condition of where", condition.dtype, "bool")
        if a.dtype != b.dtype:
            raise DTypeError(
                f"where needs both choices of one type, got {a.dtype} and {b.dtype}"
            )
        shape = shapes.broadcast(condition.shape, a.shape, b.shape)
        return (a.with_shape(shape),)

    def evaluate(self, condition: Array, a: Array, b: Array) -> tuple[Array]:
        return (np.where(condition, a, b).astype(a.dtype, copy=False),)

    def vjp(self, g: Any, y: Any, condition: Any, *choices: Any) -> tuple[Any, ...]:
        # Not a product: the gradient of a choice that is not taken may be infinite.
        return None, where(condition, g, 0.0), where(condition, 0.0, g)


def _binary(
    op: Any, a: Any, b: Any, *, fractions: bool = False, computed_wide: bool = False
) -> Any:
    if op in _OF_SIZES and is_size(a) and is_size(b) and Size in {type(a), type(b)}:
        return _OF_SIZES[op](a, b)
    dtype = common_dtype(a, b, floating=fractions)
    if dtype == "bool" and op.kinds != "any":
        dtype = "int32"
    if computed_wide:
        inner = wide(dtype)
        return coerce(apply(op, coerce(a, inner), coerce(b, inner)), dtype)
    return apply(op, coerce(a, dtype), coerce(b, dtype))


_OF_SIZES: dict[Op, Callable[[Any, Any], Any]] = {
    Add(): operator.add,
    Sub(): operator.sub,
    Mul(): operator.mul,
    FloorDiv(): operator.floordiv,
    Mod(): operator.mod,
    Maximum(): maximum_size,
    Minimum(): minimum_size,
}
"""What sizes make of each other is a size."""


def _closed(op: Any, a: Any, b: Any) -> Any:
    """Arithmetic of which truth values make truth values, as in NumPy."""
    y = _binary(op, a, b)
    return coerce(y, "bool") if common_dtype(a, b) == "bool" else y


@operation
def add(x1: Any, x2: Any) -> Any:
    """x1 + x2. Source: ``keras.ops.add``."""
    return _closed(Add(), x1, x2)


@operation
def subtract(x1: Any, x2: Any) -> Any:
    """x1 - x2. Source: ``keras.ops.subtract``."""
    return _binary(Sub(), x1, x2)


@operation
def multiply(x1: Any, x2: Any) -> Any:
    """x1 * x2. Source: ``keras.ops.multiply``."""
    return _closed(Mul(), x1, x2)


@operation
def true_divide(x1: Any, x2: Any) -> Any:
    """x1 / x2 as floating-point numbers. Source: ``keras.ops.true_divide``."""
    return _binary(Div(), x1, x2, fractions=True)


divide = true_divide


@operation
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """x1 / x2, and 0 where x2 is 0. Source: ``keras.ops.divide_no_nan``."""
    zero = equal(x2, 0)
    return where(zero, 0.0, true_divide(x1, where(zero, 1.0, x2)))


@operation
def floor_divide(x1: Any, x2: Any) -> Any:
    """floor(x1 / x2). Source: ``keras.ops.floor_divide``."""
    if is_floating(x1) or is_floating(x2):
        from seqir.ops.unary import floor

        return floor(true_divide(x1, x2))
    return _binary(FloorDiv(), x1, x2)


@operation
def mod(x1: Any, x2: Any) -> Any:
    """Remainder with the sign of x2. Source: ``keras.ops.mod``."""
    if is_floating(x1) or is_floating(x2):
        return subtract(x1, multiply(floor_divide(x1, x2), x2))
    return _binary(Mod(), x1, x2)


@operation
def power(x1: Any, x2: Any) -> Any:
    """x1 ** x2. Source: ``keras.ops.power``."""
    return _binary(Pow(), x1, x2, computed_wide=True)


@operation
def square(x: Any) -> Any:
    """X * x. Source: ``keras.ops.square``."""
    return _binary(Mul(), x, x)


@operation
def maximum(x1: Any, x2: Any) -> Any:
    """The larger of two, element by element. Source: ``keras.ops.maximum``."""
    return _closed(Maximum(), x1, x2)


@operation
def minimum(x1: Any, x2: Any) -> Any:
    """The smaller of two, element by element. Source: ``keras.ops.minimum``."""
    return _closed(Minimum(), x1, x2)


@operation
def fmod(x1: Any, x2: Any) -> Any:
    """Remainder with the sign of x1. Source: ``keras.ops.fmod``."""
    if is_floating(x1) or is_floating(x2):
        return _binary(Fmod(), x1, x2)
    rest = mod(x1, x2)  # of the other sign than x1 if the signs differ
    differ = logical_and(not_equal(rest, 0), not_equal(less(x1, 0), less(x2, 0)))
    return where(differ, subtract(rest, coerce(x2, rest.dtype)), rest)


@operation
def hypot(x1: Any, x2: Any) -> Any:
    """√(x1² + x2²). Source: ``keras.ops.hypot``."""
    from seqir.ops.unary import sqrt

    return sqrt(add(square(x1), square(x2)))


@operation
def arctan2(x1: Any, x2: Any) -> Any:
    """Angle of the point (x2, x1). Source: ``keras.ops.arctan2``."""
    from seqir.ops.unary import arctan

    dtype = common_dtype(x1, x2, floating=True)
    x1, x2 = coerce(x1, dtype), coerce(x2, dtype)
    angle = arctan(divide_no_nan(x1, x2))
    half = coerce(where(less(x1, 0), -math.pi, math.pi), dtype)
    straight = where(equal(x1, 0), 0.0, multiply(half, 0.5))
    turned = where(less(x2, 0), add(angle, half), angle)
    return where(equal(x2, 0), straight, turned)


@operation
def logaddexp(x1: Any, x2: Any) -> Any:
    """log(eˣ¹ + eˣ²), without overflow. Source: ``keras.ops.logaddexp``."""
    from seqir.ops.activation import softplus
    from seqir.ops.unary import absolute, negative

    distance = absolute(floating(subtract(x1, x2)))
    return add(maximum(x1, x2), softplus(negative(distance)))


@operation
def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """|x1 - x2| <= atol + rtol * |x2|. Source: ``keras.ops.isclose``."""
    from seqir.ops.unary import absolute, isfinite, isnan

    x1, x2 = floating(x1), floating(x2)
    near = less_equal(
        absolute(subtract(x1, x2)), add(multiply(absolute(x2), rtol), atol)
    )
    near = logical_or(logical_and(near, isfinite(x2)), equal(x1, x2))
    return logical_or(near, logical_and(isnan(x1), isnan(x2))) if equal_nan else near


@operation
def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """X with numbers for NaN and infinities. Source: ``keras.ops.nan_to_num``."""
    from seqir.ops.unary import isnan, isneginf, isposinf

    x = numeric(x)
    if not is_floating(x):
        return x
    limits = dtypes.finfo(common_dtype(x))
    high = float(limits.max if posinf is None else posinf)
    low = float(limits.min if neginf is None else neginf)
    x = where(isnan(x), float(nan), x)
    return where(isposinf(x), high, where(isneginf(x), low, x))


@operation
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The choice of the first condition that holds. Source: ``keras.ops.select``."""
    y = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        y = where(condition, choice, y)
    return y


@operation
def squared_difference(x1: Any, x2: Any) -> Any:
    """(x1 - x2)². Source: ``keras.ops`` (name from the backends)."""
    return square(subtract(x1, x2))


@operation
def equal(x1: Any, x2: Any) -> Any:
    """x1 == x2 as bool. Source: ``keras.ops.equal``."""
    return _binary(Equal(), x1, x2)


@operation
def not_equal(x1: Any, x2: Any) -> Any:
    """x1 != x2 as bool. Source: ``keras.ops.not_equal``."""
    return apply(Not(), _binary(Equal(), x1, x2))


@operation
def less(x1: Any, x2: Any) -> Any:
    """x1 < x2 as bool. Source: ``keras.ops.less``."""
    return _binary(Less(), x1, x2)


@operation
def less_equal(x1: Any, x2: Any) -> Any:
    """x1 <= x2 as bool. Source: ``keras.ops.less_equal``."""
    return _binary(LessEqual(), x1, x2)


@operation
def greater(x1: Any, x2: Any) -> Any:
    """x1 > x2 as bool. Source: ``keras.ops.greater``."""
    return _binary(Less(), x2, x1)


@operation
def greater_equal(x1: Any, x2: Any) -> Any:
    """x1 >= x2 as bool. Source: ``keras.ops.greater_equal``."""
    return _binary(LessEqual(), x2, x1)


@operation
def logical_and(x1: Any, x2: Any) -> Any:
    """Both hold. Source: ``keras.ops.logical_and``."""
    return apply(And(), coerce(x1, "bool"), coerce(x2, "bool"))


@operation
def logical_or(x1: Any, x2: Any) -> Any:
    """One of them holds. Source: ``keras.ops.logical_or``."""
    return apply(Or(), coerce(x1, "bool"), coerce(x2, "bool"))


@operation
def logical_xor(x1: Any, x2: Any) -> Any:
    """Exactly one of them holds. Source: ``keras.ops.logical_xor``."""
    return apply(Xor(), coerce(x1, "bool"), coerce(x2, "bool"))


@operation
def logical_not(x: Any) -> Any:
    """It does not hold. Source: ``keras.ops.logical_not``."""
    return apply(Not(), coerce(x, "bool"))


@operation
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, else x2; without choices, the places where it does.

    Source: ``keras.ops.where``.
    """
    if x1 is None and x2 is None:
        from seqir.ops.indexing import nonzero

        return nonzero(condition)
    if x1 is None or x2 is None:
        raise ArgumentError("where needs both choices, or none to give places")
    dtype = common_dtype(x1, x2)
    return apply(
        Where(), coerce(condition, "bool"), coerce(x1, dtype), coerce(x2, dtype)
    )


@operation
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """min(max(x, x_min), x_max). Source: ``keras.ops.clip``."""
    dtype = common_dtype(x)
    dtype = "int32" if dtype == "bool" else dtype
    if isinstance(x_min, int | float) and isinstance(x_max, int | float):
        from seqir.ops.activation import Clip

        inner = common_dtype(x, x_min, x_max)
        inner = dtype if inner == "bool" else inner
        y = apply(Clip(float(x_min), float(x_max)), coerce(x, inner))
    else:
        y = minimum(maximum(coerce(x, dtype), x_min), x_max)
    return coerce(y, dtype)


@operation
def add_n(tensors: Any) -> Any:
    """Sum of a list of tensors."""
    return functools.reduce(add, tensors)
