"""An operator whose gradient the user writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from seqir.ir import (
    Array,
    Cotangents,
    Emit,
    Functions,
    Graph,
    Node,
    Op,
    Operand,
    Results,
    Value,
)
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class CustomGradient(Op):
    """The first operands as they are, with a gradient by a body instead of their own.

    The operands are the results of a function, its arguments, and what its gradient
    captures; the body maps cotangents of the results to cotangents of the arguments.

    Source: ``keras.ops.custom_gradient``; in ONNX it is nothing.
    """

    name: ClassVar[str] = "custom_gradient"
    gradient: Graph
    results: int
    arguments: int

    @property
    def own_operands(self) -> int:
        return self.results + self.arguments

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return (self.gradient,)

    def with_bodies(self, bodies: Sequence[Graph]) -> CustomGradient:
        (gradient,) = bodies
        return CustomGradient(gradient, self.results, self.arguments)

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        return operands[: self.results]

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        return operands[: self.results]

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        return operands[: self.results]

    def simplified(self, *operands: Value) -> Value | tuple[Value, ...]:
        return operands[0] if self.results == 1 else operands[: self.results]

    def vjp(
        self, ops: Functions, g: Operand | Cotangents, y: Results, *operands: Operand
    ) -> Cotangents:
        gs = g if isinstance(g, tuple) else (g,)
        ys = y if isinstance(y, tuple) else (y,)
        pairs = zip(gs, ys, strict=True)
        seeds = [ops.zeros_like(like) if seed is None else seed for seed, like in pairs]
        given = (*seeds, *operands[self.own_operands :])
        cotangents = ops.inlined(self.gradient, given)
        captured = len(operands) - self.own_operands
        return (*(None,) * self.results, *cotangents, *(None,) * captured)

    def __str__(self) -> str:
        return f"custom_gradient(arguments={self.arguments})"


OPERATORS = (CustomGradient,)
