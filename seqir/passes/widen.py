"""The same computation in float64."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.ir import Builder, Graph, Op, Value, constant_of
from seqir.ops.constant import Constant, FrozenArray


def widened(graph: Graph) -> Graph:
    """The graph with every floating-point type float64, its inputs as well."""
    b = Builder(graph.name)
    new: dict[Value, Value] = {}
    for named, make in ((graph.inputs, b.input), (graph.params, b.param)):
        for name, value in named.items():
            dtype = _wide(value.type.dtype)
            new[value] = make(name, value.type.with_dtype(dtype))
    for node in graph.nodes:
        b.path = node.source
        array, op = constant_of(node), _widened(node.op)
        if array is not None and dtypes.is_float(dtypes.canonical(array.dtype)):
            op = Constant(FrozenArray(array.astype(np.float64)))
        results = b.emit(op, *(new[v] for v in node.operands))
        new.update(zip(node.results, results, strict=True))
    return b.finish({name: new[v] for name, v in graph.outputs.items()})


def _wide(dtype: str) -> str:
    return "float64" if dtypes.is_float(dtype) else dtype


def _widened(op: Op) -> Op:
    """The operator with its attributes that name element types widened."""
    given: dict[str, Any] = {f.name: getattr(op, f.name) for f in fields(op)}  # type: ignore[arg-type]
    types = {k: _wide(v) for k, v in given.items() if k in ("dtype", "to")}
    return replace(op, **types) if types else op  # type: ignore[type-var]
