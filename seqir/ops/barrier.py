"""Where gradients stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from seqir import nest
from seqir.ir import Array, Emit, Node
from seqir.ops.apply import apply, numeric
from seqir.ops.call import operation
from seqir.ops.elementwise import Elementwise


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

    def vjp(self, g: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
        return (None,)


@operation
def stop_gradient(variable: Any) -> Any:
    """X, or each of a structure, as a constant for gradients. Source: ``keras.ops``."""
    return nest.map_structure(lambda x: apply(StopGradient(), numeric(x)), variable)
