"""Functions of one number: exponentials, roots, rounding, trigonometry."""

from __future__ import annotations

import builtins
import math

import numpy as np

from seqir import dtypes
from seqir.operators.unary import Function, IsInf, IsNaN
from seqir.ops.apply import apply, coerce, common_dtype, floating, is_floating, numeric
from seqir.ops.arith import (
    add,
    equal,
    floor_divide,
    greater,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    mod,
    multiply,
    power,
    subtract,
    true_divide,
    where,
)
from seqir.ops.call import operation
from seqir.ops.convert import zeros_like
from seqir.ops.tensor import Result, TensorLike

_INT64_ZEROS = 18
"""Zeros of the largest power of ten that int64 has."""


def _floating(f: str, x: TensorLike) -> Result:
    return apply(Function(f), floating(x))


def _scaled(x: TensorLike, factor: float) -> Result:
    """x times a number, in x's type: NumPy would make bfloat16 float32."""
    return multiply(floating(x), factor)


@operation
def negative(x: TensorLike) -> Result:
    """-x. Source: ``keras.ops.negative``."""
    x = numeric(x)
    if x.dtype in dtypes.UNSIGNED:
        return subtract(np.zeros((), x.dtype), x)
    return apply(Function("neg"), x)


@operation
def absolute(x: TensorLike) -> Result:
    """|x|. Source: ``keras.ops.absolute``."""
    x = numeric(x)
    return x if x.dtype == "bool" else apply(Function("abs"), x)


abs = absolute


@operation
def sign(x: TensorLike) -> Result:
    """-1, 0 or 1. Source: ``keras.ops.sign``."""
    return apply(Function("sign"), numeric(x))


@operation
def exp(x: TensorLike) -> Result:
    """eˣ. Source: ``keras.ops.exp``."""
    return _floating("exp", x)


@operation
def exp2(x: TensorLike) -> Result:
    """2ˣ. Source: ``keras.ops.exp2``."""
    return power(2.0, floating(x))


@operation
def expm1(x: TensorLike) -> Result:
    """eˣ - 1, which does not cancel near 0 as ``(eˣ + 1)·tanh(x/2)``."""
    x = floating(x)
    return multiply(add(exp(x), 1.0), tanh(_scaled(x, 0.5)))


@operation
def log(x: TensorLike) -> Result:
    """Natural logarithm. Source: ``keras.ops.log``."""
    return _floating("log", x)


@operation
def log1p(x: TensorLike) -> Result:
    """log(1 + x), up to 1 as ``2·atanh(x / (2 + x))``, which is accurate near 0."""
    x = floating(x)
    near = minimum(x, 1.0)
    near = _scaled(_floating("atanh", true_divide(near, add(near, 2.0))), 2.0)
    return where(greater(x, 1.0), log(add(maximum(x, 1.0), 1.0)), near)


@operation
def log2(x: TensorLike) -> Result:
    """Logarithm to base 2. Source: ``keras.ops.log2``."""
    return _scaled(_floating("log", x), 1 / math.log(2))


@operation
def log10(x: TensorLike) -> Result:
    """Logarithm to base 10. Source: ``keras.ops.log10``."""
    return _scaled(_floating("log", x), 1 / math.log(10))


@operation
def sqrt(x: TensorLike) -> Result:
    """Square root. Source: ``keras.ops.sqrt``."""
    return _floating("sqrt", x)


@operation
def rsqrt(x: TensorLike) -> Result:
    """1 / √x. Source: ``keras.ops.rsqrt``."""
    return _floating("reciprocal", _floating("sqrt", x))


@operation
def reciprocal(x: TensorLike) -> Result:
    """1 / x. Source: ``keras.ops.reciprocal``."""
    return _floating("reciprocal", x)


@operation
def floor(x: TensorLike) -> Result:
    """The next integer below. Source: ``keras.ops.floor``."""
    return _floating("floor", x)


@operation
def ceil(x: TensorLike) -> Result:
    """The next integer above. Source: ``keras.ops.ceil``."""
    return _floating("ceil", x)


@operation
def round(x: TensorLike, decimals: int = 0) -> Result:
    """The nearest number of so many decimals, halves to even.

    Negative decimals round to tens, hundreds and so on, integers too.
    Source: ``keras.ops.round``.
    """
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


