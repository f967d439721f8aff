"""What runtimes have of an element type, and what is written in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from seqir.ir import Builder, Graph, Node, Value, in_bodies, replay
from seqir.lower.emit import Emitter
from seqir.operators.convert import Cast
from seqir.ops import rules
from seqir.ops.apply import as_tuple
from seqir.ops.tensor import Traced
from seqir.passes.widen import retyped

BFLOAT16: Final = frozenset(
    {
        "Cast", "Concat", "ConstantOfShape", "Gather", "GatherElements", "GatherND",
        "Identity", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose",
        "Unsqueeze",
    }
)  # fmt: skip
"""The ONNX operators that ONNX Runtime has for bfloat16 on a processor."""


NO_FLOAT64: Final = frozenset(
    {"AveragePool", "Conv", "ConvTranspose", "GRU", "LSTM", "RNN"}
)
"""ONNX operators that ONNX Runtime has not for float64, and seqir in other words."""


def runnable(graph: Graph, opset: int) -> Graph:
    """The graph in operators that a runtime has for its element types.

    In the place of bfloat16 float32 is computed with; every result is rounded to
    bfloat16, so that no number depends on which operators a runtime has. What only
    moves numbers stays as it is. Convolutions of float64 become products of matrices,
    recurrent networks of float64 loops.
    """
    graph = in_bodies(lambda body: runnable(body, opset), graph)
    if all(v.type.dtype not in ("bfloat16", "float64") for v in graph.values()):
        return graph

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        types = {v.type.dtype for v in (*node.operands, *node.results)}
        if node.op.bodies:  # which are runnable, and the rest moves what they compute
            return None
        if node.operands and "bfloat16" in types:
            return (
                None if _written(node, opset) <= BFLOAT16 else _wide(b, node, operands)
            )
        if node.operands and "float64" in types and _written(node, opset) & NO_FLOAT64:
            traced = (Traced(b, v) for v in operands)
            y = node.op.expanded(rules, "plain", *traced, shared=True)
            return None if y is None else [each.value for each in as_tuple(y)]
        return None

    return replay(graph, visit)


def _wide(b: Builder, node: Node, operands: Sequence[Value]) -> list[Value]:
    """The node's results, computed in float32."""
    wide = [
        b(Cast("float32"), v) if v.type.dtype == "bfloat16" else v for v in operands
    ]
    results = b.emit(retyped(node.op, {"bfloat16": "float32"}), *wide)
    return [
        found if found.type == old.type else b(Cast(old.type.dtype), found)
        for found, old in zip(results, node.results, strict=True)
    ]


def _written(node: Node, opset: int) -> set[str]:
    """The ONNX operators that the node is lowered to."""
    emit = Emitter(opset)
    names = [emit.fresh("operand") for _ in node.operands]
    node.op.lower(emit, node, *names)
    return {each.op_type for each in emit.nodes}
