"""Arithmetic, comparison, logic and choice, with NumPy's broadcasting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import DTypeError
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand, Take
from seqir.operators.elementwise import Elementwise
from seqir.operators.kinds import check_kind
from seqir.tensortype import TensorType


class Binary(Elementwise):
    """``y[i] = f(a[i], b[i])`` by a NumPy function of two arrays."""

    compute: ClassVar[np.ufunc]

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return (cls(), (0, 1)) if len(take) == 2 else None

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
    compute: ClassVar[np.ufunc] = np.add

    def channelwise(
        self, rank: int, axis: int, *operands: Array | None
    ) -> tuple[Array, Array] | None:
        a, b = operands
        constant = per_channel(b if a is None else a, rank, axis)
        if constant is None:
            return None
        return np.ones((), constant.dtype), constant

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        return g, g


@dataclass(frozen=True)
class Sub(Binary):
    """y = a - b. Source: ONNX ``Sub`` (opset 14)."""

    name: ClassVar[str] = "sub"
    onnx: ClassVar[str] = "Sub"
    compute: ClassVar[np.ufunc] = np.subtract

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        return g, -g


@dataclass(frozen=True)
class Mul(Binary):
    """y = a * b. Source: ONNX ``Mul`` (opset 14)."""

    name: ClassVar[str] = "mul"
    onnx: ClassVar[str] = "Mul"
    compute: ClassVar[np.ufunc] = np.multiply

    def channelwise(
        self, rank: int, axis: int, *operands: Array | None
    ) -> tuple[Array, Array] | None:
        a, b = operands
        constant = per_channel(b if a is None else a, rank, axis)
        if constant is None:
            return None
        return constant, np.zeros((), constant.dtype)

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, a: Operand, b: Operand
    ) -> Cotangents:
        return g * b, g * a


@dataclass(frozen=True)
class Div(Binary):
    """y = a / b, for floating-point numbers. Source: ONNX ``Div`` (opset 14)."""

    name: ClassVar[str] = "div"
    onnx: ClassVar[str] = "Div"
    kinds: ClassVar[str] = "float"
    compute: ClassVar[np.ufunc] = np.divide

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, a: Operand, b: Operand
    ) -> Cotangents:
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
    compute: ClassVar[np.ufunc] = np.floor_divide

    def lower(self, emit: Emit, node: Node, a: str, b: str) -> tuple[str]:
        return (emit("Div", emit("Sub", a, emit("Mod", a, b)), b),)


@dataclass(frozen=True)
class Mod(Binary):
    """y = a mod b with the sign of b, for integers. Source: ONNX ``Mod`` (13)."""

    name: ClassVar[str] = "mod"
    onnx: ClassVar[str] = "Mod"
    kinds: ClassVar[str] = "integer"
    compute: ClassVar[np.ufunc] = np.mod

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return None if take.attribute("fmod", 0) else (cls(), (0, 1))


@dataclass(frozen=True)
class Fmod(Binary):
    """y = a mod b with the sign of a, for floats. Source: ONNX ``Mod`` (13), fmod 1."""

    name: ClassVar[str] = "fmod"
    reads: ClassVar[tuple[str, ...]] = ("Mod",)
    kinds: ClassVar[str] = "float"
    compute: ClassVar[np.ufunc] = np.fmod

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        return (emit("Mod", *operands, fmod=1),)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return (cls(), (0, 1)) if take.attribute("fmod", 0) else None

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, a: Operand, b: Operand
    ) -> Cotangents:
        return g, -g * ops.round((a - y) / b)


@dataclass(frozen=True)
class Pow(Binary):
    """y = a ** b. Source: ONNX ``Pow`` (opset 15)."""

    name: ClassVar[str] = "pow"
    onnx: ClassVar[str] = "Pow"
    kinds: ClassVar[str] = "wide"
    compute: ClassVar[np.ufunc] = np.power

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, a: Operand, b: Operand
    ) -> Cotangents:
        # 0 ** -1 and log(0) are infinite where the gradient is 0: keep away from them.
        slope = b * a ** (b - 1.0 + ops.coerce(ops.equal(b, 0.0), b.dtype))
        return g * slope, g * y * ops.log(a + ops.coerce(ops.equal(a, 0.0), a.dtype))


@dataclass(frozen=True)
class Maximum(Binary):
    """y = max(a, b); equal values share the gradient, as in JAX.

    Source: ONNX ``Max`` (opset 13).
    """

    name: ClassVar[str] = "maximum"
    onnx: ClassVar[str] = "Max"
    compute: ClassVar[np.ufunc] = np.maximum

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, a: Operand, b: Operand
    ) -> Cotangents:
        da = g * _share(ops, a, b)
        return da, g - da


@dataclass(frozen=True)
class Minimum(Binary):
    """y = min(a, b); equal values share the gradient, as in JAX.

    Source: ONNX ``Min`` (opset 13).
    """

    name: ClassVar[str] = "minimum"
    onnx: ClassVar[str] = "Min"
    compute: ClassVar[np.ufunc] = np.minimum

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, a: Operand, b: Operand
    ) -> Cotangents:
        da = g * _share(ops, b, a)
        return da, g - da


def _share(ops: Functions, a: Operand, b: Operand) -> Operand:
    """1 where a is larger, 1/2 where they are equal, else 0."""
    return (ops.coerce(a > b, a.dtype) + ops.coerce(a >= b, a.dtype)) * 0.5


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
    compute: ClassVar[np.ufunc] = np.equal


@dataclass(frozen=True)
class Less(Comparison):
    """y = (a < b). Source: ONNX ``Less`` (opset 13)."""

    name: ClassVar[str] = "less"
    onnx: ClassVar[str] = "Less"
    compute: ClassVar[np.ufunc] = np.less


@dataclass(frozen=True)
class LessEqual(Comparison):
    """y = (a <= b). Source: ONNX ``LessOrEqual`` (opset 16)."""

    name: ClassVar[str] = "less_equal"
    onnx: ClassVar[str] = "LessOrEqual"
    compute: ClassVar[np.ufunc] = np.less_equal


class Logic(Binary):
    """``y[i] = f(a[i], b[i])`` on truth values."""

    kinds: ClassVar[str] = "bool"


@dataclass(frozen=True)
class And(Logic):
    """y = a and b. Source: ONNX ``And`` (opset 7)."""

    name: ClassVar[str] = "and"
    onnx: ClassVar[str] = "And"
    compute: ClassVar[np.ufunc] = np.logical_and


@dataclass(frozen=True)
class Or(Logic):
    """y = a or b. Source: ONNX ``Or`` (opset 7)."""

    name: ClassVar[str] = "or"
    onnx: ClassVar[str] = "Or"
    compute: ClassVar[np.ufunc] = np.logical_or


@dataclass(frozen=True)
class Xor(Logic):
    """y = either a or b. Source: ONNX ``Xor`` (opset 7)."""

    name: ClassVar[str] = "xor"
    onnx: ClassVar[str] = "Xor"
    compute: ClassVar[np.ufunc] = np.logical_xor


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
    takes_text: ClassVar[bool] = True
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

    def vjp(
        self,
        ops: Functions,
        g: Operand,
        y: Operand,
        condition: Operand,
        *choices: Operand,
    ) -> Cotangents:
        # Not a product: the gradient of a choice that is not taken may be infinite.
        return None, ops.where(condition, g, 0.0), ops.where(condition, 0.0, g)


OPERATORS = (
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Fmod,
    Pow,
    Maximum,
    Minimum,
    Equal,
    Less,
    LessEqual,
    And,
    Or,
    Xor,
    Not,
    Where,
)
