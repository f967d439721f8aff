"""Gradients of what holds graphs: one walk backwards through a body, used three ways.

`pullback` is the walk: the graph of the cotangents of a body's inputs, which first
computes the body itself. What an operator needs of it differs. A recurrent network has
it inlined (`inlined_gradient`). A `Cond` has branches of it: each of its branches runs
again, and then backwards. A `Scan` has it taken apart: its forward steps are those of
the loop that is there, the others make a loop backwards. A `While` of limited steps is
such a scan.

Scan. Let one step be ``(c', y) = f(c, x, w)`` with carry c, slice x and captured w. The
gradient runs the steps in the other direction and carries the cotangent of c::

    (dc, dx, dw) = fᵀ(dc', dy; c, x, w),    the sum of all dw on the way

fᵀ reads values that the forward step has computed. What it reads is stacked: the loop
is given more results (`Builder.extend`), and the loop backwards scans them. Constants,
and what only moves what is at hand anyway, it computes again. Where dw is a product,
the sum of all is a product as well and taken after the loop (`seqir.ops.sums`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.errors import UnsupportedError
from seqir.ir import Builder, Functions, Graph, Node, Region, Value
from seqir.operators.control import Cond, Scan, While
from seqir.ops.apply import apply, as_tuple, value_of
from seqir.ops.backward import Backward
from seqir.ops.convert import zeros_like
from seqir.ops.sums import Sums
from seqir.ops.tensor import TensorLike, Traced
from seqir.tensortype import TensorType


def _is_float(value: Value) -> bool:
    return dtypes.is_float(value.type.dtype)


def inline(b: Builder, body: Graph, inputs: Sequence[Value]) -> dict[Value, Value]:
    """Append the nodes of a body; what each of its values has become."""
    env = dict(zip(body.inputs.values(), inputs, strict=True))
    for node in body.nodes:
        with b.at(node.source):
            results = b.emit(node.op, *(env[v] for v in node.operands))
        env.update(zip(node.results, results, strict=True))
    return env


def inlined(body: Graph, inputs: Sequence[Traced]) -> list[Traced]:
    """The outputs of a body for these tensors, its nodes appended to their graph."""
    b = inputs[0].builder
    found = inline(b, body, [x.value for x in inputs])
    return [Traced(b, found[v]) for v in body.outputs.values()]


def pullback(ops: Functions, graph: Graph, seeded: Sequence[bool]) -> Graph:
    """The cotangents of a graph's inputs, by name, given those of some outputs.

    Its inputs are those of the graph, and a cotangent of each output that is seeded.
    """
    b = Builder.resume(graph)
    walk = Backward(ops, b, graph.inputs.values())
    with b.active():
        for (name, y), wanted in zip(graph.outputs.items(), seeded, strict=True):
            if wanted:
                walk.add(y, Traced(b, b.input(f"seed_{name}", y.type)))
        walk.run()
        totals = {name: walk.total(v) for name, v in graph.inputs.items()}
    return b.finish({n: g.value for n, g in totals.items() if g is not None})


def inlined_gradient(
    ops: Functions, body: Graph, operands: Sequence[Traced], gs: Sequence[Traced | None]
) -> tuple[Traced | None, ...]:
    """Cotangents of the inputs of a body, given those of its outputs."""
    walk = pullback(ops, body, [g is not None for g in gs])
    given = [*operands, *(g for g in gs if g is not None)]
    found = dict(zip(walk.outputs, inlined(walk, given), strict=True))
    return tuple(found.get(name) for name in body.inputs)


class _Pullback(Region):
    """The nodes of `pullback`, forward and then backwards, to become another body."""

    def __init__(
        self, ops: Functions, around: Builder, body: Graph, outputs: Sequence[int]
    ) -> None:
        super().__init__(around)
        walk = pullback(ops, body, [i in outputs for i in range(len(body.outputs))])
        for node in walk.nodes:
            self.keep(node)
        self.forward = len(body.nodes)
        self.steps = self.nodes[: self.forward]
        self.given = [*body.inputs.values()]
        seeds = [*walk.inputs.values()][len(self.given) :]
        self.seeds = dict(zip(outputs, seeds, strict=True))
        self.totals = {body.inputs[name]: v for name, v in walk.outputs.items()}

    def zero(self, like: Value) -> Value:
        with self.active():
            return value_of(self, zeros_like(Traced(self, like)))

    def sum(self, a: Value, b: Value) -> Value:
        with self.active():
            return (Traced(self, a) + Traced(self, b)).value

    def part_forward(self, at_hand: Iterable[Value]) -> list[Value]:
        """Forget the forward nodes; the values of theirs that are missing then.

        What is at hand is not missed, and what is cheap to compute from it is kept.
        """
        known = set(at_hand)
        before, after = self.nodes[: self.forward], self.nodes[self.forward :]
        cheap: list[Node] = []
        for node in before:
            if known.issuperset(node.operands) and (not node.operands or node.op.moves):
                cheap.append(node)
                known.update(node.results)
        made = {v for node in before for v in node.results} - known
        read = dict.fromkeys(v for node in after for v in node.operands)
        read.update(dict.fromkeys(self.totals.values()))
        self.steps, self.nodes = before, [*cheap, *after]
        return [v for v in read if v in made]


def scan_gradient(
    ops: Functions, op: Scan, g: TensorLike, y: TensorLike, operands: Sequence[Traced]
) -> tuple[Any, ...]:
    """Cotangents of what is carried, scanned and captured by a `Scan`."""
    gs, ys = as_tuple(g), as_tuple(y)
    b = ys[0].builder
    n, end = op.carries, op.own_operands
    node = b.producer[ys[0].value]
    assert isinstance(node.op, Scan)
    body = node.op.body  # it may have more results by now than the walk has seen
    outputs = [*body.outputs.values()]
    carried = [i for i in range(n) if _is_float(outputs[i])]
    stacked = [i for i in range(n, len(gs)) if gs[i] is not None]
    walk = _Pullback(ops, b, body, [*carried, *stacked])
    given = walk.given
    if not walk.totals:
        return (None,) * len(operands)
    missing = walk.part_forward(given[n:])
    stacks = _stacks(b, node, [*missing, *given[:n]], walk)
    later = Sums(walk.nodes, set(given[end:]))
    wanted = [v for v in given[end:] if v in walk.totals]
    after = [v for v in wanted if later.takes(walk.totals[v])]
    summed = [v for v in wanted if v not in after]
    sums = {v: Value(v.type) for v in summed}
    scanned = {**{walk.seeds[i]: gs[i] for i in stacked}}
    scanned |= {v: x for v, x in zip(given[n:end], operands[n:end], strict=True)}
    scanned |= stacks
    found = [walk.totals.get(given[i]) or walk.zero(walk.seeds[i]) for i in carried]
    found += [walk.sum(sums[v], walk.totals[v]) for v in summed]
    slices = [v for v in given[n:end] if v in walk.totals]
    extra = [v for v in later.stacked if v not in scanned]
    graph = walk.close(
        [*(walk.seeds[i] for i in carried), *sums.values(), *scanned, *given[end:]],
        [*found, *(walk.totals[v] for v in slices), *extra],
        (),
    )
    backward = Scan(graph, len(carried) + len(summed), len(scanned), not op.reverse)
    by_value = {v: x for v, x in zip(given, operands, strict=True)}
    starts = [zeros_like(ys[i]) if gs[i] is None else gs[i] for i in carried]
    starts += [zeros_like(by_value[v]) for v in summed]
    results = as_tuple(apply(backward, *starts, *scanned.values(), *operands[end:]))
    own = [*(given[i] for i in carried), *summed, *slices]
    totals = dict(zip(own, results, strict=False))
    every = {**scanned, **dict(zip(extra, results[len(own) :], strict=True))}
    totals |= {v: later.total(walk.totals[v], every) for v in after}
    return tuple(totals.get(v) for v in given)


def _stacks(
    b: Builder, node: Node, values: Sequence[Value], walk: _Pullback
) -> dict[Value, Traced]:
    """The values of each step of a loop, stacked; it is given results for them."""
    op = node.op
    assert isinstance(op, Scan)
    read = {v for each in walk.nodes for v in each.operands}
    read.update(walk.totals.values())
    outputs = [*op.body.outputs.values()]
    results = dict(zip(outputs[op.carries :], node.results[op.carries :], strict=True))
    wanted = [v for v in values if v in read and v not in results]
    if wanted:
        named = {f"saved_{len(outputs) + i}": v for i, v in enumerate(wanted)}
        # Operators inside may have been given more results as well.
        nodes = (*walk.steps,)
        graph = Graph(
            op.body.name, op.body.inputs, {}, nodes, {**op.body.outputs, **named}
        )
        more = b.extend(node, Scan(graph, op.carries, op.scanned, op.reverse))
        results.update(zip(wanted, more, strict=True))
    return {v: Traced(b, results[v]) for v in values if v in read}


def cond_gradient(
    ops: Functions, op: Cond, g: TensorLike, y: TensorLike, operands: Sequence[Traced]
) -> tuple[Any, ...]:
    """Cotangents of what a `Cond` captures: its branches run again, and backwards."""
    gs, ys = as_tuple(g), as_tuple(y)
    b = ys[0].builder
    condition, *taken = operands
    outputs = [i for i in range(len(gs)) if gs[i] is not None]
    walks = [_Pullback(ops, b, body, outputs) for body in op.bodies]
    wanted = [
        i for i in range(len(taken)) if any(w.given[i] in w.totals for w in walks)
    ]
    if not wanted:
        return (None,) * len(operands)
    found = [
        [w.totals.get(w.given[i]) or w.zero(w.given[i]) for i in wanted] for w in walks
    ]
    bodies = (
        w.close([*w.given, *w.seeds.values()], totals, ())
        for w, totals in zip(walks, found, strict=True)
    )
    seeds = (gs[i] for i in outputs)
    results = as_tuple(apply(Cond(*bodies), condition, *taken, *seeds))
    totals = dict(zip(wanted, results, strict=True))
    return (None, *(totals.get(i) for i in range(len(taken))))


def while_gradient(
    ops: Functions, op: While, g: TensorLike, y: TensorLike, operands: Sequence[Traced]
) -> tuple[Any, ...]:
    """Cotangents of what a `While` carries and captures, if its steps have a limit.

    Raises: UnsupportedError if they have none.
    """
    if op.limit is None:
        raise UnsupportedError(
            "the number of steps of a while loop is not known, so it has no gradient: "
            "pass maximum_iterations, or use ops.scan or ops.fori_loop"
        )
    gs, ys = as_tuple(g), as_tuple(y)
    b, n = ys[0].builder, op.carries
    step = Region(b)
    inputs = [Value(x.type) for x in operands]
    count = Value(TensorType("int32", ()))
    goes_on = inline(step, op.condition, inputs)[
        next(iter(op.condition.outputs.values()))
    ]
    same = [Value(v.type) for v in inputs]
    stays = Graph(
        "body",
        {f"input_{i}": v for i, v in enumerate(same)},
        {},
        (),
        {f"output_{i}": v for i, v in enumerate(same[:n])},
    )
    results = step.emit(Cond(op.body, stays), goes_on, *inputs)
    scan = Scan(step.close([*inputs[:n], count, *inputs[n:]], results, ()), n, 1)
    steps = as_tensor(b, np.arange(op.limit, dtype=np.int32))
    given = (*operands[:n], steps, *operands[n:])
    found = scan_gradient(ops, scan, gs, apply(scan, *given), given)
    return (*found[:n], *found[n + 1 :])


def as_tensor(b: Builder, array: TensorLike) -> Traced:
    """A constant of a graph."""
    return Traced(b, value_of(b, array))
