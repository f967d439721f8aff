"""Constants that a body captures move into it, where they can be folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seqir.ir import Builder, Graph, Node, Value, replay


def sink_constants(graph: Graph) -> Graph:
    """Give bodies the constants that they capture."""
    if not graph.says("bodies"):
        return graph
    known = graph.constants
    producers = graph.producers()

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        own = node.op.own_operands
        places = [
            i
            for i, v in enumerate(node.operands)
            if i >= own and v in known and node.op.bodies
        ]
        if not places:
            return None
        found = {i - len(operands): producers[node.operands[i]] for i in places}
        bodies = [_with(body, found) for body in node.op.bodies]
        rest = (v for i, v in enumerate(operands) if i not in places)
        return b.emit(node.op.with_bodies(bodies), *rest)

    return replay(graph, visit, about="bodies")


def _with(body: Graph, found: dict[int, Node]) -> Graph:
    """The body with constants in the place of inputs, counted from the end."""
    inputs = [*body.inputs.items()]
    nodes = [
        replace(node, results=(inputs[place][1],), source="")
        for place, node in found.items()
    ]
    gone = {inputs[place][0] for place in found}
    return replace(
        body,
        inputs={name: v for name, v in inputs if name not in gone},
        nodes=(*nodes, *body.nodes),
    )
