"""Operators that hold graphs: a loop along an axis, a branch, a loop with a condition.

A body is closed: it reads its inputs only, has no params and no updates. The last of
its inputs stand for what it takes from the graph around it, which are operands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import DTypeError, GraphError, ShapeError
from seqir.ir import (
    Array,
    Cotangents,
    Emit,
    Functions,
    Graph,
    Node,
    Op,
    Operand,
    Pruned,
    Results,
    Value,
    evaluate,
)
from seqir.shapes import Dim
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class Scan(Op):
    """A body that runs once for each place of an axis, handing on what it carries.

    The operands are what is carried, what is scanned along its first axis, and what the
    body captures; its inputs are the same, with one slice of what is scanned. Its
    outputs are what is carried on, and slices of the results that are stacked. With
    `reverse` the last place comes first; results lie where their slices did.

    Shapes: carried x, scanned s[T, ...] -> last x, stacked y[T, ...].
    Source: ONNX ``Scan`` (opset 11).
    """

    name: ClassVar[str] = "scan"
    body: Graph
    carries: int
    scanned: int
    reverse: bool = False

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return (self.body,)

    def with_bodies(self, bodies: Sequence[Graph]) -> Scan:
        (body,) = bodies
        return replace(self, body=body)

    @property
    def own_operands(self) -> int:
        return self.carries + self.scanned

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        n, end = self.carries, self.own_operands
        along = operands[n:end]
        if not along or any(not t.rank for t in along):
            raise ShapeError(
                "scan goes along the first axis of what is scanned, and needs one such "
                f"operand at least; got {_listed(along)}"
            )
        slices = [t.with_shape(t.shape[1:]) for t in along]
        expect_inputs(self, self.body, [*operands[:n], *slices, *operands[end:]])
        found = _types(self.body)
        _expect_carried(self, operands[:n], found[:n])
        sizes = [t.shape[0] for t in along]
        known = sorted({d for d in sizes if isinstance(d, int)})
        if len(known) > 1:
            raise ShapeError(f"scan goes along axes of several sizes: {_listed(along)}")
        steps = known[0] if known else sizes[0]
        return (*found[:n], *(t.with_shape((steps, *t.shape)) for t in found[n:]))

    def must_equal(self, *operands: TensorType) -> tuple[tuple[Dim, Dim], ...]:
        first, *rest = (t.shape[0] for t in operands[self.carries : self.own_operands])
        return tuple((first, d) for d in rest)

    def never_zero(self, *operands: TensorType) -> tuple[Dim, ...]:
        return (operands[self.carries].shape[0],)

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        n, end = self.carries, self.own_operands
        carried, along, taken = [*operands[:n]], operands[n:end], operands[end:]
        steps = range(len(along[0]))
        slices: list[list[Array]] = []
        for t in reversed(steps) if self.reverse else steps:
            results = _run(self.body, [*carried, *(s[t] for s in along), *taken])
            carried = results[:n]
            slices.append(results[n:])
        if not slices:  # only the shapes of what is stacked are wanted
            zeros = [np.zeros(s.shape[1:], s.dtype) for s in along]
            ys = _run(self.body, [*carried, *zeros, *taken])[n:]
            return (*carried, *(np.zeros((0, *y.shape), y.dtype) for y in ys))
        if self.reverse:
            slices.reverse()
        return (*carried, *(np.stack(ys) for ys in zip(*slices, strict=True)))

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        own, captured = self._parted(operands)
        directions: dict[str, Any] = {}
        if self.reverse:
            ys = len(self.body.outputs) - self.carries
            directions["scan_input_directions"] = (1,) * self.scanned
            directions |= {"scan_output_directions": (1,) * ys} if ys else {}
        return emit.many(
            "Scan",
            *own,
            outputs=len(node.results),
            body=emit.body(self.body, captured),
            num_scan_inputs=self.scanned,
            **directions,
        )

    def _parted(self, operands: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        return operands[: self.own_operands], operands[self.own_operands :]

    def pruned(self, used: Sequence[bool]) -> Pruned | None:
        n, end = self.carries, self.own_operands
        inputs, outputs = [*self.body.inputs.values()], [*self.body.outputs.values()]
        wanted = {v for v, needed in zip(outputs[n:], used[n:], strict=True) if needed}
        carried = {i for i in range(n) if used[i]}
        while True:  # what is carried only for itself is carried for nothing
            live = _needed(self.body, [*wanted, *(outputs[i] for i in carried)])
            more = carried | {i for i in range(n) if inputs[i] in live}
            if more == carried:
                break
            carried = more
        along = [i for i in range(n, end) if inputs[i] in live] or [n]
        rest = [i for i in range(end, len(inputs)) if inputs[i] in live]
        kept = (*sorted(carried), *along, *rest)
        ys = [i for i in range(n, len(outputs)) if used[i]]
        if len(kept) == len(inputs) and len(ys) == len(outputs) - n:
            return None
        body = part_of(self.body, kept, (*sorted(carried), *ys))
        op = replace(self, body=body, carries=len(carried), scanned=len(along))
        return Pruned(op, kept, (*sorted(carried), *ys))

    def vjp(
        self, ops: Functions, g: Operand | Cotangents, y: Results, *operands: Operand
    ) -> Cotangents:
        return ops.scan_gradient(ops, self, g, y, operands)

    def cost(self, node: Node) -> int | str:
        steps = node.operands[self.carries].type.shape[0]
        return shapes.mul(steps, cost_of(self.body))

    def __str__(self) -> str:
        reverse = ", reverse=True" if self.reverse else ""
        return f"scan(carries={self.carries}, scanned={self.scanned}{reverse})"


@dataclass(frozen=True)
class Cond(Op):
    """The results of one of two bodies: of the first where the condition holds.

    The operands are the condition, one truth value, and what the bodies capture: the
    inputs of both. Only the body that is chosen runs.

    Source: ONNX ``If`` (opset 13).
    """

    name: ClassVar[str] = "cond"
    then: Graph
    otherwise: Graph

    @property
    def own_operands(self) -> int:
        return 1

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return self.then, self.otherwise

    def with_bodies(self, bodies: Sequence[Graph]) -> Cond:
        return Cond(*bodies)

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        if operands[0] != TensorType("bool", ()):
            raise DTypeError(f"cond needs one truth value, got {operands[0]}")
        for body in self.bodies:
            expect_inputs(self, body, operands[1:])
        found, other = map(_types, self.bodies)
        if found != other:
            raise ShapeError(
                f"the branches of cond give ({_listed(found)}) and ({_listed(other)}): "
                "the types must be equal"
            )
        return tuple(found)

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        return tuple(_run(self.bodies[int(not operands[0])], operands[1:]))

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        condition, *captured = operands
        return emit.many(
            "If",
            condition,
            outputs=len(node.results),
            then_branch=emit.body(self.then, captured),
            else_branch=emit.body(self.otherwise, captured),
        )

    def pruned(self, used: Sequence[bool]) -> Pruned | None:
        outputs = [i for i, needed in enumerate(used) if needed]
        taken: set[int] = set()
        for body in self.bodies:
            roots = [*body.outputs.values()]
            live = _needed(body, [roots[i] for i in outputs])
            taken |= {i for i, v in enumerate(body.inputs.values()) if v in live}
        kept = sorted(taken)
        if len(outputs) == len(used) and len(kept) == len(self.then.inputs):
            return None
        parts = (part_of(body, kept, outputs) for body in self.bodies)
        return Pruned(Cond(*parts), (0, *(i + 1 for i in kept)), tuple(outputs))

    def vjp(
        self, ops: Functions, g: Operand | Cotangents, y: Results, *operands: Operand
    ) -> Cotangents:
        return ops.cond_gradient(ops, self, g, y, operands)

    def cost(self, node: Node) -> int | str:
        return shapes.maximum(*map(cost_of, self.bodies))

    def __str__(self) -> str:
        return "cond"


@dataclass(frozen=True)
class While(Op):
    """A body that hands on what it carries, for as long as a condition holds.

    The operands are what is carried and what condition and body capture: the inputs of
    both. With `limit` there are no more steps than that, and there is a gradient: that
    of so many steps, of which those that did not run hand everything on as it is.

    Source: ONNX ``Loop`` (opset 13).
    """

    name: ClassVar[str] = "while"
    condition: Graph
    body: Graph
    carries: int
    limit: int | None = None

    @property
    def own_operands(self) -> int:
        return self.carries

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return self.condition, self.body

    def with_bodies(self, bodies: Sequence[Graph]) -> While:
        condition, body = bodies
        return replace(self, condition=condition, body=body)

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        for body in self.bodies:
            expect_inputs(self, body, operands)
        found = _types(self.condition)
        if found != [TensorType("bool", ())]:
            raise DTypeError(
                f"the condition of while is one truth value, got {_listed(found)}"
            )
        _expect_carried(self, operands[: self.carries], _types(self.body))
        return operands[: self.carries]

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        carried, taken = [*operands[: self.carries]], operands[self.carries :]
        left = self.limit
        while left != 0 and _run(self.condition, [*carried, *taken])[0]:
            carried = _run(self.body, [*carried, *taken])
            left = None if left is None else left - 1
        return tuple(carried)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        own, captured = operands[: self.carries], operands[self.carries :]
        (begin,) = emit.inline(self.condition, operands)
        limit = "" if self.limit is None else emit.scalar(self.limit, "int64")
        body = emit.body(self.body, captured, until=self.condition)
        return emit.many("Loop", limit, begin, *own, outputs=len(own), body=body)

    def vjp(
        self, ops: Functions, g: Operand | Cotangents, y: Results, *operands: Operand
    ) -> Cotangents:
        return ops.while_gradient(ops, self, g, y, operands)

    def cost(self, node: Node) -> int | str:
        """Of one step: how many there are, the run knows."""
        return cost_of(self.body)

    def __str__(self) -> str:
        limit = "" if self.limit is None else f", limit={self.limit}"
        return f"while(carries={self.carries}{limit})"


def _run(body: Graph, arrays: Sequence[Array]) -> list[Array]:
    """The outputs of a body."""
    found = evaluate(body, dict(zip(body.inputs, arrays, strict=True)))
    return [found[name] for name in body.outputs]


def _types(body: Graph) -> list[TensorType]:
    return [v.type for v in body.outputs.values()]


def _listed(types: Iterable[TensorType]) -> str:
    return ", ".join(map(str, types)) or "nothing"


def expect_inputs(op: Op, body: Graph, operands: Sequence[TensorType]) -> None:
    """Raise GraphError unless a body takes these types."""
    wanted = [v.type for v in body.inputs.values()]
    if wanted != [*operands]:
        raise GraphError(
            f"a body of {op.name} takes ({_listed(wanted)}), it is given "
            f"({_listed(operands)})"
        )


def _expect_carried(
    op: Op, given: Sequence[TensorType], found: Sequence[TensorType]
) -> None:
    """Raise ShapeError unless a step hands on the types that it was given."""
    if [*given] != [*found]:
        raise ShapeError(
            f"{op.name} carries ({_listed(given)}), a step hands on "
            f"({_listed(found)}): the types must be equal"
        )


def _needed(body: Graph, roots: Iterable[Value]) -> set[Value]:
    """The values that some values are computed from, and these."""
    live = set(roots)
    for node in reversed(body.nodes):
        if not live.isdisjoint(node.results):
            live.update(node.operands)
    return live


def part_of(body: Graph, inputs: Iterable[int], outputs: Iterable[int]) -> Graph:
    """The body with some of its inputs and outputs."""
    given, found = [*body.inputs.items()], [*body.outputs.items()]
    kept = dict(found[i] for i in outputs)
    live = _needed(body, kept.values())
    nodes = tuple(node for node in body.nodes if not live.isdisjoint(node.results))
    return replace(
        body, inputs=dict(given[i] for i in inputs), nodes=nodes, outputs=kept
    )


def cost_of(body: Graph) -> Dim:
    """Multiply-accumulates of all nodes of a graph."""
    return shapes.add(0, *(node.op.cost(node) for node in body.nodes))


OPERATORS = (Scan, Cond, While)
