"""Layers and what they are trained with, as the dictionaries that Keras stores.

A dictionary names a class. Which classes there are is a closed table: seqir's own, and
those that the caller passes as `custom_objects`. A name is never looked up anywhere
else, so a file cannot say what is run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from seqir import (
    activations,
    constraints,
    initializers,
    losses,
    metrics,
    registered,
    regularizers,
    stored,
)
from seqir.errors import (
    CorruptFileError,
    SeqirError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.formats import functions, lambdas, tensorflow
from seqir.formats.reasons import Reasons
from seqir.layer import configuration
from seqir.layer.families import LAYERS
from seqir.layers import Layer
from seqir.narrow import is_mapping, is_sequence
from seqir.ops.call import FunctionCall
from seqir.plain import is_array, is_numpy_scalar

_FOREIGN: Final = {
    "TFSMLayer": "a TensorFlow SavedModel beside the file",
    "TorchModuleWrapper": "a PyTorch module",
    "JaxLayer": "a JAX function",
    "FlaxLayer": "a Flax module",
}
_KERAS_1_TEXT: Final = """
    Merge Convolution1D Convolution2D Convolution3D AtrousConvolution1D
    AtrousConvolution2D Deconvolution2D SeparableConvolution2D MaxoutDense Highway
    TimeDistributedDense
    W_regularizer b_regularizer nb_filter nb_row border_mode dim_ordering beta_init
    input_dtype
"""
_KERAS_1: Final = frozenset(_KERAS_1_TEXT.split())
"""Names of layers and of arguments that no later release has."""
_PATHS: Final = ("vocabulary", "filepath", "path", "weights")
"""Arguments that Keras opens as files when they are strings."""
_NO_LAYERS: Final = ("keras.constraints", "keras.initializers", "keras.regularizers")
"""Where Keras has classes of the same names."""
_GETTERS: Final[dict[str, Callable[[str], object]]] = {
    "activation": activations.get,
    "_initializer": initializers.get,
    "_regularizer": regularizers.get,
    "_constraint": constraints.get,
}
"""How the names of arguments end that are functions, and what knows their names."""


class Decoder:
    """Turns dictionaries back into objects, and gathers what cannot be turned.

    Args:
        source: the file, for messages.
        custom_objects: classes and functions of the caller, by name.
        models: the classes of models, by name.
        decode: makes a model, of a class and a configuration: it holds layers itself.
    """

    def __init__(
        self,
        source: str,
        custom_objects: Mapping[str, object] | None,
        models: Mapping[str, type[Layer]],
        decode: Callable[[Any, Any, Decoder], Any],
    ) -> None:
        self.reasons = Reasons(source)
        self.custom = {**registered.known(), **(custom_objects or {})}
        self.models = models
        self._decode = decode
        self._path: list[str] = []

    def layer(self, entry: object) -> Any:
        """The layer, operation or model of an entry; None if it cannot be."""
        name = _name_of(entry)
        self._path.append(name)
        made = None
        kind = entry.get("class_name") if is_mapping(entry) else "?"
        with self.reasons.gather(f"layer {'/'.join(self._path)!r} ({kind})"):
            made = self._layer(entry)
        self._path.pop()
        return made

    def _layer(self, entry: Any) -> Any:
        kind, config = class_and_config(entry)
        custom = self._custom(entry)
        if custom is not None:
            return self._made_by(custom, kind, config)
        if functions.is_operation(entry):
            return functions.Operation(kind, config)
        _refuse_foreign(kind, entry, config)
        if kind in self.models:
            return self._decode(self.models[kind], config, self)
        if kind not in LAYERS:
            short = _without_package(kind)
            raise UnsupportedError(
                f"seqir has no layer {short!r}: replace it in the model, or pass a "
                f"class of your own as custom_objects={{{short!r}: ...}}"
            )
        if kind == "Lambda":
            config = lambdas.arguments(config, self._named)
        arguments = self.values(self._with_layers(config))
        return LAYERS[kind].from_config(_functions_known(arguments))

    def _custom(self, entry: Mapping[str, object]) -> Any:
        """The caller's class or function for an entry, if there is one."""
        own = "config" if entry.get("class_name") == "function" else "class_name"
        found = self._named(entry.get("registered_name"))
        return found if found is not None else self._named(entry.get(own))

    def _named(self, name: object) -> object:
        """The caller's object of a name, with or without the package before it."""
        if not isinstance(name, str):
            return None
        found = self.custom.get(name)
        return found if found is not None else self.custom.get(_without_package(name))

    def _made_by(self, custom: Any, kind: str, config: Any) -> Any:
        if not hasattr(custom, "from_config"):
            raise UnsupportedError(
                f"the file has arguments for {_without_package(kind)!r}, so it must be "
                f"a class with from_config in custom_objects, got {custom!r}"
            )
        models = {
            getattr(cls.from_config, "__func__", None) for cls in self.models.values()
        }
        if getattr(custom.from_config, "__func__", self) in models:
            return self._decode(custom, config, self)  # layers and their calls
        return custom.from_config(self.values(config))

    def values(self, value: object) -> Any:
        """The value with custom objects in the places of their dictionaries."""
        if is_sequence(value):
            return [self.values(v) for v in value]
        if not is_mapping(value):
            return value
        if isinstance(value.get("class_name"), str):
            return self._object(value)
        return {k: self._argument(k, v) for k, v in value.items()}

    def _argument(self, key: object, value: object) -> object:
        """The value of an argument; of a function, Keras 2 stores the name alone."""
        if _getter(key) is None:
            return self.values(value)
        if is_mapping(value) and value.get("class_name") in self.models:
            return self.layer(value)
        named = self._named(value)
        return self.values(value) if named is None else named

    def _with_layers(self, value: object) -> object:
        """Arguments with the layers among them; a user's class makes its own."""
        if is_sequence(value):
            return [self._with_layers(v) for v in value]
        if self._is_layer(value):
            return self.layer(value)
        if not is_mapping(value) or "class_name" in value:
            return value
        return {k: v if _getter(k) else self._with_layers(v) for k, v in value.items()}

    def _is_layer(self, value: object) -> bool:
        if not is_mapping(value):
            return False
        kind, module = value.get("class_name"), value.get("module")
        known = kind in LAYERS or kind in self.models
        elsewhere = isinstance(module, str) and module.startswith(_NO_LAYERS)
        return module == "keras.layers" or (known and not elsewhere)

    def _object(self, value: Mapping[str, Any]) -> object:
        kind = value["class_name"]
        if kind == "__lambda__":
            raise UnsafeFileError(
                "it holds a lambda, Python code that would be run: give the function "
                "a name, save again, and pass it in custom_objects"
            )
        custom = self._custom(value)
        if kind == "function":
            return custom if custom is not None else _known_function(value)
        config: dict[str, object] = value.get("config") or {}
        if kind in ("__numpy__", "__tensor__"):
            return configuration.array(value)
        if kind == "slice":
            return slice(*config.values())
        if custom is not None:
            return self._made_by(custom, kind, config)
        _check_module(value)
        return {**value, "config": self.values(config)} if config else dict(value)

    def trained_with(self, value: Any, package: Any) -> Any:
        """What `compile` got: names, objects or functions, in lists or by output.

        `package` is `seqir.losses`, `metrics` or `optimizers`.
        """
        if is_sequence(value):
            return [self.trained_with(v, package) for v in value]
        if isinstance(value, str):
            return self._trained_by_name(value, package)
        if not is_mapping(value):
            return value
        if not isinstance(value.get("class_name"), str):
            return {k: self.trained_with(v, package) for k, v in value.items()}
        made = self._object(value)
        if isinstance(made, str):
            return self._trained_by_name(made, package)
        return package.deserialize(made) if is_mapping(made) else made

    def _trained_by_name(self, name: str, package: object) -> object:
        named = self._named(name)
        if named is not None:
            return named() if inspect.isclass(named) else named
        if package is losses:
            _check_known(name, losses.get)
        elif package is metrics and not _knows(metrics.check_name, name):
            _check_known(name, losses.get)
            return losses.get(name)  # the function of a loss can be a metric
        return name


