"""Functions of one number: exponentials, roots, rounding, trigonometry."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from seqir import dtypes
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Operand, Take
from seqir.operators.elementwise import Unary
from seqir.operators.kinds import ONNX_CODE

ERF_SLOPE = 2 / math.sqrt(math.pi)
"""The slope of the error function at 0."""


def erf_array(x: Array) -> Array:
    """The error function in NumPy, to float64 precision.

    Source: Abramowitz and Stegun 7.1.6 (series) near 0, the continued fraction of
    erfc (7.1.14) further out.
    """
    x = np.asarray(x, np.float64)
    z = np.minimum(np.abs(x), 6.0)  # erf(6) is 1 in float64
    near = np.minimum(z, 2.5)
    term = series = near
    for n in range(1, 60):
        term = term * (2 * near * near) / (2 * n + 1)
        series = series + term
    series = series * np.exp(-near * near) * ERF_SLOPE
    far = np.maximum(z, 2.5)
    fraction = far
    for n in range(60, 0, -1):
        fraction = far + (n / 2) / fraction
    tail = 1 - np.exp(-far * far) / (fraction * math.sqrt(math.pi))
    return np.copysign(np.where(z < 2.5, series, tail), x)


@dataclass(frozen=True)
class ElementFunction:
    """What one `Function` is."""

    onnx: str
    """Name of the ONNX operator."""
    compute: Callable[[Array], Array]
    """The function in NumPy."""
    kinds: str
    """Accepted element types; see `check_kind`."""
    gradient: Callable[[Functions, Operand, Operand, Operand], Operand] | None
    """The cotangent of x from that of y, y and x; None where it is 0."""
    plain: Callable[[Functions, Operand], Operand] | None = None
    """The function in plainer ones, for a runtime that has not this one."""


def _sign(ops: Functions, x: Operand, g: Operand) -> Operand:
    """1 or -1, in g's type; 1 at 0, as in JAX."""
    return ops.coerce(x >= 0.0, g.dtype) * 2.0 - 1.0


def _plain_atan(ops: Functions, x: Operand) -> Operand:
    """The arctangent in float64, by that of float32 and one correction of it.

    ``atan(a) = t + atan((a - tan t) / (1 + a tan t))``; for the t of float32 the
    quotient d is below 1e-6, and d its own arctangent. Where |x| > 1,
    ``atan(x) = pi/2 - atan(1/x)`` keeps a in [0, 1].
    """
    size = ops.absolute(x)
    outside = ops.greater(size, 1.0)
    a = ops.where(outside, ops.reciprocal(ops.maximum(size, 1.0)), size)
    t = ops.coerce(ops.arctan(ops.coerce(a, "float32")), x.dtype)
    sine, cosine = ops.sin(t), ops.cos(t)
    t = t + (a * cosine - sine) / (cosine + a * sine)
    t = ops.where(outside, math.pi / 2 - t, t)
    return ops.where(ops.less(x, 0.0), -t, t)


def _plain_asin(ops: Functions, x: Operand) -> Operand:
    """asin(x) = 2 atan(x / (1 + √(1 - x²)))."""
    return ops.arctan(x / (ops.sqrt((1.0 - x) * (x + 1.0)) + 1.0)) * 2.0


def _plain_asinh(ops: Functions, x: Operand) -> Operand:
    """asinh(|x|) = log(|x| + √(x² + 1)), with x's sign; past 1e8, log(2|x|)."""
    size = ops.absolute(x)
    near = ops.minimum(size, 1e8)
    found = ops.log(near + ops.sqrt(near * near + 1.0))
    found = found + ops.log(ops.maximum(size, 1e8) * 1e-8)
    return ops.where(ops.less(x, 0.0), -found, found)


