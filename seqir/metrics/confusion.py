"""Right and wrong decisions at thresholds, and metrics that are ratios of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from seqir import config, dtypes, losses, ops, shapes
from seqir.arguments import number
from seqir.errors import ShapeError
from seqir.metrics.base import Metric, read
from seqir.metrics.reduction import spread
from seqir.operators.reduce import CumSum
from seqir.ops.apply import apply, type_of_operand
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.variable import Variable
from seqir.plain import listed

Thresholds: TypeAlias = float | Sequence[float] | None

LOWEST = -1e10
"""The score of what is not among the top k: below every threshold."""


class Counts(NamedTuple):
    """Weighted numbers of decisions for each threshold and label.

    Shapes: each of them [thresholds, labels].
    """

    true_positives: Result
    false_positives: Result
    true_negatives: Result
    false_negatives: Result


class _Choices:
    """Arguments of some of the metrics, which order them."""

    top_k: int | None = None
    class_id: int | None = None
    multi_label: bool = False


class ConfusionMetric(_Choices, Metric):
    """Base of metrics that count decisions: positive is a score above a threshold.

    What it counts are attributes with the names of the `Counts`.
    """

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        config = super().get_config()
        if "thresholds" in config:
            config["thresholds"] = self.init_thresholds
        return config

    def _decide(self, levels: Sequence[float]) -> None:
        """Count decisions at these thresholds."""
        self.thresholds = self._levels = list(levels)
        self._count = _in_buckets if _evenly_spaced(levels) else _one_by_one
        self._counters: dict[str, Variable] = {}

    def add_counter(self, kind: str, *labels: int, name: str | None = None) -> Variable:
        """A variable that adds up one of the `Counts`, for each threshold (and label).

        Shapes: [thresholds, *labels].
        """
        shape = (len(self._levels), *labels)
        variable = self.add_variable(shape, "zeros", name=name or kind)
        self._counters[kind] = variable
        return variable

    def __getattr__(self, name: str) -> Any:
        counters = vars(self).get("_counters", {})
        if name in counters:
            return counters[name]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Count the decisions on one batch.

        Raises: ShapeError unless there is a label for each score, and weights broadcast
            to them.
        """
        positive, scores, weight = self._operands(y_true, y_pred, sample_weight)
        negative = 1.0 - positive
        if weight is not None:
            weight = ops.expand_like(weight, scores)
            positive, negative = positive * weight, negative * weight
        if not self.multi_label:
            scores, positive, negative = (
                ops.reshape(x, (-1, 1)) for x in (scores, positive, negative)
            )
        counts = self._count(scores, positive, negative, self._levels)._asdict()
        for kind, variable in self._counters.items():
            variable.assign(variable + ops.reshape(counts[kind], ops.shape(variable)))

    def weights_of(
        self, y_true: Result, sample_weight: TensorLike | None
    ) -> Result | None:
        """What each decision counts, so that it broadcasts to the labels."""
        if sample_weight is None:
            return None
        return spread(ops.cast(sample_weight, y_true.dtype), y_true)

    def _operands(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None,
    ) -> tuple[Result, Result, Result | None]:
        """Labels, scores and weights of the decisions that count."""
        dtype = config.floatx()
        scores, labels = losses.same_rank(
            ops.cast(y_pred, dtype), ops.cast(y_true, dtype)
        )
        labels = ops.cast(ops.cast(labels, "bool"), dtype)
        wanted, found = type_of_operand(labels), type_of_operand(scores)
        if not shapes.agree(wanted.shape, found.shape):
            raise ShapeError(
                f"{self.name!r} needs a label for each score, got labels {wanted} and "
                f"scores {found}"
            )
        weight = self.weights_of(labels, sample_weight)
        if self.top_k is not None:
            scores = _only_top(scores, self.top_k)
        if self.class_id is not None:
            if ops.ndim(scores) < 2:
                raise ShapeError(
                    "class_id needs scores of shape (samples, classes), got shape "
                    f"{scores.shape}"
                )
            only = np.array([self.class_id])
            labels, scores = ops.take(labels, only, -1), ops.take(scores, only, -1)
        return labels, scores, weight


def _in_buckets(
    y_pred: Any, positive: Result, negative: Result, thresholds: Sequence[float]
) -> Counts:
    """Counts for thresholds 0, 1/n, ..., 1: each score is looked at once.

    A score in bucket k is above the thresholds before the k-th. Ends that lie beyond
    0 and 1 mean that every score is above the first threshold.
    """
    last = len(thresholds) - 1
    labels = y_pred.shape[-1]
    lowest = 1 if thresholds[0] < 0 else 0
    bucket = ops.cast(ops.ceil(ops.clip(y_pred, 0.0, 1.0) * float(last)), "int32")
    bucket = ops.clip(bucket, lowest, last)  # a NaN would be no bucket at all
    place = ops.reshape(bucket * labels + np.arange(labels, dtype=np.int32), (-1, 1))

    def above(weights: Any) -> Result:
        flat = ops.scatter(place, ops.reshape(weights, (-1,)), ((last + 1) * labels,))
        filled = ops.reshape(flat, (last + 1, labels))
        return apply(CumSum(axis=0, exclusive=True, reverse=True), filled)

    tp, fp = above(positive), above(negative)
    return Counts(tp, fp, ops.sum(negative, 0) - fp, ops.sum(positive, 0) - tp)


