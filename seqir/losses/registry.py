"""Losses by name, and as a dictionary."""

from __future__ import annotations

from typing import Final

from seqir.losses import (
    base,
    crossentropy,
    embedding,
    focal,
    margin,
    overlap,
    probabilistic,
    regression,
    sequence,
)
from seqir.registry import Registry, listed

REGISTRY: Final = Registry(
    "losses", "loss", base.Loss, hint=": pass a name, a Loss or a function"
)
_FILES: Final = (
    regression, probabilistic, crossentropy, focal, margin, overlap, embedding, sequence
)  # fmt: skip
_SHORT: Final = {
    "bce": crossentropy.binary_crossentropy,
    "kld": probabilistic.kl_divergence,
    "logcosh": regression.log_cosh,
    "mae": regression.mean_absolute_error,
    "mape": regression.mean_absolute_percentage_error,
    "mse": regression.mean_squared_error,
    "msle": regression.mean_squared_logarithmic_error,
}

REGISTRY.add(
    [*listed(*_FILES), base.LossFunctionWrapper],
    {
        "kullback_leibler_divergence": probabilistic.kl_divergence,
        **_SHORT,
        **{name.upper(): function for name, function in _SHORT.items()},
    },
)

get = REGISTRY.get
serialize = REGISTRY.serialize
deserialize = REGISTRY.deserialize

__all__ = ["REGISTRY", "deserialize", "get", "serialize"]
