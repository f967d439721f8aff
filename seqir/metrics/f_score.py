"""F-scores: one number from precision and recall."""

from __future__ import annotations

from typing import Any

from seqir import config, ops
from seqir.arguments import floating, one_of
from seqir.errors import NotBuiltError, ShapeError
from seqir.fields import fixed
from seqir.metrics.base import Metric
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.variable import Variable

AVERAGES = ("micro", "macro", "weighted", None)
COUNTS = (
    "true_positives", "false_positives", "false_negatives", "intermediate_weights",
)  # fmt: skip


class FBetaScore(Metric):
    """(1 + β²) * precision * recall / (β² * precision + recall), for each class.

    A class is predicted if its score is above the threshold, or, without one, if it
    is the largest of the sample. The classes' scores come back as they are (None), as
    their mean ("macro"), weighted by the labels of each class ("weighted"), or as one
    score of all decisions together ("micro").

    Shapes: y_true and y_pred [samples, classes].
    Source: ``keras.metrics.FBetaScore``.
    """

    direction = "up"
    average: str | None = None
    beta: float = 1.0
    threshold: float | None = None
    name = "fbeta_score"

    def _setup(self) -> None:
        one_of("average", self.average, AVERAGES)
        floating("beta", self.beta, above=0)
        if self.threshold is not None:
            floating("threshold", self.threshold, above=0, most=1)
        self._counters: tuple[Variable, ...] = ()

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Count the decisions on one batch.

        Raises: ShapeError unless labels and scores are [samples, classes].
        """
        labels, scores = ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype)
        if not self._counters:
            self._build(ops.shape(labels), ops.shape(scores))
        chosen = ops.cast(self._decided(scores), self.dtype)
        weight = 1.0
        if sample_weight is not None:
            weight = ops.expand_dims(ops.cast(sample_weight, self.dtype), 1)
        counted = (
            chosen * labels,
            chosen * (1.0 - labels),
            (1.0 - chosen) * labels,
            labels,
        )
        axis = None if self.average == "micro" else 0
        for counter, values in zip(self._counters, counted, strict=True):
            counter.assign(counter + ops.sum(values * weight, axis))

    def result(self) -> Result:
        """The score so far.

        Raises: NotBuiltError before the first batch.
        """
        if not self._counters:
            raise NotBuiltError(f"{self.name!r} has no result before its first batch")
        tp, fp, fn, labels = self._counters
        epsilon = config.epsilon()
        precision = tp / (tp + fp + epsilon)
        recall = tp / (tp + fn + epsilon)
        mean = precision * recall / (self.beta**2 * precision + recall + epsilon)
        score = mean * (1.0 + self.beta**2)
        if self.average == "weighted":
            return ops.sum(score * (labels / (ops.sum(labels) + epsilon)))
        return score if self.average is None else ops.mean(score)

    def _build(self, labels: tuple[object, ...], scores: tuple[object, ...]) -> None:
        if not len(labels) == len(scores) == 2 or not isinstance(scores[1], int):
            raise ShapeError(
                f"{type(self).__name__} needs labels and scores of shape (samples, "
                f"classes), got {labels} and {scores}"
            )
        shape = () if self.average == "micro" else (scores[1],)
        self._counters = tuple(
            self.add_variable(shape, "zeros", self.dtype, name=name) for name in COUNTS
        )

    def _decided(self, y_pred: Any) -> Result:
        """Which classes are predicted."""
        if self.threshold is not None:
            return y_pred > self.threshold
        largest = ops.greater_equal(y_pred, ops.max(y_pred, -1, keepdims=True))
        return ops.logical_and(largest, ops.absolute(y_pred) > 1e-9)


class F1Score(FBetaScore):
    """2 * precision * recall / (precision + recall): `FBetaScore` with β = 1.

    Source: ``keras.metrics.F1Score``.
    """

    beta: float = fixed(1.0)
    name = "f1_score"


__all__ = ["F1Score", "FBetaScore"]
