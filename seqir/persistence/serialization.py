"""Any object of Keras's kind as a dictionary, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from seqir import (
    activations,
    constraints,
    dtype_policies,
    initializers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from seqir.dtype_policies import DTypePolicy
from seqir.errors import CorruptFileError, UnsupportedError
from seqir.formats import objects
from seqir.layer.families import LAYERS
from seqir.layers import Layer
from seqir.narrow import is_mapping, is_sequence
from seqir.persistence.configuration import decoder_for, entry
from seqir.plain import is_array, is_numpy_scalar

_SERIALIZE: Final[dict[type, Callable[[Any], object]]] = {
    constraints.Constraint: constraints.serialize,
    initializers.Initializer: initializers.serialize,
    losses.Loss: losses.serialize,
    metrics.Metric: metrics.serialize,
    optimizers.Optimizer: optimizers.serialize,
    regularizers.Regularizer: regularizers.serialize,
}
_PACKAGES: Final[dict[str, Callable[[Any], object]]] = {
    "activations": activations.get,
    "constraints": constraints.get,
    "initializers": initializers.get,
    "losses": losses.get,
    "metrics": metrics.get,
    "optimizers": optimizers.get,
    "regularizers": regularizers.get,
}


def serialize_keras_object(obj: object) -> Any:
    """A layer, model, loss, metric, ... or plain value as what JSON can hold.

    Raises: UnsupportedError for what no file can keep.
    Source: ``keras.saving.serialize_keras_object``.
    """
    if obj is None or isinstance(obj, str | int | float | bool):
        return obj
    if isinstance(obj, DTypePolicy):
        return dtype_policies.serialize(obj)
    if is_mapping(obj):
        return {str(key): serialize_keras_object(value) for key, value in obj.items()}
    if is_sequence(obj):
        return [serialize_keras_object(value) for value in obj]
    if is_numpy_scalar(obj):
        return obj.item()
    if is_array(obj):
        config = {"value": obj.tolist(), "dtype": obj.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    if isinstance(obj, Layer):
        return objects.encode_layer(obj, entry)
    for kind in type(obj).__mro__:
        if kind in _SERIALIZE:
            return _SERIALIZE[kind](obj)
    if callable(obj):
        return objects.function(obj)
    raise UnsupportedError(
        f"{obj!r} of type {type(obj).__name__} cannot be kept in a file: it has no "
        "get_config that seqir knows"
    )


def deserialize_keras_object(
    config: object,
    custom_objects: Mapping[str, object] | None = None,
    safe_mode: bool = True,
) -> Any:
    """What `serialize_keras_object` (or Keras's) has made a dictionary of.

    Nothing in it is run, whatever `safe_mode` says; other classes than seqir's come
    from `custom_objects`, and from what was registered.

    Raises: UnsafeFileError, UnsupportedError or CorruptFileError with all reasons.
    Source: ``keras.saving.deserialize_keras_object``.
    """
    del safe_mode
    decoder = decoder_for("the configuration", custom_objects)
    found = None
    with decoder.reasons.gather("the object"):
        found = _made(config, decoder)
    decoder.reasons.check()
    return found


def _made(found: object, decoder: objects.Decoder) -> Any:
    if is_sequence(found):
        return [_made(value, decoder) for value in found]
    if not is_mapping(found):
        return found
    kind = found.get("class_name")
    if not isinstance(kind, str):
        return {key: _made(value, decoder) for key, value in found.items()}
    package = str(found.get("module", "")).removeprefix("keras.")
    if kind in LAYERS or kind in decoder.models or package == "layers":
        return decoder.layer(found)
    made = decoder.values(found)
    if not is_mapping(made):
        return activations.get(made) if kind == "function" else made
    if kind in dtype_policies.KINDS:
        return dtype_policies.deserialize(made)
    if package not in _PACKAGES:
        raise CorruptFileError(
            f"{kind!r} of {found.get('module')!r} is none of seqir's classes: pass it "
            f"as custom_objects={{{kind!r}: ...}}, or register it"
        )
    return _PACKAGES[package](made)
