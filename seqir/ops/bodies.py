"""Functions of the user, traced as the bodies of loops and branches.

What a body does besides computing its results is lifted out of it: a variable that it
assigns to is carried from step to step, and assigned to at the end; what it adds to
the loss is added up; in a loop its random numbers differ from step to step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from seqir.errors import GraphError
from seqir.ir import Builder, Region, Trace, Value
from seqir.operators.control import Cond, Scan, While
from seqir.ops.apply import builder_of, coerce, value_of
from seqir.ops.tensor import TensorLike, Traced
from seqir.ops.variable import Variable, assign
from seqir.tensortype import TensorType

Body = Callable[..., Sequence[Any]]
"""A function of tensors that gives a list of tensors."""

_COUNT = TensorType("int64", ())
_LOSS = TensorType("float32", ())


def scan(
    f: Body, carried: Sequence[Any], scanned: Sequence[Any], *, reverse: bool = False
) -> list[Traced]:
    """The last carried tensors and the stacked ones, of ``f(*carried, *slices)``.

    f gives what is carried on to the next step, and behind it what is stacked.

    Raises: ShapeError if f hands on other types than it was given.
    """
    b = _around((*carried, *scanned))
    n = len(carried)
    starts = [value_of(b, x) for x in carried]
    along = [value_of(b, x) for x in scanned]
    slices = [v.type.with_shape(v.type.shape[1:]) for v in along]
    types = [*(v.type for v in starts), *slices]
    (step,), held = _settled(b, [f], types)
    lifted = _Lifted(b, [step], held)
    inputs = [*step.inputs[:n], *lifted.inputs(step), *step.inputs[n:]]
    outputs = [*step.results[:n], *lifted.outputs(step), *step.results[n:]]
    captured = [*step.region.captured]
    body = step.region.close(inputs, outputs, captured)
    op = Scan(body, n + lifted.count, len(along), reverse)
    found = b.emit(op, *starts, *lifted.starts, *along, *captured)
    lifted.end(found[n : op.carries])
    return [Traced(b, v) for v in (*found[:n], *found[op.carries :])]


def repeat_while(
    condition: Body, f: Body, carried: Sequence[Any], limit: int | None = None
) -> list[Traced]:
    """What is carried when ``condition(*carried)`` no longer holds.

    Raises: ShapeError if f hands on other types than it was given, GraphError if the
        condition assigns to a variable or adds a loss.
    """
    b = _around(carried)
    n = len(carried)
    starts = [value_of(b, x) for x in carried]
    traced, held = _settled(b, [condition, f], [v.type for v in starts])
    first, step = traced
    if first.region.assigned or first.region.losses:
        raise GraphError(
            "the condition of a while loop assigns to a variable or adds a loss: do so "
            "in its body"
        )
    lifted = _Lifted(b, traced, held)
    captured = list(dict.fromkeys(v for t in traced for v in t.region.captured))
    inputs = ([*t.inputs, *lifted.inputs(t)] for t in traced)
    outputs = (first.results, [*step.results, *lifted.outputs(step)])
    bodies = (
        t.region.close(given, found, captured)
        for t, given, found in zip(traced, inputs, outputs, strict=True)
    )
    goes_on, body = bodies
    op = While(goes_on, body, n + lifted.count, limit)
    found = b.emit(op, *starts, *lifted.starts, *captured)
    lifted.end(found[n:])
    return [Traced(b, v) for v in found[:n]]


def branch(condition: TensorLike, then: Body, otherwise: Body) -> list[Traced]:
    """The results of ``then()`` where the condition holds, else of ``otherwise()``.

    Raises: ShapeError if the branches give different types.
    """
    b = _around((condition,))
    traced = [_traced(b, f, (), {}, loop=False) for f in (then, otherwise)]
    changed = dict.fromkeys(v for t in traced for v in t.region.assigned)
    losses = any(t.region.losses for t in traced)
    outputs: list[list[Value]] = []
    for t in traced:
        with t.region.active():
            values = [value_of(t.region, v) for v in changed]
            total = [_total(t.region, 0.0)] if losses else []
        outputs.append([*t.results, *values, *total])
    captured = list(dict.fromkeys(v for t in traced for v in t.region.captured))
    bodies = (
        t.region.close((), found, captured)
        for t, found in zip(traced, outputs, strict=True)
    )
    count = len(traced[0].results)
    found = b.emit(Cond(*bodies), value_of(b, condition), *captured)
    for variable, value in zip(changed, found[count:], strict=False):
        assign(variable, Traced(b, value))
    if losses:
        _trace(b).losses.append(found[-1])
    return [Traced(b, v) for v in found[:count]]


class _Traced:
    """A function that was traced: its region, its own inputs and its results."""

    def __init__(self, region: Region, inputs: list[Value]) -> None:
        self.region = region
        self.inputs = inputs
        self.results: list[Value] = []


def _around(operands: Sequence[Any]) -> Builder:
    b = builder_of(tuple(operands))
    assert b is not None, "arrays alone make no graph"
    return b


def _traced(
    b: Builder,
    f: Body,
    types: Sequence[TensorType],
    held: dict[Variable, None],
    *,
    loop: bool,
) -> _Traced:
    region = Region(b, loop=loop)
    found = _Traced(region, list(map(Value, types)))
    for variable in held:
        region.hold(variable, variable.type)
    with region.active():
        results = f(*(Traced(region, v) for v in found.inputs))
        found.results = [value_of(region, x) for x in results]
    return found


def _settled(
    b: Builder, functions: Sequence[Body], types: Sequence[TensorType]
) -> tuple[list[_Traced], dict[Variable, None]]:
    """The bodies of a loop, and the variables that they change.

    Such a variable is carried, which is known only after the body has been traced: then
    it is traced again, as if it had not been before.
    """
    held: dict[Variable, None] = {}
    draws = dict(b.draws) if isinstance(b, Trace) else {}
    while True:
        traced = [_traced(b, f, types, held, loop=True) for f in functions]
        changed = {v: None for t in traced for v in t.region.assigned}
        if changed.keys() <= held.keys():
            return traced, held
        held |= changed
        if isinstance(b, Trace):
            b.draws.clear()
            b.draws.update(draws)


class _Lifted:
    """What a loop carries besides what its user carries."""

    def __init__(
        self, b: Builder, traced: Sequence[_Traced], held: dict[Variable, None]
    ) -> None:
        self.b = b
        self.held = held
        self.losses = any(t.region.losses for t in traced)
        self.counts = any(t.region.counter is not None for t in traced)
        self.count = len(held) + self.losses + self.counts
        self.starts = [value_of(b, v) for v in held]
        self.starts += [value_of(b, coerce(0, "float32"))] * self.losses
        self.starts += [value_of(b, coerce(0, "int64"))] * self.counts
        self._totals: dict[_Traced, Value] = {}

    def inputs(self, t: _Traced) -> list[Value]:
        """Inputs of a body for them."""
        own = [t.region.held[v] for v in self.held]
        if self.losses:
            self._totals[t] = Value(_LOSS)
            own.append(self._totals[t])
        return [*own, t.region.count()] if self.counts else own

    def outputs(self, t: _Traced) -> list[Value]:
        """What a body makes of them."""
        region = t.region
        with region.active():
            own = [value_of(region, v) for v in self.held]
            if self.losses:
                own.append(_total(region, Traced(region, self._totals[t])))
            if self.counts:
                own.append(value_of(region, Traced(region, region.count()) + 1))
        return own

    def end(self, found: Sequence[Value]) -> None:
        """Hand on what they are after the loop."""
        for variable, value in zip(self.held, found, strict=False):
            assign(variable, Traced(self.b, value))
        if self.losses:
            _trace(self.b).losses.append(found[len(self.held)])


def _trace(b: Builder) -> Trace:
    assert isinstance(b, Trace), "only layers add losses"
    return b


def _total(region: Region, start: TensorLike) -> Value:
    """What was added to the loss in a body."""
    total = coerce(start, "float32")
    for value in region.losses:
        total = total + coerce(Traced(region, value), "float32")
    return value_of(region, total)
