"""``seqir.saving``, as Keras has it."""

from typing import NoReturn

from seqir import absent
from seqir.models import load_model, save_model
from seqir.persistence.serialization import (
    deserialize_keras_object,
    serialize_keras_object,
)
from seqir.persistence.weights import load_weights, save_weights
from seqir.registered import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]


def __getattr__(name: str) -> NoReturn:
    absent.refuse("saving", name)
