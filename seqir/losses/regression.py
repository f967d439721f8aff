"""Losses of numbers: how far predictions are from what they should be."""

from __future__ import annotations

import math

from seqir import config, ops
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import aligned
from seqir.ops.tensor import Result, TensorLike


def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """mean((y_true - y_pred)²) over the last axis.

    Source: ``keras.losses.mean_squared_error``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """mean(|y_true - y_pred|) over the last axis.

    Source: ``keras.losses.mean_absolute_error``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """100 * mean(|y_true - y_pred| / max(|y_true|, ε)) over the last axis.

    Units: percent. Source: ``keras.losses.mean_absolute_percentage_error``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    size = ops.maximum(ops.absolute(y_true), config.epsilon())
    return 100.0 * ops.mean(ops.absolute((y_true - y_pred) / size), axis=-1)


def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """mean((log(1 + y_true) - log(1 + y_pred))²) over the last axis, both >= ε.

    Source: ``keras.losses.mean_squared_logarithmic_error``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    distance = _log_from_one(y_pred) - _log_from_one(y_true)
    return ops.mean(ops.square(distance), axis=-1)


def _log_from_one(x: TensorLike) -> Result:
    return ops.log(ops.maximum(x, config.epsilon()) + 1.0)


def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Result:
    """-y_true · y_pred / (|y_true| |y_pred|) along an axis: -1 is the same direction.

    Lengths are at least ε, so that a vector of zeros gives 0.

    Source: ``keras.losses.cosine_similarity``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    lengths = _reciprocal_length(y_true, axis) * _reciprocal_length(y_pred, axis)
    return -ops.sum(y_true * y_pred, axis=axis) * lengths


def _reciprocal_length(x: TensorLike, axis: int) -> Result:
    square = ops.sum(ops.square(x), axis=axis)
    return ops.rsqrt(ops.maximum(square, config.epsilon() ** 2))


def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Result:
    """mean(e²/2 where |e| <= delta, else delta * (|e| - delta/2)), last axis.

    With c = e clipped to ±delta it is c * (e - c/2), and its gradient is c.

    Source: ``keras.losses.huber``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    near = ops.clip(error, -delta, delta)
    return ops.mean(near * (error - 0.5 * near), axis=-1)


def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """mean(log(cosh(y_pred - y_true))) over the last axis.

    Source: ``keras.losses.log_cosh``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(error * -2.0) - math.log(2.0), axis=-1)


class MeanSquaredError(LossFunctionWrapper):
    """(y_true - y_pred)², averaged. Source: ``keras.losses.MeanSquaredError``."""

    fn = staticmethod(mean_squared_error)
    name = "mean_squared_error"


class MeanAbsoluteError(LossFunctionWrapper):
    """|y_true - y_pred|, averaged. Source: ``keras.losses.MeanAbsoluteError``."""

    fn = staticmethod(mean_absolute_error)
    name = "mean_absolute_error"


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The absolute error in percent of y_true, averaged.

    Source: ``keras.losses.MeanAbsolutePercentageError``.
    """

    fn = staticmethod(mean_absolute_percentage_error)
    name = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """(log(1 + y_true) - log(1 + y_pred))², averaged.

    Source: ``keras.losses.MeanSquaredLogarithmicError``.
    """

    fn = staticmethod(mean_squared_logarithmic_error)
    name = "mean_squared_logarithmic_error"


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between y_true and y_pred, averaged.

    Source: ``keras.losses.CosineSimilarity``.
    """

    fn = staticmethod(cosine_similarity)
    axis: int = -1
    name = "cosine_similarity"


class Huber(LossFunctionWrapper):
    """Squared error near 0, absolute error from `delta` on, averaged.

    Source: ``keras.losses.Huber``.
    """

    fn = staticmethod(huber)
    delta: float = 1.0
    name = "huber_loss"


class LogCosh(LossFunctionWrapper):
    """log(cosh(y_pred - y_true)), averaged. Source: ``keras.losses.LogCosh``."""

    fn = staticmethod(log_cosh)
    name = "log_cosh"


__all__ = [
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "cosine_similarity",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]
