"""The configuration of a layer: its arguments as plain data, in the form of Keras."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol

import numpy as np

from seqir import (
    activations,
    constraints,
    dtypes,
    initializers,
    regularizers,
    stored,
)
from seqir.errors import CorruptFileError, UnsupportedError
from seqir.layer import fields
from seqir.narrow import is_mapping
from seqir.plain import is_array, is_numpy_scalar


class Configured(Protocol):
    """A layer, as far as its configuration goes."""

    keras_module: ClassVar[str]
    keras_name: ClassVar[str | None]

    def get_config(self) -> dict[str, Any]: ...


_PACKAGES: Final[dict[str, Any]] = {
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}
_BASES: Final = (
    initializers.Initializer,
    regularizers.Regularizer,
    constraints.Constraint,
)

_UNUSED: Final[dict[str, tuple[Any, ...]]] = {
    "quantization_config": (None,),
    "sparse": (False, None),
    "ragged": (False, None),
    "optional": (False,),
    "autocast": (True,),
    "groups": (1,),
    "input_length": (None,),
    "lora_rank": (None,),
    "build_config": (None,),
}
"""Arguments of Keras's layers that are not ours, and their values that say nothing."""


def plain(name: str, value: Any) -> Any:
    """An argument as `get_config` has it: dictionaries and names for objects.

    What has no such form, a function of your own, stays what it is.
    """
    package = _PACKAGES.get(name.rsplit("_", 1)[-1])
    if package is not None:
        value = package.get(value)
        return package.serialize(value) if isinstance(value, _BASES) else value
    if is_array(value) or is_numpy_scalar(value):
        return np.asarray(value).tolist()
    if hasattr(value, "compute_output_shape"):
        return entry(value)
    if callable(value):
        known = activations.serialize(value)
        return known if known in activations.NAMES else value
    return value


def arguments(cls: type, config: Mapping[str, Any]) -> dict[str, object]:
    """The arguments in a configuration, without those of Keras that say nothing.

    Raises: UnsupportedError for an argument of Keras that seqir does not have.
    """
    known = fields.known_to(cls)
    kept: dict[str, Any] = {}
    for name, value in config.items():
        if name in known or name not in _UNUSED:
            kept[name] = array(value) if is_stored_array(value) else value
        elif not any(value is v or value == v for v in _UNUSED[name]):
            raise UnsupportedError(
                f"{cls.__name__} of seqir has no {name!r}, which is {value!r} here"
            )
    return kept


def made(cls: type[Any], config: Mapping[str, Any]) -> Any:
    """A layer with these arguments.

    Whether it is trained is set afterwards if its ``__init__`` does not take that;
    name and element type, if it does not take them, it chooses itself.
    """
    given = arguments(cls, config)
    parameters = inspect.signature(cls).parameters
    left: dict[str, object] = {}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        words = ("name", "trainable", "dtype")
        left = {k: given.pop(k) for k in words if k in given and k not in parameters}
    layer = cls(**given)
    if not left.get("trainable", True):
        layer.trainable = False
    return layer


def is_stored_array(value: object) -> bool:
    """Whether a value is an array as Keras stores it."""
    kinds = ("__numpy__", "__tensor__")
    return is_mapping(value) and value.get("class_name") in kinds


def array(found: Mapping[str, object]) -> Any:
    """The array that Keras stored as a value and an element type.

    Raises: CorruptFileError for another form.
    """
    config = found.get("config")
    if not is_mapping(config) or not {"value", "dtype"} <= config.keys():
        raise CorruptFileError(f"an array is stored as value and dtype, got {config!r}")
    dtype = dtypes.to_numpy(dtypes.canonical(config["dtype"]))
    return np.asarray(config["value"], dtype)


def entry(layer: Configured) -> dict[str, Any]:
    """The dictionary that stands for a layer: its class and its configuration."""
    cls = type(layer)
    own = cls.__module__.startswith(("seqir.layer", "seqir.model."))
    found = stored.store(layer, layer.get_config(), "layers", own=own)
    if own and cls.keras_name is not None:
        found["class_name"] = cls.keras_name
    if own and cls.keras_module != found["module"]:  # not in Keras's register
        inside = cls.keras_module.startswith("keras.src.")
        name = cls.__name__ if inside else None
        found |= {"module": cls.keras_module, "registered_name": name}
    return found
