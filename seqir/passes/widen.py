"""The same computation in other element types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.ir import Builder, FrozenArray, Graph, Node, Op, Value
from seqir.operators.constant import Constant
from seqir.operators.convert import Cast

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
    return replace(op, **types) if types else op  # pyright: ignore[reportArgumentType]


def computed_in(
    b: Builder, node: Node, operands: Sequence[Value], names: Mapping[str, str]
) -> list[Value]:
    """The node's results, computed in other element types and rounded to its own."""

    def cast(value: Value, dtype: str) -> Value:
        return value if value.type.dtype == dtype else b(Cast(dtype), value)

    wide = [cast(v, names.get(v.type.dtype, v.type.dtype)) for v in operands]
    results = b.emit(retyped(node.op, names), *wide)
    return [
        cast(found, old.type.dtype)
        for found, old in zip(results, node.results, strict=True)
    ]
