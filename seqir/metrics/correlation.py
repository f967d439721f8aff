"""Correlation of predictions with labels: functions, and their means."""

from __future__ import annotations

from seqir import config, losses, ops
from seqir.fields import keyword
from seqir.metrics.reduction import MeanMetricWrapper
from seqir.ops.tensor import Result, TensorLike


def pearson_correlation(
    y_true: TensorLike, y_pred: TensorLike, axis: int = -1
) -> Result:
    """mean(standardized y_true * standardized y_pred) along the axis.

    Shapes: [..., n, ...], [..., n, ...] -> without the axis.
    Source: ``keras.metrics.pearson_correlation``.
    """
    a, b = (
        (x - ops.mean(x, axis, keepdims=True)) / ops.std(x, axis, keepdims=True)
        for x in _pair(y_true, y_pred)
    )
    return ops.mean(a * b, axis)


def concordance_correlation(
    y_true: TensorLike, y_pred: TensorLike, axis: int = -1
) -> Result:
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

    fn = staticmethod(pearson_correlation)
    axis: int = keyword(default=-1)
    name = "pearson_correlation"
    order = ("name", "dtype")


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean of `concordance_correlation`.

    Source: ``keras.metrics.ConcordanceCorrelation``.
    """

    direction = "up"

    fn = staticmethod(concordance_correlation)
    axis: int = keyword(default=-1)
    name = "concordance_correlation"
    order = ("name", "dtype")


def _pair(y_true: TensorLike, y_pred: TensorLike) -> tuple[Result, Result]:
    """Both in the predictions' type and rank."""
    found = ops.convert_to_tensor(y_pred)
    return losses.same_rank(ops.cast(y_true, found.dtype), found)


__all__ = [
    "ConcordanceCorrelation",
    "PearsonCorrelation",
    "concordance_correlation",
    "pearson_correlation",
]
