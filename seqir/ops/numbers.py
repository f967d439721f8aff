"""Functions of one or two numbers, composed of arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from seqir import dtypes
from seqir.errors import DTypeError
from seqir.ops.activation import softplus
from seqir.ops.apply import (
    coerce,
    common_dtype,
    floating,
    is_floating,
    numeric,
    precise,
)
from seqir.ops.arith import (
    add,
    divide,
    equal,
    floor_divide,
    greater,
    less,
    less_equal,
    logical_and,
    logical_or,
    maximum,
    minimum,
    mod,
    multiply,
    power,
    square,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.movement import expand_dims
from seqir.ops.reduce import sum
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import (
    absolute,
    arctan,
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    log,
    negative,
    sign,
    sin,
    sqrt,
)


@operation
def fabs(x: TensorLike) -> Result:
    """|x| as a floating-point number. Source: ``keras.ops.fabs``."""
    return absolute(floating(x))


@operation
def fmin(x1: TensorLike, x2: TensorLike) -> Result:
    """The smaller of two, or the one that is a number. Source: ``keras.ops.fmin``."""
    return _of_numbers(minimum, x1, x2)


@operation
def fmax(x1: TensorLike, x2: TensorLike) -> Result:
    """The larger of two, or the one that is a number. Source: ``keras.ops.fmax``."""
    return _of_numbers(maximum, x1, x2)


def _of_numbers(choose: Any, x1: TensorLike, x2: TensorLike) -> Result:
    dtype = common_dtype(x1, x2)
    if not dtypes.is_float(dtype):
        return coerce(choose(x1, x2), dtype)
    x1, x2 = coerce(x1, dtype), coerce(x2, dtype)
    return where(isnan(x1), x2, where(isnan(x2), x1, choose(x1, x2)))


@operation
def signbit(x: TensorLike) -> Result:
    """Whether x is negative, -0 too. Source: ``keras.ops.signbit``."""
    x = numeric(x)
    if x.dtype == "bool" or not dtypes.is_float(common_dtype(x)):
        return less(x, 0)
    return less(where(equal(x, 0), divide(1.0, x), x), 0)


@operation
def heaviside(x1: TensorLike, x2: TensorLike) -> Result:
    """0 below 0, 1 above, and x2 at 0. Source: ``keras.ops.heaviside``."""
    dtype = common_dtype(x1, x2)
    if not dtypes.is_float(dtype):
        dtype = "float64" if dtype == "int64" else "float32"
    x1, x2 = coerce(x1, dtype), coerce(x2, dtype)
    step = where(equal(x1, 0), x2, coerce(greater(x1, 0), dtype))
    return where(isnan(x1), x1, step)


@operation
def ldexp(x1: TensorLike, x2: TensorLike) -> Result:
    """x1 · 2ˣ², in two steps, for 2ˣ² alone may be infinite. Source: ``keras.ops``."""
    if dtypes.is_float(common_dtype(x2)):
        raise DTypeError(f"ldexp takes integer exponents, got {common_dtype(x2)}")
    dtype = common_dtype(x1, x2, floating=True)
    half = floor_divide(x2, 2)
    first, second = (
        power(np.asarray(2, dtypes.to_numpy(dtype)), coerce(exponent, dtype))
        for exponent in (half, subtract(x2, half))
    )
    return multiply(multiply(coerce(x1, dtype), first), second)


@operation
def logaddexp2(x1: TensorLike, x2: TensorLike) -> Result:
    """log₂(2ˣ¹ + 2ˣ²), without overflow. Source: ``keras.ops.logaddexp2``."""
    scale = math.log(2)
    dtype = common_dtype(x1, x2, floating=True)
    x1, x2 = (multiply(coerce(x, dtype), scale) for x in (x1, x2))
    return divide(logaddexp(x1, x2), scale)


@operation
def gcd(x1: TensorLike, x2: TensorLike) -> Result:
    """Largest common divisor, by Euclid's algorithm. Source: ``keras.ops.gcd``."""
    dtype = common_dtype(x1, x2)
    if dtypes.is_float(dtype):
        raise DTypeError(f"gcd takes integers, got {dtype}; cast them first")
    wide = "int64" if dtypes.itemsize(dtype) > 4 or dtype == "uint32" else "int32"
    a, b = (absolute(coerce(x, wide)) for x in (x1, x2))
    a, b = maximum(a, b), minimum(a, b)
    for _ in range(_steps(8 * dtypes.itemsize(dtype))):
        ended = equal(b, 0)
        a, b = where(ended, a, b), mod(a, where(ended, 1, b))
    return coerce(a, dtype)


