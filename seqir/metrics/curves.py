"""Areas under curves of decisions, and the best of one rate given another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from seqir import activations, config, dtypes, ops
from seqir.arguments import integer, number, one_of
from seqir.errors import ArgumentError, NotBuiltError, ShapeError
from seqir.fields import keyword
from seqir.metrics.confusion import (
    ConfusionMetric,
    Counts,
    Thresholds,
    parse_thresholds,
    share,
)
from seqir.ops.tensor import Result, TensorLike
from seqir.plain import listed

CURVES = ("ROC", "PR", "PRGAIN")
SUMMATIONS = ("interpolation", "majoring", "minoring")


class AUC(ConfusionMetric):
    """Area under a curve of decisions, as a sum over thresholds.

    ROC is recall over the share of wrong ones among the negatives, PR is precision
    over recall, PRGAIN is precision gain over recall gain. Between two thresholds the
    height is the mean of both ("interpolation"; for PR the precision between them is
    interpolated as Davis and Goadrich do), the larger or the smaller one.

    With `multi_label` each label (a column) has a curve of its own, and the areas are
    averaged, by `label_weights` if they are given. Without it `label_weights` are
    weights of the columns' decisions.

    Source: ``keras.metrics.AUC``.
    """

    direction = "up"
    num_thresholds: int = 200
    curve: str = "ROC"
    summation_method: str = "interpolation"
    thresholds: Thresholds = keyword(default=None)
    multi_label: bool = keyword(default=False)
    num_labels: int | None = keyword(default=None)
    label_weights: Sequence[float] | None = keyword(default=None)
    from_logits: bool = keyword(default=False)
    order = ("num_thresholds", "curve", "summation_method", "name", "dtype")

    def _setup(self) -> None:
        self.init_thresholds = listed(self.thresholds)
        if self.thresholds is None:
            count = integer("num_thresholds", self.num_thresholds, least=2)
            inner = np.linspace(0, 1, count).tolist()[1:-1]
        else:
            inner = sorted(parse_thresholds(self.thresholds))
        self._decide([-config.epsilon(), *inner, 1.0 + config.epsilon()])
        self.num_thresholds = len(inner) + 2
        self.curve = one_of("curve", str(self.curve).upper(), CURVES)
        self.summation_method = one_of(
            "summation_method", str(self.summation_method).lower(), SUMMATIONS
        )
        if self.num_labels and not self.multi_label:
            raise ArgumentError("num_labels is for multi_label=True only")
        if self.num_labels or not self.multi_label:
            self._build(*[self.num_labels] if self.num_labels else [])

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Count the decisions on one batch.

        Raises: ShapeError if labels or weights do not fit the scores.
        """
        if self.from_logits:
            y_pred = activations.sigmoid(y_pred)
        if not self._counters:
            shape = ops.shape(y_pred)
            if len(shape) != 2 or not isinstance(shape[1], int):
                raise ShapeError(
                    "AUC with multi_label=True needs scores of shape (samples, "
                    f"labels), got shape {shape}"
                )
            self._build(shape[1])
        super().update_state(y_true, y_pred, sample_weight)

    def weights_of(
        self, y_true: Result, sample_weight: TensorLike | None
    ) -> Result | None:
        """What each decision counts, so that it broadcasts to the labels."""
        weight = super().weights_of(y_true, sample_weight)
        if self.multi_label or self.label_weights is None:
            return weight
        by_label = self._label_weights(y_true.dtype)
        return by_label if weight is None else weight * by_label

    def result(self) -> Result:
        """The area so far.

        Raises: NotBuiltError before the first batch, if the labels were not counted.
        """
        if not self._counters:
            raise NotBuiltError(f"{self.name!r} has no result before its first batch")
        area = self._pr_area() if self._interpolates_precision() else self._area()
        by_label = ops.sum(area, 0)
        if not self.multi_label:
            return by_label
        if self.label_weights is None:
            return ops.mean(by_label)
        weights = self._label_weights(by_label.dtype)
        return ops.divide_no_nan(ops.sum(by_label * weights), ops.sum(weights))

    def _build(self, *labels: int) -> None:
        for kind in Counts._fields:
            self.add_counter(kind, *labels)

    def _label_weights(self, dtype: str) -> Result:
        return np.asarray(self.label_weights, dtypes.to_numpy(dtype))

    def _interpolates_precision(self) -> bool:
        return self.curve == "PR" and self.summation_method == "interpolation"

    def _points(self) -> tuple[Result, Result]:
        """Where the curve is at each threshold: x and y."""
        tp, fp = self.true_positives, self.false_positives
        tn, fn = self.true_negatives, self.false_negatives
        if self.curve == "ROC":
            return share(fp, tn), share(tp, fn)
        if self.curve == "PR":
            return share(tp, fn), share(tp, fp)
        odds = ops.divide_no_nan(tp + fn, tn + fp)
        nothing = ops.equal(tp, 0)
        recall = 1.0 - odds * ops.divide_no_nan(fn, tp)
        precision = 1.0 - odds * ops.divide_no_nan(fp, tp)
        recall = ops.maximum(ops.where(nothing, 0.0, recall), 0.0)
        return recall, ops.where(nothing, 1.0, precision)

    def _area(self) -> Result:
        """Areas of the rectangles between neighbouring thresholds."""
        x, y = self._points()
        high, low = y[:-1], y[1:]
        height = {
            "interpolation": lambda: (high + low) / 2.0,
            "majoring": lambda: ops.maximum(high, low),
            "minoring": lambda: ops.minimum(high, low),
        }[self.summation_method]()
        return (x[:-1] - x[1:]) * height

    def _pr_area(self) -> Result:
        """Areas below interpolated precision between neighbouring thresholds.

        Source: Davis and Goadrich, The Relationship Between Precision-Recall and ROC
        Curves, ICML 2006.
        """
        tp, fn = self.true_positives, self.false_negatives
        called = tp + self.false_positives
        gained = tp[:-1] - tp[1:]
        slope = ops.divide_no_nan(gained, ops.maximum(called[:-1] - called[1:], 0.0))
        intercept = tp[1:] - slope * called[1:]
        both = ops.logical_and(called[:-1] > 0, called[1:] > 0)
        ratio = ops.where(both, ops.divide_no_nan(called[:-1], called[1:]), 1.0)
        area = slope * (gained + intercept * ops.log(ratio))
        return ops.divide_no_nan(area, ops.maximum(tp[1:] + fn[1:], 0.0))


