"""Changing the element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqir import dtypes
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand, Take, Value
from seqir.operators.elementwise import Elementwise
from seqir.operators.kinds import ONNX_CODE
from seqir.shapes import known_shape
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class Cast(Elementwise):
    """y = x in another element type (floats are cut off to integers).

    Source: ONNX ``Cast`` (opset 13).
    """

    name: ClassVar[str] = "cast"
    moves: ClassVar[bool] = True
    kinds: ClassVar[str] = "any"
    reads: ClassVar[tuple[str, ...]] = ("Cast",)
    to: str

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        codes = {code: dtype for dtype, code in ONNX_CODE.items()}
        to, x = codes.get(take.attribute("to", 0)), take[0]
        if to is None or x is None or dtypes.STRING in (to, x.dtype):
            return None
        return cls(to), (0,)

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (x.with_dtype(self.to),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (x.astype(dtypes.to_numpy(self.to)),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Cast", x, to=ONNX_CODE[self.to]),)

    def simplified(self, x: Value) -> Value | None:
        return x if x.type.dtype == self.to else None

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (ops.coerce(g, x.dtype),)


@dataclass(frozen=True)
class FillLike(Elementwise):
    """y has x's shape and every element is `value`.

    Source: ONNX ``Shape`` and ``ConstantOfShape`` (opset 9).
    """

    name: ClassVar[str] = "fill_like"
    kinds: ClassVar[str] = "any"
    value: float
    dtype: str

    @property
    def uniform(self) -> float | None:
        return self.value

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (x.with_dtype(self.dtype),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.full(x.shape, self.value, dtypes.to_numpy(self.dtype)),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        value = np.full((1,), self.value, dtypes.to_numpy(self.dtype))
        sizes = known_shape(node.operands[0].type.shape)
        if sizes is not None:
            return (emit("ConstantOfShape", emit.ints(*sizes), value=value),)
        return (emit("ConstantOfShape", emit("Shape", x), value=value),)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (None,)


OPERATORS = (
    Cast,
    FillLike,
)
