"""The complementary error function, where 1 - erf(x) would cancel to 0."""

from __future__ import annotations

from typing import Final

from seqir.ops.apply import coerce, precise
from seqir.ops.arith import less, where
from seqir.ops.call import operation
from seqir.ops.chebyshev import chebyshev
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import absolute, exp

_SERIES: Final = (
    -1.30265371978170943, 0.64196979235649026, 0.0194764732041858363,
    -0.00956151478680863164, -0.000946595344482036866, 0.000366839497852761452,
    4.25233248069077716e-05, -2.02785781125342432e-05, -1.62429000464702551e-06,
    1.3036558355805232e-06, 1.56264417220661432e-08, -8.52380959149265425e-08,
    6.5290544390988515e-09, 5.05934349555146894e-09, -9.91364156493033087e-10,
    -2.27365122293183586e-10, 9.6467911020155268e-11, 2.39403808303911474e-12,
    -6.8860275264975534e-12, 8.94487927309072572e-13, 3.13092139934295808e-13,
    -1.12708223613672524e-13, 3.81090525518923206e-16, 7.10609761360923699e-15,
    -1.5230282014571043e-15, -9.457494571291234e-17, 1.21023718922427899e-16,
)  # fmt: skip
"""Chebyshev's coefficients of ``log(erfc(a)·exp(a²)/t)``, by t = 2/(2 + a) in [0, 1].

Computed as the cosine sums of 80 nodes, with 40 digits.
"""


@operation
def erfc(x: TensorLike) -> Result:
    """1 - erf(x), also where erf(x) rounds to 1.

    Its logarithm is a Chebyshev series, as long as the element type is precise.
    Source: ``keras.ops.erfc``.
    """
    dtype, (x,) = precise(x)
    a = absolute(x)
    t = 2.0 / (a + 2.0)
    u = t * 4.0 - 2.0
    tail = t * exp(chebyshev(_SERIES, u) - a * a)
    return coerce(where(less(x, 0.0), 2.0 - tail, tail), dtype)


__all__ = ["erfc"]
