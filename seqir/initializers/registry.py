"""Initializers by name, and as a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isclass
from typing import Any, Final, overload

from seqir import naming
from seqir.errors import ArgumentError
from seqir.initializers import constant, random, scaling, stft
from seqir.initializers.base import Initializer
from seqir.initializers.constant import Given, Identity, Ones, Zeros
from seqir.initializers.random import Orthogonal, RandomNormal, RandomUniform
from seqir.initializers.stft import STFT
from seqir.registry import Registry, listed

REGISTRY: Final = Registry(
    "initializers",
    "initializer",
    Initializer,
    unknown="{name!r} is not an {kind}.",
    spellings=lambda name: (name, naming.to_snake_case(name)),
)
REGISTRY.add(
    (thing for thing in listed(constant, random, scaling, stft) if isclass(thing)),
    {
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "STFTInitializer": STFT,
        "normal": RandomNormal,
        "one": Ones,
        "uniform": RandomUniform,
        "zero": Zeros,
    },
)


@overload
def get(
    identifier: str | Mapping[str, Any] | Callable[..., Any],
) -> Callable[..., Any]: ...
@overload
def get(identifier: object) -> Callable[..., Any] | None: ...
def get(identifier: object) -> Callable[..., Any] | None:
    """The initializer for a name, class, instance, function, dictionary, array or None.

    A name or class makes a new instance on every call; a function
    ``f(shape, dtype)`` and None come back as they are.

    Raises: ArgumentError for anything else, with the nearest known name.
    """
    if hasattr(identifier, "__array__"):
        return Given(identifier)
    if isinstance(identifier, list):
        raise ArgumentError(
            f"{identifier!r} is not an initializer; pass Constant(array)"
        )
    return REGISTRY.get(identifier)


def serialize(initializer: object) -> dict[str, Any] | None:
    """The dictionary that `get` (and Keras) turns back into the initializer.

    Raises: ArgumentError for what cannot be a dictionary, such as a function.
    """
    if initializer is None:
        return None
    if isinstance(initializer, Given):
        raise ArgumentError(
            f"{initializer!r} has no config, so it cannot be stored; "
            "use Constant(array)"
        )
    return REGISTRY.serialize(initializer)


deserialize = REGISTRY.deserialize

__all__ = ["deserialize", "get", "serialize"]
