"""The same computation in other element types.

Half precision is computed in float32 where an operator is `wide` and what stands in its
place is not, and where a runtime has no operator for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeAlias

import numpy as np

from seqir import dtypes
from seqir.ir import Builder, FrozenArray, Graph, Node, Op, Value
from seqir.operators.constant import Constant
from seqir.operators.convert import Cast

Compute: TypeAlias = Callable[[Sequence[Value]], Sequence[Value] | None]
"""From values to what is computed of them, if anything."""

_WIDE: dict[str, str] = {d: "float64" for d in dtypes.FLOATS}


def widened(graph: Graph) -> Graph:
    """The graph with every floating-point type float64, its inputs as well."""
    b = Builder(graph.name)
    new: dict[Value, Value] = {}
    for named, make in ((graph.inputs, b.input), (graph.params, b.param)):
        for name, value in named.items():
            dtype = value.type.dtype
            new[value] = make(name, value.type.with_dtype(_WIDE.get(dtype, dtype)))
    for node in graph.nodes:
        b.path = node.source
        frozen, op = node.op.constant, retyped(node.op, _WIDE)
        if frozen is not None and dtypes.is_float(frozen.dtype):
            op = Constant(FrozenArray(frozen.array.astype(np.float64)))
        op = op.with_bodies([widened(body) for body in op.bodies])
        results = b.emit(op, *(new[v] for v in node.operands))
        new.update(zip(node.results, results, strict=True))
    return b.finish({name: new[v] for name, v in graph.outputs.items()})


def retyped(op: Op, names: Mapping[str, str]) -> Op:
    """The operator with other element types where its attributes name these."""
    given: dict[str, Any] = {f.name: getattr(op, f.name) for f in fields(op)}  # pyright: ignore[reportArgumentType]
    types = {k: names.get(v, v) for k, v in given.items() if k in ("dtype", "to")}
    return replace(op, **types) if types else op  # pyright: ignore[reportArgumentType, reportUnknownVariableType]


class Widening:
    """Nodes of one graph computed in float32, their results rounded to their own types.

    What is computed in float32 behind such a node reads its result as it was before it
    was rounded, so that there are no casts back and forth between neighbours.
    """

    def __init__(self) -> None:
        self._exact: dict[Value, Value] = {}

    def computed(
        self,
        b: Builder,
        node: Node,
        operands: Sequence[Value],
        dtype: str,
        compute: Compute | None = None,
    ) -> list[Value] | None:
        """The results of a node where float32 takes the place of an element type.

        It is computed by its operator, or else as `compute` says; None if that does.
        """
        wide = [
            self._cast(b, v, "float32") if v.type.dtype == dtype else v
            for v in operands
        ]
        if compute is None:
            results = b.emit(retyped(node.op, {dtype: "float32"}), *wide)
        else:
            results = compute(wide)
        if results is None:
            return None
        found: list[Value] = []
        for exact, old in zip(results, node.results, strict=True):
            value = self._cast(b, exact, old.type.dtype)
            if value is not exact:
                self._exact[value] = exact
            found.append(value)
        return found

    def _cast(self, b: Builder, value: Value, dtype: str) -> Value:
        exact = self._exact.get(value, value)
        if exact.type.dtype == dtype:
            return exact
        return value if value.type.dtype == dtype else b(Cast(dtype), value)
