"""How far predictions go along with labels: functions, and their means."""

from __future__ import annotations

from typing import Any

from seqir import config, losses, ops
from seqir.metrics.reduction import MeanMetricWrapper


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """mean(standardized y_true * standardized y_pred) along the axis.

    Shapes: [..., n, ...], [..., n, ...] -> without the axis.
    Source: ``keras.metrics.pearson_correlation``.
    """
    a, b = (
        (x - ops.mean(x, axis, keepdims=True)) / ops.std(x, axis, keepdims=True)
        for x in _pair(y_true, y_pred)
    )
    return ops.mean(a * b, axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """2 cov(a, b) / (var(a) + var(b) + (mean(a) - mean(b))²) along the axis.

    Shapes: [..., n, ...], [..., n, ...] -> without the axis.
    Source: ``keras.metrics.concordance_correlation``.
    """
    a, b = _pair(y_true, y_pred)
    mean_a, mean_b = (ops.mean(x, axis, keepdims=True) for x in (a, b))
    spread = ops.var(a, axis, keepdims=True) + ops.var(b, axis, keepdims=True)
    norm = spread + ops.square(mean_a - mean_b) + config.epsilon()
    return ops.mean(2.0 * (a - mean_b) * (b - mean_b) / norm, axis)


class PearsonCorrelation(MeanMetricWrapper):
    """Mean of `pearson_correlation`. Source: ``keras.metrics.PearsonCorrelation``."""

    direction = "up"

    def __init__(
        self,
        name: str | None = "pearson_correlation",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean of `concordance_correlation`.

    Source: ``keras.metrics.ConcordanceCorrelation``.
    """

    direction = "up"

    def __init__(
        self,
        name: str | None = "concordance_correlation",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)


def _pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both in the predictions' type and rank."""
    y_pred = ops.convert_to_tensor(y_pred)
    return losses.same_rank(ops.cast(y_true, y_pred.dtype), y_pred)
