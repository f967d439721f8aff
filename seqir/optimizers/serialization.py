"""Optimizers and schedules as dictionaries, in the form that Keras stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqir.errors import ArgumentError, did_you_mean


def store(thing: Any, room: str, known: Mapping[str, type]) -> dict[str, Any]:
    """The dictionary that `restore` (and Keras) turns back into the object."""
    cls = type(thing)
    own = known.get(cls.__name__.lower()) is cls
    return {
        "module": f"keras.{room}" if own else cls.__module__,
        "class_name": cls.__name__,
        "config": thing.get_config(),
        "registered_name": None if own else cls.__name__,
    }


def restore(stored: Mapping[str, Any], room: str, known: Mapping[str, type]) -> Any:
    """The object that `store` described.

    Raises: ArgumentError for a dictionary of another form, and for classes that are
        not seqir's: they have to be made by whoever has them.
    """
    name, config = stored.get("class_name"), stored.get("config", {})
    if not isinstance(name, str) or not isinstance(config, Mapping):
        raise ArgumentError(
            f"what is stored for {room} is {{'class_name': ..., 'config': {{...}}}}, "
            f"got {dict(stored)}"
        )
    if stored.get("module") not in (None, f"keras.{room}", f"seqir.{room}"):
        raise ArgumentError(
            f"{stored['module']}.{name} is not one of seqir's {room}: pass the object "
            "itself"
        )
    return find(name, room, known).from_config(dict(config))


def find(name: str, room: str, known: Mapping[str, Any]) -> Any:
    """The class of that name, upper or lower case.

    Raises: ArgumentError for an unknown name.
    """
    if name.lower() not in known:
        near = did_you_mean(name.lower(), known)
        raise ArgumentError(f"seqir has no {name!r} in {room}.{near}")
    return known[name.lower()]
