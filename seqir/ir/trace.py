"""Traces: builders that layers compute into. They know variables, losses and draws."""

from __future__ import annotations

from collections.abc import Collection, Generator, Hashable, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, Final

from seqir import dtypes
from seqir.errors import GraphError
from seqir.ir.builder import Builder, current_builder
from seqir.ir.graph import Graph, Value
from seqir.tensortype import TensorType

SEED: Final = "random_seed"
STEP: Final = "random_step"
"""Names of the inputs that `Trace.key` makes."""


class Trace(Builder):
    """A builder with what is known while layers run: weights, mode, losses, draws."""

    def __init__(self, name: str = "graph", *, training: bool | None = None) -> None:
        super().__init__(name)
        self.training = training
        """Whether layers are traced for training; None where nobody has said so."""
        self.autocast: str | None = None
        """What floating-point weights are read in, if not as stored; see `type_of`."""
        self.losses: list[Value] = []
        """Scalars that layers add to the loss."""
        self.bindings: dict[Any, str] = {}
        """The variable behind each parameter, and the parameter's name."""
        self.reserved: Collection[str] = ()
        """Names that no variable's parameter gets: outputs will have them."""
        self.draws: dict[Hashable, int] = {}
        """How many random tensors have come from each source."""
        self.minimized: list[Value] = []
        """Scalars that the code which is traced has taken the gradient of."""

    def continued(self, graph: Graph) -> Trace:
        """A trace that goes on where a graph ends, with the variables of this one."""
        b = Trace.resume(graph)
        b.training, b.autocast = self.training, self.autocast
        b.bindings, b.reserved, b.draws = self.bindings, self.reserved, self.draws
        return b

    def bind(self, variable: Any, name: str, type: TensorType) -> Value:
        """The parameter that stands for a variable, named `name` if that is free."""
        if variable not in self.bindings:
            taken, free, count = self.params, name, 0
            while free in taken or free in self.inputs or free in self.reserved:
                count += 1
                free = f"{name}_{count}"
            self.bindings[variable] = free
        return self.param(self.bindings[variable], type)

    def type_of(self, variable: Any) -> TensorType:
        """The type that the layer at work reads a variable in."""
        type, wanted = variable.type, self.autocast
        casts = wanted and variable.autocast and dtypes.is_float(type.dtype)
        return type.with_dtype(wanted) if casts else type

    def read(self, variable: Any, name: str, type: TensorType) -> Value:
        """What a variable holds at this place of the trace, as it is stored."""
        value = self.bind(variable, name, type)
        assigned = self.updates.get(self.bindings[variable])
        return value if assigned is None else assigned.value

    def readings(self, variable: Any) -> list[Value]:
        """What a variable that was read stands for in the trace, the first one first.

        Here that is its parameter alone; what is assigned to it is a value as others.
        """
        name = self.bindings.get(variable)
        return [] if name is None else [self.params[name]]

    def write(self, variable: Any, name: str, value: Value) -> None:
        """Give a variable a new value after the run."""
        self.bind(variable, name, value.type)
        self.update(self.bindings[variable], value)

    def key(self) -> tuple[Value, Value]:
        """Seed and step, which random numbers are a function of: inputs of the graph.

        They become inputs when they are first asked for, after all others.
        """
        for name in (SEED, STEP):
            if name not in self.inputs:
                self.input(name, TensorType("int64", ()))
        return self.inputs[SEED], self.inputs[STEP]

    def draw(self, source: Hashable) -> int:
        """How many random tensors came from a source before; counts one more.

        It is their place in the trace and not the name of a layer that tells them
        apart: automatic names differ between equal models of one process.
        """
        count = self.draws.get(source, 0)
        self.draws[source] = count + 1
        return count

    @contextmanager
    def mode(self, *, training: bool | None, autocast: str | None) -> Generator[None]:
        """What is traced inside is for training (or not); weights are read so."""
        outer = self.training, self.autocast
        self.training, self.autocast = training, autocast
        try:
            yield
        finally:
            self.training, self.autocast = outer


class Region(Trace):
    """The trace of a body: of a loop, or of a branch.

    A body is closed: it reads nothing but its inputs. What it takes from the graph
    around it, tensors and weights, becomes an input behind the others, and `captured`
    says which operands those are. Assignments stay inside, in `assigned`, for the
    operator to hand on; so do `losses`. In a loop random numbers differ from
    iteration to iteration, which `counter` counts where there are some.
    """

    def __init__(self, outer: Builder, *, loop: bool = False) -> None:
        mode = outer if isinstance(outer, Trace) else Trace()
        super().__init__("body", training=mode.training)
        self.autocast, self.draws = mode.autocast, mode.draws
        self.outer = self.around = outer
        self.depth = outer.depth + 1
        self.path, self.sources = outer.path, outer.sources
        self.loop = loop
        self.counter: Value | None = None
        self.captured: dict[Value, Value] = {}
        """The value of the outer graph: the input that stands for it."""
        self.held: dict[Any, Value] = {}
        """The variables that the body changes: what they hold when it begins."""
        self.assigned: dict[Any, tuple[str, Value]] = {}
        """The variables that the body changes: what they hold when it ends."""
        self.closed = False

    def capture(self, value: Value) -> Value:
        """The input that stands for a value of the outer graph."""
        if value not in self.captured:
            self.captured[value] = Value(value.type)
        return self.captured[value]

    @property
    def traced(self) -> Trace:
        """The trace around the body.

        Raises: GraphError for a body in a graph that is traced already.
        """
        if not isinstance(self.around, Trace):
            raise GraphError(
                f"a body in graph {self.name!r} reads a variable or draws random "
                "numbers, but the graph around it is traced already"
            )
        return self.around

    def hold(self, variable: Any, type: TensorType) -> Value:
        """An input for what a variable holds when the body begins."""
        self.held[variable] = value = Value(type)
        return value

    def read(self, variable: Any, name: str, type: TensorType) -> Value:
        if variable in self.assigned:
            return self.assigned[variable][1]
        if variable in self.held:
            return self.held[variable]
        return self.capture(self.traced.read(variable, name, type))

    def write(self, variable: Any, name: str, value: Value) -> None:
        self.assigned[variable] = (name, value)

    def key(self) -> tuple[Value, Value]:
        seed, step = self.traced.key()
        return self.capture(seed), self.capture(step)

    def count(self) -> Value:
        """The input that says which iteration of a loop it is."""
        if self.counter is None:
            self.counter = Value(TensorType("int64", ()))
        return self.counter

    def close(
        self,
        inputs: Sequence[Value],
        outputs: Iterable[Value],
        captured: Iterable[Value],
    ) -> Graph:
        """The body, with inputs for these values of the outer graph behind its own."""
        self.closed = True
        given = {f"input_{i}": v for i, v in enumerate(inputs)}
        taken = {f"captured_{i}": self.capture(v) for i, v in enumerate(captured)}
        found = {f"output_{i}": v for i, v in enumerate(outputs)}
        return Graph("body", {**given, **taken}, {}, tuple(self.nodes), found)


def current_trace() -> Trace | None:
    """The trace that is under way, if any."""
    b = current_builder()
    return b if isinstance(b, Trace) else None
