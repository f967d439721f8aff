"""The walk backwards over nodes, from results to what they are differentiated by.

Each operator says how a cotangent passes through it (`Op.vjp`); what several readers of
a value ask for is added up, and what broadcasting has repeated is summed, here and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from seqir import dtypes, shapes
from seqir.errors import SeqirError
from seqir.ir import Builder, Functions, Node, Value
from seqir.ops.tensor import Traced


class Backward:
    """The walk: cotangents found so far, and which values they are wanted for."""

    def __init__(self, ops: Functions, b: Builder, wanted: Iterable[Value]) -> None:
        self.ops = ops
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
                self.ops, gs[0] if single else tuple(gs), ys[0] if single else ys, *xs
            )
        except SeqirError as error:
            layer = f" of layer {node.source!r}" if node.source else ""
            error.add_note(f"in the gradient of {node.op}{layer}")
            raise

    def whole(self, g: Traced, value: Value) -> Traced:
        """A cotangent that broadcasts to a value, in the value's shape."""
        if g.type.shape == value.type.shape:
            return g
        return self.ops.expand_like(g, Traced(self.b, value))

    def summed(self, g: Traced, node: Node, operand: Value) -> Traced:
        """A cotangent of the result's shape as one of the operand's.

        Where nothing was repeated it may stay smaller than the operand, saying the
        same for every element.
        """
        shape, result = operand.type.shape, node.results[0]
        if node.op.elementwise and _repeated(shape, result.type.shape):
            g = self.whole(g, result)
        extra = max(g.ndim - len(shape), 0)
        kept = tuple(i for i in _repeated(shape, g.type.shape) if i >= extra)
        g = self.ops.sum(g, kept, keepdims=True) if kept else g
        return self.ops.sum(g, tuple(range(extra))) if extra else g


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
