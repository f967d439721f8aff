"""What runtimes have of the short types: bfloat16 is moved, float32 computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from seqir.ir import Builder, Graph, Node, Value, replay
from seqir.lower.emit import Emitter
from seqir.ops.convert import Cast
from seqir.passes.widen import retyped

BFLOAT16: Final = frozenset(
    {
        "Cast", "Concat", "ConstantOfShape", "Gather", "GatherElements", "GatherND",
        "Identity", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose",
        "Unsqueeze",
    }
)  # fmt: skip
"""The ONNX operators that ONNX Runtime has for bfloat16 on a processor."""


def compute_wide(graph: Graph, opset: int) -> Graph:
    """The graph with float32 in the place of bfloat16 where that is computed with.

    Every result is rounded to bfloat16, so that no number depends on which operators a
    runtime has. What only moves numbers stays as it is.
    """
    if all(v.type.dtype != "bfloat16" for v in graph.values()):
        return graph

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        short = any(v.type.dtype == "bfloat16" for v in (*node.operands, *node.results))
        if not short or not node.operands or _there(node, opset):
            return None
        wide = [
            b(Cast("float32"), v) if v.type.dtype == "bfloat16" else v for v in operands
        ]
        results = b.emit(retyped(node.op, {"bfloat16": "float32"}), *wide)
        return [
            found if found.type == old.type else b(Cast(old.type.dtype), found)
            for found, old in zip(results, node.results, strict=True)
        ]

    return replay(graph, visit)


def _there(node: Node, opset: int) -> bool:
    """Whether a runtime has all that the node is lowered to."""
    emit = Emitter(opset)
    names = [emit.fresh("operand") for _ in node.operands]
    node.op.lower(emit, node, *names)
    return all(each.op_type in BFLOAT16 for each in emit.nodes)
