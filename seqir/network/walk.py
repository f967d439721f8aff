"""Walks over the calls between tensors: which are needed, and in which order."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Protocol

from seqir import nest
from seqir.errors import GraphError
from seqir.layer.base import Layer
from seqir.layer.state import state_of
from seqir.layers.core import InputLayer
from seqir.ops.call import FunctionCall, repeat, substitute
from seqir.ops.tensor import Call, KerasTensor


class Connected(Protocol):
    """What begins and ends at tensors."""

    @property
    def input_structure(self) -> Any: ...
    @property
    def output_structure(self) -> Any: ...


def input_layers(inputs: Iterable[KerasTensor]) -> list[InputLayer]:
    """The Inputs among the inputs of a model."""
    sources = [t.call.target for t in inputs if t.call]
    return [s for s in sources if isinstance(s, InputLayer)]


def replayed(
    order: list[Call], env: dict[KerasTensor, KerasTensor]
) -> dict[KerasTensor, KerasTensor]:
    """The calls that depend on the tensors in `env`, made again with their values."""
    for call in order:
        if not any(t in env for t in call.inputs):
            continue
        args, kwargs = substitute(
            lambda x: env.get(x, x) if isinstance(x, KerasTensor) else x,
            (call.args, call.kwargs),
        )
        results = repeat(call.target, args, kwargs, name=call.target.name)
        env.update(zip(nest.flatten(call.outputs), nest.flatten(results), strict=True))
    return env


def walk(
    inputs: Iterable[KerasTensor], outputs: Iterable[KerasTensor]
) -> tuple[list[Call], list[InputLayer]]:
    """The calls that compute the outputs, in order, and the Inputs missing for them."""
    given = set(inputs)
    order: list[Call] = []
    done: set[Call] = set()
    missing: dict[InputLayer, None] = {}
    stack: list[tuple[KerasTensor, bool]] = [(t, False) for t in reversed([*outputs])]
    while stack:
        tensor, returning = stack.pop()
        call = tensor.call
        if call is None or tensor in given or call in done:
            continue
        if isinstance(call.target, InputLayer):
            missing[call.target] = None
            continue
        if returning:
            done.add(call)
            order.append(call)
            continue
        stack.append((tensor, True))
        stack.extend((t, False) for t in reversed(call.inputs))
    return order, list(missing)


def calls_between(
    inputs: Iterable[KerasTensor], outputs: Iterable[KerasTensor]
) -> list[Call]:
    """The calls that compute the outputs from the inputs, in order of computation.

    Raises: GraphError naming every Input that is needed and not among the inputs.
    """
    order, missing = walk(inputs, outputs)
    if missing:
        raise GraphError(
            f"the outputs are not connected to the inputs alone: they also need "
            f"{', '.join(repr(layer.name) for layer in missing)}; add it to inputs="
        )
    return order


def operations_in_order(
    outputs: list[KerasTensor], calls: list[Call], inputs: list[KerasTensor]
) -> list[Any]:
    """Layers and functions in Keras's order: by depth, then by first visit.

    The depth of a call is its distance to the outputs; a shared layer has that of its
    deepest call. Inputs that nothing uses come before the last layers. Weight order
    follows from it, so it is part of the file format.
    """
    sources = [t.call for t in inputs if t.call]
    every = [*(c for c in sources if isinstance(c.target, InputLayer)), *calls]
    inside = set(every)
    depth: dict[Call, int] = dict.fromkeys(every, 0)
    target_depth: dict[Hashable, int] = {}
    for call in reversed(every):
        d = max(depth[call], target_depth.get(call.target, 0))
        depth[call] = target_depth[call.target] = d
        for tensor in call.inputs:
            before = tensor.call
            if before in inside:
                depth[before] = max(depth[before], d + 1)
    visited = _visit_order(outputs, inside)
    rank = {target: i for i, target in enumerate(visited)}
    targets = dict.fromkeys(c.target for c in every)
    return sorted(targets, key=lambda t: (-target_depth.get(t, 0), rank.get(t, -1)))


def _visit_order(outputs: list[KerasTensor], inside: set[Call]) -> list[object]:
    """Layers in the order in which a walk from the outputs first meets them."""
    seen: set[Call] = set()
    order: dict[Hashable, None] = {}
    stack = list(reversed(outputs))
    while stack:
        call = stack.pop().call
        if call is None or call in seen or call not in inside:
            continue
        seen.add(call)
        order.setdefault(call.target)
        stack.extend(reversed(call.inputs))
    return list(order)


def calls_of(target: Layer | FunctionCall) -> list[Call]:
    """The calls of a layer, or of a function, on tensors of models."""
    found = target if isinstance(target, FunctionCall) else state_of(target)
    return found.calls


def inputs_of(model: Connected) -> list[KerasTensor]:
    """The inputs of a model, whatever it has as attributes."""
    return nest.flatten(model.input_structure)


def outputs_of(model: Connected) -> list[KerasTensor]:
    """The outputs of a model, whatever it has as attributes."""
    return nest.flatten(model.output_structure)
