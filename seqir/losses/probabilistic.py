"""Losses of distributions and counts."""

from __future__ import annotations

from seqir import config, ops
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import aligned
from seqir.ops.tensor import Result, TensorLike


def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """sum(y_true * log(y_true / y_pred)) over the last axis, both clipped to [ε, 1].

    Units: nats. Source: ``keras.losses.kl_divergence``.
    """
    p, q = (ops.clip(x, config.epsilon(), 1.0) for x in aligned(y_true, y_pred))
    return ops.sum(p * ops.log(p / q), axis=-1)


def poisson(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """mean(y_pred - y_true * log(y_pred + ε)) over the last axis.

    Source: ``keras.losses.poisson``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


class KLDivergence(LossFunctionWrapper):
    """How far y_pred is from the distribution y_true, in nats, averaged.

    Source: ``keras.losses.KLDivergence``.
    """

    fn = staticmethod(kl_divergence)
    name = "kl_divergence"


class Poisson(LossFunctionWrapper):
    """-log of the Poisson probability of y_true at rate y_pred, without its constant.

    Source: ``keras.losses.Poisson``.
    """

    fn = staticmethod(poisson)
    name = "poisson"


__all__ = [
    "KLDivergence",
    "Poisson",
    "kl_divergence",
    "poisson",
]
