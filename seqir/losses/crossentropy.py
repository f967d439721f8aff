"""Crossentropies: -log of the probability that was given to what is true."""

from __future__ import annotations

from seqir import ops
from seqir.arguments import number
from seqir.fields import keyword
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import (
    about_labels,
    aligned,
    check_classes,
    distributions,
    smoothed,
    whole,
)
from seqir.ops.apply import floating
from seqir.ops.neural import class_places
from seqir.ops.tensor import Result, TensorLike


def binary_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Result:
    """-mean(t * log(p) + (1 - t) * log(1 - p)) along an axis.

    t is y_true moved towards 1/2 by `label_smoothing`; p is y_pred clipped to
    [ε, 1 - ε], or the sigmoid of y_pred, which are logits then.

    Units: nats. Source: ``keras.losses.binary_crossentropy``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    y_true = smoothed(y_true, label_smoothing, 2)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits), axis=axis)


def categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Result:
    """-sum(t * log(p)) along an axis, that of the classes.

    t is y_true moved towards 1/classes by `label_smoothing`; p is y_pred divided by
    its sum and clipped to [ε, 1 - ε], or the softmax of y_pred, which are logits then.

    Units: nats. Raises: ShapeError if there is one class only.
    Source: ``keras.losses.categorical_crossentropy``.
    """
    y_true, y_pred = distributions(y_true, y_pred, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits, axis)


def _labeled(
    y_true: TensorLike,
    values: TensorLike,
    ignore_class: int | None = None,
    axis: int = -1,
    **_: object,
) -> Result | None:
    """Which samples have a class that is not ignored."""
    if ignore_class is None:
        return None
    return _not_ignored(y_true, values, ignore_class, axis)


def _not_ignored(
    y_true: TensorLike, values: TensorLike, ignore_class: int, axis: int
) -> Result:
    numbers = whole(y_true)
    if ops.ndim(numbers) > ops.ndim(values):
        numbers = ops.squeeze(numbers, axis)
    return ops.not_equal(numbers, ignore_class)


@about_labels(counted=_labeled)
def sparse_categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Result:
    """-log(p[y_true]) along an axis, that of the classes.

    p is as for `categorical_crossentropy`. y_true are class numbers of any type; where
    they are `ignore_class` the value is 0, and a mean is over the others.

    Shapes: y_true[*batch] or [*batch, 1], y_pred[*batch, classes] -> [*batch].
    Units: nats. Raises: ShapeError if there is one class only.
    Source: ``keras.losses.sparse_categorical_crossentropy``.
    """
    y_pred = floating(y_pred)
    check_classes(y_pred, axis)
    numbers = whole(y_true)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(numbers, y_pred, from_logits, axis)
    valid = ops.not_equal(numbers, ignore_class)
    # A class that exists, whatever number says that there is none.
    numbers = numbers * ops.cast(valid, ops.dtype(numbers))
    values = ops.sparse_categorical_crossentropy(numbers, y_pred, from_logits, axis)
    counted = _not_ignored(y_true, values, ignore_class, axis)
    return values * ops.cast(counted, y_pred.dtype)


@about_labels()
def categorical_generalized_cross_entropy(
    y_true: TensorLike, y_pred: TensorLike, q: float = 0.5
) -> Result:
    """(1 - p[y_true]^q) / q: crossentropy for q near 0, absolute error for q = 1.

    y_true are class numbers of any type, of which some may be wrong.

    Shapes: y_true[*batch] or [*batch, 1], y_pred[*batch, classes] -> [*batch].
    Raises: ArgumentError unless 0 < q < 1.
    Source: ``keras.losses.CategoricalGeneralizedCrossEntropy``; arXiv:1805.07836.
    """
    q, y_pred = number("q", q, above=0, below=1), floating(y_pred)
    places = class_places(whole(y_true), y_pred, -1)
    p = ops.squeeze(ops.take_along_axis(y_pred, places, axis=-1), -1)
    return (1.0 - ops.power(p, q)) / q


class BinaryCrossentropy(LossFunctionWrapper):
    """Crossentropy of two classes, y_true 0 or 1, averaged.

    Source: ``keras.losses.BinaryCrossentropy``.
    """

    fn = staticmethod(binary_crossentropy)
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    name = "binary_crossentropy"


class CategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of classes, y_true one-hot or a distribution, averaged.

    Source: ``keras.losses.CategoricalCrossentropy``.
    """

    fn = staticmethod(categorical_crossentropy)
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    name = "categorical_crossentropy"


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of classes, y_true class numbers, averaged.

    Source: ``keras.losses.SparseCategoricalCrossentropy``.
    """

    fn = staticmethod(sparse_categorical_crossentropy)
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = keyword(default=-1)
    name = "sparse_categorical_crossentropy"
    order = ("from_logits", "ignore_class", "reduction")


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Crossentropy that bears wrong labels, y_true class numbers, averaged.

    Source: ``keras.losses.CategoricalGeneralizedCrossEntropy``.
    """

    fn = staticmethod(categorical_generalized_cross_entropy)
    q: float = 0.5
    name = "categorical_generalized_cross_entropy"

    def _setup(self) -> None:
        number("q", self.q, above=0, below=1)


__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_generalized_cross_entropy",
    "sparse_categorical_crossentropy",
]
