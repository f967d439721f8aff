"""Losses of margins: predictions have to be on the right side, and by some distance."""

from __future__ import annotations

from seqir import ops
from seqir.losses.base import LossFunctionWrapper
from seqir.losses.labels import aligned
from seqir.ops.tensor import Result, TensorLike


def hinge(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """mean(max(1 - y_true * y_pred, 0)) over the last axis, y_true -1 or 1.

    Labels that are all 0 or 1 are taken for -1 or 1.

    Source: ``keras.losses.hinge``.
    """
    return ops.mean(_shortfall(y_true, y_pred), axis=-1)


def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """mean(max(1 - y_true * y_pred, 0)²) over the last axis, labels as for `hinge`.

    Source: ``keras.losses.squared_hinge``.
    """
    return ops.mean(ops.square(_shortfall(y_true, y_pred)), axis=-1)


def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """max(neg - pos + 1, 0), the scores of the right class and the best wrong one.

    pos = sum(y_true * y_pred) and neg = max((1 - y_true) * y_pred) over the last axis.

    Source: ``keras.losses.categorical_hinge``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.relu(wrong - right + 1.0)


def _shortfall(y_true: TensorLike, y_pred: TensorLike) -> Result:
    """How much of a margin of 1 is missing."""
    y_true, y_pred = aligned(y_true, y_pred)
    # y * (y - 1) is 0 for 0 and 1 only; then y + (y - 1) is -1 or 1.
    below = y_true - 1.0
    binary = ops.equal(ops.max(ops.absolute(y_true * below)), 0.0)
    signs = y_true + ops.cast(binary, ops.dtype(y_pred)) * below
    return ops.relu(1.0 - signs * y_pred)


class Hinge(LossFunctionWrapper):
    """What is missing of a margin of 1, averaged. Source: ``keras.losses.Hinge``."""

    fn = staticmethod(hinge)
    name = "hinge"


class SquaredHinge(LossFunctionWrapper):
    """The square of what is missing of a margin of 1, averaged.

    Source: ``keras.losses.SquaredHinge``.
    """

    fn = staticmethod(squared_hinge)
    name = "squared_hinge"


class CategoricalHinge(LossFunctionWrapper):
    """The hinge between the right class and the best wrong one, averaged.

    Source: ``keras.losses.CategoricalHinge``.
    """

    fn = staticmethod(categorical_hinge)
    name = "categorical_hinge"


__all__ = [
    "CategoricalHinge",
    "Hinge",
    "SquaredHinge",
    "categorical_hinge",
    "hinge",
    "squared_hinge",
]
