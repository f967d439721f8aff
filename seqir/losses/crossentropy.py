"""Crossentropies: -log of the probability that was given to what is true."""

from __future__ import annotations

from typing import Any

from seqir import ops
from seqir.errors import ArgumentError
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
from seqir.ops.nn import class_places


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-mean(t * log(p) + (1 - t) * log(1 - p)) along an axis.

    t is y_true moved towards 1/2 by `label_smoothing`; p is y_pred clipped to
    [ε, 1 - ε], or the sigmoid of y_pred, which are logits then.

    Units: nats. Source: ``keras.losses.binary_crossentropy``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    y_true = smoothed(y_true, label_smoothing, 2)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits), axis=axis)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-sum(t * log(p)) along an axis, that of the classes.

    t is y_true moved towards 1/classes by `label_smoothing`; p is y_pred divided by
    its sum and clipped to [ε, 1 - ε], or the softmax of y_pred, which are logits then.

    Units: nats. Raises: ShapeError if there is one class only.
    Source: ``keras.losses.categorical_crossentropy``.
    """
    y_true, y_pred = distributions(y_true, y_pred, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits, axis)


def _labeled(
    y_true: Any,
    values: Any,
    ignore_class: int | None = None,
    axis: int = -1,
    **_: Any,
) -> Any:
    """Which samples have a class that is not ignored."""
    if ignore_class is None:
        return None
    numbers = whole(y_true)
    if ops.ndim(numbers) > ops.ndim(values):
        numbers = ops.squeeze(numbers, axis)
    return ops.not_equal(numbers, ignore_class)


@about_labels(counted=_labeled)
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
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
    counted = _labeled(y_true, values, ignore_class, axis)
    return values * ops.cast(counted, y_pred.dtype)


@about_labels()
def categorical_generalized_cross_entropy(
    y_true: Any, y_pred: Any, q: float = 0.5
) -> Any:
    """(1 - p[y_true]^q) / q: crossentropy for q near 0, absolute error for q = 1.

    y_true are class numbers of any type, of which some may be wrong.

    Shapes: y_true[*batch] or [*batch, 1], y_pred[*batch, classes] -> [*batch].
    Raises: ArgumentError unless 0 < q < 1.
    Source: ``keras.losses.CategoricalGeneralizedCrossEntropy``; arXiv:1805.07836.
    """
    q, y_pred = check_exponent(q), floating(y_pred)
    places = class_places(whole(y_true), y_pred, -1)
    p = ops.squeeze(ops.take_along_axis(y_pred, places, axis=-1), -1)
    return (1.0 - ops.power(p, q)) / q


def check_exponent(q: Any) -> float:
    """The exponent, if it is between 0 and 1.

    Raises: ArgumentError for anything else.
    """
    if not isinstance(q, int | float) or not 0 < q < 1:
        raise ArgumentError(f"q must be between 0 and 1, got {q!r}")
    return float(q)


class BinaryCrossentropy(LossFunctionWrapper):
    """Crossentropy of two classes, y_true 0 or 1, averaged.

    Source: ``keras.losses.BinaryCrossentropy``.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of classes, y_true one-hot or a distribution, averaged.

    Source: ``keras.losses.CategoricalCrossentropy``.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of classes, y_true class numbers, averaged.

    Source: ``keras.losses.SparseCategoricalCrossentropy``.
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Crossentropy that bears wrong labels, y_true class numbers, averaged.

    Source: ``keras.losses.CategoricalGeneralizedCrossEntropy``.
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_generalized_cross_entropy,
            reduction,
            name,
            dtype,
            q=check_exponent(q),
        )
