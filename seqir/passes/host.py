"""What runs in Python before a session: all that makes numbers of text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from seqir import naming
from seqir.dtypes import STRING
from seqir.ir import Array, Graph, Node, Value, evaluate
from seqir.passes.facts import is_pure


@dataclass(frozen=True)
class Apart:
    """A graph in two: what runs on the host first, and the rest, which reads that.

    Text that is computed from what the rest computes stays there.
    """

    host: Graph | None
    rest: Graph

    @classmethod
    def of(cls, graph: Graph, *, text: bool = True) -> Self:
        """Take the nodes on text out, or without `text` only those that are Python."""
        own = {node for node in graph.nodes if _is_host(node, text)}
        if not own:
            return cls(None, graph)
        ready = set(graph.inputs.values())
        nodes: list[Node] = []
        for node in graph.nodes:
            if ready.issuperset(node.operands) and is_pure(node.op):
                ready.update(node.results)
                nodes.append(node)
        needed: set[Value] = set()
        front: dict[Node, None] = {}
        for node in reversed(nodes):
            if node in own or not needed.isdisjoint(node.results):
                needed.update(node.operands)
                front[node] = None
        constant = {node for node in front if not node.operands}
        rest = tuple(n for n in graph.nodes if n not in front or n in constant)
        read = {v for node in rest for v in node.operands} | set(graph.roots)
        used = {v for node in front for v in node.operands}
        edges: dict[str, Value] = {}
        for node in reversed(front):
            for value in node.results if node not in constant else ():
                if value in read:
                    name = node.source.rpartition("/")[2] or "host"
                    taken = {*graph.inputs, *graph.params, *graph.outputs, *edges}
                    edges[naming.free(name, taken)] = value
        if not edges:
            return cls(None, graph)
        inputs = graph.inputs.items()
        return cls(
            replace(
                graph,
                inputs={name: v for name, v in inputs if v in used},
                params={},
                nodes=tuple(reversed(front)),
                outputs=edges,
                updates=(),
            ),
            replace(
                graph,
                inputs={name: v for name, v in inputs if v in read} | edges,
                nodes=rest,
            ),
        )

    def run(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """What the rest is fed, for what the whole graph is fed."""
        if self.host is None:
            return feeds
        found = evaluate(self.host, {name: feeds[name] for name in self.host.inputs})
        kept = {name: a for name, a in feeds.items() if name in self.rest.inputs}
        return kept | found


def _is_host(node: Node, text: bool) -> bool:
    if not node.operands:
        return False
    values = (*node.operands, *node.results)
    if not text:
        return node.op.only_on_host
    return node.op.on_host or any(v.type.dtype == STRING for v in values)
