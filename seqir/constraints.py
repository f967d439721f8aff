"""Projections of weights after an update: functions of a tensor, as IR."""

from __future__ import annotations

from typing import Any, Final

from seqir import config as settings
from seqir import naming, ops
from seqir.fields import Declared
from seqir.ops.tensor import Result
from seqir.plain import PlainArguments
from seqir.registry import Registry
from seqir.stored import from_arguments


class Constraint(Declared, PlainArguments):
    """A projection: subclass it and return the projected tensor from ``__call__``."""

    def __call__(self, w: Result) -> Result:
        """The tensor that satisfies the constraint; of the base class, any does."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal constraint."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """The constraint that `get_config` describes.

        Raises: ArgumentError if a name in `config` is not an argument of the class.
        """
        return from_arguments(cls, config)


class NonNeg(Constraint):
    """w = max(w, 0). Source: ``keras.constraints.NonNeg``."""

    def __call__(self, w: Result) -> Result:
        """The tensor that satisfies the constraint."""
        return ops.maximum(w, 0.0)


class MaxNorm(Constraint):
    """w scaled down to at most a norm. Source: ``keras.constraints.MaxNorm``."""

    max_value: float = 2
    axis: int = 0

    def __call__(self, w: Result) -> Result:
        """The tensor that satisfies the constraint."""
        norms = ops.sqrt(ops.sum(ops.square(w), self.axis, keepdims=True))
        desired = ops.clip(norms, 0.0, float(self.max_value))
        return w * (desired / (settings.epsilon() + norms))


class UnitNorm(Constraint):
    """w scaled to norm 1. Source: ``keras.constraints.UnitNorm``."""

    axis: int = 0

    def __call__(self, w: Result) -> Result:
        """The tensor that satisfies the constraint."""
        norms = ops.sqrt(ops.sum(ops.square(w), self.axis, keepdims=True))
        return w / (settings.epsilon() + norms)


class MinMaxNorm(Constraint):
    """w scaled to a norm between bounds. Source: ``keras.constraints.MinMaxNorm``."""

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: int = 0

    def __call__(self, w: Result) -> Result:
        """The tensor that satisfies the constraint."""
        norms = ops.sqrt(ops.sum(ops.square(w), self.axis, keepdims=True))
        clipped = ops.clip(norms, float(self.min_value), float(self.max_value))
        desired = self.rate * clipped + (1 - self.rate) * norms
        return w * (desired / (settings.epsilon() + norms))


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

REGISTRY: Final = Registry(
    "constraints",
    "constraint",
    Constraint,
    unknown="unknown {kind} {name!r}.",
    spellings=lambda name: (name, naming.to_snake_case(name)),
)
REGISTRY.add((NonNeg, MaxNorm, UnitNorm, MinMaxNorm))

get = REGISTRY.get
serialize = REGISTRY.serialize
deserialize = REGISTRY.deserialize

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]
