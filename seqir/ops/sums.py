"""Sums over all steps of a loop, taken after it: one product in place of many.

The gradient by a weight that a loop captures is the sum of what each step gives. For a
product of matrices these sums are a product themselves, over steps and rows at once::

    sum over t of x[t]ᵀ @ g[t]   =   "tbi,tbj->ij" of all x and all g

The loop stacks g then, and does not have to carry a matrix as large as the weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seqir.ir import Node, Value
from seqir.operators.arith import Add
from seqir.operators.linalg import Einsum, MatMul
from seqir.operators.movement import Transpose
from seqir.operators.reduce import Reduce
from seqir.ops.apply import apply
from seqir.ops.tensor import Traced

_ROWS, _COLUMNS = {False: "tib", True: "tbi"}, {False: "tbj", True: "tjb"}
"""The operands of a product as they are, and as they are before a transpose."""


class Sums:
    """Which sums can be taken after a loop, and what it has to stack for them."""

    def __init__(self, nodes: Sequence[Node], fixed: set[Value]) -> None:
        self.producer = {v: node for node in nodes for v in node.results}
        self.fixed = fixed
        self.stacked: dict[Value, None] = {}
        """Values of each step that are needed."""

    def takes(self, total: Value) -> bool:
        """Whether the sum of a value over all steps can be taken after the loop."""
        needed: list[Value] = []
        for term, _ in self._terms(total):
            node = self.producer.get(term)
            if node is None or not self._is_sum(node):
                return False
            needed += [value for value, _ in map(self._plain, node.operands)]
        if any(v in self.fixed or self._is_constant(v) for v in needed):
            return False
        self.stacked.update(dict.fromkeys(needed))
        return True

    def total(self, total: Value, stacks: Mapping[Value, Traced]) -> Traced:
        """The sum over all steps."""
        result: Traced | None = None
        for value, turned in self._terms(total):
            term = self._summed(self.producer[value], stacks)
            term = apply(Transpose((1, 0)), term) if turned else term
            result = term if result is None else apply(Add(), result, term)
        assert result is not None, "a sum has a term"
        return result

    def _terms(
        self, value: Value, turned: bool = False
    ) -> Iterator[tuple[Value, bool]]:
        """The summands of a value, and whether they are transposed."""
        node = self.producer.get(value)
        if node is not None and node.op == Transpose((1, 0)):
            yield from self._terms(node.operands[0], not turned)
        elif node is None or not isinstance(node.op, Add):
            yield value, turned
        elif any(v.type != value.type for v in node.operands):
            yield value, turned  # where something is broadcast
        else:
            for v in node.operands:
                yield from self._terms(v, turned)

    @staticmethod
    def _is_sum(node: Node) -> bool:
        if isinstance(node.op, MatMul):
            return all(v.type.rank == 2 for v in node.operands)
        return isinstance(node.op, Reduce) and node.op.kind == "sum"

    def _plain(self, value: Value) -> tuple[Value, bool]:
        """What a value is the transpose of, and whether it is one."""
        node = self.producer.get(value)
        if node is not None and node.op == Transpose((1, 0)):
            return node.operands[0], True
        return value, False

    def _is_constant(self, value: Value) -> bool:
        return value in self.producer and not self.producer[value].operands

    def _summed(self, node: Node, stacks: Mapping[Value, Traced]) -> Traced:
        if isinstance(node.op, MatMul):
            (a, turned_a), (b, turned_b) = map(self._plain, node.operands)
            equation = f"{_ROWS[turned_a]},{_COLUMNS[turned_b]}->ij"
            return apply(Einsum(equation), stacks[a], stacks[b])
        (x,) = node.operands
        value, turned = self._plain(x)
        all_steps = stacks[value]
        if turned:
            all_steps = apply(Transpose((0, 2, 1)), all_steps)
        each = node.op.stacked((True,), x.type)
        assert each is not None, "sums of stacks are sums"
        return apply(Reduce("sum", (0,)), apply(each, all_steps))
