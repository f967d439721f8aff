"""Functions of one number: exponentials, roots, rounding, trigonometry."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from seqir import dtypes
from seqir.ir import Array, Emit, Node
from seqir.ops.apply import (
    apply,
    coerce,
    common_dtype,
    floating,
    is_floating,
    numeric,
)
from seqir.ops.call import operation
from seqir.ops.convert import ONNX_CODE, zeros_like
from seqir.ops.elementwise import Unary

_INT64_ZEROS = 18
"""Zeros of the largest power of ten that int64 has."""

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


_Gradient: TypeAlias = Callable[[Any, Any, Any], Any]
"""Cotangent of x from the cotangent of y, x and y."""


@dataclass(frozen=True)
class Function(Unary):
    """y = f(x) for a function that ONNX and NumPy both have.

    `TABLE` has its ONNX name, its NumPy function, the element types it takes and its
    gradient (None where that is 0). The gradient of ``abs`` at 0 is 1, as in JAX.

    Source: the ONNX operator of that name (``Exp``, ``Log``, ...).
    """

    name: ClassVar[str] = "function"
    f: str

    TABLE: ClassVar[dict[str, tuple[str, Any, str, _Gradient | None]]] = {
        "neg": ("Neg", np.negative, "signed", lambda g, x, y: -g),
        "abs": (
            "Abs",
            np.abs,
            "number",
            lambda g, x, y: g * (coerce(x >= 0.0, g.dtype) * 2.0 - 1.0),
        ),
        "exp": ("Exp", np.exp, "float", lambda g, x, y: g * y),
        "log": ("Log", np.log, "float", lambda g, x, y: g / x),
        "sqrt": ("Sqrt", np.sqrt, "float", lambda g, x, y: g * 0.5 / y),
        "reciprocal": (
            "Reciprocal",
            np.reciprocal,
            "float",
            lambda g, x, y: -g * y * y,
        ),
        "floor": ("Floor", np.floor, "float", None),
        "ceil": ("Ceil", np.ceil, "float", None),
        "round": ("Round", np.round, "float", None),
        "sign": ("Sign", np.sign, "number", None),
        "erf": ("Erf", erf_array, "float", lambda g, x, y: g * exp(-x * x) * ERF_SLOPE),
        "sin": ("Sin", np.sin, "float", lambda g, x, y: g * cos(x)),
        "cos": ("Cos", np.cos, "float", lambda g, x, y: -g * sin(x)),
        "tan": ("Tan", np.tan, "float", lambda g, x, y: g * (y * y + 1.0)),
        "asin": ("Asin", np.arcsin, "float", lambda g, x, y: g / sqrt(1.0 - x * x)),
        "acos": ("Acos", np.arccos, "float", lambda g, x, y: -g / sqrt(1.0 - x * x)),
        "atan": ("Atan", np.arctan, "float", lambda g, x, y: g / (x * x + 1.0)),
        "sinh": ("Sinh", np.sinh, "float", lambda g, x, y: g * cosh(x)),
        "cosh": ("Cosh", np.cosh, "float", lambda g, x, y: g * sinh(x)),
        "tanh": ("Tanh", np.tanh, "float", lambda g, x, y: g * (1.0 - y * y)),
        "asinh": ("Asinh", np.arcsinh, "float", lambda g, x, y: g / sqrt(x * x + 1.0)),
        "acosh": ("Acosh", np.arccosh, "float", lambda g, x, y: g / sqrt(x * x - 1.0)),
        "atanh": ("Atanh", np.arctanh, "float", lambda g, x, y: g / (1.0 - x * x)),
    }

    @property
    def onnx(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.TABLE[self.f][0]

    @property
    def kinds(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.TABLE[self.f][2]

    def compute(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            return self.TABLE[self.f][1](x)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        gradient = self.TABLE[self.f][3]
        return (gradient and gradient(g, x, y),)

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

    def attributes(self) -> dict[str, Any]:
        signs = {"detect_negative": self.negative, "detect_positive": self.positive}
        return {k: 0 for k, wanted in signs.items() if not wanted}

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        (x,) = operands
        if dtypes.itemsize(node.operands[0].type.dtype) == 2:  # float16 from opset 20
            x = emit("Cast", x, to=ONNX_CODE["float32"])
        return super().lower(emit, node, x)


def _floating(f: str, x: Any) -> Any:
    return apply(Function(f), floating(x))


def _scaled(x: Any, factor: float) -> Any:
    """X times a number, in x's type: NumPy would make bfloat16 float32."""
    from seqir.ops.arith import multiply

    return multiply(floating(x), factor)


