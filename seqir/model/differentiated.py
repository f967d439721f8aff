"""Gradients as models: what a model computes, and how that changes with what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from seqir import autodiff, collector, dtypes, passes
from seqir.errors import ArgumentError, UnsupportedError, did_you_mean
from seqir.ir import SEED, Graph, Value
from seqir.model.imported import OnnxModel
from seqir.narrow import is_a
from seqir.network.base import Network


@collector.paused()
def grad(
    model: Network,
    outputs: str | Iterable[str] | None = None,
    wrt: str | Iterable[str] | None = None,
    *,
    seed: bool = False,
    name: str | None = None,
) -> OnnxModel:
    """A model of the outputs of a model and of their gradient.

    ``d/x = d (sum of all numbers of the outputs) / d x``, for each x of `wrt`. With
    `seed` the new model has an input ``seed/<output>`` of the shape of each output,
    and the numbers are multiplied by it before they are added up: a row of zeros with
    one 1 asks for the gradient of one class.

    It shares the weights of the model, runs, is exported as standard ONNX, and can be
    differentiated again.

    Args:
        model: a built model.
        outputs: names of the outputs that are differentiated; default: all.
        wrt: names or regular expressions of inputs, or of weights by their paths;
            default: all inputs of floating-point numbers.
        seed: weigh the outputs by inputs.
        name: of the new model.

    Shapes: those of the model; ``d/x`` has the shape of x.
    Raises: ArgumentError for a name that the model does not have, GraphError where the
        outputs do not depend on what is named, UnsupportedError where something in
        between has no gradient or draws random numbers.
    """
    model.require_built("gradient")
    graph, variables = model.trace_graph()
    if SEED in graph.inputs:
        raise UnsupportedError(
            f"model {model.name!r} draws random numbers when it runs, so its outputs "
            "have no gradient of their own: take out the layers that draw"
        )
    chosen = _chosen("outputs", outputs, graph.outputs, model.name)
    known = {**graph.inputs, **graph.params}
    if wrt is None:
        wanted = [n for n, v in graph.inputs.items() if dtypes.is_float(v.type.dtype)]
    else:
        wanted = _chosen("wrt", wrt, known, model.name)
    for each in wanted:
        if not dtypes.is_float(known[each].type.dtype):
            raise ArgumentError(
                f"wrt={each!r} is {known[each].type}: a gradient is taken by "
                "floating-point numbers"
            )
    kept = {name: graph.outputs[name] for name in chosen}
    graph = replace(graph, outputs=kept, updates=())
    found = autodiff.gradient_graph(graph, wanted, chosen, seed)
    # As on a GPU: gradients of convolutions stay whole, which is few nodes and, where
    # weights need none, the faster way everywhere.
    found = passes.run(found, (passes.expand("cuda"), *passes.STRUCTURE))
    stored = {path: variables[path] for path in found.params}
    return OnnxModel(_without_unread(found), stored, None, name or f"{model.name}_grad")


def _without_unread(graph: Graph) -> Graph:
    """The graph without params that nothing reads."""
    read = {v for node in graph.nodes for v in node.operands} | {*graph.roots}
    params = {name: v for name, v in graph.params.items() if v in read}
    return replace(graph, params=params)


def _chosen(
    what: str,
    names: str | Iterable[str] | None,
    known: Mapping[str, Value],
    model: str,
) -> list[str]:
    """The names that are there, in the order in which they are asked for."""
    if names is None:
        return list(known)
    found: dict[str, None] = {}
    for name in [names] if is_a(names, str) else names:
        matches = [name] if name in known else _matches(name, known)
        if not matches:
            raise ArgumentError(
                f"{what}={name!r} is nothing that model {model!r} has."
                f"{did_you_mean(name, known)} There are: {', '.join(known)}"
            )
        found.update(dict.fromkeys(matches))
    return list(found)


def _matches(pattern: str, known: Iterable[str]) -> list[str]:
    try:
        return [name for name in known if re.fullmatch(pattern, name)]
    except re.error:
        return []
