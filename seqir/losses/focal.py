"""Focal crossentropies: what is already predicted well counts less."""

from __future__ import annotations

from seqir import config, ops
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import aligned, distributions, smoothed
from seqir.ops.tensor import Result, TensorLike


def binary_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Result:
    """mean((1 - p_t)^gamma * crossentropy), p_t the probability of what is true.

    p_t = t * p + (1 - t) * (1 - p), with t and p as in `binary_crossentropy`. With
    `apply_class_balancing` ones count `alpha` and zeros 1 - alpha.

    Units: nats.
    Source: ``keras.losses.binary_focal_crossentropy``; arXiv:1708.02002.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    y_true = smoothed(y_true, label_smoothing, 2)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    missing = 1.0 - (y_true * p + (1.0 - y_true) * (1.0 - p))
    values = ops.power(missing, gamma) * ops.binary_crossentropy(y_true, p)
    if apply_class_balancing:
        values = values * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ops.mean(values, axis=axis)


def categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Result:
    """-sum(alpha * (1 - p)^gamma * t * log(p)) along an axis, that of the classes.

    t and p are as in `categorical_crossentropy`.

    Units: nats. Raises: ShapeError if there is one class only.
    Source: ``keras.losses.categorical_focal_crossentropy``; arXiv:1708.02002.
    """
    y_true, y_pred = distributions(y_true, y_pred, label_smoothing, axis)
    p = ops.softmax(y_pred, axis) if from_logits else y_pred
    p = p / ops.sum(p, axis=axis, keepdims=True)
    p = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    weights = ops.power(1.0 - p, gamma) * -alpha
    return ops.sum(weights * y_true * ops.log(p), axis=axis)


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Focal crossentropy of two classes, y_true 0 or 1, averaged.

    Source: ``keras.losses.BinaryFocalCrossentropy``.
    """

    fn = staticmethod(binary_focal_crossentropy)
    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    name = "binary_focal_crossentropy"


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Focal crossentropy of classes, y_true one-hot or a distribution, averaged.

    Source: ``keras.losses.CategoricalFocalCrossentropy``.
    """

    fn = staticmethod(categorical_focal_crossentropy)
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    name = "categorical_focal_crossentropy"


__all__ = [
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
]
