"""Penalties on weights or activations: functions of a tensor, as IR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqir import ops
from seqir.errors import ArgumentError, did_you_mean


class Regularizer:
    """A penalty: subclass it and return a scalar from ``__call__``."""

    def __call__(self, x: Any) -> Any:
        """The penalty of a tensor."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal regularizer."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """The regularizer that `get_config` describes."""
        return cls(**config)


class L1L2(Regularizer):
    """penalty = l1 * sum(|x|) + l2 * sum(x²). Source: ``keras.regularizers.L1L2``."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _penalty("l1", l1)
        self.l2 = _penalty("l2", l2)

    def __call__(self, x: Any) -> Any:
        """The penalty of a tensor."""
        total: Any = 0.0
        if self.l1:
            total = total + self.l1 * ops.sum(ops.absolute(x))
        if self.l2:
            total = total + self.l2 * ops.sum(ops.square(x))
        return total


class L1(Regularizer):
    """penalty = l1 * sum(|x|). Source: ``keras.regularizers.L1``."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _penalty("l1", l1)

    def __call__(self, x: Any) -> Any:
        """The penalty of a tensor."""
        return self.l1 * ops.sum(ops.absolute(x))


class L2(Regularizer):
    """penalty = l2 * sum(x²). Source: ``keras.regularizers.L2``."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _penalty("l2", l2)

    def __call__(self, x: Any) -> Any:
        """The penalty of a tensor."""
        return self.l2 * ops.sum(ops.square(x))


_TABLE: dict[str, Callable[[], Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": lambda: L1L2(0.01, 0.01),
    "L1": L1,
    "L2": L2,
    "L1L2": lambda: L1L2(0.01, 0.01),
}


def get(identifier: Any) -> Any:
    """The regularizer for a name, a function of a tensor, or None.

    Raises: ArgumentError for an unknown name.
    """
    if identifier is None or callable(identifier):
        return identifier
    if isinstance(identifier, str) and identifier in _TABLE:
        return _TABLE[identifier]()
    raise ArgumentError(
        f"unknown regularizer {identifier!r}.{did_you_mean(str(identifier), _TABLE)}"
    )


def _penalty(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ArgumentError(f"{name} must be a finite number >= 0, got {value!r}")
    return float(value)
