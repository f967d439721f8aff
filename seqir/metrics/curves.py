"""Areas under curves of decisions, and the best of one rate given another."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from seqir import activations, config, dtypes, ops
from seqir.errors import ArgumentError, NotBuiltError, ShapeError, did_you_mean
from seqir.metrics.base import Direction
from seqir.metrics.confusion import ConfusionMetric, Counts, parse_thresholds, share
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

    direction: Direction | None = "up"
    arguments = (
        "num_thresholds", "curve", "summation_method", "multi_label", "num_labels",
        "label_weights", "from_logits",
    )  # fmt: skip

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        self.init_thresholds = listed(thresholds)
        if thresholds is None:
            inner = np.linspace(0, 1, _at_least(num_thresholds, 2)).tolist()[1:-1]
        else:
            inner = sorted(parse_thresholds(thresholds))
        low, high = -config.epsilon(), 1.0 + config.epsilon()
        super().__init__([low, *inner, high], name, dtype)
        self.num_thresholds = len(self.thresholds)
        self.curve = _choice("curve", str(curve).upper(), CURVES)
        self.summation_method = _choice(
            "summation_method", str(summation_method).lower(), SUMMATIONS
        )
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = label_weights
        self.from_logits = from_logits
        if num_labels and not multi_label:
            raise ArgumentError("num_labels is for multi_label=True only")
        if num_labels or not multi_label:
            self._build(*[num_labels] if num_labels else [])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
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

    def weights_of(self, y_true: Any, sample_weight: Any) -> Any:
        """What each decision counts, so that it broadcasts to the labels."""
        weight = super().weights_of(y_true, sample_weight)
        if self.multi_label or self.label_weights is None:
            return weight
        by_label = self._label_weights(y_true.dtype)
        return by_label if weight is None else weight * by_label

    def result(self) -> Any:
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

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        return {**super().get_config(), "thresholds": self.init_thresholds}

    def _build(self, *labels: int) -> None:
        for kind in Counts._fields:
            self.add_counter(kind, *labels)

    def _label_weights(self, dtype: str) -> Any:
        return np.asarray(self.label_weights, dtypes.to_numpy(dtype))

    def _interpolates_precision(self) -> bool:
        return self.curve == "PR" and self.summation_method == "interpolation"

    def _points(self) -> tuple[Any, Any]:
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

    def _area(self) -> Any:
        """Areas of the rectangles between neighbouring thresholds."""
        x, y = self._points()
        high, low = y[:-1], y[1:]
        height = {
            "interpolation": lambda: (high + low) / 2.0,
            "majoring": lambda: ops.maximum(high, low),
            "minoring": lambda: ops.minimum(high, low),
        }[self.summation_method]()
        return (x[:-1] - x[1:]) * height

    def _pr_area(self) -> Any:
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

    direction: Direction | None = "up"
    maximized: ClassVar[str]
    bounded: ClassVar[str]

    RATES: ClassVar[dict[str, tuple[str, str]]] = {
        "precision": ("true_positives", "false_positives"),
        "recall": ("true_positives", "false_negatives"),
        "sensitivity": ("true_positives", "false_negatives"),
        "specificity": ("true_negatives", "false_positives"),
    }

    def __init__(
        self,
        bound: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        if not isinstance(bound, int | float) or not 0 <= bound <= 1:
            raise ArgumentError(f"{self.bounded} must be in [0, 1], got {bound!r}")
        count = _at_least(num_thresholds, 1)
        even = np.linspace(0, 1, count).tolist() if count > 1 else [0.5]
        super().__init__(even, name, dtype)
        self.bound = bound
        setattr(self, self.bounded, bound)
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        for kind in Counts._fields:
            self.add_counter(kind)

    def result(self) -> Any:
        """The largest value so far, 0 if no threshold will do."""
        good = ops.greater_equal(self._rate(self.bounded), self.bound)
        return ops.max(ops.where(good, self._rate(self.maximized), 0.0))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        own = {
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
            self.bounded: self.bound,
        }
        return {**super().get_config(), **own}

    def _rate(self, name: str) -> Any:
        part, rest = self.RATES[name]
        return share(self._counters[part], self._counters[rest])


class SensitivityAtSpecificity(_BestAt):
    """Largest tp / (tp + fn) where tn / (tn + fp) is at least `specificity`.

    Source: ``keras.metrics.SensitivityAtSpecificity``.
    """

    maximized, bounded = "sensitivity", "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_BestAt):
    """Largest tn / (tn + fp) where tp / (tp + fn) is at least `sensitivity`.

    Source: ``keras.metrics.SpecificityAtSensitivity``.
    """

    maximized, bounded = "specificity", "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_BestAt):
    """Largest tp / (tp + fp) where tp / (tp + fn) is at least `recall`.

    Source: ``keras.metrics.PrecisionAtRecall``.
    """

    maximized, bounded = "precision", "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_BestAt):
    """Largest tp / (tp + fn) where tp / (tp + fp) is at least `precision`.

    Source: ``keras.metrics.RecallAtPrecision``.
    """

    maximized, bounded = "recall", "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)


def _at_least(count: Any, least: int) -> int:
    if not isinstance(count, int) or count < least:
        raise ArgumentError(
            f"num_thresholds must be an integer >= {least}, got {count!r}"
        )
    return count


def _choice(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ArgumentError(
            f"{name} must be one of {', '.join(known)}, got {value!r}."
            f"{did_you_mean(value, known)}"
        )
    return value
