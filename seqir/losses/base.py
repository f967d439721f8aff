"""The base class of losses: a number for each sample, weighted and reduced to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Self

from seqir import config, dtype_policies, dtypes, naming, ops
from seqir.arguments import one_of
from seqir.dtype_policies import PolicyLike
from seqir.errors import ShapeError
from seqir.fields import Declared, keyword
from seqir.losses.labels import same_rank
from seqir.ops.apply import coerce, type_of_operand
from seqir.ops.masks import get_keras_mask
from seqir.ops.tensor import Result, TensorLike
from seqir.plain import PlainArguments
from seqir.stored import from_arguments

REDUCTIONS: Final = (
    "sum_over_batch_size",
    "mean",
    "mean_with_sample_weight",
    "sum",
    "none",
)


class Loss(Declared, PlainArguments):
    """Base of all losses: subclass it and define `call`, a value for each sample.

    On traced values it becomes part of the graph, on arrays it computes at once::

        class WorstError(Loss):
            def call(self, y_true, y_pred):
                return ops.max(ops.absolute(y_true - y_pred), axis=-1)

    `reduction` says what becomes of the values (each times its weight, if there are
    weights): their mean ("sum_over_batch_size" or "mean"), their sum over the sum of
    the weights ("mean_with_sample_weight"), their "sum", or they stay ("none" or
    None). Where `y_pred` carries a mask, means are over what it lets through.

    Source: ``keras.losses.Loss``.
    """

    class_numbers = False
    """Whether y_true are class numbers: integers among them keep their type."""
    last = ("reduction", "name", "dtype")

    reduction: str | None = keyword(default="sum_over_batch_size")
    name: str = keyword(default=None)
    dtype: str = keyword(default=None)

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: PolicyLike | None = None,
    ) -> None:
        self.name = name or naming.auto_name(type(self).__name__)
        self.reduction = check_reduction(reduction)
        # A policy of mixed precision says what it computes in.
        self.dtype = dtype_policies.get(dtype or config.floatx()).compute_dtype

    def __call__(
        self,
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> Any:
        """The loss of a batch, reduced."""
        mask = get_keras_mask(y_pred)
        given = type_of_operand(y_true).dtype
        kept = self.class_numbers and dtypes.is_integer(given)
        labels = coerce(y_true, given if kept else self.dtype)
        values = coerce(self.call(labels, coerce(y_pred, self.dtype)), self.dtype)
        for found in (self.counted(labels, values), get_keras_mask(values)):
            if found is not None:
                mask = found if mask is None else ops.logical_and(mask, found)
        return reduce_weighted(values, sample_weight, mask, self.reduction)

    def call(self, y_true: Result, y_pred: Result) -> TensorLike:
        """A value for each sample."""
        raise NotImplementedError(f"{type(self).__name__} has no call")

    def counted(self, y_true: Result, values: Result) -> Result | None:
        """Which values a mean is over, besides the mask of `y_pred`; None: all."""
        return None

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {"name": self.name, "reduction": self.reduction, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The loss that `get_config` describes.

        Raises: ArgumentError if a name in `config` is not an argument of the class.
        """
        return from_arguments(cls, config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class LossFunctionWrapper(Loss):
    """A function ``fn(y_true, y_pred, **kwargs)``, a value for each sample, as a loss.

    An axis of size 1 that only one of labels and predictions has is taken off, or
    added to the other; the function's arguments can be read as attributes.

    Source: ``keras.losses.LossFunctionWrapper``.
    """

    def __init__(
        self,
        fn: Callable[..., TensorLike],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: PolicyLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn = fn
        self.kwargs = {n: getattr(self, n) for n in self.arguments} | kwargs
        self.class_numbers = getattr(fn, "class_numbers", False)

    def call(self, y_true: Result, y_pred: Result) -> TensorLike:
        """The function's values."""
        return self.fn(*same_rank(y_true, y_pred), **self.kwargs)

    def counted(self, y_true: Result, values: Result) -> Result | None:
        """What the function says about its values; see `about_labels`."""
        counted = getattr(self.fn, "counted", None)
        return None if counted is None else counted(y_true, values, **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        fn = {"fn": self.fn} if type(self) is LossFunctionWrapper else {}
        return {**super().get_config(), **fn, **self.kwargs}

    def __getattr__(self, name: str) -> Any:
        kwargs = vars(self).get("kwargs", {})
        if name in kwargs:
            return kwargs[name]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


def check_reduction(reduction: str | None) -> str | None:
    """The reduction, if it is one.

    Raises: ArgumentError for anything else, with the nearest known name.
    """
    return one_of("reduction", reduction, (*REDUCTIONS, None))


def mask_weights(mask: TensorLike, reduction: str | None, dtype: str) -> Result:
    """A mask as weights: their mean is 1 if means are taken, so that these are right.

    weight = 1 / mean(mask) where the mask holds and 0 elsewhere, or the mask itself for
    the other reductions; all are 0 if the mask lets nothing through.
    """
    weight = ops.cast(mask, dtype)
    if reduction not in ("sum_over_batch_size", "mean"):
        return weight
    tiny = float(dtypes.finfo(dtype).tiny)
    holds = ops.cast(ops.cast(mask, "bool"), dtype)
    return holds / ops.maximum(ops.mean(weight), tiny)


def reduce_weighted(
    values: Result,
    sample_weight: TensorLike | None,
    mask: TensorLike | None,
    reduction: str | None,
) -> Result:
    """The values times their weights, reduced; see `Loss`.

    Weights with fewer axes than the values weight all that a sample (or step) has.

    Raises: ShapeError if there are more axes in the weights than in the values.
    """
    dtype = type_of_operand(values).dtype
    weight = None if sample_weight is None else coerce(sample_weight, dtype)
    if mask is not None:
        known = mask_weights(mask, reduction, dtype)
        weight = known if weight is None else ops.multiply(*_trailing(weight, known))
    if weight is not None:
        values, weight = same_rank(values, weight)
        if 0 < ops.ndim(values) < ops.ndim(weight):
            raise ShapeError(
                f"losses {type_of_operand(values)} are for samples, their weights "
                f"{type_of_operand(weight)} must not have more axes"
            )
        values, weight = _trailing(values, weight)
        values = values * weight
    if reduction in (None, "none"):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weight is not None:
        return ops.divide_no_nan(ops.sum(values), ops.sum(weight))
    return ops.mean(values)


def _trailing(a: Result, b: Result) -> tuple[Result, Result]:
    """Two tensors of one rank, axes of size 1 added at the end of the lower one."""
    a, b = same_rank(a, b)
    missing = ops.ndim(a) - ops.ndim(b)
    if missing > 0:
        return a, ops.expand_dims(b, tuple(range(-missing, 0)))
    if missing < 0:
        b, a = _trailing(b, a)
    return a, b


__all__ = [
    "Loss",
    "LossFunctionWrapper",
    "check_reduction",
    "mask_weights",
    "reduce_weighted",
]
