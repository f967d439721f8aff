"""Layout: transposes move towards the outputs until they cancel.

Layers that speak channels-last put a transpose before and after each channels-first
operator. One walk over the graph carries, for every value, a transpose that has not
been done yet ("x, still to be permuted"). An operator that commutes with it
(`Op.permuted`) is applied to x itself and the debt goes on to its result; two debts
in a row compose, usually to nothing; an operator that does not commute makes the
debt be paid in front of it. Nothing here knows an operator by name but Transpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seqir.ir import Builder, Graph, Node, Perm, Value
from seqir.operators.movement import ExpandDims, Reshape, Transpose, compose, inverse


class _Owed(NamedTuple):
    """A value of the new graph and the transpose still to be done on it."""

    value: Value
    perm: Perm | None


def move_transposes(graph: Graph) -> Graph:
    """Move transposes through operators that allow it, and cancel them."""
    return _Walk(graph).run()


class _Walk:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.b = Builder.like(graph)
        self.env: dict[Value, _Owed] = {}
        self.paid: dict[tuple[Value, Perm], Value] = {}
        self.constant: set[Value] = set(graph.params.values())

    def run(self) -> Graph:
        if Transpose not in self.graph.kinds:
            return self.graph
        for node in self.graph.nodes:
            self.b.path = node.source
            self.visit(node)
        outputs = {n: self.pay(self.owed(v)) for n, v in self.graph.outputs.items()}
        for update in self.graph.updates:
            self.b.update(update.param, self.pay(self.owed(update.value)))
        return self.b.finish(outputs)

    def owed(self, value: Value) -> _Owed:
        return self.env.get(value, _Owed(value, None))

    def visit(self, node: Node) -> None:
        if self.env.keys().isdisjoint(node.operands) and type(node.op) is not Transpose:
            self.b.keep(node)  # what it reads is as it was
            self.note(node, node.operands)
            return
        operands = [self.owed(v) for v in node.operands]
        if isinstance(node.op, Transpose):
            ((x, perm),) = operands
            total = compose(perm, node.op.perm) if perm else node.op.perm
            self.env[node.result] = _owe(x, total)
            return
        if not self.commute(node, operands):
            results = self.b.repeat(node, tuple(self.pay(o) for o in operands))
            for old, new in zip(node.results, results, strict=True):
                self.env[old] = _Owed(new, None)
        self.note(node, [o.value for o in operands])

    def note(self, node: Node, read: Sequence[Value]) -> None:
        """Note what is constant, as what reads nothing else is."""
        if self.constant.issuperset(read) if read else node.op.constant is not None:
            self.constant.update(self.owed(v).value for v in node.results)

    def commute(self, node: Node, operands: list[_Owed]) -> bool:
        """Apply the operator below the transposes of its operands, if that works."""
        perms = {o.perm for o in operands if o.perm}
        if len(perms) != 1:
            return False
        perm = perms.pop()
        assert perm is not None
        rank = max(o.value.type.rank for o in operands)
        if rank != len(perm):
            return False
        moved = node.op.permuted(perm, *(o.value.type for o in operands))
        if moved is None or not all(self.alignable(o, operands) for o in operands):
            return False
        values = [o.value if o.perm else self.align(o.value, perm) for o in operands]
        results = self.b.emit(moved.op, *values)
        for old, new in zip(node.results, results, strict=True):
            self.env[old] = _owe(new, moved.perm)
        return True

    def alignable(self, operand: _Owed, operands: list[_Owed]) -> bool:
        """Whether transposing this operand instead is cheaper than paying the debt."""
        if operand.perm or operand.value in self.constant:
            return True
        owing = max(_volume(o.value) for o in operands if o.perm)
        return 2 * _volume(operand.value) <= owing

    def align(self, value: Value, perm: Perm) -> Value:
        """The operand as the untransposed ones need it."""
        missing = len(perm) - value.type.rank
        if value.type.rank == 0:
            return value
        if missing:
            value = self.mark(value, self.b(ExpandDims(tuple(range(missing))), value))
        return self.pay(_Owed(value, inverse(perm)))

    def pay(self, owed: _Owed) -> Value:
        """The value with its transpose done, once for all users."""
        x, perm = owed
        if perm is None:
            return x
        if (x, perm) not in self.paid:
            order = [p for p in perm if x.type.shape[p] != 1]
            if order == sorted(order) and all(
                isinstance(d, int) for d in x.type.shape[1:]
            ):
                # Only axes of size 1 change places: the data stays as it is.
                shape = [x.type.shape[p] for p in perm]
                sizes = [-1 if isinstance(d, str) else d for d in shape]
                y = self.b(Reshape(tuple(sizes)), x)
            else:
                y = self.b(Transpose(perm), x)
            self.paid[x, perm] = self.mark(x, y)
        return self.paid[x, perm]

    def mark(self, x: Value, y: Value) -> Value:
        if x in self.constant:
            self.constant.add(y)
        return y


def _owe(value: Value, perm: Perm) -> _Owed:
    return _Owed(value, None if perm == tuple(range(len(perm))) else perm)


def _volume(value: Value) -> int:
    """Number of elements, unknown sizes counted as one."""
    volume = 1
    for d in value.type.shape:
        volume *= d if isinstance(d, int) else 1
    return volume