@operation
def negative(x: Any) -> Any:
    """-x. Source: ``keras.ops.negative``."""
    x = numeric(x)
    if x.dtype in dtypes.UNSIGNED:
        from seqir.ops.arith import subtract

        return subtract(np.zeros((), x.dtype), x)
    return apply(Function("neg"), x)


@operation
def absolute(x: Any) -> Any:
    """|x|. Source: ``keras.ops.absolute``."""
    x = numeric(x)
    return x if x.dtype == "bool" else apply(Function("abs"), x)


abs = absolute


@operation
def sign(x: Any) -> Any:
    """-1, 0 or 1. Source: ``keras.ops.sign``."""
    return apply(Function("sign"), numeric(x))


@operation
def exp(x: Any) -> Any:
    """eˣ. Source: ``keras.ops.exp``."""
    return _floating("exp", x)


@operation
def exp2(x: Any) -> Any:
    """2ˣ. Source: ``keras.ops.exp2``."""
    from seqir.ops.arith import power

    return power(2.0, floating(x))


@operation
def expm1(x: Any) -> Any:
    """eˣ - 1, which does not cancel near 0 as ``(eˣ + 1)·tanh(x/2)``."""
    from seqir.ops.arith import add, multiply

    x = floating(x)
    return multiply(add(exp(x), 1.0), tanh(_scaled(x, 0.5)))


@operation
def log(x: Any) -> Any:
    """Natural logarithm. Source: ``keras.ops.log``."""
    return _floating("log", x)


@operation
def log1p(x: Any) -> Any:
    """log(1 + x), up to 1 as ``2·atanh(x / (2 + x))``, which is accurate near 0."""
    from seqir.ops.arith import add, greater, maximum, minimum, true_divide, where

    x = floating(x)
    near = minimum(x, 1.0)
    near = _scaled(_floating("atanh", true_divide(near, add(near, 2.0))), 2.0)
    return where(greater(x, 1.0), log(add(maximum(x, 1.0), 1.0)), near)


@operation
def log2(x: Any) -> Any:
    """Logarithm to base 2. Source: ``keras.ops.log2``."""
    return _scaled(_floating("log", x), 1 / math.log(2))


@operation
def log10(x: Any) -> Any:
    """Logarithm to base 10. Source: ``keras.ops.log10``."""
    return _scaled(_floating("log", x), 1 / math.log(10))


@operation
def sqrt(x: Any) -> Any:
    """Square root. Source: ``keras.ops.sqrt``."""
    return _floating("sqrt", x)


@operation
def rsqrt(x: Any) -> Any:
    """1 / √x. Source: ``keras.ops.rsqrt``."""
    return _floating("reciprocal", _floating("sqrt", x))


@operation
def reciprocal(x: Any) -> Any:
    """1 / x. Source: ``keras.ops.reciprocal``."""
    return _floating("reciprocal", x)


@operation
def floor(x: Any) -> Any:
    """The next integer below. Source: ``keras.ops.floor``."""
    return _floating("floor", x)


@operation
def ceil(x: Any) -> Any:
    """The next integer above. Source: ``keras.ops.ceil``."""
    return _floating("ceil", x)


@operation
def round(x: Any, decimals: int = 0) -> Any:
    """The nearest number of so many decimals, halves to even.

    Negative decimals round to tens, hundreds and so on, integers too.
    Source: ``keras.ops.round``.
    """
    from seqir.ops.arith import multiply, true_divide

    places = int(decimals)
    if not is_floating(x):
        return numeric(x) if places >= 0 else _round_whole(x, -places)
    x = floating(x)
    if not places:
        return _floating("round", x)
    scale = 10.0 ** builtins.abs(places)
    if places < 0:
        return multiply(_floating("round", true_divide(x, scale)), scale)
    return true_divide(_floating("round", multiply(x, scale)), scale)


