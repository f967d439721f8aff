"""What a drawing of a model shows: its layers, what is written in them, their edges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqir import activations, nest
from seqir.errors import SeqirError
from seqir.layer.base import Layer
from seqir.layers.core import InputLayer
from seqir.network.walk import inputs_of, outputs_of
from seqir.shapes import format_shape
from seqir.text import one_line

if TYPE_CHECKING:
    from seqir.model import Model
    from seqir.ops.tensor import Call, KerasTensor
    from seqir.ops.variable import Variable

MOST_SHAPES = 6
"""Inputs (or outputs) of one layer whose shapes are written out."""


@dataclass(frozen=True)
class Shown:
    """What is written in the boxes."""

    shapes: bool = False
    dtype: bool = False
    names: bool = True
    params: bool = False
    activations: bool = False
    trainable: bool = False
    expand: bool = False


@dataclass
class Item:
    """One layer: a box, or a frame around the layers inside."""

    path: str
    name: str
    class_name: str
    kind: str
    """Family that gives the colour: ``convolution``, ``pooling``, ``input``, ..."""
    layer: Any
    calls: list[Call]
    is_output: bool = False
    facts: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    inner: Content | None = None
    page: dict[str, object] | None = None
    """What a page tells of it, where it is no layer."""


Port = tuple[str, int]
"""A box (or ``<`` and ``>``, the border of the frame) and which of its tensors."""
ENTRY, EXIT = "<", ">"


@dataclass
class Content:
    """Items by path, in order of computation, and the edges between them."""

    items: dict[str, Item]
    edges: list[tuple[Port, Port]]
    labels: dict[Port, str] = field(default_factory=dict[Port, str])
    """What stands beside the edges that begin at a port."""
    inputs: int = 0
    outputs: int = 0


def content_of(model: Model, shown: Shown) -> Content:
    """Everything that a drawing of the model shows."""
    return _content(model, shown, "", framed=False)


def every_item(content: Content) -> list[Item]:
    """The items, those in frames included."""
    found: list[Item] = []
    stack = list(reversed(content.items.values()))
    while stack:
        item = stack.pop()
        found.append(item)
        if item.inner is not None:
            stack.extend(reversed(item.inner.items.values()))
    return found


def _content(model: Model, shown: Shown, prefix: str, *, framed: bool) -> Content:
    content = Content({}, [])
    sources = _add_inputs(content, model, shown, prefix, framed=framed)
    edges: dict[tuple[Port, Port], None] = dict.fromkeys(content.edges)
    calls: dict[object, list[Call]] = {}
    for call in model.connections:
        calls.setdefault(call.target, []).append(call)
    for call in model.connections:
        target = call.target
        path = prefix + one_line(target.name)
        if path not in content.items:
            item = _item(target, one_line(target.name), prefix, calls[target], shown)
            content.items[path] = item
        inner = content.items[path].inner
        for i, tensor in enumerate(call.inputs):
            port = min(i, inner.inputs - 1) if inner else 0
            edges[sources[tensor], (path, port)] = None
        for i, tensor in enumerate(nest.flatten(call.outputs)):
            sources[tensor] = (path, i if inner else 0)
    for i, tensor in enumerate(outputs_of(model)):
        if framed:
            edges[sources[tensor], (EXIT, i)] = None
        else:
            content.items[sources[tensor][0]].is_output = True
    content.edges = list(edges)
    if framed:
        content.inputs, content.outputs = (
            len(inputs_of(model)),
            len(outputs_of(model)),
        )
    return content


def _add_inputs(
    content: Content, model: Model, shown: Shown, prefix: str, *, framed: bool
) -> dict[KerasTensor, Port]:
    """Add a box for each input; in a frame only for those that are layers there."""
    sources: dict[KerasTensor, Port] = {}
    drawn = {id(layer) for layer in model.layers}
    names = model.input_names
    for i, (name, tensor) in enumerate(zip(names, inputs_of(model), strict=True)):
        layer = tensor.call.target if tensor.call else None
        if framed and id(layer) not in drawn:
            sources[tensor] = (ENTRY, i)
            continue
        layer = layer if isinstance(layer, InputLayer) else None
        item = _item(layer, one_line(name), prefix, [], shown, tensor)
        content.items[item.path] = item
        sources[tensor] = (item.path, 0)
        if framed:
            content.edges.append(((ENTRY, i), sources[tensor]))
    return sources


def _item(
    layer: Any,
    name: str,
    prefix: str,
    calls: list[Call],
    shown: Shown,
    tensor: KerasTensor | None = None,
) -> Item:
    kind = "input" if tensor is not None else kind_of(layer)
    class_name = "Input" if layer is None else _class_name(layer)
    item = Item(prefix + name, name, class_name, kind, layer, calls)
    if layer is not None and shown.expand and getattr(layer, "connections", None):
        item.inner = _content(layer, shown, f"{item.path}/", framed=True)
    item.facts = _facts(item, shown, tensor)
    return item


def _class_name(layer: object) -> str:
    return one_line(getattr(layer, "class_name", type(layer).__name__))


def kind_of(layer: object) -> str:
    """Family of a layer: the module of seqir that it comes from."""
    if not isinstance(layer, Layer):
        return "function"
    for cls in type(layer).__mro__:
        package, _, module = cls.__module__.rpartition(".")
        if package == "seqir.layers" and module != "base":
            return "input" if cls is InputLayer else module
        if package == "seqir.model":
            return "model"
    return "custom"


def shapes_of(item: Item) -> tuple[list[KerasTensor], list[KerasTensor]]:
    """Tensors that go in and come out, of the last call in the model."""
    if not item.calls:
        return [], []
    call = item.calls[-1]
    return call.inputs, nest.flatten(call.outputs)


def _facts(
    item: Item, shown: Shown, tensor: KerasTensor | None
) -> list[tuple[str, str]]:
    inputs, outputs = shapes_of(item) if tensor is None else ([], [tensor])
    facts: list[tuple[str, str]] = []
    if shown.activations and callable(getattr(item.layer, "activation", None)):
        facts.append(("activation", activations.serialize(item.layer.activation)))
    if shown.shapes:
        facts += _shape_facts("in", inputs) + _shape_facts("out", outputs)
    if shown.dtype and outputs:
        facts.append(("dtype", ", ".join(dict.fromkeys(t.dtype for t in outputs))))
    weights = weights_of(item.layer)
    if shown.params and item.kind != "input":
        facts.append(("params", f"{sum(w.size for w in weights):,}"))
    if shown.trainable and weights:
        facts.append(("trainable", "yes" if item.layer.trainable else "no"))
    return facts


def _shape_facts(what: str, tensors: list[KerasTensor]) -> list[tuple[str, str]]:
    facts = [(what, format_shape(t.shape)) for t in tensors[:MOST_SHAPES]]
    if len(tensors) > MOST_SHAPES:
        facts.append((what, f"and {len(tensors) - MOST_SHAPES} more"))
    return facts


def weights_of(layer: object) -> list[Variable]:
    """The weights of a layer that has some."""
    try:
        return layer.weights if isinstance(layer, Layer) else []
    except SeqirError:
        return []
