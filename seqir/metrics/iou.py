"""Intersection over union of predicted and true classes, from a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqir import config, ops
from seqir.errors import ArgumentError
from seqir.fields import fixed, keyword
from seqir.metrics.base import Metric
from seqir.ops.tensor import Result, TensorLike


class IoU(Metric):
    """Mean over the target classes of tp / (tp + fp + fn).

    Classes that neither labels nor predictions have do not count. Labels and
    predictions are class numbers, or scores of which the largest along `axis` wins
    (``sparse_y_true=False``, ``sparse_y_pred=False``). Samples of `ignore_class` and
    class numbers out of range have no weight. The counts are int32 unless another
    dtype is given: weights are cut off to it.

    Source: ``keras.metrics.IoU``.
    """

    direction = "up"
    usual_dtype = "int32"
    num_classes: int
    target_class_ids: Sequence[int]
    ignore_class: int | None = keyword(default=None)
    sparse_y_true: bool = keyword(default=True)
    sparse_y_pred: bool = keyword(default=True)
    axis: int = keyword(default=-1)
    order = ("num_classes", "target_class_ids", "name", "dtype")

    def _setup(self) -> None:
        count = self.num_classes
        self.target_class_ids = list(self.target_class_ids)
        for target in self.target_class_ids:
            if not 0 <= target < count:
                raise ArgumentError(
                    f"target_class_ids must be in [0, {count}), got {target}"
                )
        self.total_cm = self.add_variable(
            (count, count), "zeros", self.dtype, name="total_confusion_matrix"
        )

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Add the pairs of one batch to the matrix, labels in rows."""
        y_true = self._class_ids(y_true, self.sparse_y_true)
        y_pred = self._class_ids(y_pred, self.sparse_y_pred)
        weight = ops.ones_like(y_true, self.dtype)
        if sample_weight is not None:
            given = ops.cast(sample_weight, self.dtype)
            flat = ops.reshape(given, (-1,)) if ops.ndim(given) > 1 else given
            weight = ops.expand_like(flat, y_true)
        known = ops.logical_and(self._in_range(y_true), self._in_range(y_pred))
        if self.ignore_class is not None:
            known = ops.logical_and(known, ops.not_equal(y_true, self.ignore_class))
        count = self.num_classes
        place = (y_true * count + y_pred) * ops.cast(known, "int32")
        weight = weight * ops.cast(known, self.dtype)
        pairs = ops.scatter(ops.expand_dims(place, -1), weight, (count * count,))
        self.total_cm.assign(self.total_cm + ops.reshape(pairs, (count, count)))

    def result(self) -> Result:
        """The mean so far, 0 if no target class was seen."""
        right = ops.diag(self.total_cm)
        union = ops.sum(self.total_cm, 0) + ops.sum(self.total_cm, 1) - right
        targets = np.array(self.target_class_ids)
        right, union = (
            ops.cast(ops.take(x, targets, 0), "float32") for x in (right, union)
        )
        seen = ops.cast(union > 1e-9, "float32")
        each = seen * right / (union + config.epsilon())
        return ops.sum(each) / (ops.sum(seen) + config.epsilon())

    def _class_ids(self, y: TensorLike, sparse: bool) -> Result:
        """Class numbers as one vector."""
        ids = y if sparse else ops.argmax(y, self.axis)
        return ops.reshape(ops.cast(ids, "int32"), (-1,))

    def _in_range(self, ids: Result) -> Result:
        return ops.logical_and(
            ops.greater_equal(ids, 0), ops.less(ids, self.num_classes)
        )


class BinaryIoU(IoU):
    """`IoU` of two classes, 1 where the score is at least the threshold.

    Source: ``keras.metrics.BinaryIoU``.
    """

    num_classes: int = fixed(2)
    target_class_ids: Sequence[int] = (0, 1)
    ignore_class: int | None = fixed(None)
    sparse_y_true: bool = fixed(True)
    sparse_y_pred: bool = fixed(True)
    axis: int = fixed(-1)
    threshold: float = 0.5
    order = ("target_class_ids", "threshold")

    def update_state(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Add the pairs of one batch to the matrix, labels in rows."""
        score = ops.cast(y_pred, "float32")
        decided = ops.cast(ops.greater_equal(score, self.threshold), "int32")
        super().update_state(y_true, decided, sample_weight)


class MeanIoU(IoU):
    """`IoU` of all classes. Source: ``keras.metrics.MeanIoU``."""

    target_class_ids: Sequence[int] = fixed(())

    def _setup(self) -> None:
        self.target_class_ids = range(self.num_classes)
        super()._setup()


class OneHotIoU(IoU):
    """`IoU` of one-hot labels and scores. Source: ``keras.metrics.OneHotIoU``."""

    sparse_y_true: bool = fixed(False)
    sparse_y_pred: bool = keyword(default=False)


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot labels and scores. Source: ``keras.metrics.OneHotMeanIoU``.

    Shapes: y_true and y_pred [..., classes].
    """

    sparse_y_true: bool = fixed(False)
    sparse_y_pred: bool = keyword(default=False)


__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]