def _steps(bits: int) -> int:
    """The most steps of Euclid's algorithm: Fibonacci's numbers take longest."""
    return math.ceil(bits * math.log(2) / math.log((1 + math.sqrt(5)) / 2))


@operation
def lcm(x1: TensorLike, x2: TensorLike) -> Result:
    """Smallest common multiple, 0 with 0. Source: ``keras.ops.lcm``."""
    dtype = common_dtype(x1, x2)
    divisor = gcd(x1, x2)
    x1, x2 = absolute(coerce(x1, dtype)), absolute(coerce(x2, dtype))
    parts = floor_divide(x1, where(equal(divisor, 0), 1, divisor))
    return coerce(multiply(parts, x2), dtype)


@operation
def sinc(x: TensorLike) -> Result:
    """sin(πx) / πx, and 1 at 0. Source: ``keras.ops.sinc``."""
    x = floating(x)
    zero = equal(x, 0)
    angle = multiply(where(zero, 1.0, x), math.pi)
    return where(zero, 1.0, divide(sin(angle), angle))


_ERFINV: Final = (
    (
        (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
         1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
         3.3430575583588128105e4, 2.5090809287301226727e3),
        (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
         5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
         2.8729085735721942674e4, 5.2264952788528545610e3),
    ),
    (
        (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
         3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
         2.27238449892691845833e-2, 7.74545014278341407640e-4),
        (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
         6.89767334985100004550e-1, 1.48103976427480074590e-1,
         1.51986665636164571966e-2, 5.47593808499534494600e-4,
         1.05075007164441684324e-9),
    ),
    (
        (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
         2.96560571828504891230e-1, 2.65321895265761230930e-2,
         1.24266094738807843860e-3, 2.71155556874348757815e-5,
         2.01033439929228813265e-7),
        (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
         1.48753612908506148525e-2, 7.86869131145613259100e-4,
         1.84631831751005468180e-5, 1.42151175831644588870e-7,
         2.04426310338993978564e-15),
    ),
)  # fmt: skip
"""Numerators and denominators near 0, in the tails, and far out."""


@operation
def erfinv(x: TensorLike) -> Result:
    """The x of which `erf` is this; infinite at -1 and 1. Source: ``keras.ops``.

    By the rational functions of Wichura's algorithm AS 241 for normal quantiles
    (Applied Statistics 37, 1988), as ``erfinv(2p - 1)·√2`` is the quantile of p.
    """
    dtype, (x,) = precise(x)  # the smallest factors are 0 in half precision
    size = absolute(x)
    q = multiply(minimum(size, 0.85), 0.5)
    middle = multiply(q, _rational(_ERFINV[0], subtract(0.180625, square(q))))
    tail = multiply(subtract(1.0, where(greater(size, 0.85), size, 0.0)), 0.5)
    tiny = float(dtypes.finfo(common_dtype(x)).tiny)
    r = sqrt(multiply(log(maximum(tail, tiny)), -1.0))
    outer = where(
        greater(r, 5.0),
        _rational(_ERFINV[2], subtract(maximum(r, 5.0), 5.0)),
        _rational(_ERFINV[1], subtract(minimum(r, 5.0), 1.6)),
    )
    y = multiply(where(greater(size, 0.85), outer, middle), math.sqrt(0.5))
    y = where(equal(size, 1.0), math.inf, where(greater(size, 1.0), math.nan, y))
    y = where(isnan(x), x, where(less(x, 0.0), multiply(y, -1.0), y))
    return coerce(y, dtype)