def class_and_config(entry: object) -> tuple[str, dict[str, object]]:
    """The name of the class and the configuration of an entry.

    Raises: CorruptFileError for another form.
    """
    kind = entry.get("class_name") if is_mapping(entry) else None
    config = entry.get("config", {}) if is_mapping(entry) else None
    if not isinstance(kind, str) or not is_mapping(config):
        raise CorruptFileError(
            "a layer is stored as {'class_name': ..., 'config': {...}}, got "
            f"{_short(entry)}"
        )
    return kind, dict(config)


def encode_layer(layer: Any, describe: Callable[[Any], dict[str, Any]]) -> Any:
    """The entry of a layer or operation; `describe` gives that of a model."""
    if isinstance(layer, FunctionCall):
        return functions.entry(layer)
    if hasattr(layer, "connections"):
        return describe(layer)
    found = configuration.entry(layer)
    _check_complete(layer.__class__, found["config"], layer.name)
    return found


def trained_with(value: Any, package: Any) -> Any:
    """What `compile` got, in the form that `Decoder.trained_with` reads.

    Raises: UnsupportedError for functions without a name.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if is_sequence(value):
        return [trained_with(v, package) for v in value]
    if is_mapping(value):
        return {k: trained_with(v, package) for k, v in value.items()}
    if hasattr(value, "get_config"):
        return package.serialize(value)
    return function(value)


def function(value: object) -> dict[str, object]:
    """The dictionary that stands for a function: its name.

    Raises: UnsupportedError for a lambda and for what has no name.
    """
    name = getattr(value, "__name__", "<lambda>")
    if name == "<lambda>":
        raise UnsupportedError(
            f"{value!r} has no name that a file could keep: define it with def, and "
            "pass it in custom_objects when the file is loaded"
        )
    return stored.function(name, registered.name_of_function(value))


def json_value(value: object) -> Any:
    """For `json.dumps(default=...)`: arrays, functions and sizes of other types."""
    if is_array(value) or is_numpy_scalar(value):
        return value.tolist()
    if callable(value):
        return function(value)
    raise UnsupportedError(
        f"{value!r} of type {type(value).__name__} cannot be kept in a file: let "
        "get_config return numbers, strings, lists and dictionaries"
    )


def _check_complete(cls: type[Layer], config: Mapping[str, object], name: str) -> None:
    """UnsupportedError if a layer of the caller's does not say its own arguments."""
    needed = [
        p.name
        for p in inspect.signature(cls).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    if missing := [p for p in needed if p not in config]:
        raise UnsupportedError(
            f"get_config of layer {name!r} does not have {missing[0]!r}, which "
            f"{cls.__name__} needs: define get_config, or declare the arguments as "
            "fields"
        )


def _name_of(entry: object) -> str:
    """The name of a layer, or else of its class: models of the user's may have none."""
    if not is_mapping(entry):
        return "?"
    config = entry.get("config")
    name = config.get("name") if is_mapping(config) else None
    name = name if isinstance(name, str) else entry.get("class_name")
    return name[:80] if isinstance(name, str) else "?"


def _without_package(name: str) -> str:
    """The name that a class or function has in the code: Keras stores mine>Scale."""
    return name.rpartition(">")[2]


def _refuse_foreign(
    kind: str, entry: Mapping[str, object], config: Mapping[str, object]
) -> None:
    if old := sorted(_KERAS_1 & {kind, *config}):
        raise UnsupportedError(
            f"it is a layer of Keras 1, which {old[0]!r} tells: load the file with one "
            "of Keras 2.0 to 2.3, which convert it, and save it again"
        )
    if kind in tensorflow.LAYERS:
        tensorflow.operation(entry)  # which says what it cannot do
    if kind in _FOREIGN:
        raise UnsupportedError(
            f"{kind} wraps {_FOREIGN[kind]}: export that part to ONNX on its own"
        )
    for name in _PATHS:
        if isinstance(config.get(name), str):
            raise UnsafeFileError(
                f"its {name}={config[name]!r} names a file, and no path from a file "
                "is opened"
            )
    _check_module(entry)


def _check_module(entry: Mapping[str, object]) -> None:
    module = entry.get("module")
    function = module == "builtins" and entry["class_name"] == "function"
    if module is None or function:
        return
    kind, registered = entry["class_name"], entry.get("registered_name")
    root = module.split(".")[0] if isinstance(module, str) else module
    if root not in ("keras", "seqir", "tf_keras", "tensorflow"):
        if isinstance(registered, str):
            short = _without_package(registered)
            raise UnsupportedError(
                f"{short!r} is a class of {module}: pass it as "
                f"custom_objects={{{short!r}: ...}}"
            )
        raise UnsafeFileError(
            f"{module}.{kind} is not a class of Keras, and no name from a file is "
            "looked up"
        )


def _known_function(value: Mapping[str, object]) -> str:
    """The name of a function that Keras and seqir have."""
    name = value.get("config")
    module = value.get("module")
    ours = isinstance(module, str) and module.split(".")[0] in ("builtins", "keras")
    if not isinstance(name, str) or not (ours or module is None):
        raise UnsafeFileError(
            f"the function {module}.{_short(name)} is not one of Keras: pass it in "
            "custom_objects"
        )
    _check_known(name, activations.get, losses.get, metrics.get)
    return name


def _functions_known(config: dict[str, object]) -> dict[str, object]:
    """The arguments of a layer.

    Raises: UnsupportedError if they name a function that seqir does not have.
    """
    for key, value in config.items():
        getter = _getter(key)
        if getter is not None and isinstance(value, str):
            _check_known(value, getter)
    return config


def _getter(key: object) -> Callable[[str], object] | None:
    """What knows the functions that can be this argument; None for others."""
    found = (get for end, get in _GETTERS.items() if str(key).endswith(end))
    return next(found, None)


def _knows(get: Callable[[str], object], name: str) -> bool:
    try:
        get(name)
    except SeqirError:
        return False
    return True


def _check_known(name: str, *getters: Callable[[str], object]) -> None:
    """UnsupportedError for the name of a function that none of these know."""
    if any(_knows(get, name) for get in getters):
        return
    short = _without_package(name)
    raise UnsupportedError(
        f"seqir has no function {short!r}: pass your own as "
        f"custom_objects={{{short!r}: ...}}"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."
