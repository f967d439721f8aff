"""`summary()`: the layers of a model as a table, and as data."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from seqir import collector, nest
from seqir.arguments import integer, one_of
from seqir.errors import ArgumentError
from seqir.layer.base import Layer
from seqir.layer.state import state_of
from seqir.narrow import is_sequence
from seqir.network.base import Network
from seqir.network.onnx_graph import graph_layer_of
from seqir.network.walk import calls_of, inputs_of
from seqir.ops.call import FunctionCall
from seqir.ops.tensor import Call
from seqir.ops.variable import Variable
from seqir.summary.cost import Cost, Costs, costs_or_none
from seqir.summary.present import Place, Row, Summary, default_length, show
from seqir.summary.scopes import with_scopes

Style = Literal["rich", "plain"]
_EVERY = 10**9


@collector.paused()
def summarize(
    model: Network,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], object] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    *,
    style: Style = "rich",
    show_cost: bool = False,
    depth: int | None = None,
) -> None:
    """Print the layers of a model with output shapes and parameter counts.

    `line_length`: width of the table; the terminal's, up to a limit, if not given.
    `positions`: where the columns end, as shares of the line or in characters.
    `print_fn`: called once with the whole text instead of printing it.
    `expand_nested`: list the layers of models inside, too.
    `show_trainable`: a column of Y, N and - (no weights).
    `layer_range`: the names (or regular expressions) of the first and last layer.
    `style`: "rich" as Keras 3 prints it, "plain" as Keras 2 did.
    `show_cost`: columns of multiply-accumulates, output bytes and receptive field; for
    a model of an ONNX file the element type instead of the last.
    `depth`: how many levels of models inside, or scopes of a file, are listed; default:
    one, of a file those that give a readable table.

    Raises: NotBuiltError for a model without an input shape, ArgumentError for a
        width or layer range that cannot be.
    Source: Keras 3 ``Model.summary``.
    """
    one_of("style", style, ("rich", "plain"))
    summary = summary_of(
        model,
        expand_nested=expand_nested,
        show_trainable=show_trainable,
        layer_range=layer_range,
        show_cost=show_cost,
        depth=depth,
    )
    terminal = shutil.get_terminal_size().columns
    line_length = line_length or min(
        default_length(summary, style), terminal - 4 if style == "rich" else 10**9
    )
    show(summary, style, line_length, positions, print_fn)


def summary_of(
    model: Network,
    *,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    show_cost: bool = False,
    depth: int | None = None,
) -> Summary:
    """What `summarize` prints, as data.

    Raises: NotBuiltError for a model without an input shape, ArgumentError for a
        layer range that matches nothing.
    """
    model.require_built("summary")
    if depth is not None:
        depth = integer("depth", depth, least=1)
    elif expand_nested:
        depth = _EVERY
    optimizer = state_of(model).optimizer
    kept: list[Variable] = []
    if optimizer is not None and optimizer.built:
        kept = optimizer.variables
    trainable, frozen = model.trainable_weights, model.non_trainable_weights
    summary = Summary(
        name=model.name,
        rows=(),
        is_chain=True,
        trainable_params=sum(w.size for w in trainable),
        non_trainable_params=sum(w.size for w in frozen),
        trainable_bytes=sum(w.nbytes for w in trainable),
        non_trainable_bytes=sum(w.nbytes for w in frozen),
        optimizer_params=sum(v.size for v in kept),
        optimizer_bytes=sum(v.nbytes for v in kept),
        show_trainable=show_trainable,
        show_cost=show_cost,
    )
    graph_layer = graph_layer_of(model)
    if graph_layer is not None:
        summary = with_scopes(summary, graph_layer, depth)
        start, stop = _bounds([row.path for row in summary.rows], layer_range)
        return replace(summary, rows=summary.rows[start:stop])
    connected = type(model).model_kind == "functional"
    layers = type(model).operations.of(model) if connected else model.layers
    start, stop = _bounds([layer.name for layer in layers], layer_range)
    collector = _Collector(model, depth or 1, show_cost)
    return replace(
        summary,
        rows=tuple(collector.rows(layers[start:stop])),
        is_chain=collector.is_chain,
        total_macs=collector.total_macs,
    )


class _Collector:
    """Makes the rows of one model."""

    def __init__(self, model: Network, deepest: int, show_cost: bool) -> None:
        self._model = model
        self._deepest = deepest
        self._show_cost = show_cost
        self._costs: Costs | None = None
        self._traced = False
        self._inside: set[Call] = set(getattr(model, "connections", ()))
        before = {t.call for call in self._inside for t in call.inputs if t.call}
        targets = {call.target for call in before}
        self._index = {c: i for t in targets for i, c in enumerate(calls_of(t))}
        self.is_chain = model.model_kind != "functional" or _is_chain(model)

    @property
    def total_macs(self) -> int | None:
        costs = self._trace() if self._show_cost else None
        return costs.total_macs if costs else None

    def rows(self, layers: Sequence[Layer | FunctionCall]) -> Iterator[Row]:
        stack = [(layer, layer.name, 0) for layer in reversed(layers)]
        while stack:
            layer, path, depth = stack.pop()
            yield self._row(layer, path, depth)
            listed = depth + 1 < self._deepest
            inner = getattr(layer, "layers", None) if listed else None
            if is_sequence(inner):
                stack.extend(
                    (x, f"{path}/{x.name}", depth + 1)
                    for x in reversed(inner)
                    if isinstance(x, Layer)
                )

    def _row(self, layer: Layer | FunctionCall, path: str, depth: int) -> Row:
        built = getattr(layer, "built", True)
        own = layer if built and isinstance(layer, Layer) else None
        weights = [] if own is None else own.weights
        costs = self._trace() if self._show_cost else None
        cost = costs.of(path, layer) if costs else Cost()
        return Row(
            name=layer.name,
            class_name=getattr(layer, "class_name", type(layer).__name__),
            path=path,
            depth=depth,
            output_shape=self._output_shape(layer, path),
            params=sum(w.size for w in weights),
            built=built,
            trainable=own.trainable if own is not None and weights else None,
            connected_to=tuple(self._connections(layer)),
            macs=cost.macs,
            activation_bytes=cost.activation_bytes,
            receptive_field=cost.receptive_field,
        )

    def _output_shape(self, layer: Layer | FunctionCall, path: str) -> Any:
        if calls := calls_of(layer):
            outputs = calls[-1].outputs
            leaves = nest.flatten(outputs)
            one = leaves[0] if len(leaves) == 1 else outputs
            return nest.map_structure(lambda t: t.shape, one)
        # A layer inside a layer of the user's own has no calls on record.
        costs = self._trace() if getattr(layer, "built", False) else None
        return costs.shape(path) if costs else None

    def _connections(self, layer: Layer | FunctionCall) -> Iterator[Place]:
        for call in calls_of(layer):
            if call in self._inside:
                for tensor in call.inputs:
                    source = tensor.call
                    if source is not None:
                        yield source.target.name, self._index[source], tensor.index

    def _trace(self) -> Costs | None:
        if not self._traced:
            self._costs = costs_or_none(self._model)
            self._traced = True
        return self._costs


def _is_chain(model: Network) -> bool:
    """One input, one layer after the other, none of them twice."""
    calls = model.connections
    users: dict[Any, int] = {}
    for call in calls:
        if len(call.inputs) != 1:
            return False
        source = call.inputs[0].call or call.inputs[0]
        users[source] = users.get(source, 0) + 1
    targets = {id(call.target) for call in calls}
    ends = [call for call in calls if call not in users]
    return (
        len(inputs_of(model)) == 1
        and len(targets) == len(calls)
        and len(ends) <= 1
        and max(users.values(), default=0) <= 1
    )


def _bounds(names: Sequence[str], layer_range: Sequence[str] | None) -> tuple[int, int]:
    """The first row, and the one after the last, of a range of names."""
    if layer_range is None:
        return 0, len(names)
    if isinstance(layer_range, str) or len(layer_range) != 2:
        raise ArgumentError(
            "layer_range must be a list or tuple of length 2. Received: "
            f"layer_range = {layer_range}"
        )
    if {*map(type, layer_range)} != {str}:
        raise ArgumentError(
            f"layer_range should contain string type only. Received: {layer_range}"
        )
    first, last = (
        [i for i, name in enumerate(names) if re.match(pattern, name)]
        for pattern in layer_range
    )
    if not first or not last:
        raise ArgumentError(
            "Passed layer_names do not match the layer names in the model. "
            f"Received: {layer_range}"
        )
    if first[0] > last[-1]:
        return last[0], first[-1] + 1
    return first[0], last[-1] + 1
