"""Classes and functions of the caller's that files may name.

A file names a class, and which class that is, the program says: by `custom_objects`,
by registering the class, or for the duration of a `CustomObjectScope`. No name in a
file is looked up anywhere else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Any, Final, Self, TypeVar

from seqir.errors import ArgumentError
from seqir.narrow import is_mapping

_T = TypeVar("_T")

_registered: Final[dict[str, Any]] = {}
_scoped: ContextVar[Mapping[str, Any] | None] = ContextVar("scope", default=None)


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[_T], _T]:
    """A decorator after which files find a class or function by its name.

    Raises: ArgumentError if it is neither, or a class without `get_config`.
    Source: ``keras.saving.register_keras_serializable``.
    """

    def register(thing: _T) -> _T:
        own = name if name is not None else getattr(thing, "__name__", None)
        if own is None:
            raise ArgumentError(
                f"a class or a function can be registered, got {thing!r}"
            )
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ArgumentError(
                f"class {own} cannot be registered: it has no get_config, from which "
                "a file could make it again"
            )
        _registered[f"{package}>{own}"] = thing
        return thing

    return register


def get_custom_objects() -> dict[str, Any]:
    """What has been registered, by name; it can be added to.

    Source: ``keras.saving.get_custom_objects``.
    """
    return _registered


def get_registered_name(thing: Any) -> str:
    """The name that files have for a class or function: ``package>name``.

    Source: ``keras.saving.get_registered_name``.
    """
    for name, known in _registered.items():
        if known is thing:
            return name
    return thing.__name__


def name_of_function(thing: object) -> str:
    """The name that files have for a function; Keras writes "function" for most."""
    found = (name for name, known in _registered.items() if known is thing)
    return next(found, "function")


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The class or function of a name, or None.

    Source: ``keras.saving.get_registered_object``.
    """
    for known in (_scoped.get(), _registered, custom_objects, module_objects):
        if known and name in known:
            return known[name]
    return None


def known() -> dict[str, Any]:
    """All that files may name now, with the package before the name and without."""
    found = {**_registered, **(_scoped.get() or {})}
    return {name.rpartition(">")[2]: thing for name, thing in found.items()} | found


def custom(config: object, custom_objects: Mapping[str, Any] | None) -> Any:
    """The caller's object that a configuration names, or what `get` takes for it."""
    found = {**known(), **(custom_objects or {})}
    if not is_mapping(config):
        return found.get(config, config) if isinstance(config, str) else config
    name, inner = config.get("class_name"), config.get("config")
    if name == "function":
        return found.get(inner, inner) if isinstance(inner, str) else inner
    for own in (config.get("registered_name"), name):
        if isinstance(own, str) and own in found:
            kind = found[own]
            return kind.from_config(inner) if hasattr(kind, "from_config") else kind
    return config


class CustomObjectScope:
    """Files that are loaded inside find these classes and functions by their names.

    Source: ``keras.saving.CustomObjectScope``.
    """

    def __init__(self, custom_objects: Mapping[str, Any]) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._tokens: list[Token[Mapping[str, Any] | None]] = []

    def __enter__(self) -> Self:
        self._tokens.append(
            _scoped.set({**(_scoped.get() or {}), **self.custom_objects})
        )
        return self

    def __exit__(self, *_: object) -> None:
        _scoped.reset(self._tokens.pop())


custom_object_scope = CustomObjectScope