def _one_by_one(
    y_pred: Any, positive: Result, negative: Result, thresholds: Sequence[float]
) -> Counts:
    """Counts for any thresholds: each score is compared with each of them."""
    levels = np.reshape(thresholds, (-1, 1, 1)).astype(dtypes.to_numpy(y_pred.dtype))
    above = ops.cast(ops.expand_dims(y_pred, 0) > levels, positive.dtype)
    below = 1.0 - above
    return Counts(
        *(
            ops.sum(decided * weights, 1)
            for decided, weights in (
                (above, positive),
                (above, negative),
                (below, negative),
                (below, positive),
            )
        )
    )


def _only_top(y_pred: Any, k: int) -> Result:
    """The k largest scores of the last axis, `LOWEST` in the other places."""
    classes = y_pred.shape[-1]
    chosen = ops.sum(ops.one_hot(ops.top_k(y_pred, k)[1], classes), -2)
    return y_pred * chosen + LOWEST * (1.0 - chosen)


def _evenly_spaced(thresholds: Sequence[float]) -> bool:
    """Whether thresholds are 0, 1/n, ..., 1, as close as epsilon."""
    count = len(thresholds)
    if count < 3:
        return False
    even = np.arange(count) / (count - 1)
    return np.allclose(np.clip(thresholds, 0, 1), even, atol=config.epsilon())


def parse_thresholds(thresholds: Thresholds, default: float = 0.5) -> list[float]:
    """The thresholds as a list; one number is a list of one.

    Raises: ArgumentError unless all are in [0, 1].
    """
    if thresholds is None:
        return [default]
    return [
        number("each of thresholds", threshold, least=0, most=1)
        for threshold in np.ravel(thresholds).tolist()
    ]


class _Count(ConfusionMetric):
    """One of the `Counts`."""

    kind: ClassVar[str]
    thresholds: Thresholds = None

    def _setup(self) -> None:
        self.init_thresholds = listed(self.thresholds)
        self._decide(parse_thresholds(self.thresholds))
        self.accumulator = self.add_counter(self.kind, name="accumulator")

    def result(self) -> Result:
        """The number, for each threshold if there are several."""
        return per_threshold(self.accumulator)


class TruePositives(_Count):
    """Weighted number of positives that score above the threshold.

    Source: ``keras.metrics.TruePositives``.
    """

    kind = "true_positives"


class FalsePositives(_Count):
    """Weighted number of negatives that score above the threshold.

    Source: ``keras.metrics.FalsePositives``.
    """

    kind = "false_positives"


class TrueNegatives(_Count):
    """Weighted number of negatives that do not score above the threshold.

    Source: ``keras.metrics.TrueNegatives``.
    """

    kind = "true_negatives"


class FalseNegatives(_Count):
    """Weighted number of positives that do not score above the threshold.

    Source: ``keras.metrics.FalseNegatives``.
    """

    kind = "false_negatives"


class _Share(ConfusionMetric):
    """true positives / (true positives + another count), 0 where there are none."""

    direction = "up"
    rest: ClassVar[str]
    thresholds: Thresholds = None
    top_k: int | None = None
    class_id: int | None = None

    def _setup(self) -> None:
        default = 0.5 if self.top_k is None else LOWEST
        self.init_thresholds = listed(self.thresholds)
        self._decide(parse_thresholds(self.thresholds, default))
        for kind in ("true_positives", self.rest):
            self.add_counter(kind)

    def result(self) -> Result:
        """The share, for each threshold if there are several."""
        return per_threshold(share(self.true_positives, self._counters[self.rest]))


class Precision(_Share):
    """Share of true ones among the decisions for positive: tp / (tp + fp).

    With `top_k` only the k largest scores of a sample can be positive; with
    `class_id` only that class counts.

    Source: ``keras.metrics.Precision``.
    """

    rest = "false_positives"


class Recall(_Share):
    """Share of the positives that are found: tp / (tp + fn).

    With `top_k` only the k largest scores of a sample can be positive; with
    `class_id` only that class counts.

    Source: ``keras.metrics.Recall``.
    """

    rest = "false_negatives"


def share(part: Result, rest: Result) -> Result:
    """part / (part + rest), 0 where both are 0."""
    return ops.divide_no_nan(part, part + rest)


def per_threshold(values: Result) -> Result:
    """A number if there is one threshold, else the vector."""
    return values[0] if values.shape[0] == 1 else read(values)


__all__ = [
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "Recall",
    "TrueNegatives",
    "TruePositives",
]
