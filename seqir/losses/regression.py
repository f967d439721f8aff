"""Losses of numbers: how far predictions are from what they should be."""

from __future__ import annotations

import math
from typing import Any

from seqir import config, ops
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import aligned


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean((y_true - y_pred)²) over the last axis.

    Source: ``keras.losses.mean_squared_error``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean(|y_true - y_pred|) over the last axis.

    Source: ``keras.losses.mean_absolute_error``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 * mean(|y_true - y_pred| / max(|y_true|, ε)) over the last axis.

    Units: percent. Source: ``keras.losses.mean_absolute_percentage_error``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    size = ops.maximum(ops.absolute(y_true), config.epsilon())
    return 100.0 * ops.mean(ops.absolute((y_true - y_pred) / size), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """mean((log(1 + y_true) - log(1 + y_pred))²) over the last axis, both >= ε.

    Source: ``keras.losses.mean_squared_logarithmic_error``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    distance = _log_from_one(y_pred) - _log_from_one(y_true)
    return ops.mean(ops.square(distance), axis=-1)


def _log_from_one(x: Any) -> Any:
    return ops.log(ops.maximum(x, config.epsilon()) + 1.0)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """-y_true · y_pred / (|y_true| |y_pred|) along an axis: -1 is the same direction.

    Lengths are at least ε, so that a vector of zeros gives 0.

    Source: ``keras.losses.cosine_similarity``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    lengths = _reciprocal_length(y_true, axis) * _reciprocal_length(y_pred, axis)
    return -ops.sum(y_true * y_pred, axis=axis) * lengths


def _reciprocal_length(x: Any, axis: int) -> Any:
    square = ops.sum(ops.square(x), axis=axis)
    return ops.rsqrt(ops.maximum(square, config.epsilon() ** 2))


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """mean(e²/2 where |e| <= delta, else delta * (|e| - delta/2)), last axis.

    With c = e clipped to ±delta it is c * (e - c/2), and its gradient is c.

    Source: ``keras.losses.huber``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    near = ops.clip(error, -delta, delta)
    return ops.mean(near * (error - 0.5 * near), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """mean(log(cosh(y_pred - y_true))) over the last axis.

    Source: ``keras.losses.log_cosh``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(error * -2.0) - math.log(2.0), axis=-1)


class MeanSquaredError(LossFunctionWrapper):
    """(y_true - y_pred)², averaged. Source: ``keras.losses.MeanSquaredError``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """|y_true - y_pred|, averaged. Source: ``keras.losses.MeanAbsoluteError``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The absolute error in percent of y_true, averaged.

    Source: ``keras.losses.MeanAbsolutePercentageError``.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """(log(1 + y_true) - log(1 + y_pred))², averaged.

    Source: ``keras.losses.MeanSquaredLogarithmicError``.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between y_true and y_pred, averaged.

    Source: ``keras.losses.CosineSimilarity``.
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(LossFunctionWrapper):
    """Squared error near 0, absolute error from `delta` on, averaged.

    Source: ``keras.losses.Huber``.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """log(cosh(y_pred - y_true)), averaged. Source: ``keras.losses.LogCosh``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(log_cosh, reduction, name, dtype)
