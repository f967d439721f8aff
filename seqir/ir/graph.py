"""The graph: an immutable list of nodes in the order of their computation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seqir.errors import GraphError, did_you_mean
from seqir.tensortype import TensorType

if TYPE_CHECKING:
    from seqir.ir.op import Op


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """One result of one node, or an input; it is itself and equals nothing else."""

    type: TensorType

    def __repr__(self) -> str:
        return f"<Value {self.type}>"


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """An operator applied to operands."""

    op: Op
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    source: str = ""
    """Path of the layer that asked for it, such as ``backbone/conv2d``."""

    @property
    def result(self) -> Value:
        """The only result."""
        (value,) = self.results
        return value


@dataclass(frozen=True, eq=False, slots=True)
class Update:
    """A parameter and the value it takes after the graph has run (training only)."""

    param: str
    value: Value


@dataclass(frozen=True, eq=False)
class Graph:
    """A pure function from inputs and params to outputs.

    Made by `Builder`, changed only by `replay`. Nodes stand in an order in which
    every operand is computed before it is used; nothing walks it recursively.
    """

    name: str
    inputs: Mapping[str, Value]
    params: Mapping[str, Value]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, Value]
    updates: tuple[Update, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    """What each source is: layer path to class name."""

    @property
    def roots(self) -> tuple[Value, ...]:
        """Values that must be computed: outputs and the new values of updates."""
        return (*self.outputs.values(), *(u.value for u in self.updates))

    def values(self) -> Iterator[Value]:
        """Every value, inputs first, in order of computation."""
        yield from self.inputs.values()
        yield from self.params.values()
        for node in self.nodes:
            yield from node.results

    def producers(self) -> dict[Value, Node]:
        """The node that computes each value."""
        return {v: node for node in self.nodes for v in node.results}

    def users(self) -> dict[Value, list[Node]]:
        """The nodes that read each value."""
        users: dict[Value, list[Node]] = {v: [] for v in self.values()}
        for node in self.nodes:
            for operand in dict.fromkeys(node.operands):
                users[operand].append(node)
        return users

    def output_of(self, source: str) -> Value:
        """The value that leaves a layer: the last result of its last node.

        Raises: GraphError if no node comes from that layer.
        """
        for node in reversed(self.nodes):
            if node.source == source or node.source.startswith(source + "/"):
                return node.results[-1]
        known = dict.fromkeys(n.source for n in self.nodes)
        raise GraphError(
            f"no node of graph {self.name!r} comes from {source!r}."
            f"{did_you_mean(source, known)}"
        )

    def __str__(self) -> str:
        from seqir.ir.printer import format_graph

        return format_graph(self)

    def fingerprint(self) -> str:
        """Hash of the structure: equal text form and equal constants, equal hash."""
        import hashlib

        from seqir.ir.printer import format_graph

        digest = hashlib.sha256(format_graph(self, digests=True).encode())
        return digest.hexdigest()

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(str(self))}</pre>"
