"""Where gradients stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seqir.ir import Array, Cotangents, Emit, Functions, Node, Operand
from seqir.operators.elementwise import Elementwise


@dataclass(frozen=True)
class StopGradient(Elementwise):
    """y = x, a constant as far as gradients are concerned.

    Source: ``keras.ops.stop_gradient``; in ONNX it is nothing.
    """

    name: ClassVar[str] = "stop_gradient"
    kinds: ClassVar[str] = "any"

    def evaluate(self, x: Array) -> tuple[Array]:
        return (x,)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        return operands

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        return (None,)


OPERATORS = (StopGradient,)
