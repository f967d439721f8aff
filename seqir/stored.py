"""Losses, optimizers and their kind as dictionaries, in the form that Keras stores.

A dictionary names a class; which class that is, the package that it belongs to decides.
No name in it is ever looked up anywhere else.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from seqir.errors import ArgumentError
from seqir.narrow import is_mapping
from seqir.registered import get_registered_name

_T = TypeVar("_T")


def store(thing: Any, config: Any, package: str, *, own: bool) -> dict[str, Any]:
    """The dictionary that stands for an object; `own` if its class is seqir's."""
    cls = thing.__class__
    return {
        "module": f"keras.{package}" if own else cls.__module__,
        "class_name": cls.__name__,
        "config": config,
        "registered_name": None if own else get_registered_name(cls),
    }


def function(name: str, registered_name: str = "function") -> dict[str, Any]:
    """The dictionary that stands for a function."""
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": registered_name,
    }


def unstore(stored: Mapping[str, Any], package: str) -> tuple[str, dict[str, Any]]:
    """The name of the class and its configuration.

    Raises: ArgumentError for a dictionary of another form, and for classes that are
        not seqir's: they have to be made by whoever has them.
    """
    name, config = stored.get("class_name"), stored.get("config", {})
    if not isinstance(name, str) or not is_mapping(config):
        raise ArgumentError(
            f"what is stored for {package} is "
            f"{{'class_name': ..., 'config': {{...}}}}, got {dict(stored)}"
        )
    if stored.get("module") not in (None, f"keras.{package}", f"seqir.{package}"):
        raise ArgumentError(
            f"{stored['module']}.{name} is not one of seqir's {package}: pass the "
            "object itself"
        )
    return name, dict(config)


def from_arguments(cls: type[_T], config: Mapping[str, Any]) -> _T:
    """An object of the class, from the arguments in its configuration.

    Raises: ArgumentError if a name in `config` is not an argument of the class, or one
        that it needs is not there.
    """
    try:
        inspect.signature(cls).bind(**config)
    except TypeError as error:
        raise ArgumentError(
            f"config {dict(config)} does not fit {cls.__name__}: {error}"
        ) from None
    return cls(**config)
