"""What changes in a model that only runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from seqir.ir import Graph
from seqir.ops.tensor import Variable

if TYPE_CHECKING:
    from seqir.model.base import Model


def predicting(model: Model, graph: Graph, variables: Mapping[str, Variable]) -> Graph:
    """The graph with those updates alone that a prediction keeps.

    These are of weights that are not trained. What `call` assigns to a trained weight,
    or to a metric, is meant for those who train and evaluate, or call the model.
    """
    kept = set(model.non_trainable_weights)
    updates = tuple(u for u in graph.updates if variables[u.param] in kept)
    return replace(graph, updates=updates)
