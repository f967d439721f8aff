"""Means of losses between distributions, and of hinge losses."""

from __future__ import annotations

from typing import Any

from seqir import losses
from seqir.metrics.reduction import MeanMetricWrapper


class KLDivergence(MeanMetricWrapper):
    """Mean of `seqir.losses.kl_divergence`. Source: ``keras.metrics.KLDivergence``."""

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """Mean of `seqir.losses.poisson`. Source: ``keras.metrics.Poisson``."""

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """Mean of `seqir.losses.binary_crossentropy`.

    Source: ``keras.metrics.BinaryCrossentropy``.
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean of `seqir.losses.categorical_crossentropy`.

    Source: ``keras.metrics.CategoricalCrossentropy``.
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean of `seqir.losses.sparse_categorical_crossentropy`.

    Source: ``keras.metrics.SparseCategoricalCrossentropy``.
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )


class Hinge(MeanMetricWrapper):
    """Mean of `seqir.losses.hinge`. Source: ``keras.metrics.Hinge``."""

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """Mean of `seqir.losses.squared_hinge`. Source: ``keras.metrics.SquaredHinge``."""

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """Mean of `seqir.losses.categorical_hinge`.

    Source: ``keras.metrics.CategoricalHinge``.
    """

    def __init__(
        self, name: str | None = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)
