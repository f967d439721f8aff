"""Losses of distributions and counts."""

from __future__ import annotations

from typing import Any

from seqir import config, ops
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import aligned


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """sum(y_true * log(y_true / y_pred)) over the last axis, both clipped to [ε, 1].

    Units: nats. Source: ``keras.losses.kl_divergence``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    y_true = ops.clip(y_true, config.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """mean(y_pred - y_true * log(y_pred + ε)) over the last axis.

    Source: ``keras.losses.poisson``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


class KLDivergence(LossFunctionWrapper):
    """How far y_pred is from the distribution y_true, in nats, averaged.

    Source: ``keras.losses.KLDivergence``.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """-log of the Poisson probability of y_true at rate y_pred, without its constant.

    Source: ``keras.losses.Poisson``.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)
