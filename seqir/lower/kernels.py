"""What runtimes have of an element type, and what is written in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from seqir import dtypes
from seqir.ir import Builder, Graph, Node, Value, in_bodies, replay
from seqir.lower.emit import Emitter
from seqir.operators.convert import Cast
from seqir.operators.movement import Transpose
from seqir.ops import rules
from seqir.ops.apply import as_tuple
from seqir.ops.tensor import Traced
from seqir.passes.common import eliminate_common
from seqir.passes.dead import eliminate_dead
from seqir.passes.widen import Widening

BFLOAT16: Final = frozenset(
    {
        "Cast", "Concat", "ConstantOfShape", "Gather", "GatherElements", "GatherND",
        "Identity", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose",
        "Unsqueeze",
    }
)  # fmt: skip
"""The ONNX operators that ONNX Runtime has for bfloat16 on a processor."""

NO_FLOAT16: Final = frozenset({"ScatterElements add", "ScatterND add", "ScatterND mul"})
"""Those that it has not for float16, with their reduction; for others it casts."""

NO_FLOAT64: Final = frozenset(
    {
        "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "AveragePool", "Conv",
        "ConvTranspose", "Cosh", "Elu", "Erf", "GRU", "Gelu", "HardSigmoid",
        "HardSwish", "LSTM", "LeakyRelu", "Mish", "PRelu", "RNN", "Resize", "Selu",
        "Sinh", "Softplus", "Softsign", "Tan",
    }
)  # fmt: skip
"""Those that it has not for float64."""


def runnable(graph: Graph, opset: int) -> Graph:
    """The graph in operators that a runtime has for its element types.

    Where there are none for float64, plainer operators stand in their place. Where
    there are none for half precision, nor plainer ones, float32 is computed with and
    results are rounded, but not between neighbours that are both computed so. What only
    moves values stays as it is.
    """
    graph = _cast_before_order(in_bodies(lambda body: runnable(body, opset), graph))
    present = {v.type.dtype for v in graph.values()}
    if "float64" in present:
        plainer = _in_plainer_operators(graph, opset)
        if plainer is not graph:  # what is new there may lack operators as well
            return runnable(plainer, opset)
    if present.isdisjoint(("bfloat16", "float16", "float64")):
        return graph

    widening = Widening()

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        dtype = _missing(node, opset)
        if "float16" in {v.type.dtype for v in operands} and dtype is None:
            moved = any(_moves_the_stack(b, v) for v in operands)
            dtype = "float16" if moved and "MatMul" in written(node, opset) else None
        if dtype is None:
            return None
        return widening.computed(b, node, operands, dtype)

    rounded = replay(graph, visit)
    if rounded is graph:
        return graph
    return eliminate_dead(eliminate_common(_cast_before_order(rounded)))


def _cast_before_order(graph: Graph) -> Graph:
    """The graph with casts in front of orders of axes that move the stack."""
    if not graph.kinds >= {Cast, Transpose}:
        return graph

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        if not isinstance(node.op, Cast) or not _moves_the_stack(b, *operands):
            return None
        before = b.producer[operands[0]]
        return b.emit(before.op, b(node.op, before.operands[0]))

    swapped = replay(graph, visit)
    return graph if swapped is graph else eliminate_dead(swapped)


def _moves_the_stack(b: Builder, value: Value) -> bool:
    """Whether axes of a stack of matrices were reordered to make this one.

    ONNX Runtime folds that into the product of matrices behind it, and ends the process
    where there is a cast in between, its own around a product of float16 as well.
    """
    node = b.producer.get(value)
    if node is None or not isinstance(node.op, Transpose) or value.type.rank < 3:
        return False
    return 0 in node.op.perm[-2:] and dtypes.is_float(value.type.dtype)


def _in_plainer_operators(graph: Graph, opset: int) -> Graph:
    """The graph without operators that there are not for float64, as far as may be."""

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        if _missing(node, opset) != "float64":
            return None
        traced = (Traced(b, v) for v in operands)
        y = node.op.expanded(rules, "plain", *traced, shared=True)
        return None if y is None else [each.value for each in as_tuple(y)]

    return replay(graph, visit)


def _missing(node: Node, opset: int) -> str | None:
    """The element type of the node for which a runtime lacks an operator."""
    if node.op.bodies or not node.operands:  # bodies are runnable; the rest moves them
        return None
    types = {v.type.dtype for v in (*node.operands, *node.results)}
    if types.isdisjoint(("bfloat16", "float16", "float64")):
        return None
    found = written(node, opset)
    if "bfloat16" in types and not found <= BFLOAT16:
        return "bfloat16"
    if "float16" in types and found & NO_FLOAT16:
        return "float16"
    return "float64" if "float64" in types and found & NO_FLOAT64 else None


def written(node: Node, opset: int) -> set[str]:
    """The ONNX operators that the node is lowered to, with their reductions."""
    emit = Emitter(opset)
    names = [emit.fresh("operand") for _ in node.operands]
    node.op.lower(emit, node, *names)
    return {
        f"{each.op_type} {each.attributes.get('reduction', '')}".strip()
        for each in emit.nodes
    }
