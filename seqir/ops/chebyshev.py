"""Sums of Chebyshev's polynomials, which functions without an operator are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqir import dtypes
from seqir.ops.tensor import Result


def chebyshev(coefficients: Sequence[float], u: Result) -> Result:
    """``c₀/2 + Σ cₖ·Tₖ(u/2)``, as long as the element type is precise.

    Source: Clenshaw 1955, doi:10.1090/S0025-5718-1955-0071856-0.
    """
    least = float(dtypes.finfo(u.dtype).eps) / 4
    first, *rest = [c for c in coefficients if abs(c) > least]
    last: Any = 0.0
    sum_: Any = 0.0
    for c in reversed(rest):
        sum_, last = u * sum_ - last + c, sum_
    return 0.5 * (u * sum_ + first) - last
