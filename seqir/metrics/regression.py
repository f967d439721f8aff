"""How far predicted numbers are from the true ones."""

from __future__ import annotations

from typing import Any

from seqir import losses, ops
from seqir.arguments import integer, one_of
from seqir.errors import NotBuiltError, ShapeError
from seqir.fields import keyword
from seqir.metrics.base import Metric
from seqir.metrics.reduction import Mean, MeanMetricWrapper
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.variable import Variable

AGGREGATIONS = ("uniform_average", "variance_weighted_average", None)


class MeanSquaredError(MeanMetricWrapper):
    """mean((y_true - y_pred)²). Source: ``keras.metrics.MeanSquaredError``."""

    fn = staticmethod(losses.mean_squared_error)
    name = "mean_squared_error"


class MeanAbsoluteError(MeanMetricWrapper):
    """mean(|y_true - y_pred|). Source: ``keras.metrics.MeanAbsoluteError``."""

    fn = staticmethod(losses.mean_absolute_error)
    name = "mean_absolute_error"


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """100 * mean(|y_true - y_pred| / |y_true|).

    Source: ``keras.metrics.MeanAbsolutePercentageError``.
    """

    fn = staticmethod(losses.mean_absolute_percentage_error)
    name = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """mean((log(1 + y_true) - log(1 + y_pred))²).

    Source: ``keras.metrics.MeanSquaredLogarithmicError``.
    """

    fn = staticmethod(losses.mean_squared_logarithmic_error)
    name = "mean_squared_logarithmic_error"


class LogCoshError(MeanMetricWrapper):
    """mean(log(cosh(y_pred - y_true))). Source: ``keras.metrics.LogCoshError``."""

    fn = staticmethod(losses.log_cosh)
    name = "logcosh"


class RootMeanSquaredError(Mean):
    """√mean((y_true - y_pred)²), the root taken of the mean over all batches.

    Source: ``keras.metrics.RootMeanSquaredError``.
    """

    direction = "down"
    name = "root_mean_squared_error"

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Take the errors of one batch into account."""
        y_true, y_pred = losses.same_rank(
            ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype)
        )
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self) -> Result:
        """The root of the mean so far."""
        return ops.sqrt(super().result())


def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Result:
    """sum(y_true * y_pred) / (|y_true| * |y_pred|): 1 where directions are the same.

    Shapes: [..., n, ...], [..., n, ...] -> without the axis.
    Source: ``keras.metrics.CosineSimilarity``.
    """
    found = ops.convert_to_tensor(y_pred)
    both = losses.same_rank(ops.cast(y_true, found.dtype), found)
    return ops.sum(ops.multiply(*(ops.normalize(x, axis) for x in both)), axis)


class CosineSimilarity(MeanMetricWrapper):
    """Mean of `cosine_similarity`. Source: ``keras.metrics.CosineSimilarity``."""

    direction = "up"

    fn = staticmethod(cosine_similarity)
    axis: int = keyword(default=-1)
    name = "cosine_similarity"
    order = ("name", "dtype")


class R2Score(Metric):
    """1 - sum((y_true - y_pred)²) / sum((y_true - mean(y_true))²), for each output.

    The outputs' scores come back as they are (None), as their mean, or weighted by
    the outputs' variances. With p regressors the score of n numbers is adjusted to
    1 - (1 - score) * (n - 1) / (n - p - 1), where n - 1 > p.

    Shapes: y_true and y_pred [samples, outputs].
    Source: ``keras.metrics.R2Score``.
    """

    direction = "up"
    class_aggregation: str | None = "uniform_average"
    num_regressors: int = 0
    name = "r2_score"

    def _setup(self) -> None:
        one_of("class_aggregation", self.class_aggregation, AGGREGATIONS)
        integer("num_regressors", self.num_regressors, least=0)
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._sums: tuple[Variable, ...] = ()

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
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

    def result(self) -> Result:
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

    def _build(self, labels: tuple[object, ...], outputs: tuple[object, ...]) -> None:
        if not len(labels) == len(outputs) == 2 or not isinstance(outputs[1], int):
            raise ShapeError(
                "R2Score needs labels and predictions of shape (samples, outputs), "
                f"got {labels} and {outputs}"
            )
        self._sums = tuple(
            self.add_variable((outputs[1],), "zeros", name=name)
            for name in ("squared_sum", "sum", "residual", "count")
        )

    def _adjusted(self, score: Any) -> Result:
        freedom = self.num_samples - float(self.num_regressors) - 1.0
        enough = freedom > 0
        worse = (1.0 - score) * (self.num_samples - 1.0)
        return ops.where(enough, 1.0 - worse / ops.where(enough, freedom, 1.0), score)


__all__ = [
    "CosineSimilarity",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "R2Score",
    "RootMeanSquaredError",
]
