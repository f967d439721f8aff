"""Reverse-mode differentiation: gradients as nodes of the same graph.

One walk backwards over the nodes, from the loss to what is differentiated by. Each
operator says how a cotangent passes through it (`Op.vjp`); what several readers of a
value ask for is added up, and what broadcasting has repeated is summed, here and
nowhere else. The result is ordinary IR: it can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from seqir import dtypes
from seqir.errors import ArgumentError, GraphError, ShapeError, did_you_mean
from seqir.ir import Builder, FrozenArray, Graph, Region, Trace, Value
from seqir.operators.constant import Constant
from seqir.ops import rules
from seqir.ops.apply import value_of
from seqir.ops.backward import Backward
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable


def gradient(
    y: Traced, xs: Sequence[object], seed: Traced | None = None
) -> list[Traced | None]:
    """d sum(y * seed) / dx for each x, appended to the graph that y belongs to.

    `xs` are traced tensors or variables. None stands for a gradient that is 0
    everywhere: y does not depend on x, or only by steps (floor, comparisons), or x is
    made of integers. `seed` is the cotangent of y, 1 if it is not given.

    Raises: UnsupportedError naming the operator and the layer, if an operator between
        y and an x has no gradient; GraphError if y is made of integers; ShapeError if
        the seed is not of y's type; ArgumentError for an x that is not a tensor.
    """
    b = y.builder
    check_differentiable(y)
    if seed is not None and seed.type != y.type:
        raise ShapeError(f"the seed of a gradient of {y.type} is {seed.type}")
    wanted = [_values(b, x) for x in xs]
    walk = Backward(rules, b, [v for values in wanted for v in values])
    with b.active(), b.at("gradient"):
        walk.add(y.value, _one(y) if seed is None else seed)
        walk.run()
        return [_sum(walk.total(v) for v in values) for values in wanted]


def gradient_graph(
    graph: Graph,
    wrt: Iterable[str],
    outputs: Iterable[str] | None = None,
    seeded: bool = False,
) -> Graph:
    """The graph with one more output, ``d/<name>``, for each input or param named.

    It is the gradient of the sum of the outputs named, or of the only one. With
    `seeded` each of them is multiplied by one more input, ``seed/<output>``, before.

    Raises: GraphError for a name that the graph does not have, or one that the outputs
        do not depend on.
    """
    known = {**graph.inputs, **graph.params}
    if outputs is None and len(graph.outputs) != 1:
        raise GraphError(
            f"graph {graph.name!r} has the outputs {', '.join(graph.outputs)}: say "
            "which one to differentiate"
        )
    chosen = list(graph.outputs) if outputs is None else list(outputs)
    ys = {name: _named(graph, "output", name, graph.outputs) for name in chosen}
    values = {name: _named(graph, "input or param", name, known) for name in wrt}
    b = Trace.resume(graph)
    walk = Backward(rules, b, values.values())
    with b.active(), b.at("gradient"):
        for name, y in ys.items():
            check_differentiable(Traced(b, y))
            seed = Traced(b, b.input(f"seed/{name}", y.type)) if seeded else None
            walk.add(y, _one(Traced(b, y)) if seed is None else seed)
        walk.run()
        found = {name: walk.total(v) for name, v in values.items()}
    results = dict(graph.outputs)
    for name, value in found.items():
        if value is None:
            raise GraphError(
                f"the output of graph {graph.name!r} does not depend on {name!r}"
            )
        results[f"d/{name}"] = value.value
    return b.finish(results)


def check_differentiable(y: Traced) -> None:
    """GraphError unless it is made of floating-point numbers."""
    if not dtypes.is_float(y.dtype):
        raise GraphError(
            f"{y!r} has no gradient: only floating-point numbers can be differentiated"
        )


def _named(graph: Graph, kind: str, name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise GraphError(
            f"graph {graph.name!r} has no {kind} {name!r}.{did_you_mean(name, values)}"
        )
    return values[name]


def _sum(found: Iterable[Traced | None]) -> Traced | None:
    """The sum of the cotangents that there are; None if there is none."""
    there = [g for g in found if g is not None]
    return sum(there[1:], there[0]) if there else None


def _values(b: Builder, x: object) -> list[Value]:
    """The values of the graph that x is; none for a variable that it never reads."""
    if isinstance(x, Variable):
        return _readings(b, x)
    if isinstance(x, Traced):
        return [value_of(b, x)]
    raise ArgumentError(
        "a gradient is taken with respect to traced tensors and variables, "
        f"got {type(x).__name__}"
    )


def _readings(b: Builder, variable: Variable) -> list[Value]:
    """What stands for a variable that was read, before anything is assigned to it."""
    if isinstance(b, Region):
        if variable in b.held:
            return [b.held[variable]]
        outer = _readings(b.around, variable)
        return [b.captured[value] for value in outer if value in b.captured]
    return b.readings(variable) if isinstance(b, Trace) else []


def _one(y: Traced) -> Traced:
    """The number 1, which broadcasts to y."""
    one = np.ones((), dtypes.to_numpy(y.dtype))
    return Traced(y.builder, y.builder(Constant(FrozenArray(one))))
