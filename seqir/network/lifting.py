"""Tensors inside of a model that is part of another: lifted to where it is called.

A model that is called in another one has a graph of its own, from its own inputs to
its layers' outputs. In the outer graph such a tensor has a value for each call of the
inner model; a second, inner model with that output gives it, sharing the layers.
"""

from __future__ import annotations

from collections.abc import Iterable

from seqir import nest
from seqir.errors import GraphError
from seqir.layer.state import state_of
from seqir.layers.core import InputLayer
from seqir.network.base import Network, connect, started_at
from seqir.network.inputs import arrange
from seqir.network.walk import input_layers, inputs_of, outputs_of, replayed, walk
from seqir.ops.tensor import Call, KerasTensor


def lift(
    given: list[KerasTensor],
    outputs: list[KerasTensor],
    within: Iterable[Call] = (),
) -> list[KerasTensor]:
    """The outputs as tensors of the graph of the given ones, as far as they can be.

    Calls in `within`, and those that other outputs need, come before all others.

    Raises: GraphError if an inner model is called on different tensors there, so that
        its tensors have several values.
    """
    preferred = {*within}
    while True:
        missing = {t: walk(given, [t])[1] for t in dict.fromkeys(outputs)}
        others = [t for t, layers in missing.items() if not layers]
        used = preferred | {*walk(given, others)[0]}
        places: dict[Call, list[KerasTensor]] = {}
        for tensor, layers in missing.items():
            call = _place(tensor, given, layers, used) if layers else None
            if call is not None:
                places.setdefault(call, []).append(tensor)
        if not places:
            return outputs
        call, strays = next(iter(places.items()))
        lifted = _lifted(call, strays, given, others)
        outputs = [lifted.get(t, t) for t in outputs]


def _place(
    stray: KerasTensor,
    given: list[KerasTensor],
    missing: list[InputLayer],
    used: set[Call],
) -> Call | None:
    """The call of a model that a tensor lies in, at any depth; None without one."""
    calls = _calls_of(given, missing, {})
    calls = [c for c in calls if c in used] or calls
    # Models that start at one Input and are called on one tensor give one value.
    distinct = {
        (*input_layers(inputs_of(c.target)), *c.inputs): c for c in reversed(calls)
    }
    if len(distinct) > 1:
        name = calls[0].target.name
        source = stray.call.target.name if stray.call else stray.name
        raise GraphError(
            f"the output of {source!r} inside of model {name!r} has {len(distinct)} "
            f"values there, since the model is called on {len(distinct)} different "
            f"inputs: make features = Model({name}.input, that output) and call it on "
            "the input that you mean"
        )
    return next(iter(distinct.values()), None)


def _calls_of(
    given: list[KerasTensor],
    missing: list[InputLayer],
    known: dict[frozenset[InputLayer], list[Call]],
) -> list[Call]:
    """Calls on what the given tensors give, of models that hold a tensor.

    It needs the missing inputs: those of such a model, or of one inside of it. `known`
    are the answers so far, empty ones for what is being asked.
    """
    key = frozenset(missing)
    if key in known:
        return known[key]
    known[key] = []
    found: dict[Call, None] = {}
    for model in started_at(missing[0]):
        if not key.issubset(input_layers(inputs_of(model))):
            continue
        for call in state_of(model).calls:
            needs = walk(given, call.inputs)[1]
            found |= dict.fromkeys(_calls_of(given, needs, known) if needs else [call])
    known[key] = list(found)
    return known[key]


def _lifted(
    call: Call,
    strays: list[KerasTensor],
    given: list[KerasTensor],
    others: list[KerasTensor],
) -> dict[KerasTensor, KerasTensor]:
    """New tensors for the strays, and for other outputs that come from the call."""
    inner: Network = call.target
    known = dict(zip(inputs_of(inner), arrange(inner, call.args[0]), strict=True))
    known |= dict(zip(outputs_of(inner), nest.flatten(call.outputs), strict=True))
    new = [t for t in strays if t not in known]
    if not new:
        return known
    order = walk(given, others)[0]
    joined = call in order  # then one call gives both, and the model is run once
    left = {c.target for c in order if c is not call}
    name = f"{inner.name}_features" if inner in left else inner.name
    ends = [*(outputs_of(inner) if joined else ()), *new]
    part = connect(inner.input_structure, ends, name=name)
    state_of(part).trainable = inner.trainable
    values = nest.flatten(part(*call.args, **call.kwargs))
    lifted = known | dict(zip(ends, values, strict=True))
    if joined:
        outer = zip(nest.flatten(call.outputs), values, strict=False)
        lifted |= replayed(order, dict(outer))
    return lifted
