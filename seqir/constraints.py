"""Projections of weights after an update: functions of a tensor, as IR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqir import config as settings
from seqir import ops
from seqir.errors import ArgumentError, did_you_mean
from seqir.plain import PlainArguments
from seqir.registered import custom
from seqir.stored import from_arguments, store, unstore


class Constraint(PlainArguments):
    """A projection: subclass it and return the projected tensor from ``__call__``."""

    def __call__(self, w: Any) -> Any:
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

    def __call__(self, w: Any) -> Any:
        """The tensor that satisfies the constraint."""
        return ops.maximum(w, 0.0)


class MaxNorm(Constraint):
    """w scaled down to at most a norm. Source: ``keras.constraints.MaxNorm``."""

    def __init__(self, max_value: float = 2, axis: int = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """The tensor that satisfies the constraint."""
        norms = ops.sqrt(ops.sum(ops.square(w), self.axis, keepdims=True))
        desired = ops.clip(norms, 0.0, float(self.max_value))
        return w * (desired / (settings.epsilon() + norms))


class UnitNorm(Constraint):
    """w scaled to norm 1. Source: ``keras.constraints.UnitNorm``."""

    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """The tensor that satisfies the constraint."""
        norms = ops.sqrt(ops.sum(ops.square(w), self.axis, keepdims=True))
        return w / (settings.epsilon() + norms)


class MinMaxNorm(Constraint):
    """w scaled to a norm between bounds. Source: ``keras.constraints.MinMaxNorm``."""

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int = 0,
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """The tensor that satisfies the constraint."""
        norms = ops.sqrt(ops.sum(ops.square(w), self.axis, keepdims=True))
        clipped = ops.clip(norms, float(self.min_value), float(self.max_value))
        desired = self.rate * clipped + (1 - self.rate) * norms
        return w * (desired / (settings.epsilon() + norms))


_TABLE: dict[str, type[Constraint]] = {
    "non_neg": NonNeg,
    "max_norm": MaxNorm,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
    "NonNeg": NonNeg,
    "MaxNorm": MaxNorm,
    "UnitNorm": UnitNorm,
    "MinMaxNorm": MinMaxNorm,
}


def get(identifier: Any) -> Any:
    """The constraint for a name, a config, a function of a tensor, or None.

    Raises: ArgumentError for an unknown name.
    """
    if identifier is None or callable(identifier):
        return identifier
    if isinstance(identifier, Mapping):
        identifier, config = unstore(identifier, "constraints")
        if identifier in _TABLE:
            return _TABLE[identifier].from_config(config)
    if isinstance(identifier, str) and identifier in _TABLE:
        return _TABLE[identifier]()
    raise ArgumentError(
        f"unknown constraint {identifier!r}.{did_you_mean(str(identifier), _TABLE)}"
    )


def serialize(constraint: Constraint) -> dict[str, Any]:
    """The dictionary that `get` (and Keras) turns back into the constraint."""
    own = _TABLE.get(type(constraint).__name__) is type(constraint)
    return store(constraint, constraint.get_config(), "constraints", own=own)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The constraint that `serialize` (or Keras) made a dictionary of."""
    return get(custom(config, custom_objects))


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
