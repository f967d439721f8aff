"""The only way to make a graph: insertion is type inference."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from seqir.errors import GraphError, SeqirError
from seqir.ir.graph import Graph, Node, Update, Value
from seqir.ir.op import Op
from seqir.tensortype import TensorType

SEED: Final = "random_seed"
STEP: Final = "random_step"
"""Names of the inputs that `Builder.key` makes."""

_current: ContextVar[Builder | None] = ContextVar("seqir_builder", default=None)


class Builder:
    """Collects nodes; each is typed as it comes in, so a graph is never wrong.

    ``b(op, x, w)`` appends a node and returns its only result; `emit` returns all of
    them. `source` names the layer that asks.
    """

    def __init__(self, name: str = "graph", *, training: bool = False) -> None:
        self.name = name
        self.training = training
        self.autocast: str | None = None
        """What floating-point weights are read as, if not as they are stored."""
        self.inputs: dict[str, Value] = {}
        self.params: dict[str, Value] = {}
        self.nodes: list[Node] = []
        self.producer: dict[Value, Node] = {}
        """The node that computes each value so far."""
        self.updates: dict[str, Update] = {}
        self.sources: dict[str, str] = {}
        self.path: str = ""
        self.losses: list[Value] = []
        """Scalars that layers add to the loss."""
        self.bindings: dict[Any, str] = {}
        """The variable behind each parameter, and the parameter's name."""
        self._draws: dict[Any, int] = {}
        self._unknown: dict[str, int] = {}

    @classmethod
    def resume(cls, graph: Graph) -> Builder:
        """A builder that goes on where a graph ends."""
        b = cls(graph.name)
        b.inputs.update(graph.inputs)
        b.params.update(graph.params)
        b.sources.update(graph.sources)
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

    def bind(self, variable: Any, name: str, type: TensorType) -> Value:
        """The parameter that stands for a variable, named `name` if that is free."""
        if variable not in self.bindings:
            taken, free, count = self.params, name, 0
            while free in taken or free in self.inputs:
                count += 1
                free = f"{name}_{count}"
            self.bindings[variable] = free
        return self.param(self.bindings[variable], type)

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

    def key(self) -> tuple[Value, Value]:
        """Seed and step, which random numbers are a function of: inputs of the graph.

        They become inputs when they are first asked for, after all others.
        """
        for name in (SEED, STEP):
            if name not in self.inputs:
                self.input(name, TensorType("int64", ()))
        return self.inputs[SEED], self.inputs[STEP]

    def draw(self, source: Any) -> int:
        """How many random tensors came from a source before; counts one more.

        It is their place in the trace and not the name of a layer that tells them
        apart: automatic names differ between equal models of one process.
        """
        count = self._draws.get(source, 0)
        self._draws[source] = count + 1
        return count

    def unknown(self, name: str) -> str:
        """A new name for a size that depends on numbers, not on other sizes."""
        taken = {d for v in self.inputs.values() for d in v.type.shape}
        while True:
            count = self._unknown.get(name, 0)
            self._unknown[name] = count + 1
            free = f"{name}_{count}" if count else name
            if free not in taken:
                return free

    def emit(self, op: Op, *operands: Value) -> tuple[Value, ...]:
        """Append a node and return its results."""
        try:
            types = op.infer(*(v.type for v in operands))
        except SeqirError as error:
            error.add_note(f"in {op}({', '.join(str(v.type) for v in operands)})")
            raise
        results = tuple(map(Value, types))
        self.keep(Node(op, operands, results, self.path))
        return results

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
    def mode(self, *, training: bool, autocast: str | None) -> Generator[None]:
        """What is traced inside is for training (or not); weights are read so."""
        outer = self.training, self.autocast
        self.training, self.autocast = training, autocast
        try:
            yield
        finally:
            self.training, self.autocast = outer

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
        )


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
