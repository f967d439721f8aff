"""Constants: an array that is part of the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seqir.ir import Array, Emit, FrozenArray, Node, Op
from seqir.tensortype import TensorType, type_of


@dataclass(frozen=True)
class Constant(Op):
    """y = array.

    Source: an ONNX initializer (``GraphProto.initializer``).
    """

    name: ClassVar[str] = "constant"
    takes_text: ClassVar[bool] = True
    array: FrozenArray

    @property
    def constant(self) -> FrozenArray:
        return self.array

    def infer(self) -> tuple[TensorType]:
        return (type_of(self.array.array),)

    def evaluate(self) -> tuple[Array]:
        return (self.array.array,)

    def lower(self, emit: Emit, node: Node) -> tuple[str]:
        return (emit.constant(self.array),)

    def __str__(self) -> str:
        return f"constant({self.array!r})"


OPERATORS = (Constant,)
