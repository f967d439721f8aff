"""What changes in a model that only runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import numpy as np

from seqir.errors import ArgumentError
from seqir.ir import Array, Graph
from seqir.layer.state import state_of, walk
from seqir.network.base import Network
from seqir.network.names import mask_of
from seqir.ops.variable import Variable

State: TypeAlias = Literal["inputs", "constant"]
"""What states are in a file: inputs with their new values as outputs, or constants."""

ENTRY: Final = "seqir.state"
"""The entry of a file's metadata that says which inputs and outputs are states."""

_SHOWN: Final = 4096
"""Elements of a state up to which the entry has its value."""


def predicting(
    model: Network, graph: Graph, variables: Mapping[str, Variable]
) -> Graph:
    """The graph with those outputs and updates alone that a prediction keeps.

    Outputs are without masks. Updates are of weights that are not trained: what `call`
    assigns to a trained weight, or to a metric, is meant for those who train and
    evaluate, or call the model.
    """
    passing = (v for layer in walk(model) for v in state_of(layer).passing)
    kept = {*model.non_trainable_weights, *passing}
    updates = tuple(u for u in graph.updates if variables[u.param] in kept)
    masks = {mask_of(name) for name in graph.outputs}
    outputs = {name: v for name, v in graph.outputs.items() if name not in masks}
    return replace(graph, outputs=outputs, updates=updates)


def new(name: str) -> str:
    """The output that has the new value of a state."""
    return f"{name}:new"


def opened(graph: Graph) -> Graph:
    """The graph with its states as the last inputs, and their new values as outputs.

    Raises: ArgumentError if an input or output has the name of a state.
    """
    state = {update.param: update.value for update in graph.updates}
    for name in state:
        if clash := {name, new(name)} & (graph.inputs.keys() | graph.outputs.keys()):
            raise ArgumentError(
                f"{min(clash)!r} is an input or output of graph {graph.name!r} and the "
                "name of a state; give the input or output another name, or export "
                "with state='constant'"
            )
    return replace(
        graph,
        inputs={**graph.inputs, **{name: graph.params[name] for name in state}},
        params={n: v for n, v in graph.params.items() if n not in state},
        outputs={**graph.outputs, **{new(n): value for n, value in state.items()}},
        updates=(),
    )


def entry(state: Mapping[str, Array]) -> dict[str, str]:
    """The metadata that describes these states and their present values."""
    if not state:
        return {}
    described = {name: {"new": new(name), **_value(a)} for name, a in state.items()}
    return {ENTRY: json.dumps(described, separators=(",", ":"))}


def _value(array: Array) -> dict[str, object]:
    if array.size > _SHOWN:
        return {}
    exact = array if array.dtype.kind in "biu" else array.astype(np.float64)
    return {"value": exact.tolist()}