def _rational(parts: tuple[Sequence[float], Sequence[float]], x: TensorLike) -> Result:
    above, below = (_polynomial(part, x) for part in parts)
    return divide(above, below)


def _polynomial(coefficients: Sequence[float], x: TensorLike) -> Result:
    """c₀ + c₁x + c₂x² ..., by Horner's rule."""
    y: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        y = add(multiply(x, y), c)
    return y


@operation
def cdist(x: TensorLike, y: TensorLike) -> Result:
    """Distances of each row of x to each of y. Source: ``keras.ops.cdist``.

    Shapes: x[..., n, d], y[..., m, d] -> [..., n, m].
    """
    dtype = common_dtype(x, y, floating=True)
    x, y = coerce(x, dtype), coerce(y, dtype)
    gap = subtract(expand_dims(x, -2), expand_dims(y, -3))
    total = sum(square(gap), -1)
    zero = equal(total, 0.0)  # the root has no finite slope there
    return where(zero, 0.0, sqrt(where(zero, 1.0, total)))


@operation
def hypot(x1: TensorLike, x2: TensorLike) -> Result:
    """√(x1² + x2²). Source: ``keras.ops.hypot``."""
    return sqrt(add(square(x1), square(x2)))


@operation
def arctan2(x1: TensorLike, x2: TensorLike) -> Result:
    """Angle of the point (x2, x1), from -π to π. Source: ``keras.ops.arctan2``."""
    dtype = common_dtype(x1, x2, floating=True)
    x1, x2 = coerce(x1, dtype), coerce(x2, dtype)
    endless = logical_and(isinf(x1), isinf(x2))
    x1, x2 = (where(endless, sign(x), x) for x in (x1, x2))
    # The smaller is divided by the larger, which is 0 for the origin alone.
    steep = greater(absolute(x1), absolute(x2))
    larger = where(steep, x1, x2)
    larger = where(equal(larger, 0), coerce(1.0, dtype), larger)
    angle = arctan(divide(where(steep, x2, x1), larger))
    half = coerce(where(signbit(x1), -math.pi, math.pi), dtype)
    flat = where(signbit(x2), add(angle, half), angle)
    return where(steep, subtract(multiply(half, 0.5), angle), flat)


@operation
def logaddexp(x1: TensorLike, x2: TensorLike) -> Result:
    """log(eˣ¹ + eˣ²), without overflow. Source: ``keras.ops.logaddexp``."""
    distance = absolute(floating(subtract(x1, x2)))
    return add(maximum(x1, x2), softplus(negative(distance)))


@operation
def isclose(
    x1: TensorLike,
    x2: TensorLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Result:
    """|x1 - x2| <= atol + rtol * |x2|. Source: ``keras.ops.isclose``."""
    x1, x2 = floating(x1), floating(x2)
    near = less_equal(
        absolute(subtract(x1, x2)), add(multiply(absolute(x2), rtol), atol)
    )
    near = logical_or(logical_and(near, isfinite(x2)), equal(x1, x2))
    return logical_or(near, logical_and(isnan(x1), isnan(x2))) if equal_nan else near


@operation
def nan_to_num(
    x: TensorLike,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Result:
    """x with finite values for NaN and infinities. Source: ``keras.ops.nan_to_num``."""
    x = numeric(x)
    if not is_floating(x):
        return x
    limits = dtypes.finfo(common_dtype(x))
    high = float(limits.max if posinf is None else posinf)
    low = float(limits.min if neginf is None else neginf)
    x = where(isnan(x), float(nan), x)
    return where(isposinf(x), high, where(isneginf(x), low, x))


__all__ = [
    "arctan2",
    "cdist",
    "erfinv",
    "fabs",
    "fmax",
    "fmin",
    "gcd",
    "heaviside",
    "hypot",
    "isclose",
    "lcm",
    "ldexp",
    "logaddexp",
    "logaddexp2",
    "nan_to_num",
    "signbit",
    "sinc",
]
