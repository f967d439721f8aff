"""Models as configurations: the dictionaries that Keras keeps in a file, and back."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

import numpy as np

from seqir import dtype_policies, nest
from seqir.errors import CorruptFileError, UnsupportedError
from seqir.formats import functions
from seqir.formats.objects import Decoder, class_and_config, encode_layer
from seqir.layer import configuration
from seqir.layers import InputLayer
from seqir.narrow import is_dict, is_mapping, is_sequence, is_slice
from seqir.network.base import MODELS, Network
from seqir.network.walk import inputs_of
from seqir.ops.call import FunctionCall
from seqir.ops.size import tensors_in
from seqir.ops.tensor import Call, KerasTensor
from seqir.ops.variable import Variable
from seqir.plain import is_array, is_numpy_scalar

Config = dict[str, Any]
Place = tuple[str, int]
"""A call of a layer: the name of the layer, and which of its calls."""

_KINDS: Final = {
    "Sequential": "sequential",
    "Functional": "functional",
    "Model": "functional",
}
"""The kinds of models by the names that files have for their classes."""


# To configurations.


def entry(model: Network) -> Config:
    """The dictionary that stands for a model: its class and its configuration."""
    kind = type(model)
    own = kind is MODELS.get(model.model_kind)
    connected = model.model_kind == "functional"
    known = model.connected and not connected
    shape = Network.input_shape.of(model) if known else None
    return {
        "module": kind.keras_module if own else kind.__module__,
        "class_name": kind.__name__,
        "config": model.get_config(),
        "registered_name": None if own and not connected else kind.__name__,
        "build_config": {"input_shape": shape},
    }


def of_sequential(model: Network) -> Config:
    """The configuration of a stack: its layers in order, an input first."""
    layers = [layer for layer in type(model).operations.of(model) if layer is not None]
    config: Config = {
        "name": model.name,
        "trainable": model.trainable,
        "dtype": dtype_policies.serialize(model.dtype_policy),
        "layers": [encode_layer(layer, entry) for layer in layers],
    }
    if model.built:
        config["build_input_shape"] = Network.input_shape.of(model)
        if len(inputs_of(model)) > 1:  # Keras builds each layer for itself then
            for found, call in zip(config["layers"], model.connections, strict=True):
                shape = nest.map_structure(lambda t: t.shape, call.args[0])
                found["build_config"] = {"input_shape": shape}
    return config


def of_functional(model: Network) -> Config:
    """The configuration of a graph of calls: each layer with what it is called on."""
    return _Encoder(model).config()


class _Encoder:
    """A functional model, with a place for every tensor."""

    def __init__(self, model: Network) -> None:
        self.model = model
        self.calls: dict[object, list[Call]] = defaultdict(list)
        self.places: dict[KerasTensor, list[Any]] = {}
        self.cuts = [t for t in inputs_of(model) if not _is_input(t)]
        for tensor in inputs_of(model):
            self.places[tensor] = [self._input_name(tensor), 0, 0]
        for call in model.connections:
            self.calls[call.target].append(call)
            number = len(self.calls[call.target]) - 1
            for index, tensor in enumerate(nest.flatten(call.outputs)):
                self.places.setdefault(tensor, [call.target.name, number, index])

    def config(self) -> Config:
        layers = [
            *map(self._cut_entry, self.cuts),
            *map(self._entry, type(self.model).operations.of(self.model)),
        ]
        return {
            "name": self.model.name,
            "trainable": self.model.trainable,
            "layers": layers,
            "input_layers": self._structure(self.model.input_structure),
            "output_layers": self._structure(self.model.output_structure),
        }

    def _input_name(self, tensor: KerasTensor) -> str:
        if _is_input(tensor):
            assert tensor.call is not None
            return tensor.call.target.name
        return f"{tensor.name}_input"

    def _cut_entry(self, tensor: KerasTensor) -> Config:
        """An input in the place of a tensor that the model is cut at."""
        layer = InputLayer(
            batch_shape=tensor.shape, dtype=tensor.dtype, name=self._input_name(tensor)
        )
        return self._entry(layer)

    def _entry(self, layer: Any) -> Config:
        calls = self.calls[layer]
        return {
            **encode_layer(layer, entry),
            "name": layer.name,
            "inbound_nodes": [self._node(call) for call in calls],
        }

    def _node(self, call: Call) -> Config:
        for leaf in nest.flatten((call.args, call.kwargs)):
            if not isinstance(leaf, KerasTensor) and tensors_in([leaf]):
                raise UnsupportedError(
                    f"{call.target.name!r} takes {leaf!r}, which the run computes and "
                    "Keras's files have no place for: compute it in the call of a "
                    "layer of your own"
                )
        if isinstance(call.target, FunctionCall):
            args: list[object] = functions.operands(call.target)
            kwargs: dict[str, object] = {}
        else:
            args, kwargs = list(call.args), call.kwargs
        return {"args": self._argument(args), "kwargs": self._argument(kwargs)}

    def _argument(self, value: object) -> object:
        if isinstance(value, KerasTensor):
            return self._tensor(value)
        if is_sequence(value):
            return [self._argument(v) for v in value]
        if is_dict(value):
            return {k: self._argument(v) for k, v in value.items()}
        if is_slice(value):
            ends = {"start": value.start, "stop": value.stop, "step": value.step}
            return {"class_name": "__slice__", "config": ends}
        if value is Ellipsis:
            return {"class_name": "__ellipsis__", "config": {}}
        if is_array(value) or isinstance(value, Variable):
            array = np.asarray(value)
            kept = {"value": array.tolist(), "dtype": array.dtype.name}
            return {"class_name": "__tensor__", "config": kept}
        return value.item() if is_numpy_scalar(value) else value

    def _tensor(self, tensor: KerasTensor) -> Config:
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": list(tensor.shape),
                "dtype": tensor.dtype,
                "keras_history": self.places[tensor],
            },
        }

    def _structure(self, structure: object) -> object:
        return nest.map_structure(self._end, structure)

    def _end(self, tensor: KerasTensor) -> list[object]:
        """The place of an input or output of the model.

        Here alone, Keras counts the making of a functional model as its first call.
        """
        name, number, index = self.places[tensor]
        made_by = tensor.call.target if tensor.call else None
        inner = _is_functional(made_by) and made_by.name == name
        return [name, number + inner, index]


def _is_functional(layer: object) -> TypeGuard[Network]:
    return isinstance(layer, Network) and layer.model_kind == "functional"


def _is_input(tensor: KerasTensor) -> bool:
    return tensor.call is not None and isinstance(tensor.call.target, InputLayer)


# From configurations.


def model_of(
    cls: type[Network],
    config: Mapping[str, object],
    custom_objects: Mapping[str, object] | None,
) -> Any:
    """The model of a class that a configuration describes, with new weights.

    Raises: UnsafeFileError, UnsupportedError or CorruptFileError with all reasons.
    """
    decoder = decoder_for(f"the configuration of a {cls.__name__}", custom_objects)
    model = None
    with decoder.reasons.gather(f"model {config.get('name')!r}"):
        model = _decode(cls, config, decoder)
    decoder.reasons.check()
    return model


def models() -> dict[str, type[Network]]:
    """The classes of models, by the names that files have for them."""
    return {name: MODELS[kind] for name, kind in _KINDS.items()}


def decoder_for(source: str, custom_objects: Mapping[str, object] | None) -> Decoder:
    """What makes layers and models of their dictionaries; `source` is the file."""
    return Decoder(source, custom_objects, models(), _decode)


def _decode(
    cls: type[Network], config: Mapping[str, object], decoder: Decoder
) -> object:
    """The model of a class; None if there are reasons against it."""
    if cls.model_kind == "sequential":
        return _sequential(cls, config, decoder)
    if cls is MODELS["functional"] or "input_layers" in config:
        return _functional(cls, config, decoder)
    return configuration.made(cls, decoder.values(config))


def _sequential(cls: Any, config: Mapping[str, object], decoder: Decoder) -> object:
    entries = _entries(config)
    known = len(decoder.reasons)
    layers = [decoder.layer(found) for found in entries]
    if len(decoder.reasons) > known:
        return None
    model = cls(layers, name=config.get("name"))
    shape = config.get("build_input_shape")
    if shape is not None and not model.built and layers:
        model.build(shape)
    model._layer_state.trainable = bool(config.get("trainable", True))
    return model


def _functional(cls: Any, config: Mapping[str, object], decoder: Decoder) -> object:
    known = len(decoder.reasons)
    graph = _Graph(_entries(config))
    layers = {name: decoder.layer(e) for name, e in graph.entries.items()}
    if len(decoder.reasons) > known:
        return None
    graph.connect(layers)
    model = cls(
        graph.structure("input_layers", config),
        graph.structure("output_layers", config),
        name=config.get("name"),
    )
    # What is frozen, each layer says itself.
    model._layer_state.trainable = bool(config.get("trainable", True))
    return model


def _entries(config: Mapping[str, object]) -> list[object]:
    entries = config.get("layers")
    if not is_sequence(entries):
        raise CorruptFileError(
            f"the configuration of model {config.get('name')!r} has no list of layers"
        )
    return list(entries)


class _Graph:
    """The calls of a functional model, connected in the order that they need."""

    def __init__(self, entries: list[Any]) -> None:
        self.entries: dict[str, object] = {}
        self.layers: Mapping[str, object] = {}
        self.nodes: dict[Place, Any] = {}
        self.tensors: dict[Place, list[KerasTensor]] = {}
        for found in entries:
            kind, config = class_and_config(found)
            name = found.get("name", config.get("name"))
            nodes = found.get("inbound_nodes", [])
            if not isinstance(name, str) or not is_sequence(nodes):
                raise CorruptFileError(
                    f"a layer of class {kind} has no name or no list of inbound_nodes"
                )
            if name in self.entries:
                raise CorruptFileError(f"two layers have the name {name!r}")
            self.entries[name] = found
            for number, node in enumerate(nodes):
                self.nodes[name, number] = node

    def connect(self, layers: Mapping[str, object]) -> None:
        """Make all calls; a layer's own calls in their order.

        Raises: CorruptFileError for a call that needs what is never computed.
        """
        self.layers = layers
        for name, layer in layers.items():
            if isinstance(layer, InputLayer):
                self.tensors[name, 0] = nest.flatten(layer.output)
                self.nodes.pop((name, 0), None)
        waiting = {place: self._needs(place) for place in self.nodes}
        waits_for: dict[Place, list[Place]] = defaultdict(list)
        for place, needs in waiting.items():
            for needed in needs:
                waits_for[needed].append(place)
        ready = deque(place for place, needs in waiting.items() if not needs)
        while ready:
            place = ready.popleft()
            self._call(layers[place[0]], place)
            for later in waits_for[place]:
                waiting[later].discard(place)
                if not waiting[later]:
                    ready.append(later)
        left = [place for place in self.nodes if place not in self.tensors]
        if left:
            missing = next(iter(waiting[left[0]]), left[0])
            raise CorruptFileError(
                f"layer {left[0][0]!r} needs call {missing[1]} of layer "
                f"{missing[0]!r}, which is not there or needs it itself"
            )

    def _needs(self, place: Place) -> set[Place]:
        needs = {found[:2] for found in _histories(self.nodes[place])}
        if place[1]:
            needs.add((place[0], place[1] - 1))
        return {needed for needed in needs if needed not in self.tensors}

    def _call(self, layer: Any, place: Place) -> None:
        node = self.nodes[place]
        if not is_mapping(node):
            raise CorruptFileError(
                f"a call of layer {place[0]!r} is stored as {node!r}"
            )
        if isinstance(layer, functions.Operation) and not [*_histories(node)]:
            raise CorruptFileError(f"function {place[0]!r} is called on no tensor")
        args = self._value(node.get("args", []))
        kwargs = self._value(node.get("kwargs", {}))
        outputs = layer(*args, **{k: v for k, v in kwargs.items() if v is not None})
        tensors = nest.flatten(outputs)
        self.tensors[place] = tensors
        if isinstance(layer, functions.Operation):
            tensors[0].call.target.name = layer.name

    def _value(self, value: object) -> Any:
        if is_sequence(value):
            return [self._value(v) for v in value]
        if not is_mapping(value):
            return value
        kind, config = value.get("class_name"), value.get("config")
        if kind == "__keras_tensor__":
            return self._tensor(*next(_histories(value)))
        if kind == "__slice__" and is_mapping(config):
            return slice(*(config.get(k) for k in ("start", "stop", "step")))
        if kind == "__ellipsis__":
            return Ellipsis
        if kind in ("__tensor__", "__numpy__"):
            return configuration.array(value)
        return {k: self._value(v) for k, v in value.items()}

    def _tensor(self, name: str, number: int, index: int) -> KerasTensor:
        found = self.tensors.get((name, number), [])
        if not 0 <= index < len(found):
            raise CorruptFileError(
                f"there is no output {index} of call {number} of layer {name!r}"
            )
        return found[index]

    def structure(self, what: str, config: Mapping[str, object]) -> Any:
        """The tensors that a model starts from or ends with."""
        if what not in config:
            raise CorruptFileError(f"the configuration has no {what}")
        return self._leaves(config[what])

    def _leaves(self, value: object) -> object:
        if is_mapping(value):
            return {k: self._leaves(v) for k, v in value.items()}
        if not is_sequence(value):
            raise CorruptFileError(f"{value!r} is not a place [layer, call, output]")
        if value and isinstance(value[0], str):
            name, number, index = _history(value)
            if _is_functional(self.layers.get(name)):  # see `_Encoder._end`
                # 0 is what the oldest files have for the only call; Keras takes the
                # last.
                last = sum(called == name for called, _ in self.nodes) - 1
                number = number - 1 if number else last
            return self._tensor(name, number, index)
        found = [self._leaves(v) for v in value]
        return tuple(found) if isinstance(value, tuple) else found


def _histories(value: object) -> Any:
    """All places of tensors in the arguments of a call."""
    if is_sequence(value):
        for v in value:
            yield from _histories(v)
    elif is_mapping(value):
        config = value.get("config")
        if value.get("class_name") == "__keras_tensor__":
            found = config.get("keras_history") if is_mapping(config) else None
            yield _history(found)
        else:
            for v in value.values():
                yield from _histories(v)


def _history(found: object) -> tuple[str, int, int]:
    if (
        not is_sequence(found)
        or len(found) != 3
        or not isinstance(found[0], str)
        or not all(type(i) is int and i >= 0 for i in found[1:])
    ):
        raise CorruptFileError(f"{found!r} is not a place [layer, call, output]")
    return found[0], found[1], found[2]
