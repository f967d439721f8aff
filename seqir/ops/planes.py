"""Functions of complex numbers, of the real ones that tensors hold."""

from __future__ import annotations

import math

from seqir.ops.apply import coerce, floating, numeric
from seqir.ops.arith import multiply, where
from seqir.ops.call import operation
from seqir.ops.convert import ones_like, zeros_like
from seqir.ops.numbers import signbit
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import isnan


@operation
def real(x: TensorLike) -> Result:
    """x itself: all of it is real. Source: ``keras.ops.real``."""
    return numeric(x)


@operation
def imag(x: TensorLike) -> Result:
    """Zeros: no number of x has an imaginary part. Source: ``keras.ops.imag``."""
    return zeros_like(x)


@operation
def isreal(x: TensorLike) -> Result:
    """True for each number of x. Source: ``keras.ops.isreal``."""
    return ones_like(x, "bool")


@operation
def conjugate(x: TensorLike) -> Result:
    """x itself, which is real. Source: ``keras.ops.conjugate``."""
    return numeric(x)


@operation
def conj(x: TensorLike) -> Result:
    """x itself, which is real. Source: ``keras.ops.conj``."""
    return numeric(x)


@operation
def angle(x: TensorLike) -> Result:
    """π where x is negative, -0 too, and 0 elsewhere.

    Units: radians.
    Source: ``keras.ops.angle``.
    """
    x = floating(x)
    return where(isnan(x), x, multiply(coerce(signbit(x), x.dtype), math.pi))


__all__ = ["angle", "conj", "conjugate", "imag", "isreal", "real"]
