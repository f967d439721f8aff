"""The NumPy interpreter: slow, simple, and the reference for everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seqir import dtypes
from seqir.errors import GraphError
from seqir.ir.graph import Graph, Op, Value
from seqir.ir.rules import Array
from seqir.tensortype import type_of


def evaluate(
    graph: Graph, inputs: Mapping[str, Array], params: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Outputs and updated params of the graph, by name.

    A value is dropped after its last use, so that peak memory is that of the model.

    Raises: GraphError if an input or a param is missing.
    """
    given = {**(params or {}), **inputs}
    missing = [n for n in (*graph.inputs, *graph.params) if n not in given]
    if missing:
        raise GraphError(f"no array given for {', '.join(missing)}")
    env: dict[Value, Array] = {
        v: given[n] for n, v in (*graph.inputs.items(), *graph.params.items())
    }
    last_use = {v: i for i, node in enumerate(graph.nodes) for v in node.operands}
    keep = set(graph.roots)
    for i, node in enumerate(graph.nodes):
        results = computed(node.op, [env[v] for v in node.operands])
        env.update(zip(node.results, results, strict=True))
        for value in node.operands:
            if last_use[value] == i and value not in keep:
                env.pop(value, None)
    outputs = {name: env[v] for name, v in graph.outputs.items()}
    return outputs | {u.param: env[u.value] for u in graph.updates}


def computed(op: Op, operands: Sequence[Array]) -> tuple[Array, ...]:
    """The results of an operator; a `wide` one adds up half precision in float32."""
    with np.errstate(all="ignore"):  # infinities and NaN are results as others
        if not op.wide or all(x.dtype.name not in dtypes.HALF for x in operands):
            return op.evaluate(*operands)
        types = op.infer(*map(type_of, operands))
        wide = (dtypes.to_numpy(dtypes.accumulator(x.dtype.name)) for x in operands)
        exact = (x.astype(t, copy=False) for x, t in zip(operands, wide, strict=True))
        results = op.evaluate(*exact)
        return tuple(
            y.astype(dtypes.to_numpy(t.dtype), copy=False)
            for y, t in zip(results, types, strict=True)
        )
