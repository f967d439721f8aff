"""The verifier: is this a graph that a Builder could have made?"""

from __future__ import annotations

from seqir.errors import GraphError
from seqir.ir.graph import Graph, Value


def verify(graph: Graph) -> Graph:
    """The graph itself, after checking it.

    Every value is defined once and before its use, every type is the one that its
    operator infers again, every output and update is defined.

    Raises: GraphError that names the node and carries the graph's text as a note.
    """
    try:
        _verify(graph)
    except GraphError as error:
        error.add_note(f"in\n{graph}")
        raise
    return graph


def _verify(graph: Graph) -> None:
    known: set[Value] = {*graph.inputs.values(), *graph.params.values()}
    if len(known) != len(graph.inputs) + len(graph.params):
        raise GraphError("one value stands for two inputs")
    for node in graph.nodes:
        if not known.issuperset(node.operands):
            raise GraphError(f"{node.op} of {node.source!r} reads a later value")
        types = node.op.infer(*(v.type for v in node.operands))
        found = tuple(v.type for v in node.results)
        if types != found:
            raise GraphError(
                f"{node.op} of {node.source!r} has results of type "
                f"{_types(found)}, its operands make {_types(types)}"
            )
        for body in node.op.bodies:
            if body.params or body.updates:
                raise GraphError(f"a body of {node.op} has params or updates")
            _verify(body)
        if not known.isdisjoint(node.results):
            raise GraphError(f"{node.op} of {node.source!r} defines a value again")
        known.update(node.results)
    if not known.issuperset(graph.roots):
        raise GraphError("an output or update is computed by no node")


def _types(types: tuple[object, ...]) -> str:
    return ", ".join(map(str, types))
