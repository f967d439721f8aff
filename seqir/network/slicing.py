"""Cutting a model: by layer names, and where it can be cut in two."""

from __future__ import annotations

import re
from collections.abc import Iterable

from seqir import dtypes, nest, shapes
from seqir.errors import ArgumentError, GraphError, ShapeError, did_you_mean
from seqir.ir.analysis import dominating
from seqir.network.base import Network, connect
from seqir.network.lifting import lift
from seqir.network.walk import inputs_of, outputs_of, replayed, walk
from seqir.ops.tensor import Call, KerasTensor
from seqir.tensortype import TensorType


def slice_by_name(
    model: Network, outputs: str | Iterable[str], inputs: str | Iterable[str] | None
) -> Network:
    """The part of a model between layers; see `Model.slice`."""
    model.require_built("slice")
    named = _find(model, outputs, "outputs")
    begins = {} if inputs is None else _find(model, inputs, "inputs")
    start = inputs_of(model) if inputs is None else [*begins]
    block = _block_of(begins.values())
    if block and all(name.startswith(f"{block}/") for name in named.values()):
        found = [*named]
    else:
        first = {name.partition("/")[0] for name in named.values()}
        within = [call for call in model.connections if call.target.name in first]
        found = lift(inputs_of(model), [*named], within)
        found = _continued(model, block.split("/"), start, found) if block else found
    if inputs is None:
        # Inputs that the outputs do not need would only be dead weight.
        needed = _needed(found)
        start = [t for t in start if t in needed] or start
    structure: object = found if len(found) > 1 else found[0]
    return connect(start if len(start) > 1 else start[0], structure)


def _block_of(names: Iterable[str]) -> str:
    """The path of the inner model that all inputs of a slice lie in; mostly ""."""
    blocks = {name.rpartition("/")[0] for name in names}
    if len(blocks) > 1:
        raise ArgumentError(
            "the inputs of a slice lie in one model, or in one and the same model "
            f"inside of it, got {', '.join(sorted(names))}"
        )
    return blocks.pop() if blocks else ""


def _continued(
    model: Network,
    path: list[str],
    start: list[KerasTensor],
    outputs: list[KerasTensor],
) -> list[KerasTensor]:
    """The outputs as what follows on tensors of the own graph of an inner model.

    What is left of each model on the path stays a model of that name.
    """
    outer = model
    calls: list[tuple[Network, Call]] = []
    for name in path:
        inner = [c for c in outer.connections if c.target.name == name]
        if len(inner) > 1:
            raise GraphError(
                f"model {name!r} is called {len(inner)} times in {outer.name!r}: what "
                "follows on a layer inside of it is not one thing"
            )
        calls.append((outer, inner[0]))
        outer = inner[0].target
    ends = outer.outputs
    for outer, call in reversed(calls):
        rest = connect(start, ends, name=call.target.name)
        ends = nest.flatten(rest(start))
        goal = outputs if outer is model else outer.outputs
        env = dict(zip(nest.flatten(call.outputs), ends, strict=True))
        env = replayed(walk(outer.inputs, goal)[0], env)
        ends = [env.get(t, t) for t in goal]
    return ends


def _find(
    model: Network, patterns: str | Iterable[str], what: str
) -> dict[KerasTensor, str]:
    """Output tensors of the layers that match, with their names, as they are asked."""
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    tensors = _tensors(model)
    if any("/" in pattern for pattern in wanted):
        tensors |= _tensors_inside(model)
    # A pattern for outputs is not meant to let inputs through; a name may.
    names = [*tensors][len(inputs_of(model)) if what == "outputs" else 0 :]
    found: dict[KerasTensor, str] = {}
    for pattern in wanted:
        try:
            matches = [n for n in tensors if n == pattern]
            matches = matches or [n for n in names if re.fullmatch(pattern, n)]
        except re.error as error:
            raise ArgumentError(
                f"{what}={pattern!r} is not a regular expression: {error}"
            ) from error
        if not matches:
            known = ", ".join(tensors)
            raise ArgumentError(
                f"no layer of model {model.name!r} matches {what}={pattern!r}."
                f"{did_you_mean(pattern, tensors)} Layers: {known}"
            )
        found.update((t, n) for n in matches for t in tensors[n])
    return found


def _tensors(model: Network) -> dict[str, list[KerasTensor]]:
    """Output tensors by layer name: those of a layer's last call in this model."""
    tensors = {_name(t): [t] for t in inputs_of(model)}
    for call in model.connections:
        tensors[call.target.name] = nest.flatten(call.outputs)
    return tensors


def _tensors_inside(model: Network, prefix: str = "") -> dict[str, list[KerasTensor]]:
    """Output tensors of layers in models in this model by path: ``block/conv``."""
    tensors: dict[str, list[KerasTensor]] = {}
    for inner in _models_in(model):
        path = f"{prefix}{inner.name}/"
        tensors |= {path + name: found for name, found in _tensors(inner).items()}
        tensors |= _tensors_inside(inner, path)
    return tensors


def _models_in(model: Network) -> list[Network]:
    """The models with layers in the open that this one calls."""
    targets = dict.fromkeys(call.target for call in model.connections)
    return [t for t in targets if isinstance(t, Network) and t.model_kind != "subclass"]


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


class CutPoint(str):
    """The name of a layer or tensor at which a model can be cut in two."""

    __slots__ = ("type",)

    type: TensorType
    """Of the tensor that crosses."""

    def __new__(cls, name: str, type: TensorType) -> CutPoint:
        self = super().__new__(cls, name)
        self.type = type
        return self

    @property
    def shape(self) -> shapes.Shape:
        """Of the tensor that crosses, with names of unknown sizes."""
        return self.type.shape

    @property
    def bytes(self) -> int | None:
        """Those that cross for one example; None where sizes are not known."""
        first = self.shape[:1]
        sizes = {name: 1 for dim in first for name in shapes.symbols(dim)}
        try:
            count = shapes.evaluate(self.type.size, sizes)
        except ShapeError:
            return None
        return count * dtypes.itemsize(self.type.dtype)


def cut_points(model: Network) -> list[CutPoint]:
    """Layers that everything from inputs to outputs passes; see `Model.cut_points`."""
    model.require_built("cut_points")
    calls = model.connections
    edges = [
        (before, after)
        for call in calls
        for before in call.inputs
        for after in nest.flatten(call.outputs)
    ]
    chain = dominating(edges, inputs_of(model), outputs_of(model))
    ends = {*inputs_of(model), *outputs_of(model)}
    return [
        CutPoint(t.call.target.name, t.type) for t in chain if t.call and t not in ends
    ]
