"""Losses of regions: how much of two masks does not overlap."""

from __future__ import annotations

from seqir import config, ops
from seqir.fields import keyword
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import aligned
from seqir.ops.tensor import Result, TensorLike
from seqir.shapes import Axes


def dice(y_true: TensorLike, y_pred: TensorLike, axis: Axes | None = None) -> Result:
    """1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + ε).

    Sums are along `axis`: None is all axes, that of the samples too.

    Source: ``keras.losses.dice``.
    """
    both, truth, found = _areas(y_true, y_pred, axis)
    return 1.0 - 2.0 * both / (truth + found + config.epsilon())


def tversky(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: Axes | None = None,
) -> Result:
    """1 - both / (both + alpha * missed + beta * invented + ε).

    both = sum(y_true * y_pred), missed = sum(y_true) - both, invented = sum(y_pred) -
    both, along `axis` (None: all axes, that of the samples too).

    Source: ``keras.losses.tversky``; arXiv:1706.05721.
    """
    both, truth, found = _areas(y_true, y_pred, axis)
    missed, invented = alpha * (truth - both), beta * (found - both)
    return 1.0 - both / (both + missed + invented + config.epsilon())


def _areas(
    y_true: TensorLike, y_pred: TensorLike, axis: Axes | None
) -> tuple[Result, Result, Result]:
    """Sums along an axis: of the product, of the labels, of the predictions."""
    y_true, y_pred = aligned(y_true, y_pred)
    product = ops.sum(y_true * y_pred, axis=axis)
    return product, ops.sum(y_true, axis=axis), ops.sum(y_pred, axis=axis)


class Dice(LossFunctionWrapper):
    """1 - the Dice coefficient of two masks. Source: ``keras.losses.Dice``."""

    fn = staticmethod(dice)
    axis: Axes | None = keyword(default=None)
    name = "dice"
    order = ("reduction", "name")


class Tversky(LossFunctionWrapper):
    """1 - the Tversky index of two masks. Source: ``keras.losses.Tversky``."""

    fn = staticmethod(tversky)
    alpha: float = 0.5
    beta: float = 0.5
    axis: Axes | None = keyword(default=None)
    name = "tversky"
    order = ("alpha", "beta", "reduction", "name")


__all__ = [
    "Dice",
    "Tversky",
    "dice",
    "tversky",
]