class _BestAt(ConfusionMetric):
    """The largest value of one rate among thresholds where another is high enough.

    Thresholds are evenly spaced from 0 to 1, 0.5 if there is one.
    """

    direction = "up"
    maximized: ClassVar[str]
    bounded: ClassVar[str]

    RATES: ClassVar[dict[str, tuple[str, str]]] = {
        "precision": ("true_positives", "false_positives"),
        "recall": ("true_positives", "false_negatives"),
        "sensitivity": ("true_positives", "false_negatives"),
        "specificity": ("true_negatives", "false_positives"),
    }

    def _setup(self) -> None:
        self.bound = number(self.bounded, getattr(self, self.bounded), least=0, most=1)
        count = integer("num_thresholds", self.num_thresholds, least=1)
        self._decide(np.linspace(0, 1, count).tolist() if count > 1 else [0.5])
        for kind in Counts._fields:
            self.add_counter(kind)

    def result(self) -> Result:
        """The largest value so far, 0 if no threshold will do."""
        good = ops.greater_equal(self._rate(self.bounded), self.bound)
        return ops.max(ops.where(good, self._rate(self.maximized), 0.0))

    def _rate(self, name: str) -> Result:
        part, rest = self.RATES[name]
        return share(self._counters[part], self._counters[rest])


class SensitivityAtSpecificity(_BestAt):
    """Largest tp / (tp + fn) where tn / (tn + fp) is at least `specificity`.

    Source: ``keras.metrics.SensitivityAtSpecificity``.
    """

    maximized, bounded = "sensitivity", "specificity"

    specificity: float
    num_thresholds: int = 200
    class_id: int | None = None


class SpecificityAtSensitivity(_BestAt):
    """Largest tn / (tn + fp) where tp / (tp + fn) is at least `sensitivity`.

    Source: ``keras.metrics.SpecificityAtSensitivity``.
    """

    maximized, bounded = "specificity", "sensitivity"

    sensitivity: float
    num_thresholds: int = 200
    class_id: int | None = None


class PrecisionAtRecall(_BestAt):
    """Largest tp / (tp + fp) where tp / (tp + fn) is at least `recall`.

    Source: ``keras.metrics.PrecisionAtRecall``.
    """

    maximized, bounded = "precision", "recall"

    recall: float
    num_thresholds: int = 200
    class_id: int | None = None


class RecallAtPrecision(_BestAt):
    """Largest tp / (tp + fn) where tp / (tp + fp) is at least `precision`.

    Source: ``keras.metrics.RecallAtPrecision``.
    """

    maximized, bounded = "recall", "precision"

    precision: float
    num_thresholds: int = 200
    class_id: int | None = None


__all__ = [
    "AUC",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
]
