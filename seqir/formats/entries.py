"""Entries of layers in the forms of older releases of Keras, and of the present one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from seqir.errors import UnsupportedError
from seqir.formats import functions, tensorflow
from seqir.formats.reasons import NONSENSE
from seqir.narrow import is_list, is_mapping

_GONE: Final = (
    "causal", "implementation", "noise_shape", "ragged", "renorm",
    "softmax_robust_masking", "sparse", "stateful", "time_major", "unroll",
    "virtual_batch_size",
)  # fmt: skip
"""Arguments that mean nothing, or nothing unless they are set."""
_KERNEL: Final = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
_GONE_FROM: Final = {
    "SeparableConv1D": _KERNEL,
    "SeparableConv2D": _KERNEL,
    "DepthwiseConv2D": _KERNEL,
    "Embedding": ("input_length",),
    "BatchNormalization": ("fused",),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape"),
}
"""Arguments that these layers had, and that change no number."""
_RENAMED_EVERYWHERE: Final = {"batch_input_shape": "batch_shape"}
_RENAMED: Final = {
    "LeakyReLU": {**_RENAMED_EVERYWHERE, "alpha": "negative_slope"},
    "ThresholdedReLU": {**_RENAMED_EVERYWHERE, "theta": "threshold"},
}
_RENAMED_CLASSES: Final = {
    "Custom>CustomScaleLayer": "CustomScaleLayer",
    "ThresholdedReLU": "ReLU",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "GroupedQueryAttention": "GroupQueryAttention",
}
"""Layers that Keras 3 has under other names, or has as settings of others."""
_MODELS: Final = ("Sequential", "Functional", "Model")
_ENDS: Final = ("input_layers", "output_layers")
_CONSTANT: Final = "_CONSTANT_VALUE"
"""The name of the layer in a place that holds a number."""
_LAYERS_INSIDE: Final = ("layer", "backward_layer", "cell", "cells")
"""Arguments of wrappers that are layers."""
_RENAMED_FUNCTIONS: Final = {"softmax_v2": "softmax", "log_softmax_v2": "log_softmax"}
"""Functions of TensorFlow that Keras 2 names as TensorFlow has them."""
Entry = dict[str, Any]


def modern(found: object, release: int = 3, custom: Collection[str] = ()) -> Any:
    """The entry of a model from an older file, in the form that Keras 3 writes.

    `release` is the Keras that wrote it, 1, 2 or 3; names in `custom` are the caller's
    and stay. Keras 2 names no modules, calls the shape of an input
    ``batch_input_shape``, has the axes of a normalization as a list, keeps a call as a
    list of places, and functions between layers as those of TensorFlow. What cannot be
    said in the present form is left as it is, for whoever decodes it to refuse.
    """
    if not is_mapping(found) or not isinstance(found.get("class_name"), str):
        return found
    kind, config = found["class_name"], found.get("config")
    if kind == "Sequential" and is_list(config):  # before Keras 2.2.3
        config = {"layers": config}
    if not is_mapping(config):
        return found
    config = dict(config)
    result: Entry = {**found, "config": config}
    if "inbound_nodes" in found:
        result["inbound_nodes"] = _nodes(found["inbound_nodes"])
    if is_list(config.get("layers")) and kind in _MODELS:
        config.update(_without_slashes(config))
        config.update(_calls_from_zero(config))
        config["layers"] = [
            modern(layer, release, custom) for layer in config["layers"]
        ]
        for ends in _ENDS:
            if ends in config:
                config[ends] = _single(config[ends])
        return result
    if kind in tensorflow.LAYERS:
        with suppress(UnsupportedError, *NONSENSE):
            return tensorflow.operation(result)
        return result
    if _is_operation(found):
        return {**result, "module": "keras.ops"}
    now = kind if kind in custom else _RENAMED_CLASSES.get(kind, kind)
    unused = () if kind in custom else _GONE_FROM.get(now, ())
    kept = {key: value for key, value in config.items() if key not in unused}
    kept = _inside(_arguments(kind, kept), release, custom)
    return {**result, "class_name": now, "config": kept}


def _inside(
    config: Mapping[str, object], release: int, custom: Collection[str]
) -> dict[str, object]:
    """The arguments of a layer that are functions or layers as Keras 3 has them."""
    kept = dict(config)
    for key, value in config.items():
        if key.endswith("activation"):  # which may be a layer
            function = _function(value, release, custom, config.get("dtype"))
            kept[key] = modern(function, release, custom)
        elif key in _LAYERS_INSIDE and is_list(value):
            kept[key] = [modern(v, release, custom) for v in value]
        elif key in _LAYERS_INSIDE:
            kept[key] = modern(value, release, custom)
    return kept


def release_of(version: object) -> int | None:
    """The first number of a version of Keras; None if it is none, as of old files."""
    number = version.partition(".")[0] if isinstance(version, str) else ""
    return int(number) if number.isdecimal() and len(number) < 3 else None


def _function(
    value: Any, release: int, custom: Collection[str], dtype: object
) -> object:
    """An activation as Keras 3 has it, whose functions do not all mean the same."""
    stored = is_mapping(value) and value.get("class_name") == "function"
    name = value.get("config") if stored else value
    if not isinstance(name, str) or name in custom:
        return value
    if name == "hard_sigmoid" and release < 3:
        return _hard_sigmoid(dtype)
    return _RENAMED_FUNCTIONS.get(name, value)


def _hard_sigmoid(dtype: object) -> Entry:
    """clip(0.2 * x + 0.5, 0, 1), up to Keras 2; Keras 3's is clip(x / 6 + 0.5, 0, 1).

    Keras 3 has no function and no single layer for it.
    """
    computed: Entry = {} if dtype is None else {"dtype": dtype}
    parts = {
        "Rescaling": {"name": "slope", "scale": 0.2, "offset": 0.5},
        "ReLU": {"name": "limits", "max_value": 1.0},
    }
    layers = [_keras_layer(kind, {**c, **computed}) for kind, c in parts.items()]
    config: Entry = {"name": "hard_sigmoid", "layers": layers}
    return {**_keras_layer("Sequential", config), "module": "keras"}


def _keras_layer(kind: str, config: Entry) -> Entry:
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": config,
        "registered_name": None,
    }


def _arguments(kind: Any, config: Mapping[str, Any]) -> dict[str, object]:
    """The arguments of a layer under their present names."""
    kept = {k: v for k, v in config.items() if v or k not in _GONE}
    for former, present in _RENAMED.get(kind, _RENAMED_EVERYWHERE).items():
        if former in kept:
            kept[present] = kept.pop(former)
    axis = kept.get("axis")
    if is_list(axis) and len(axis) == 1:
        kept["axis"] = axis[0]
    for key, value in kept.items():
        if key.endswith("_initializer"):
            kept[key] = _initializer(value)
        elif is_mapping(value) and value.get("class_name") == "__numpy__":
            kept[key] = _number(value)
    return kept


def _number(stored: Mapping[str, object]) -> object:
    """An array of Keras 2.12; of its numbers, some are arrays without axes."""
    config = stored.get("config")
    value = config.get("value") if is_mapping(config) else None
    return value if isinstance(value, int | float) else stored


def without_slash(name: str) -> str:
    """A name as Keras 3 has it, which has renamed its own layers so: conv1_bn."""
    return name.replace("/", "_")


def _without_slashes(config: Mapping[str, Any]) -> dict[str, Any]:
    """Layers and outputs of a model, no layer with a slash in its name."""
    names = [_own_name(layer) for layer in config["layers"]]
    slashed = {name for name in names if isinstance(name, str) and "/" in name}
    if not slashed:
        return {}

    def rename(place: list[Any]) -> list[Any]:
        return [without_slash(place[0]), *place[1:]]

    found = _at_places(_connected(config), slashed, rename)
    found["layers"] = [
        _renamed(layer) if _own_name(layer) in slashed else layer
        for layer in found["layers"]
    ]
    return found


def _own_name(layer: object) -> Any:
    config = layer.get("config") if is_mapping(layer) else None
    return config.get("name") if is_mapping(config) else None


def _renamed(layer: Mapping[str, Any]) -> Entry:
    name = without_slash(_own_name(layer))
    found = {**layer, "config": {**layer["config"], "name": name}}
    return {**found, "name": name} if "name" in layer else found


def _calls_from_zero(config: Mapping[str, Any]) -> dict[str, Any]:
    """Layers and outputs of a model of Keras 2, calls of models in it counted from 0.

    Keras 2 counts the making of a model as its first call, and leaves it out. Keras 3
    does so in the outputs, for functional models.
    """
    layers = [layer for layer in config["layers"] if is_mapping(layer)]
    nodes = [node for layer in layers for node in layer.get("inbound_nodes") or ()]
    if not any(is_list(node) for node in nodes):
        return {}
    kinds = {layer.get("name"): layer.get("class_name") for layer in layers}
    parts = _connected(config)
    from_zero = {place[0] for place in _places(parts) if place[1] == 0}
    models = {name for name, kind in kinds.items() if kind in _MODELS} - from_zero
    stacks = {name for name in models if kinds[name] == "Sequential"}

    def count(place: list[Any]) -> list[Any]:
        return [place[0], place[1] - 1, *place[2:]]

    return {
        key: _at_places(part, models if key == "layers" else stacks, count)
        for key, part in parts.items()
    }


def _connected(config: Mapping[str, object]) -> dict[str, object]:
    """The parts of a model that have places ``[layer, call, ...]``."""
    return {key: config[key] for key in ("layers", *_ENDS) if key in config}


def _places(value: object) -> Iterator[list[object]]:
    """All places; layers inside of layers have places of their own, left out here."""
    if is_mapping(value):
        for key, inner in value.items():
            yield from _places(inner) if key != "config" else ()
    elif is_list(value):
        for inner in value:
            yield from _places(inner)
        if _is_place(value):
            yield value


def _at_places(
    value: object,
    names: Collection[object],
    change: Callable[[list[object]], list[object]],
) -> Any:
    """The value with the places of these layers changed, as `_places` finds them."""
    if is_mapping(value):
        return {
            k: v if k == "config" else _at_places(v, names, change)
            for k, v in value.items()
        }
    if not is_list(value):
        return value
    found: list[Any] = [_at_places(v, names, change) for v in value]
    return change(found) if _is_place(found) and found[0] in names else found


def _is_place(value: list[object]) -> bool:
    return len(value) > 2 and isinstance(value[0], str) and type(value[1]) is int


def older(found: Any) -> Any:
    """The entry of a model as older files have it: without modules.

    Raises: UnsupportedError for functions between layers, which that format lacks.
    """
    if functions.is_operation(found):
        raise UnsupportedError(
            f"{found['name']!r} is a function between layers, which the older .h5 "
            "format has no place for: save the model as .keras"
        )
    config = found["config"]
    kept = ("class_name", "name", "inbound_nodes")
    entry: Entry = {k: v for k, v in found.items() if k in kept}
    if entry["class_name"] == "GroupQueryAttention":
        entry["class_name"] = "GroupedQueryAttention"
    # Layers that are an argument, as of Pipeline, keep their modules.
    if "layers" in config and found.get("module") != "keras.layers":
        config = {**config, "layers": [older(layer) for layer in config["layers"]]}
    return {**entry, "config": config}


def _is_operation(found: Mapping[str, Any]) -> bool:
    """An entry without a module that says nothing of training is not a layer."""
    known = functions.is_known(found.get("class_name"))
    config: Mapping[str, Any] = found["config"]
    silent = "trainable" not in config and "dtype" not in config
    return known and silent and not found.get("module")


def _nodes(nodes: object) -> object:
    """Calls of Keras 2, lists of [layer, call, output, keywords], as of Keras 3."""
    if not is_list(nodes):
        return nodes
    return [_node(node) if is_list(node) else node for node in nodes]


def _node(node: list[object]) -> object:
    if node and isinstance(node[0], str):  # one input, not in a list
        node = [node]
    tensors: list[object] = []
    keywords: dict[str, object] = {}
    for place in node:
        if not is_list(place):
            return node
        tensors.append(_tensor(place[:3]))
        if len(place) > 3 and is_mapping(place[3]):
            keywords |= place[3]
    kept = {k: _keyword(v) for k, v in keywords.items()}
    first = tensors[0] if len(tensors) == 1 else tensors
    return {"args": [first], "kwargs": kept}


def _keyword(value: object) -> object:
    """A tensor is passed by keyword as [layer, call, output], also in a list."""
    if not is_list(value):
        return value
    place = len(value) == 3 and isinstance(value[0], str)
    return _tensor(value) if place else [_keyword(v) for v in value]


def _tensor(place: list[object]) -> Any:
    """The tensor at a place, or the number that is there instead."""
    if place[:1] == [_CONSTANT]:
        return place[2]
    return {"class_name": "__keras_tensor__", "config": {"keras_history": place}}


def _single(ends: Any) -> Any:
    """One input is [[layer, call, output]] in Keras 2."""
    one = is_list(ends) and len(ends) == 1 and is_list(ends[0])
    return ends[0] if one else ends


def _initializer(value: object) -> object:
    """An initializer of Keras 2 or TensorFlow; the element type says its weight too."""
    if not is_mapping(value) or not is_mapping(value.get("config")):
        return value
    config = {k: v for k, v in value["config"].items() if k != "dtype"}
    found: Entry = {**value, "config": config}
    if found.get("module") == "tensorflow.python.ops.init_ops_v2":
        found["module"] = "keras.initializers"
    return found