def _round_whole(x: Any, zeros: int) -> Any:
    """The nearest multiple of ``10**zeros``, of integers, halves to the even one."""
    from seqir.ops.arith import equal, floor_divide, logical_and, logical_or, mod

    if zeros > _INT64_ZEROS:
        return zeros_like(x)
    x, dtype = coerce(x, "int64"), common_dtype(x)
    unit = np.asarray(10**zeros, np.int64)
    below = floor_divide(x, unit)
    rest = (x - below * unit) * 2
    odd = equal(mod(below, np.int64(2)), np.int64(1))
    up = logical_or(rest > unit, logical_and(equal(rest, unit), odd))
    return coerce((below + coerce(up, "int64")) * unit, dtype)


@operation
def erf(x: Any) -> Any:
    """The error function. Source: ``keras.ops.erf``."""
    return _floating("erf", x)


@operation
def sin(x: Any) -> Any:
    """Sine of radians. Source: ``keras.ops.sin``."""
    return _floating("sin", x)


@operation
def cos(x: Any) -> Any:
    """Cosine of radians. Source: ``keras.ops.cos``."""
    return _floating("cos", x)


@operation
def tan(x: Any) -> Any:
    """Tangent of radians. Source: ``keras.ops.tan``."""
    return _floating("tan", x)


@operation
def arcsin(x: Any) -> Any:
    """Inverse sine. Source: ``keras.ops.arcsin``."""
    return _floating("asin", x)


@operation
def arccos(x: Any) -> Any:
    """Inverse cosine. Source: ``keras.ops.arccos``."""
    return _floating("acos", x)


@operation
def arctan(x: Any) -> Any:
    """Inverse tangent. Source: ``keras.ops.arctan``."""
    return _floating("atan", x)


@operation
def sinh(x: Any) -> Any:
    """Hyperbolic sine. Source: ``keras.ops.sinh``."""
    return _floating("sinh", x)


@operation
def cosh(x: Any) -> Any:
    """Hyperbolic cosine. Source: ``keras.ops.cosh``."""
    return _floating("cosh", x)


@operation
def tanh(x: Any) -> Any:
    """Hyperbolic tangent. Source: ``keras.ops.tanh``."""
    return _floating("tanh", x)


@operation
def arcsinh(x: Any) -> Any:
    """Inverse hyperbolic sine. Source: ``keras.ops.arcsinh``."""
    return _floating("asinh", x)


@operation
def arccosh(x: Any) -> Any:
    """Inverse hyperbolic cosine. Source: ``keras.ops.arccosh``."""
    return _floating("acosh", x)


@operation
def arctanh(x: Any) -> Any:
    """Inverse hyperbolic tangent. Source: ``keras.ops.arctanh``."""
    return _floating("atanh", x)


@operation
def isnan(x: Any) -> Any:
    """Whether x is not a number. Source: ``keras.ops.isnan``."""
    return apply(IsNaN(), floating(x))


@operation
def isinf(x: Any) -> Any:
    """Whether x is infinite. Source: ``keras.ops.isinf``."""
    return apply(IsInf(), floating(x))


@operation
def isposinf(x: Any) -> Any:
    """Whether x is +infinity. Source: ``keras.ops.isposinf``."""
    return apply(IsInf(negative=False), floating(x))


@operation
def isneginf(x: Any) -> Any:
    """Whether x is -infinity. Source: ``keras.ops.isneginf``."""
    return apply(IsInf(positive=False), floating(x))


@operation
def cbrt(x: Any) -> Any:
    """Cube root. Source: ``keras.ops.cbrt``."""
    from seqir.ops.arith import power

    x = floating(x)
    return sign(x) * power(absolute(x), 1 / 3)


@operation
def trunc(x: Any) -> Any:
    """The next integer towards 0. Source: ``keras.ops.trunc``."""
    if not is_floating(x):
        return numeric(x)
    return sign(x) * _floating("floor", absolute(x))


@operation
def deg2rad(x: Any) -> Any:
    """Radians of degrees. Source: ``keras.ops.deg2rad``."""
    return _scaled(x, math.pi / 180)


@operation
def rad2deg(x: Any) -> Any:
    """Degrees of radians. Source: ``keras.ops.rad2deg``."""
    return _scaled(x, 180 / math.pi)


@operation
def isfinite(x: Any) -> Any:
    """Whether x is a finite number. Source: ``keras.ops.isfinite``."""
    from seqir.ops.arith import logical_not, logical_or

    return logical_not(logical_or(isnan(x), isinf(x)))
