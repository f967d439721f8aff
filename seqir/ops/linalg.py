"""The functions of ``keras.ops.linalg``."""

from typing import NoReturn

from seqir.ops.reduce import norm
from seqir.ops.refused import refuse
from seqir.ops.solving import (
    cholesky,
    cholesky_inverse,
    det,
    inv,
    qr,
    solve,
    solve_triangular,
)

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "inv",
    "norm",
    "qr",
    "solve",
    "solve_triangular",
]


def __getattr__(name: str) -> NoReturn:
    refuse(name, "linalg")