FUNCTIONS: Final[dict[str, ElementFunction]] = {
    "neg": ElementFunction("Neg", np.negative, "signed", lambda ops, g, y, x: -g),
    "abs": ElementFunction(
        "Abs", np.abs, "number", lambda ops, g, y, x: g * _sign(ops, x, g)
    ),
    "exp": ElementFunction("Exp", np.exp, "float", lambda ops, g, y, x: g * y),
    "log": ElementFunction("Log", np.log, "float", lambda ops, g, y, x: g / x),
    "sqrt": ElementFunction("Sqrt", np.sqrt, "float", lambda ops, g, y, x: g * 0.5 / y),
    "reciprocal": ElementFunction(
        "Reciprocal", np.reciprocal, "float", lambda ops, g, y, x: -g * y * y
    ),
    "floor": ElementFunction("Floor", np.floor, "float", None),
    "ceil": ElementFunction("Ceil", np.ceil, "float", None),
    "round": ElementFunction("Round", np.round, "float", None),
    "sign": ElementFunction("Sign", np.sign, "number", None),
    "erf": ElementFunction(
        "Erf",
        erf_array,
        "float",
        lambda ops, g, y, x: g * ops.exp(-x * x) * ERF_SLOPE,
        lambda ops, x: 1.0 - ops.erfc(x),
    ),
    "sin": ElementFunction("Sin", np.sin, "float", lambda ops, g, y, x: g * ops.cos(x)),
    "cos": ElementFunction(
        "Cos", np.cos, "float", lambda ops, g, y, x: -g * ops.sin(x)
    ),
    "tan": ElementFunction(
        "Tan",
        np.tan,
        "float",
        lambda ops, g, y, x: g * (y * y + 1.0),
        lambda ops, x: ops.sin(x) / ops.cos(x),
    ),
    "asin": ElementFunction(
        "Asin",
        np.arcsin,
        "float",
        lambda ops, g, y, x: g / ops.sqrt(1.0 - x * x),
        _plain_asin,
    ),
    "acos": ElementFunction(
        "Acos",
        np.arccos,
        "float",
        lambda ops, g, y, x: -g / ops.sqrt(1.0 - x * x),
        lambda ops, x: math.pi / 2 - ops.arcsin(x),
    ),
    "atan": ElementFunction(
        "Atan",
        np.arctan,
        "float",
        lambda ops, g, y, x: g / (x * x + 1.0),
        _plain_atan,
    ),
    "sinh": ElementFunction(
        "Sinh",
        np.sinh,
        "float",
        lambda ops, g, y, x: g * ops.cosh(x),
        lambda ops, x: (ops.exp(x) - ops.exp(-x)) * 0.5,
    ),
    "cosh": ElementFunction(
        "Cosh",
        np.cosh,
        "float",
        lambda ops, g, y, x: g * ops.sinh(x),
        lambda ops, x: (ops.exp(x) + ops.exp(-x)) * 0.5,
    ),
    "tanh": ElementFunction(
        "Tanh", np.tanh, "float", lambda ops, g, y, x: g * (1.0 - y * y)
    ),
    "asinh": ElementFunction(
        "Asinh",
        np.arcsinh,
        "float",
        lambda ops, g, y, x: g / ops.sqrt(x * x + 1.0),
        _plain_asinh,
    ),
    "acosh": ElementFunction(
        "Acosh",
        np.arccosh,
        "float",
        lambda ops, g, y, x: g / ops.sqrt(x * x - 1.0),
        lambda ops, x: ops.log(x + ops.sqrt(x - 1.0) * ops.sqrt(x + 1.0)),
    ),
    "atanh": ElementFunction(
        "Atanh",
        np.arctanh,
        "float",
        lambda ops, g, y, x: g / (1.0 - x * x),
        lambda ops, x: ops.log((x + 1.0) / (1.0 - x)) * 0.5,
    ),
}
"""Every `Function`: a new one is one row, and one function in `seqir.ops`."""


@dataclass(frozen=True)
class Function(Unary):
    """y = f(x) for a function that ONNX and NumPy both have.

    Source: the ONNX operator of that name (``Exp``, ``Log``, ...).
    """

    name: ClassVar[str] = "function"
    f: str

    TABLE: ClassVar[dict[str, ElementFunction]] = FUNCTIONS
    reads: ClassVar[tuple[str, ...]] = tuple(f.onnx for f in FUNCTIONS.values())

    @classmethod
    def taken(cls, take: Take) -> Function:
        return cls(next(f for f, row in cls.TABLE.items() if row.onnx == take.kind))

    @property
    def onnx(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.TABLE[self.f].onnx

    @property
    def kinds(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.TABLE[self.f].kinds

    def compute(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            return self.TABLE[self.f].compute(x)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        gradient = self.TABLE[self.f].gradient
        return (gradient and gradient(ops, g, y, x),)

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        plain = self.TABLE[self.f].plain
        return plain and plain(ops, x)

    def __str__(self) -> str:
        return self.f


@dataclass(frozen=True)
class IsNaN(Unary):
    """y = whether x is not a number. Source: ONNX ``IsNaN`` (opset 13)."""

    name: ClassVar[str] = "isnan"
    onnx: ClassVar[str] = "IsNaN"
    result_dtype: ClassVar[str | None] = "bool"

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.isnan(x),)


@dataclass(frozen=True)
class IsInf(Unary):
    """y = whether x is infinite (of the given signs). Source: ONNX ``IsInf`` (10)."""

    name: ClassVar[str] = "isinf"
    onnx: ClassVar[str] = "IsInf"
    result_dtype: ClassVar[str | None] = "bool"
    negative: bool = True
    positive: bool = True

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.isinf(x) & ((x < 0) & self.negative | (x > 0) & self.positive),)

    @classmethod
    def taken(cls, take: Take) -> IsInf:
        signs = ("detect_negative", "detect_positive")
        return cls(*(bool(take.attribute(name, 1)) for name in signs))

    def attributes(self) -> dict[str, Any]:
        signs = {"detect_negative": self.negative, "detect_positive": self.positive}
        return {k: 0 for k, wanted in signs.items() if not wanted}

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        (x,) = operands
        if dtypes.itemsize(node.operands[0].type.dtype) == 2:  # float16 from opset 20
            x = emit("Cast", x, to=ONNX_CODE["float32"])
        return super().lower(emit, node, x)


OPERATORS = (
    Function,
    IsNaN,
    IsInf,
)
