"""How far predicted numbers are from the true ones."""

from __future__ import annotations

from typing import Any

from seqir import losses, ops
from seqir.errors import ArgumentError, NotBuiltError, ShapeError
from seqir.metrics.base import Direction, Metric
from seqir.metrics.reduction import Mean, MeanMetricWrapper

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class MeanSquaredError(MeanMetricWrapper):
    """mean((y_true - y_pred)²). Source: ``keras.metrics.MeanSquaredError``."""

    def __init__(
        self, name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """mean(|y_true - y_pred|). Source: ``keras.metrics.MeanAbsoluteError``."""

    def __init__(
        self, name: str | None = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """100 * mean(|y_true - y_pred| / |y_true|).

    Source: ``keras.metrics.MeanAbsolutePercentageError``.
    """

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """mean((log(1 + y_true) - log(1 + y_pred))²).

    Source: ``keras.metrics.MeanSquaredLogarithmicError``.
    """

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """mean(log(cosh(y_pred - y_true))). Source: ``keras.metrics.LogCoshError``."""

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


class RootMeanSquaredError(Mean):
    """√mean((y_true - y_pred)²), the root taken of the mean over all batches.

    Source: ``keras.metrics.RootMeanSquaredError``.
    """

    direction: Direction | None = "down"

    def __init__(
        self, name: str | None = "root_mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take the errors of one batch into account."""
        y_true, y_pred = losses.same_rank(
            ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype)
        )
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self) -> Any:
        """The root of the mean so far."""
        return ops.sqrt(super().result())


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """sum(y_true * y_pred) / (|y_true| * |y_pred|): 1 where directions are the same.

    Shapes: [..., n, ...], [..., n, ...] -> without the axis.
    Source: ``keras.metrics.CosineSimilarity``.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true, y_pred = losses.same_rank(ops.cast(y_true, y_pred.dtype), y_pred)
    return ops.sum(ops.normalize(y_true, axis) * ops.normalize(y_pred, axis), axis)


class CosineSimilarity(MeanMetricWrapper):
    """Mean of `cosine_similarity`. Source: ``keras.metrics.CosineSimilarity``."""

    direction = "up"

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class R2Score(Metric):
    """1 - sum((y_true - y_pred)²) / sum((y_true - mean(y_true))²), for each output.

    The outputs' scores come back as they are (None), as their mean, or weighted by
    the outputs' variances. With p regressors the score of n numbers is adjusted to
    1 - (1 - score) * (n - 1) / (n - p - 1), where n - 1 > p.

    Shapes: y_true and y_pred [samples, outputs].
    Source: ``keras.metrics.R2Score``.
    """

    direction: Direction | None = "up"
    arguments = ("class_aggregation", "num_regressors")

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in AGGREGATIONS:
            raise ArgumentError(
                "class_aggregation must be None, 'uniform_average' or "
                f"'variance_weighted_average', got {class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ArgumentError(f"num_regressors must be >= 0, got {num_regressors}")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._sums: tuple[Any, ...] = ()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take one batch into account.

        Raises: ShapeError unless labels and predictions are [samples, outputs].
        """
        y_true, y_pred = losses.same_rank(
            ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype)
        )
        if not self._sums:
            self._build(ops.shape(y_true), ops.shape(y_pred))
        weight = ops.ones_like(y_true)
        if sample_weight is not None:
            given = ops.cast(sample_weight, self.dtype)
            column = ops.expand_dims(given, 1) if ops.ndim(given) == 1 else given
            weight = ops.expand_like(column, y_true)
        terms = (
            y_true * y_true * weight,
            y_true * weight,
            ops.square(y_true - y_pred) * weight,
            weight,
        )
        for total, term in zip(self._sums, terms, strict=True):
            total.assign(total + ops.sum(term, 0))
        self.num_samples.assign(self.num_samples + ops.sum(ops.ones_like(y_true)))

    def result(self) -> Any:
        """The score so far.

        Raises: NotBuiltError before the first batch.
        """
        if not self._sums:
            raise NotBuiltError(f"{self.name!r} has no result before its first batch")
        squares, total, residual, count = self._sums
        spread = squares - total * (total / count)
        score = 1.0 - residual / spread
        score = ops.where(ops.isinf(score), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.sum(spread * score) / ops.sum(spread)
        return self._adjusted(score) if self.num_regressors else score

    def _build(self, labels: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        if not len(labels) == len(outputs) == 2 or not isinstance(outputs[1], int):
            raise ShapeError(
                "R2Score needs labels and predictions of shape (samples, outputs), "
                f"got {labels} and {outputs}"
            )
        self._sums = tuple(
            self.add_variable((outputs[1],), "zeros", name=name)
            for name in ("squared_sum", "sum", "residual", "count")
        )

    def _adjusted(self, score: Any) -> Any:
        freedom = self.num_samples - float(self.num_regressors) - 1.0
        enough = freedom > 0
        worse = (1.0 - score) * (self.num_samples - 1.0)
        return ops.where(enough, 1.0 - worse / ops.where(enough, freedom, 1.0), score)
