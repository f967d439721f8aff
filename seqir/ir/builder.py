"""The only way to make a graph: insertion is type inference."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self

from seqir.errors import GraphError, SeqirError
from seqir.ir.graph import Graph, Node, Op, Update, Value
from seqir.tensortype import TensorType

_current: ContextVar[Builder | None] = ContextVar("seqir_builder", default=None)


class Builder:
    """Collects nodes; each is typed as it comes in, so a graph is never wrong.

    ``b(op, x, w)`` appends a node and returns its only result; `emit` returns all of
    them. `source` names the layer that asks.
    """

    outer: Builder | None = None
    """The builder of the graph that this one is part of, if it is a body."""
    depth: int = 0
    """How many builders lie around it."""

    def __init__(self, name: str = "graph") -> None:
        self.name = name
        self.inputs: dict[str, Value] = {}
        self.params: dict[str, Value] = {}
        self.nodes: list[Node] = []
        self.producer: dict[Value, Node] = {}
        """The node that computes each value so far."""
        self.updates: dict[str, Update] = {}
        self.sources: dict[str, str] = {}
        self.scopes: dict[str, str] = {}
        self.path: str = ""
        self._unknown: dict[str, int] = {}

    @classmethod
    def like(cls, graph: Graph) -> Self:
        """A builder with the inputs and params of a graph, and no node."""
        b = cls(graph.name)
        b.inputs.update(graph.inputs)
        b.params.update(graph.params)
        b.sources.update(graph.sources)
        b.scopes.update(graph.scopes)
        return b

    @classmethod
    def resume(cls, graph: Graph) -> Self:
        """A builder that goes on where a graph ends."""
        b = cls.like(graph)
        for node in graph.nodes:
            b.keep(node)
        b.updates.update((u.param, u) for u in graph.updates)
        return b

    def input(self, name: str, type: TensorType) -> Value:
        """A new graph input."""
        if name in self.inputs:
            raise GraphError(f"graph {self.name!r} already has an input named {name!r}")
        self.inputs[name] = value = Value(type)
        return value

    def param(self, name: str, type: TensorType) -> Value:
        """The parameter of that name; the same value however often it is asked for."""
        if name not in self.params:
            self.params[name] = Value(type)
        value = self.params[name]
        if value.type != type:
            raise GraphError(
                f"parameter {name!r} was used as {value.type} and now as {type}"
            )
        return value

    def update(self, name: str, value: Value) -> None:
        """Give a parameter a new value after the run; the last one counts."""
        if name not in self.params:
            raise GraphError(f"graph {self.name!r} has no parameter {name!r} to update")
        if value.type != self.params[name].type:
            raise GraphError(
                f"parameter {name!r} is {self.params[name].type}, "
                f"its new value is {value.type}"
            )
        self.updates[name] = Update(name, value)

    def unknown(self, name: str) -> str:
        """A new name for a size that depends on values, not on other sizes."""
        if self.outer is not None:
            return self.outer.unknown(name)
        taken = {d for v in self.inputs.values() for d in v.type.shape}
        while True:
            count = self._unknown.get(name, 0)
            self._unknown[name] = count + 1
            free = f"{name}_{count}" if count else name
            if free not in taken:
                return free

    def emit(self, op: Op, *operands: Value) -> tuple[Value, ...]:
        """Append a node and return its results."""
        results = tuple(map(Value, _infer(op, operands)))
        self.keep(Node(op, operands, results, self.path))
        return results

    def repeat(self, node: Node, operands: tuple[Value, ...]) -> tuple[Value, ...]:
        """Append a node of another graph, with other operands, and return its results.

        They are those that it had, as long as they have the same types: what reads
        them can stay as it is.
        """
        results = node.results
        if [v.type for v in operands] != [v.type for v in node.operands]:
            types = _infer(node.op, operands)
            if types != tuple([v.type for v in results]):
                pairs = zip(types, results, strict=True)
                results = tuple([Value(t, v.name) for t, v in pairs])
        self.keep(Node(node.op, operands, results, self.path))
        return results

    def again(self, node: Node, operands: tuple[Value, ...]) -> tuple[Value, ...]:
        """Append a node of another graph, with other operands; its results are new."""
        pairs = zip(_infer(node.op, operands), node.results, strict=True)
        results = tuple([Value(t, v.name) for t, v in pairs])
        self.keep(Node(node.op, operands, results, self.path))
        return results

    def extend(self, node: Node, op: Op) -> tuple[Value, ...]:
        """Let a node have more results: those that `op` has behind the node's own."""
        types = op.infer(*(v.type for v in node.operands))
        count = len(node.results)
        if types[:count] != tuple(v.type for v in node.results):
            raise GraphError(f"{op} does not begin with the results of {node.op}")
        more = tuple(map(Value, types[count:]))
        wider = Node(op, node.operands, (*node.results, *more), node.source)
        self.nodes[self.nodes.index(node)] = wider
        for value in wider.results:
            self.producer[value] = wider
        return more

    def call(self, value: Value, name: str) -> Value:
        """A result of the last nodes, which nothing has read yet, under a name."""
        node, called = self.producer.pop(value), Value(value.type, name)
        results = tuple([called if v is value else v for v in node.results])
        place = len(self.nodes) - 1
        while self.nodes[place] is not node:
            place -= 1
        self.nodes[place] = named = Node(node.op, node.operands, results, node.source)
        for result in results:
            self.producer[result] = named
        return called

    def forget(self, count: int) -> None:
        """Take back all nodes but so many, which nothing outside has read."""
        for node in self.nodes[count:]:
            for value in node.results:
                del self.producer[value]
        del self.nodes[count:]

    def keep(self, node: Node) -> None:
        """Append a node that has been typed before."""
        self.nodes.append(node)
        for value in node.results:
            self.producer[value] = node

    def __call__(self, op: Op, *operands: Value) -> Value:
        """Append a node of one result and return it."""
        (result,) = self.emit(op, *operands)
        return result

    @contextmanager
    def source(self, name: str, kind: str = "") -> Generator[None]:
        """Everything emitted inside comes from the layer `name` (of class `kind`)."""
        outer, self.path = self.path, f"{self.path}/{name}" if self.path else name
        if kind:
            self.sources.setdefault(self.path, kind)
        try:
            yield
        finally:
            self.path = outer

    @contextmanager
    def at(self, path: str) -> Generator[None]:
        """Everything emitted inside has this path, wherever the builder is."""
        outer, self.path = self.path, path
        try:
            yield
        finally:
            self.path = outer

    @contextmanager
    def active(self) -> Generator[Builder]:
        """Make this the builder that operators without a symbolic operand go to."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    def finish(self, outputs: Mapping[str, Value]) -> Graph:
        """The graph that computes these outputs."""
        return Graph(
            self.name,
            dict(self.inputs),
            dict(self.params),
            tuple(self.nodes),
            dict(outputs),
            tuple(self.updates.values()),
            dict(self.sources),
            dict(self.scopes),
        )


def _infer(op: Op, operands: tuple[Value, ...]) -> tuple[TensorType, ...]:
    try:
        return op.typed(*[v.type for v in operands])
    except SeqirError as error:
        error.add_note(f"in {op}({', '.join(str(v.type) for v in operands)})")
        raise


@contextmanager
def outside() -> Generator[None]:
    """What runs inside belongs to no trace: functions of arrays compute at once."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def current_builder() -> Builder | None:
    """The builder of the trace that is under way, if any."""
    return _current.get()
