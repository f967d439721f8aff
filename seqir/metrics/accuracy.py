"""How often predictions are right: functions, and their means as metrics."""

from __future__ import annotations

from seqir import config, losses, ops
from seqir.fields import keyword
from seqir.metrics.reduction import MeanMetricWrapper
from seqir.ops.tensor import Result, TensorLike


def accuracy(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """1 where y_true == y_pred, else 0.

    Shapes: [...], [...] -> [...]. Source: ``keras.metrics.Accuracy``.
    """
    return _matches(*losses.same_rank(ops.cast(y_true, ops.dtype(y_pred)), y_pred))


def binary_accuracy(
    y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5
) -> Result:
    """1 where (y_pred > threshold) == y_true, else 0.

    Shapes: [...], [...] -> [...]. Source: ``keras.metrics.binary_accuracy``.
    """
    y_true, y_pred = losses.same_rank(y_true, y_pred)
    return _matches(y_true, ops.cast(ops.greater(y_pred, threshold), ops.dtype(y_true)))


def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """1 where argmax(y_true) == argmax(y_pred), else 0.

    Shapes: [..., classes], [..., classes] -> [...].
    Source: ``keras.metrics.categorical_accuracy``.
    """
    return _matches(ops.argmax(y_true, -1), ops.argmax(y_pred, -1))


def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """1 where y_true == argmax(y_pred), else 0.

    Shapes: [...] or [..., 1], [..., classes] -> [...].
    Source: ``keras.metrics.sparse_categorical_accuracy``.
    """
    return _matches(_class_ids(y_true, y_pred), ops.argmax(y_pred, -1))


def top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5
) -> Result:
    """1 where argmax(y_true) is among the k largest of y_pred, else 0.

    Shapes: [..., classes], [..., classes] -> [...].
    Source: ``keras.metrics.top_k_categorical_accuracy``.
    """
    return _truth(ops.in_top_k(ops.argmax(y_true, -1), y_pred, k))


def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Result:
    """1 where y_true is among the k largest of y_pred, else 0.

    With `from_sorted_ids` y_pred holds class numbers, the best one first.

    Shapes: [...] or [..., 1], [..., classes] -> [...].
    Source: ``keras.metrics.sparse_top_k_categorical_accuracy``.
    """
    y_true = _class_ids(y_true, y_pred)
    if not from_sorted_ids:
        return _truth(ops.in_top_k(ops.cast(y_true, "int32"), y_pred, k))
    best = ops.getitem(y_pred, (..., slice(None, k)))
    return _truth(ops.any(ops.equal(ops.expand_dims(y_true, -1), best), -1))


class Accuracy(MeanMetricWrapper):
    """Mean of `accuracy`. Source: ``keras.metrics.Accuracy``."""

    direction = "up"

    fn = staticmethod(accuracy)
    name = "accuracy"


class BinaryAccuracy(MeanMetricWrapper):
    """Mean of `binary_accuracy`. Source: ``keras.metrics.BinaryAccuracy``."""

    direction = "up"

    fn = staticmethod(binary_accuracy)
    threshold: float = keyword(default=0.5)
    name = "binary_accuracy"
    order = ("name", "dtype")


class CategoricalAccuracy(MeanMetricWrapper):
    """Mean of `categorical_accuracy`. Source: ``keras.metrics.CategoricalAccuracy``."""

    direction = "up"

    fn = staticmethod(categorical_accuracy)
    name = "categorical_accuracy"


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Mean of `sparse_categorical_accuracy`.

    Source: ``keras.metrics.SparseCategoricalAccuracy``.
    """

    direction = "up"

    fn = staticmethod(sparse_categorical_accuracy)
    name = "sparse_categorical_accuracy"


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Mean of `top_k_categorical_accuracy`.

    Source: ``keras.metrics.TopKCategoricalAccuracy``.
    """

    direction = "up"

    fn = staticmethod(top_k_categorical_accuracy)
    k: int = 5
    name = "top_k_categorical_accuracy"


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Mean of `sparse_top_k_categorical_accuracy`.

    Source: ``keras.metrics.SparseTopKCategoricalAccuracy``.
    """

    direction = "up"

    fn = staticmethod(sparse_top_k_categorical_accuracy)
    k: int = 5
    from_sorted_ids: bool = keyword(default=False)
    name = "sparse_top_k_categorical_accuracy"
    order = ("k", "name", "dtype")


def _class_ids(y_true: TensorLike, y_pred: TensorLike) -> TensorLike:
    """Labels without the axis of size 1 that stands for the classes."""
    sizes = ops.shape(y_true)
    same = len(sizes) == ops.ndim(y_pred) and sizes[-1] == 1
    return ops.squeeze(y_true, -1) if same else y_true


def _matches(a: TensorLike, b: TensorLike) -> Result:
    return _truth(ops.equal(a, b))


def _truth(condition: Result) -> Result:
    return ops.cast(condition, config.floatx())


__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]
