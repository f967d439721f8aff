"""Functions of the bits of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqir.ir import Emit, Node, Op, Take
from seqir.operators.arith import Binary
from seqir.operators.kinds import ONNX_CODE


@dataclass(frozen=True)
class Bitwise(Binary):
    """y = a and b, a or b, a xor b for each bit of integers.

    Source: ONNX ``BitwiseAnd``, ``BitwiseOr``, ``BitwiseXor`` (opset 18). Before, the
    bits are divided out, and ``a + b = (a xor b) + 2 (a and b)`` gives the others.
    """

    name: ClassVar[str] = "bitwise"
    kinds: ClassVar[str] = "integer"
    f: str

    TABLE: ClassVar[dict[str, tuple[str, np.ufunc, int]]] = {
        "and": ("BitwiseAnd", np.bitwise_and, 0),
        "or": ("BitwiseOr", np.bitwise_or, 1),
        "xor": ("BitwiseXor", np.bitwise_xor, 2),
    }
    """ONNX name, NumPy function, and how often ``a and b`` is less than ``a + b``."""
    reads: ClassVar[tuple[str, ...]] = tuple(row[0] for row in TABLE.values())

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return cls(next(f for f, row in cls.TABLE.items() if row[0] == take.kind)), (
            0,
            1,
        )

    @property
    def compute(self) -> np.ufunc:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.TABLE[self.f][1]

    def lower(self, emit: Emit, node: Node, a: str, b: str) -> tuple[str]:
        onnx, _, times = self.TABLE[self.f]
        if emit.opset >= 18:
            return (emit(onnx, a, b),)
        a, b = (emit("Cast", v, to=ONNX_CODE["int64"]) for v in (a, b))
        common = emit("Mul", _bits(emit, a), _bits(emit, b))
        weights = emit.constant(1 << np.arange(64, dtype=np.uint64).astype(np.int64))
        # ONNX Runtime's sums of int64 lose bits, its products of matrices do not.
        y = emit("MatMul", common, weights)
        if times:
            y = emit("Mul", y, emit.scalar(times, "int64"))
            y = emit("Sub", emit("Add", a, b), y)
        return (emit("Cast", y, to=ONNX_CODE[node.results[0].type.dtype]),)

    def __str__(self) -> str:
        return f"bitwise_{self.f}"


def _bits(emit: Emit, x: str) -> str:
    """The 64 bits of int64 numbers as 0 and 1 along a new last axis."""
    powers = emit.constant(1 << np.arange(63, dtype=np.int64))
    x = emit("Unsqueeze", x, emit.ints(-1))
    whole = emit("Div", emit("Sub", x, emit("Mod", x, powers)), powers)
    low = emit("Mod", whole, emit.scalar(2, "int64"))
    sign = emit("Cast", emit("Less", x, emit.scalar(0, "int64")), to=ONNX_CODE["int64"])
    return emit("Concat", low, sign, axis=-1)


OPERATORS = (Bitwise,)