def _round_whole(x: TensorLike, zeros: int) -> Result:
    """The nearest multiple of ``10**zeros``, of integers, halves to the even one."""
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
def erf(x: TensorLike) -> Result:
    """The error function. Source: ``keras.ops.erf``."""
    return _floating("erf", x)


@operation
def sin(x: TensorLike) -> Result:
    """Sine of radians. Source: ``keras.ops.sin``."""
    return _floating("sin", x)


@operation
def cos(x: TensorLike) -> Result:
    """Cosine of radians. Source: ``keras.ops.cos``."""
    return _floating("cos", x)


@operation
def tan(x: TensorLike) -> Result:
    """Tangent of radians. Source: ``keras.ops.tan``."""
    return _floating("tan", x)


@operation
def arcsin(x: TensorLike) -> Result:
    """Inverse sine. Source: ``keras.ops.arcsin``."""
    return _floating("asin", x)


@operation
def arccos(x: TensorLike) -> Result:
    """Inverse cosine. Source: ``keras.ops.arccos``."""
    return _floating("acos", x)


@operation
def arctan(x: TensorLike) -> Result:
    """Inverse tangent. Source: ``keras.ops.arctan``."""
    return _floating("atan", x)


@operation
def sinh(x: TensorLike) -> Result:
    """Hyperbolic sine. Source: ``keras.ops.sinh``."""
    return _floating("sinh", x)


@operation
def cosh(x: TensorLike) -> Result:
    """Hyperbolic cosine. Source: ``keras.ops.cosh``."""
    return _floating("cosh", x)


@operation
def tanh(x: TensorLike) -> Result:
    """Hyperbolic tangent. Source: ``keras.ops.tanh``."""
    return _floating("tanh", x)


@operation
def arcsinh(x: TensorLike) -> Result:
    """Inverse hyperbolic sine. Source: ``keras.ops.arcsinh``."""
    return _floating("asinh", x)


@operation
def arccosh(x: TensorLike) -> Result:
    """Inverse hyperbolic cosine. Source: ``keras.ops.arccosh``."""
    return _floating("acosh", x)


@operation
def arctanh(x: TensorLike) -> Result:
    """Inverse hyperbolic tangent. Source: ``keras.ops.arctanh``."""
    return _floating("atanh", x)


@operation
def isnan(x: TensorLike) -> Result:
    """Whether x is not a number. Source: ``keras.ops.isnan``."""
    return apply(IsNaN(), floating(x))


@operation
def isinf(x: TensorLike) -> Result:
    """Whether x is infinite. Source: ``keras.ops.isinf``."""
    return apply(IsInf(), floating(x))


@operation
def isposinf(x: TensorLike) -> Result:
    """Whether x is +infinity. Source: ``keras.ops.isposinf``."""
    return apply(IsInf(negative=False), floating(x))


@operation
def isneginf(x: TensorLike) -> Result:
    """Whether x is -infinity. Source: ``keras.ops.isneginf``."""
    return apply(IsInf(positive=False), floating(x))


@operation
def cbrt(x: TensorLike) -> Result:
    """Cube root. Source: ``keras.ops.cbrt``."""
    x = floating(x)
    return sign(x) * power(absolute(x), 1 / 3)


@operation
def trunc(x: TensorLike) -> Result:
    """The next integer towards 0. Source: ``keras.ops.trunc``."""
    if not is_floating(x):
        return numeric(x)
    return sign(x) * _floating("floor", absolute(x))


@operation
def deg2rad(x: TensorLike) -> Result:
    """Radians of degrees. Source: ``keras.ops.deg2rad``."""
    return _scaled(x, math.pi / 180)


@operation
def rad2deg(x: TensorLike) -> Result:
    """Degrees of radians. Source: ``keras.ops.rad2deg``."""
    return _scaled(x, 180 / math.pi)


@operation
def isfinite(x: TensorLike) -> Result:
    """Whether x is a finite number. Source: ``keras.ops.isfinite``."""
    return logical_not(logical_or(isnan(x), isinf(x)))


__all__ = [
    "abs",
    "absolute",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "cbrt",
    "ceil",
    "cos",
    "cosh",
    "deg2rad",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "log",
    "log1p",
    "log2",
    "log10",
    "negative",
    "rad2deg",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
]
