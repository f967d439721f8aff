"""Losses of regions: how much of two masks does not overlap."""

from __future__ import annotations

from typing import Any

from seqir import config, ops
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import aligned


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + ε).

    Sums are along `axis`: None is all axes, that of the samples too.

    Source: ``keras.losses.dice``.
    """
    both, truth, found = _areas(y_true, y_pred, axis)
    return 1.0 - 2.0 * both / (truth + found + config.epsilon())


def tversky(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: Any = None,
) -> Any:
    """1 - both / (both + alpha * missed + beta * invented + ε).

    both = sum(y_true * y_pred), missed = sum(y_true) - both, invented = sum(y_pred) -
    both, along `axis` (None: all axes, that of the samples too).

    Source: ``keras.losses.tversky``; arXiv:1706.05721.
    """
    both, truth, found = _areas(y_true, y_pred, axis)
    missed, invented = alpha * (truth - both), beta * (found - both)
    return 1.0 - both / (both + missed + invented + config.epsilon())


def _areas(y_true: Any, y_pred: Any, axis: Any) -> tuple[Any, Any, Any]:
    """Sums along an axis: of the product, of the labels, of the predictions."""
    y_true, y_pred = aligned(y_true, y_pred)
    product = ops.sum(y_true * y_pred, axis=axis)
    return product, ops.sum(y_true, axis=axis), ops.sum(y_pred, axis=axis)


class Dice(LossFunctionWrapper):
    """1 - the Dice coefficient of two masks. Source: ``keras.losses.Dice``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """1 - the Tversky index of two masks. Source: ``keras.losses.Tversky``."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis
        )
