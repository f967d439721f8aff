"""The text form of a graph: deterministic, used by errors and golden tests.

::

    graph cnn(image: f32[batch, 8, 8, 1]) -> (dense)
      params dense/kernel: f32[64, 10], dense/bias: f32[10]
      %0: f32[batch, 64] = reshape(shape=(batch, 64)) image      # flatten
      %1: f32[batch, 10] = matmul %0 dense/kernel                # dense
      return dense = %1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from seqir.ir.frozen import FrozenArray
from seqir.tensortype import TensorType
from seqir.text import one_line


class Value(Protocol):
    """What is printed of a value."""

    @property
    def type(self) -> TensorType: ...


class Op(Protocol):
    """What is printed of an operator."""

    @property
    def constant(self) -> FrozenArray | None: ...
    @property
    def bodies(self) -> Sequence[Graph]: ...


class Node(Protocol):
    """What is printed of a node."""

    @property
    def op(self) -> Op: ...
    @property
    def operands(self) -> Sequence[Value]: ...
    @property
    def results(self) -> Sequence[Value]: ...
    @property
    def source(self) -> str: ...


class Update(Protocol):
    """What is printed of an update."""

    @property
    def param(self) -> str: ...
    @property
    def value(self) -> Value: ...


class Graph(Protocol):
    """What is printed of a graph."""

    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> Mapping[str, Value]: ...
    @property
    def params(self) -> Mapping[str, Value]: ...
    @property
    def nodes(self) -> Sequence[Node]: ...
    @property
    def outputs(self) -> Mapping[str, Value]: ...
    @property
    def updates(self) -> Sequence[Update]: ...


UNKNOWN = "%?"
"""A value that nothing defines, in a graph that the verifier refuses."""


def format_graph(graph: Graph, *, digests: bool = False, sources: bool = True) -> str:
    """The text of a graph; `digests` adds the hash of every constant.

    Without `sources` it does not say which layer asked for a node.
    """
    return "\n".join(_lines(graph, digests, sources))


def _lines(graph: Graph, digests: bool, sources: bool) -> list[str]:
    names: dict[Value, str] = {}
    names.update({v: one_line(name) for name, v in graph.inputs.items()})
    names.update({v: one_line(name) for name, v in graph.params.items()})
    arguments = ", ".join(f"{names[v]}: {v.type}" for v in graph.inputs.values())
    outputs = ", ".join(map(one_line, graph.outputs))
    lines = [f"graph {one_line(graph.name)}({arguments}) -> ({outputs})"]
    if graph.params:
        params = ", ".join(f"{names[v]}: {v.type}" for v in graph.params.values())
        lines.append(f"  params {params}")
    for node in graph.nodes:
        for value in node.results:
            names[value] = f"%{len(names) - len(graph.inputs) - len(graph.params)}"
        results = ", ".join(f"{names[v]}: {v.type}" for v in node.results)
        words = [str(node.op), *(names.get(v, UNKNOWN) for v in node.operands)]
        if digests and node.op.constant is not None:
            words.append(node.op.constant.digest())
        comment = f"  # {one_line(node.source)}" if sources and node.source else ""
        lines.append(f"  {results} = {' '.join(words)}{comment}")
        for body in node.op.bodies:
            lines += ["    " + line for line in _lines(body, digests, sources)]
    for update in graph.updates:
        value = names.get(update.value, UNKNOWN)
        lines.append(f"  update {one_line(update.param)} = {value}")
    returns = ", ".join(
        f"{one_line(n)} = {names.get(v, UNKNOWN)}" for n, v in graph.outputs.items()
    )
    lines.append(f"  return {returns}")
    return lines
