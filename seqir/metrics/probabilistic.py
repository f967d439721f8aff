"""Means of losses between distributions, and of hinge losses."""

from __future__ import annotations

from seqir import losses
from seqir.fields import keyword
from seqir.metrics.reduction import MeanMetricWrapper


class KLDivergence(MeanMetricWrapper):
    """Mean of `seqir.losses.kl_divergence`. Source: ``keras.metrics.KLDivergence``."""

    fn = staticmethod(losses.kl_divergence)
    name = "kl_divergence"


class Poisson(MeanMetricWrapper):
    """Mean of `seqir.losses.poisson`. Source: ``keras.metrics.Poisson``."""

    fn = staticmethod(losses.poisson)
    name = "poisson"


class BinaryCrossentropy(MeanMetricWrapper):
    """Mean of `seqir.losses.binary_crossentropy`.

    Source: ``keras.metrics.BinaryCrossentropy``.
    """

    fn = staticmethod(losses.binary_crossentropy)
    from_logits: bool = keyword(default=False)
    label_smoothing: float = keyword(default=0)
    name = "binary_crossentropy"
    order = ("name", "dtype")


class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean of `seqir.losses.categorical_crossentropy`.

    Source: ``keras.metrics.CategoricalCrossentropy``.
    """

    fn = staticmethod(losses.categorical_crossentropy)
    from_logits: bool = keyword(default=False)
    label_smoothing: float = keyword(default=0)
    axis: int = keyword(default=-1)
    name = "categorical_crossentropy"
    order = ("name", "dtype")


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean of `seqir.losses.sparse_categorical_crossentropy`.

    Source: ``keras.metrics.SparseCategoricalCrossentropy``.
    """

    fn = staticmethod(losses.sparse_categorical_crossentropy)
    from_logits: bool = keyword(default=False)
    ignore_class: int | None = keyword(default=None)
    axis: int = keyword(default=-1)
    name = "sparse_categorical_crossentropy"
    order = ("name", "dtype")


class Hinge(MeanMetricWrapper):
    """Mean of `seqir.losses.hinge`. Source: ``keras.metrics.Hinge``."""

    fn = staticmethod(losses.hinge)
    name = "hinge"


class SquaredHinge(MeanMetricWrapper):
    """Mean of `seqir.losses.squared_hinge`. Source: ``keras.metrics.SquaredHinge``."""

    fn = staticmethod(losses.squared_hinge)
    name = "squared_hinge"


class CategoricalHinge(MeanMetricWrapper):
    """Mean of `seqir.losses.categorical_hinge`.

    Source: ``keras.metrics.CategoricalHinge``.
    """

    fn = staticmethod(losses.categorical_hinge)
    name = "categorical_hinge"


__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "Hinge",
    "KLDivergence",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]
