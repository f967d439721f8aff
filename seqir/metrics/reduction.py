"""Sums and means of values, and of functions of labels and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqir import losses, ops
from seqir.dtype_policies import PolicyLike
from seqir.metrics.base import Metric
from seqir.ops.masks import get_keras_mask
from seqir.ops.tensor import Result, TensorLike


class Sum(Metric):
    """total = sum(values * sample_weight).

    Source: ``keras.metrics.Sum``.
    """

    name = "sum"

    def _setup(self) -> None:
        self.total = self.add_variable((), "zeros", self.dtype, name="total")

    def update_state(
        self, values: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Add the values of one batch."""
        values, _ = _per_sample(values, sample_weight, ops.sum, self.dtype)
        self.total.assign(self.total + ops.sum(values))

    def result(self) -> Result:
        """The sum so far."""
        return ops.cast(self.total, self.dtype)


class Mean(Metric):
    """mean = sum(values * sample_weight) / sum(sample_weight), 0 if there is nothing.

    Axes of the values after the first are averaged before the weights count.

    Source: ``keras.metrics.Mean``.
    """

    def __init__(
        self, name: str | None = "mean", dtype: PolicyLike | None = None
    ) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", self.dtype, name="total")
        self.count = self.add_variable((), "zeros", self.dtype, name="count")

    def update_state(
        self, values: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Take the values of one batch into account."""
        values, weight = _per_sample(values, sample_weight, ops.mean, self.dtype)
        count = ops.ones_like(values) if weight is None else weight
        self.total.assign(self.total + ops.sum(values))
        self.count.assign(self.count + ops.sum(count))

    def result(self) -> Result:
        """The mean so far."""
        return ops.divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """Mean of ``fn(y_true, y_pred, **kwargs)``, which gives a value for each sample.

    Steps that the mask of `y_pred` leaves out have no weight; the function's arguments
    can be read as attributes.

    Source: ``keras.metrics.MeanMetricWrapper``.
    """

    def __init__(
        self,
        fn: Callable[..., TensorLike],
        name: str | None = None,
        dtype: PolicyLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, dtype)
        self.fn = fn
        self.kwargs = {n: getattr(self, n) for n in self.arguments} | kwargs
        if self.direction is None and _is_loss(fn):
            self.direction = "down"

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> None:
        """Take the function's values on one batch into account."""
        values = self.fn(y_true, y_pred, **self.kwargs)
        masks = [get_keras_mask(y_pred)]
        if sample_weight is not None:  # without weights all values count, as in Keras
            counted = getattr(self.fn, "counted", None)
            if counted is not None:
                masks.append(counted(y_true, values, **self.kwargs))
            masks.append(get_keras_mask(values))
        for mask in masks:
            if mask is not None:
                sample_weight = _masked(sample_weight, ops.cast(mask, self.dtype))
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        fn = {"fn": self.fn} if type(self) is MeanMetricWrapper else {}
        return {**super().get_config(), **fn, **self.kwargs}

    def __getattr__(self, name: str) -> Any:
        kwargs = vars(self).get("kwargs", {})
        if name in kwargs:
            return kwargs[name]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


def _is_loss(fn: object) -> bool:
    """Whether it is one of the functions or classes of `seqir.losses`."""
    name = getattr(fn, "__name__", type(fn).__name__)
    return getattr(losses, name, None) in (fn, type(fn))


def _masked(sample_weight: TensorLike | None, mask: Result) -> Result:
    """The weights where the mask holds, else 0."""
    if sample_weight is None:
        return mask
    mask, weight = losses.same_rank(mask, ops.cast(sample_weight, mask.dtype))
    return spread(weight, mask) * mask


def spread(weight: Result, values: Result) -> Result:
    """The weights with axes of size 1 at the end for what else the values have."""
    missing = ops.ndim(values) - ops.ndim(weight)
    return ops.expand_dims(weight, tuple(range(-missing, 0))) if missing > 0 else weight


def _per_sample(
    values: TensorLike,
    sample_weight: TensorLike | None,
    reduce: Callable[..., Result],
    dtype: str,
) -> tuple[Result, Result | None]:
    """Weighted values and weights with all axes but the first reduced.

    Axes of the values that the weights do not have are reduced before weighting.
    """
    found, weight = ops.cast(values, dtype), None
    if sample_weight is not None:
        found, weight = losses.same_rank(found, ops.cast(sample_weight, dtype))
        found = _reduced(found, reduce, ops.ndim(weight))
        weight = ops.expand_like(weight, found)
        found = found * weight
        weight = _reduced(weight, reduce, 1)
    return _reduced(found, reduce, 1), weight


def _reduced(x: Result, reduce: Callable[..., Result], rank: int) -> Result:
    """A tensor with all axes from `rank` on reduced."""
    axes = tuple(range(rank, ops.ndim(x)))
    return reduce(x, axis=axes) if axes else x


__all__ = ["Mean", "MeanMetricWrapper", "Sum"]
