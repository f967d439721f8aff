"""Cutting a model: by layer names, and where it can be cut in two."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seqir import nest
from seqir.errors import ArgumentError, did_you_mean
from seqir.ir.analysis import dominating
from seqir.model.functional import Functional
from seqir.ops.tensor import KerasTensor

if TYPE_CHECKING:
    from seqir.model.base import Model


def slice_by_name(
    model: Model, outputs: str | Iterable[str], inputs: str | Iterable[str] | None
) -> Functional:
    """The part of a model between layers; see `Model.slice`."""
    model.require_built("slice")
    found = _find(model, outputs, "outputs")
    start = model.inputs if inputs is None else _find(model, inputs, "inputs")
    if inputs is None:
        # Inputs that the outputs do not need would only be dead weight.
        needed = _needed(found)
        start = [t for t in start if t in needed]
    structure: Any = found if len(found) > 1 else found[0]
    return Functional(start if len(start) > 1 else start[0], structure)


def _find(model: Model, patterns: str | Iterable[str], what: str) -> list[KerasTensor]:
    """Output tensors of the layers that match, in the order of the model."""
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    tensors = _tensors(model)
    # A pattern for outputs is not meant to let inputs through; a name may.
    names = [*tensors][len(model.inputs) if what == "outputs" else 0 :]
    found: dict[KerasTensor, None] = {}
    for pattern in wanted:
        try:
            matches = [n for n in tensors if n == pattern]
            matches = matches or [n for n in names if re.fullmatch(pattern, n)]
        except re.error as error:
            raise ArgumentError(
                f"{what}={pattern!r} is no regular expression: {error}"
            ) from error
        if not matches:
            known = ", ".join(tensors)
            raise ArgumentError(
                f"no layer of model {model.name!r} matches {what}={pattern!r}."
                f"{did_you_mean(pattern, tensors)} Layers: {known}"
            )
        found.update((t, None) for n in matches for t in tensors[n])
    return list(found)


def _tensors(model: Model) -> dict[str, list[KerasTensor]]:
    """Output tensors by layer name: those of a layer's last call in this model."""
    tensors = {_name(t): [t] for t in model.inputs}
    for call in model.connections:  # type: ignore[attr-defined]
        tensors[call.target.name] = nest.flatten(call.outputs)
    return tensors


def _name(tensor: KerasTensor) -> str:
    source = tensor.call.target if tensor.call else None
    return source.name if source else tensor.name


def _needed(outputs: list[KerasTensor]) -> set[KerasTensor]:
    """Every tensor that the outputs are computed from."""
    seen: set[KerasTensor] = set()
    stack = list(outputs)
    while stack:
        tensor = stack.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        if tensor.call:
            stack.extend(tensor.call.inputs)
    return seen


def cut_points(model: Model) -> list[str]:
    """Layers that everything from inputs to outputs passes; see `Model.cut_points`."""
    model.require_built("cut_points")
    calls = model.connections  # type: ignore[attr-defined]
    edges = [
        (before, after)
        for call in calls
        for before in call.inputs
        for after in nest.flatten(call.outputs)
    ]
    chain = dominating(edges, model.inputs, model.outputs)
    ends = {*model.inputs, *model.outputs}
    return [t.call.target.name for t in chain if t not in ends]
