"""What each layer of a model costs, and how much of the input an output sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seqir import config, dtypes, nest, shapes
from seqir.errors import SeqirError, ShapeError
from seqir.ir import Graph, Node, Receptive
from seqir.layer.base import Layer
from seqir.network.base import Network
from seqir.network.walk import calls_of, inputs_of, outputs_of
from seqir.ops.tensor import Call, KerasTensor
from seqir.summary.receptive import joined, seen_by

Field = tuple[Receptive, ...]
"""For each spatial axis: what neighbouring positions see of the model's input."""


@dataclass(frozen=True)
class Cost:
    """None stands for what is not known or has no meaning for the layer."""

    macs: int | None = None
    activation_bytes: int | None = None
    receptive_field: tuple[int, ...] | None = None


class Costs:
    """Costs of the layers of one model, found by path (``block/conv``)."""

    def __init__(self, model: Network) -> None:
        self._model = model

    def of(self, path: str, layer: object) -> Cost:
        """The cost of a layer; every call of a shared layer counts."""
        field = self._fields.get(path)
        return Cost(
            self._macs(self.nodes.get(path, ()), known=isinstance(layer, Layer)),
            self._bytes(layer),
            tuple(window.reach for window in field) if field else None,
        )

    @cached_property
    def total_macs(self) -> int | None:
        """Multiply-accumulates of the whole model."""
        return self._macs(self.graph.nodes)

    @cached_property
    def graph(self) -> Graph:
        """The graph that is counted."""
        return self._model.graph()

    @cached_property
    def nodes(self) -> Mapping[str, Sequence[Node]]:
        """Nodes of each layer, those of the layers inside included."""
        found: dict[str, list[Node]] = {}
        for node in self.graph.nodes:
            path = node.source
            while path:
                found.setdefault(path, []).append(node)
                path = path.rpartition("/")[0]
        return found

    def shape(self, path: str) -> tuple[int | None, ...] | None:
        """Shape of what the layer's last operator gives."""
        if path not in self.nodes:
            return None
        dims = self.nodes[path][-1].results[-1].type.shape
        return tuple(d if isinstance(d, int) else None for d in dims)

    @cached_property
    def _batch(self) -> dict[str, int]:
        """Sizes to count with: one example where the batch is not known."""
        sizes: dict[str, int] = {}
        pairs = zip(self.graph.inputs.values(), inputs_of(self._model), strict=True)
        for value, tensor in pairs:
            given = tensor.shape[0] if tensor.shape else None
            for dim in (value.type.shape[:1], tensor.type.shape[:1]):
                sizes.update((name, given or 1) for d in dim for name in _names(d))
        return sizes

    def _macs(self, nodes: Iterable[Node], known: bool = True) -> int | None:
        nodes = tuple(nodes)
        if not nodes and not known:
            return None
        try:
            return sum(shapes.evaluate(n.op.cost(n), self._batch) for n in nodes)
        except ShapeError:
            return None

    def _bytes(self, layer: Any) -> int | None:
        calls = calls_of(layer)
        if not calls:
            return None
        tensors: list[KerasTensor] = nest.flatten(calls[-1].outputs)
        try:
            return sum(
                shapes.evaluate(t.type.size, self._batch) * dtypes.itemsize(t.dtype)
                for t in tensors
            )
        except ShapeError:
            return None

    # Receptive fields.

    @cached_property
    def _fields(self) -> dict[str, Field | None]:
        found: dict[str, Field | None] = {}
        starts = [
            (Receptive(1, 1),) * max(t.ndim - 2, 0) for t in inputs_of(self._model)
        ]
        self._follow(self._model, "", starts, found)
        return found

    def _follow(
        self,
        model: Any,
        prefix: str,
        starts: Sequence[Field | None],
        found: dict[str, Field | None],
    ) -> list[Field | None]:
        """Fields through a model, noted by path; those of its outputs."""
        env: dict[Any, Field | None] = dict(zip(inputs_of(model), starts, strict=True))
        for call in model.connections:
            target = call.target
            path = prefix + target.name
            seen = [env.get(t) for t in call.inputs]
            outputs = nest.flatten(call.outputs)
            if isinstance(target, Network) and len(inputs_of(target)) == len(seen):
                results = self._follow(target, f"{path}/", seen, found)
            else:
                results = [self._step(call, seen)] * len(outputs)
            env.update(zip(outputs, results, strict=True))
            found[path] = results[0] if len(results) == 1 else None
        return [env.get(t) for t in outputs_of(model)]

    def _step(self, call: Call, seen: list[Field | None]) -> Field | None:
        """The field of a layer's output, given those of its inputs."""
        target = call.target
        declared = target.positions_seen if isinstance(target, Layer) else None
        known = [f for f in seen if f]
        if declared == "all":
            return self._whole
        if not known or len(known) < len(seen):
            return None
        if any(f == self._whole for f in known):
            return self._whole
        if len({tuple(window.step for window in f) for f in known}) > 1:
            return None
        field = tuple(max(axis) for axis in zip(*known, strict=True))
        windows = () if declared == "own" else seen_by(call)
        if not windows:
            return field if windows == () else None
        if len(windows) != len(field):
            return None
        return tuple(map(joined, field, windows))

    @cached_property
    def _whole(self) -> Field | None:
        """The field of what sees all positions: the image, if its size is known."""
        shapes = {t.shape[1:-1] for t in inputs_of(self._model) if t.ndim > 2}
        if config.image_data_format() == "channels_first":
            shapes = {t.shape[2:] for t in inputs_of(self._model) if t.ndim > 2}
        sizes = shapes.pop() if len(shapes) == 1 else ()
        # No second position is anywhere: nothing lies between two of them.
        if not sizes or not all(sizes):
            return None
        return tuple(Receptive(d, 0) for d in sizes if d)


def _names(dim: shapes.Dim) -> frozenset[str]:
    return shapes.symbols(dim)


def costs_or_none(model: Network) -> Costs | None:
    """Costs of a model that can be traced; None for one that cannot."""
    costs = Costs(model)
    try:
        costs.graph  # noqa: B018
    except SeqirError:
        return None
    return costs
