"""What a layer was made with, for those whose ``__init__`` somebody else wrote.

A layer of seqir describes itself: its arguments are its fields, or `_described` names
them. A class made from it with an ``__init__`` of its own takes other arguments; they
are recorded when the layer is made, so that its configuration makes an equal one.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, ParamSpec

from seqir import nest, plain
from seqir.errors import UnsupportedError
from seqir.layer import configuration
from seqir.layer.state import Stateful, state_of

_BASE: Final = ("name", "trainable", "dtype")
_PLAIN: Final = (str, int, float, bool, type(None))
_UNNAMED: Final = "*"
_P = ParamSpec("_P")


def declare(cls: Any) -> None:
    """Whether arguments are recorded: if the ``__init__`` is not one of seqir's."""
    for above in cls.__mro__:
        init = above.__dict__.get("__init__")
        if init is not None and not hasattr(init, "fields"):
            cls._is_recorded = above.__module__.split(".")[0] != "seqir"
            return


def of_call(cls: Any, args: Any, kwargs: Any) -> dict[str, object]:
    """The arguments of ``cls(*args, **kwargs)`` by name, with defaults."""
    if not cls._is_recorded:
        return {}
    try:
        bound = inspect.signature(cls).bind(*args, **kwargs)
    except TypeError:  # which the call will raise again
        return {}
    bound.apply_defaults()
    return _by_name(bound)


def noted(init: Callable[_P, None]) -> Callable[_P, None]:
    """An ``__init__`` of seqir that keeps what it was given, as one of fields does."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> None:
        found = _by_name(signature.bind(*args, **kwargs))
        found.pop("self")._layer_state.handed_on.update(found)
        plain.arguments(init)(*args, **kwargs)

    return wrapper


def _by_name(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Arguments by name; what has none is under `_UNNAMED`, if there is any."""
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        elif kind in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.POSITIONAL_ONLY,
        ):
            if value != ():
                found[_UNNAMED] = value
        else:
            found[name] = value
    return found


def config(layer: Stateful, described: dict[str, object]) -> dict[str, Any]:
    """The configuration of a layer that describes the part of it that is seqir's.

    An argument that was passed on to seqir's class as it is, and one that was left to
    its default, that class describes. The others are those of the ``__init__`` alone.

    Raises: UnsupportedError if one is not plain data.
    """
    arguments, given = dict(state_of(layer).made_with), state_of(layer).handed_on
    unnamed = arguments.pop(_UNNAMED, None) is not None
    if unnamed and not given:
        raise UnsupportedError(
            f"layer {layer.name!r} was made with positional arguments that have no "
            f"name, so its configuration is not known: define get_config in "
            f"{type(layer).__name__}"
        )
    parameters = inspect.signature(type(layer)).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    def is_described(name: str) -> bool:
        if name in arguments:
            return name in _BASE or (name in given and arguments[name] is given[name])
        if name in given:
            return unnamed
        return anything or name in ("trainable", "dtype")

    found = {name: value for name, value in described.items() if is_described(name)}
    for name, value in arguments.items():
        if name not in found and name not in _BASE:
            found[name] = _plain(layer, name, value)
    return found


def _plain(layer: Stateful, name: str, value: object) -> Any:
    # A layer that is an argument has a configuration, which would come back as that.
    is_layer = hasattr(value, "compute_output_shape")
    shown = value if is_layer else configuration.plain(name, value)
    leaves = nest.flatten(shown)
    named = callable(shown) and hasattr(shown, "__name__")
    if not named and not all(isinstance(leaf, _PLAIN) for leaf in leaves):
        raise UnsupportedError(
            f"the argument {name} of layer {layer.name!r} is {value!r}, no plain data: "
            f"define get_config in {type(layer).__name__}"
        )
    return shown
