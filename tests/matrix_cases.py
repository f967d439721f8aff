"""Arguments for systems of equations, determinants and factors of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from function_cases import Case, case, i, x

F, D = "float32", "float64"


def regular(*shape: int, dtype: str = F) -> Any:
    """Matrices far from singular, with pivots that are not on the diagonal."""
    rolled = np.roll(np.eye(shape[-1]), 1, -1) * 3
    return (x(*shape) + rolled).astype(dtype)


def positive(*shape: int, dtype: str = F) -> Any:
    a = x(*shape)
    return (a @ np.swapaxes(a, -2, -1) + np.eye(shape[-1])).astype(dtype)


def triangle(*shape: int, lower: bool, dtype: str = F) -> Any:
    a = x(*shape) + 3 * np.eye(shape[-1], dtype=F)
    return (np.tril(a) if lower else np.triu(a)).astype(dtype)


SWAPPED = np.array([[0, 2, 0], [0, 0, 3], [4, 0, 0]], F)
SINGULAR = np.array([[1, 2, 3], [2, 4, 6], [1, 0, 1]], F)
ODD = np.array([[0, 1], [1, 0]], F)
SQUARES = [
    case(regular(3, 3)),
    case(regular(5, 4, 4)),
    case(regular(2, 3, 2, 2)),
    case(regular(8, 8), rtol=2e-5),
    case(regular(4, 4, dtype=D), rtol=1e-11),
    case(SWAPPED),
    case(ODD),
    case(np.array([[2.5]], F)),
]
SYSTEMS = [
    case(regular(3, 3), x(3)),
    case(regular(3, 3), x(3, 2)),
    case(regular(5, 4, 4), x(5, 4, 2)),
    case(regular(4, 4, dtype=D), x(4, 3, dtype=D), rtol=1e-11),
    case(SWAPPED, x(3)),
]

CASES: dict[str, list[Case]] = {
    "det": [*SQUARES, case(SINGULAR), case(np.zeros((2, 2), F))],
    "slogdet": SQUARES,
    "logdet": SQUARES,
    "inv": SQUARES,
    "solve": SYSTEMS,
    "solve_triangular": [
        case(triangle(n, n, lower=lower), x(n, *m), lower=lower)
        for n, m in ((3, ()), (4, (2,)))
        for lower in (True, False)
    ]
    + [case(triangle(5, 3, 3, lower=True), x(5, 3, 2), lower=True)],
    "cholesky": [
        case(positive(3, 3)),
        case(positive(5, 4, 4)),
        case(positive(4, 4, dtype=D), upper=True, rtol=1e-11),
        case(positive(1, 1)),
    ],
    "cholesky_inverse": [
        case(triangle(4, 4, lower=True)),
        case(triangle(3, 3, lower=False), upper=True),
    ],
    "qr": [
        case(x(m, n), mode=mode)
        for m, n in ((4, 4), (6, 3), (3, 6), (1, 3), (3, 1))
        for mode in ("reduced", "complete")
    ]
    + [
        case(x(5, 4, 3)),
        case(x(6, 4, dtype=D), rtol=1e-11),
        case(np.diag([1.0, -2, 3]).astype(F)),
    ],
}


def narrow(name: str) -> Callable[..., Any]:
    """In the type of the operands, as on JAX."""

    def function(*args: Any, **kwargs: Any) -> Any:
        found = getattr(keras.ops, name)(*args, **kwargs)
        dtype = args[0].dtype
        if isinstance(found, tuple):
            return tuple(np.asarray(y, dtype) for y in found)
        return np.asarray(found, dtype)

    return function


ORACLES = {name: narrow(name) for name in CASES}

BAD_CALLS: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("det", (x(3, 2),), "det takes square matrices, got f32[3, 2]"),
    ("inv", (x(3),), "inv takes matrices of a known size, got f32[3]"),
    ("solve", (x(3, 3), x(2)), "solve of f32[3, 3] takes as many columns of 3 numbers"),
    ("solve_triangular", (x(2, 2), x(3, 1)), "takes as many columns of 2 numbers"),
    ("cholesky", (x(2, 3),), "cholesky takes square matrices"),
    ("qr", (x(2, 2), "r"), "mode must be 'reduced' or 'complete', got 'r'"),
    ("logdet", (i(2, 3),), "logdet takes square matrices, got f32[2, 3]"),
)
