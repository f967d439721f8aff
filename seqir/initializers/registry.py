"""Initializers by name, and as a dictionary."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from seqir.errors import ArgumentError, did_you_mean
from seqir.initializers.base import Initializer
from seqir.initializers.constant import Constant, Given, Identity, Ones, Zeros
from seqir.initializers.random import (
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
)
from seqir.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from seqir.initializers.stft import STFT
from seqir.stored import store, unstore

_CLASSES: Final[dict[str, type[Initializer]]] = {
    cls.__name__: cls
    for cls in (
        Constant, Zeros, Ones, Identity, STFT, RandomNormal, RandomUniform,
        TruncatedNormal, VarianceScaling, GlorotNormal, GlorotUniform, HeNormal,
        HeUniform, LecunNormal, LecunUniform, Orthogonal,
    )
}  # fmt: skip

NAMES: Final[dict[str, type[Initializer]]] = {
    **_CLASSES,
    **{re.sub("(?<=[a-z])(?=[A-Z])", "_", n).lower(): c for n, c in _CLASSES.items()},
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "STFTInitializer": STFT,
    "normal": RandomNormal,
    "one": Ones,
    "uniform": RandomUniform,
    "zero": Zeros,
}


def get(identifier: Any) -> Callable[..., Any] | None:
    """The initializer for a name, class, instance, function, dictionary, array or None.

    A name or class makes a new instance on every call; a function
    ``f(shape, dtype)`` and None come back as they are.

    Raises: ArgumentError for anything else, with the nearest known name.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        return _find(identifier)()
    if isinstance(identifier, Mapping):
        return _deserialize(identifier)
    if hasattr(identifier, "__array__"):
        return Given(identifier)
    made = identifier() if inspect.isclass(identifier) else identifier
    if callable(made):
        return made
    hint = "; pass Constant(array)" if isinstance(made, list) else ""
    raise ArgumentError(f"{identifier!r} is not an initializer{hint}")


def serialize(initializer: Any) -> dict[str, Any] | None:
    """The dictionary that `get` (and Keras) turns back into the initializer.

    Raises: ArgumentError for what cannot be a dictionary, such as a function.
    """
    if initializer is None:
        return None
    if not isinstance(initializer, Initializer):
        hint = "; use Constant(array)" if isinstance(initializer, Given) else ""
        raise ArgumentError(
            f"{initializer!r} has no config, so it cannot be stored{hint}"
        )
    cls = type(initializer)
    own = _CLASSES.get(cls.__name__) is cls
    return store(initializer, initializer.get_config(), "initializers", own=own)


def _find(name: str) -> type[Initializer]:
    if name not in NAMES:
        raise ArgumentError(
            f"{name!r} is not an initializer.{did_you_mean(name, sorted(NAMES))}"
        )
    return NAMES[name]


def _deserialize(stored: Mapping[str, Any]) -> Initializer:
    name, config = unstore(stored, "initializers")
    return _find(name).from_config(config)
