"""Optimizers and schedules as dictionaries, and by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqir import stored
from seqir.errors import ArgumentError, did_you_mean


def store(thing: Any, room: str, known: Mapping[str, type]) -> dict[str, Any]:
    """The dictionary that `restore` (and Keras) turns back into the object."""
    own = known.get(type(thing).__name__.lower()) is type(thing)
    return stored.store(thing, thing.get_config(), room, own=own)


def restore(found: Mapping[str, Any], room: str, known: Mapping[str, type]) -> Any:
    """The object that `store` described.

    Raises: ArgumentError for a dictionary of another form, and for classes that are
        not seqir's: they have to be made by whoever has them.
    """
    name, config = stored.unstore(found, room)
    return find(name, room, known).from_config(config)


def find(name: str, room: str, known: Mapping[str, Any]) -> Any:
    """The class of that name, upper or lower case.

    Raises: ArgumentError for an unknown name.
    """
    if name.lower() not in known:
        near = did_you_mean(name.lower(), known)
        raise ArgumentError(f"seqir has no {name!r} in {room}.{near}")
    return known[name.lower()]
