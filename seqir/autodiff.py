"""Reverse-mode differentiation: gradients as nodes of the same graph.

One walk backwards over the nodes, from the loss to what is differentiated by. Each
operator says how a cotangent passes through it (`Op.vjp`); what several readers of a
value ask for is added up, and what broadcasting has repeated is summed, here and
nowhere else. The result is ordinary IR: it can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import ArgumentError, GraphError, SeqirError, ShapeError, did_you_mean
from seqir.ir import Builder, Graph, Node, Value
from seqir.ops.apply import value_of
from seqir.ops.constant import Constant, FrozenArray
from seqir.ops.like import expand_like
from seqir.ops.reduce import sum as sum_
from seqir.ops.tensor import Traced, Variable


def gradient(
    y: Traced, xs: Sequence[Any], seed: Traced | None = None
) -> list[Traced | None]:
    """d sum(y * seed) / dx for each x, appended to the graph that y belongs to.

    `xs` are traced tensors or variables. None stands for a gradient that is 0
    everywhere: y does not depend on x, or only by steps (floor, comparisons), or x is
    made of integers. `seed` is the cotangent of y, 1 if it is not given.

    Raises: UnsupportedError naming the operator and the layer, if an operator between
        y and an x has no gradient; GraphError if y is made of integers; ShapeError if
        the seed is not of y's type; ArgumentError for an x that is no tensor.
    """
    b = y.builder
    if not dtypes.is_float(y.dtype):
        raise GraphError(
            f"{y!r} has no gradient: only floating-point numbers can be differentiated"
        )
    if seed is not None and seed.type != y.type:
        raise ShapeError(f"the seed of a gradient of {y.type} is {seed.type}")
    wanted = [_value(b, x) for x in xs]
    walk = _Backward(b, [v for v in wanted if v is not None])
    with b.active(), b.at("gradient"):
        walk.add(y.value, _one(y) if seed is None else seed)
        walk.run()
        return [None if v is None else walk.total(v) for v in wanted]


def gradient_graph(
    graph: Graph, wrt: Iterable[str], output: str | None = None
) -> Graph:
    """The graph with one more output, ``d/<name>``, for each input or param named.

    It is the gradient of the sum of an output (the only one, if none is named).

    Raises: GraphError for a name that the graph does not have, or one that the output
        does not depend on.
    """
    known = {**graph.inputs, **graph.params}
    if output is None and len(graph.outputs) != 1:
        raise GraphError(
            f"graph {graph.name!r} has the outputs {', '.join(graph.outputs)}: say "
            "which one to differentiate"
        )
    y = _named(graph, "output", output or next(iter(graph.outputs)), graph.outputs)
    values = {name: _named(graph, "input or param", name, known) for name in wrt}
    b = Builder.resume(graph)
    found = gradient(Traced(b, y), [Traced(b, v) for v in values.values()])
    outputs = dict(graph.outputs)
    for name, value in zip(values, found, strict=True):
        if value is None:
            raise GraphError(
                f"the output of graph {graph.name!r} does not depend on {name!r}"
            )
        outputs[f"d/{name}"] = value.value
    return b.finish(outputs)


def _named(graph: Graph, kind: str, name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise GraphError(
            f"graph {graph.name!r} has no {kind} {name!r}.{did_you_mean(name, values)}"
        )
    return values[name]


def _value(b: Builder, x: Any) -> Value | None:
    """The value of the graph that x is; None for a variable that it never reads."""
    if isinstance(x, Variable):
        return b.params[b.bindings[x]] if x in b.bindings else None
    if isinstance(x, Traced):
        return value_of(b, x)
    raise ArgumentError(
        "a gradient is taken with respect to traced tensors and variables, "
        f"got {type(x).__name__}"
    )


def _one(y: Traced) -> Traced:
    """The number 1, which broadcasts to y."""
    one = np.ones((), dtypes.to_numpy(y.dtype))
    return Traced(y.builder, y.builder(Constant(FrozenArray(one))))


class _Backward:
    """The walk: cotangents found so far, and which values they are wanted for."""

    def __init__(self, b: Builder, wanted: Iterable[Value]) -> None:
        self.b = b
        self.nodes: tuple[Node, ...] = tuple(b.nodes)
        self.cotangents: dict[Value, Traced] = {}
        self.dependent: set[Value] = set(_fractional(wanted))
        for node in self.nodes:
            if not self.dependent.isdisjoint(node.operands):
                self.dependent.update(_fractional(node.results))

    def add(self, value: Value, cotangent: Traced) -> None:
        """One more contribution to the cotangent of a value."""
        if value in self.cotangents:
            cotangent = self.cotangents[value] + cotangent
        self.cotangents[value] = cotangent

    def total(self, value: Value) -> Traced | None:
        """The cotangent of a value in its own shape; None if there is none."""
        g = self.cotangents.get(value)
        return g if g is None else self.whole(g, value)

    def run(self) -> None:
        """Visit every node between y and what is wanted, the last one first."""
        for node in reversed(self.nodes):
            if self.dependent.isdisjoint(node.operands):
                continue
            gs = [self.cotangents.get(v) for v in node.results]
            if all(g is None for g in gs):
                continue
            self.b.path = f"{node.source}/gradient" if node.source else "gradient"
            for operand, g in zip(node.operands, self.pull(node, gs), strict=True):
                if g is not None and operand in self.dependent:
                    self.add(operand, self.summed(g, node, operand))

    def pull(self, node: Node, gs: list[Any]) -> tuple[Any, ...]:
        """Cotangents of the operands of one node."""
        if not node.op.elementwise:
            pairs = zip(gs, node.results, strict=True)
            gs = [g if g is None else self.whole(g, v) for g, v in pairs]
        ys = tuple(Traced(self.b, v) for v in node.results)
        xs = (Traced(self.b, v) for v in node.operands)
        single = len(ys) == 1
        try:
            return node.op.vjp(
                gs[0] if single else tuple(gs), ys[0] if single else ys, *xs
            )
        except SeqirError as error:
            layer = f" of layer {node.source!r}" if node.source else ""
            error.add_note(f"in the gradient of {node.op}{layer}")
            raise

    def whole(self, g: Any, value: Value) -> Any:
        """A cotangent that broadcasts to a value, in the value's shape."""
        if g.type.shape == value.type.shape:
            return g
        return expand_like(g, Traced(self.b, value))

    def summed(self, g: Any, node: Node, operand: Value) -> Any:
        """A cotangent of the result's shape as one of the operand's.

        Where nothing was repeated it may stay smaller than the operand, saying the
        same for every element.
        """
        shape, result = operand.type.shape, node.results[0]
        if node.op.elementwise and _repeated(shape, result.type.shape):
            g = self.whole(g, result)
        extra = max(g.ndim - len(shape), 0)
        kept = tuple(i for i in _repeated(shape, g.type.shape) if i >= extra)
        g = sum_(g, kept, keepdims=True) if kept else g
        return sum_(g, tuple(range(extra))) if extra else g


def _fractional(values: Iterable[Value]) -> Iterator[Value]:
    """The values that can be differentiated."""
    return (v for v in values if dtypes.is_float(v.type.dtype))


def _repeated(small: shapes.Shape, large: shapes.Shape) -> tuple[int, ...]:
    """The axes of the large shape along which the small one was broadcast."""
    extra = len(large) - len(small)
    if extra < 0:
        return _repeated(small[-extra:], large)
    pairs = enumerate(zip(small, large[extra:], strict=True), extra)
    return (*range(extra), *(i for i, (d, e) in pairs if d == 1 and e != 1))
