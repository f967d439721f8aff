"""Losses by name, and as a dictionary."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from seqir.errors import ArgumentError, did_you_mean
from seqir.losses import (
    crossentropy,
    embedding,
    focal,
    margin,
    overlap,
    probabilistic,
    regression,
    sequence,
)
from seqir.losses.base import Loss, LossFunctionWrapper
from seqir.stored import store, unstore

_CLASSES: Final[dict[str, type[Loss]]] = {
    cls.__name__: cls
    for cls in (
        regression.MeanSquaredError,
        regression.MeanAbsoluteError,
        regression.MeanAbsolutePercentageError,
        regression.MeanSquaredLogarithmicError,
        regression.CosineSimilarity,
        regression.Huber,
        regression.LogCosh,
        probabilistic.KLDivergence,
        probabilistic.Poisson,
        crossentropy.BinaryCrossentropy,
        crossentropy.CategoricalCrossentropy,
        crossentropy.SparseCategoricalCrossentropy,
        crossentropy.CategoricalGeneralizedCrossEntropy,
        focal.BinaryFocalCrossentropy,
        focal.CategoricalFocalCrossentropy,
        margin.Hinge,
        margin.SquaredHinge,
        margin.CategoricalHinge,
        overlap.Dice,
        overlap.Tversky,
        embedding.Circle,
        sequence.CTC,
        LossFunctionWrapper,
    )
}

_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    function.__name__: function
    for function in (
        regression.mean_squared_error,
        regression.mean_absolute_error,
        regression.mean_absolute_percentage_error,
        regression.mean_squared_logarithmic_error,
        regression.cosine_similarity,
        regression.huber,
        regression.log_cosh,
        probabilistic.kl_divergence,
        probabilistic.poisson,
        crossentropy.binary_crossentropy,
        crossentropy.categorical_crossentropy,
        crossentropy.sparse_categorical_crossentropy,
        crossentropy.categorical_generalized_cross_entropy,
        focal.binary_focal_crossentropy,
        focal.categorical_focal_crossentropy,
        margin.hinge,
        margin.squared_hinge,
        margin.categorical_hinge,
        overlap.dice,
        overlap.tversky,
        embedding.circle,
        sequence.ctc,
    )
}

_ALIASES: Final[dict[str, Callable[..., Any]]] = {
    "bce": crossentropy.binary_crossentropy,
    "kld": probabilistic.kl_divergence,
    "kullback_leibler_divergence": probabilistic.kl_divergence,
    "logcosh": regression.log_cosh,
    "mae": regression.mean_absolute_error,
    "mape": regression.mean_absolute_percentage_error,
    "mse": regression.mean_squared_error,
    "msle": regression.mean_squared_logarithmic_error,
}

_TABLE: Final[dict[str, Callable[..., Any]]] = {
    **_CLASSES,
    **_FUNCTIONS,
    **_ALIASES,
    **{name.upper(): function for name, function in _ALIASES.items()},
}


def get(identifier: Any) -> Any:
    """The loss for a name, class, instance, function, dictionary or None.

    The name of a class gives an instance, that of a function (``"mse"``,
    ``"mean_squared_error"``) the function.

    Raises: ArgumentError for anything else, with the nearest known name.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        identifier = _find(identifier)
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    made = identifier() if inspect.isclass(identifier) else identifier
    if callable(made):
        return made
    raise ArgumentError(f"{identifier!r} is no loss: pass a name, a Loss or a function")


def serialize(loss: Any) -> dict[str, Any]:
    """The dictionary that `deserialize` (and Keras) turns back into the loss.

    Raises: ArgumentError for a function that is not one of seqir's.
    """
    if not isinstance(loss, Loss):
        name = getattr(loss, "__name__", None)
        if name is None or _FUNCTIONS.get(name) is not loss:
            raise ArgumentError(f"{loss!r} has no config, so it cannot be stored")
        return {
            "module": "builtins",
            "class_name": "function",
            "config": name,
            "registered_name": "function",
        }
    cls, config = type(loss), loss.get_config()
    if "fn" in config:
        config["fn"] = serialize(config["fn"])
    own = _CLASSES.get(cls.__name__) is cls
    return store(loss, config, "losses", own=own)


def deserialize(stored: Mapping[str, Any]) -> Any:
    """The loss or function that `serialize` described.

    Raises: ArgumentError for a dictionary of another form, and for losses that are
        not seqir's: they have to be made by whoever has them.
    """
    function = stored.get("config")
    if stored.get("class_name") == "function" and isinstance(function, str):
        return _find(function)
    name, config = unstore(stored, "losses")
    cls = _find(name, _CLASSES)
    if "fn" in config:
        config["fn"] = deserialize(config["fn"])
    return cls.from_config(config)


def _find(name: str, table: Mapping[str, Any] = _TABLE) -> Any:
    if name not in table:
        raise ArgumentError(f"{name!r} is no loss.{did_you_mean(name, sorted(table))}")
    return table[name]
