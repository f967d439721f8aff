"""Penalties on weights or activations: functions of a tensor, as IR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqir import ops
from seqir.errors import ArgumentError, ShapeError, did_you_mean
from seqir.plain import PlainArguments
from seqir.registered import custom
from seqir.stored import from_arguments, store, unstore


class Regularizer(PlainArguments):
    """A penalty: subclass it and return a scalar from ``__call__``."""

    def __call__(self, x: Any) -> Any:
        """The penalty of a tensor."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal regularizer."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """The regularizer that `get_config` describes.

        Raises: ArgumentError if a name in `config` is not an argument of the class.
        """
        return from_arguments(cls, config)


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


class OrthogonalRegularizer(Regularizer):
    """penalty = factor * mean(|cosine|) over the pairs of different rows (or columns).

    Shapes: x[m, n] with two or more rows (columns, for mode "columns").
    Raises: ArgumentError for another mode, ShapeError for another rank.
    Source: ``keras.regularizers.OrthogonalRegularizer``.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _penalty("factor", factor)
        if mode not in ("rows", "columns"):
            raise ArgumentError(f"mode must be 'rows' or 'columns', got {mode!r}")
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        """The penalty of a matrix."""
        if len(x.shape) != 2:
            raise ShapeError(
                f"OrthogonalRegularizer takes a matrix, got shape {tuple(x.shape)}"
            )
        rows = x if self.mode == "rows" else ops.transpose(x)
        rows = ops.normalize(rows, axis=1)
        cosines = ops.matmul(rows, ops.transpose(rows))
        count = x.shape[0 if self.mode == "rows" else 1]
        others = ops.cast(1 - ops.eye(count), cosines.dtype)
        total = ops.sum(ops.absolute(cosines) * others)
        return total * (self.factor / (count * (count - 1)))


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

_TABLE: dict[str, type[Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Any:
    """The regularizer for a name, a class, a config, a function of a tensor, or None.

    Raises: ArgumentError for an unknown name, and for the name of the two penalties
        together: with the defaults of `L1L2` it would be no penalty.
    """
    if isinstance(identifier, type) and issubclass(identifier, Regularizer):
        return identifier()
    if identifier is None or callable(identifier):
        return identifier
    if isinstance(identifier, Mapping):
        identifier, config = unstore(identifier, "regularizers")
        if identifier in _TABLE:
            return _TABLE[identifier].from_config(config)
    if identifier in ("l1l2", "l1_l2", "L1L2"):
        raise ArgumentError(
            f"regularizer {identifier!r} does not say how much: pass "
            "regularizers.L1L2(l1=0.01, l2=0.01), or 'l1' or 'l2' for one of them"
        )
    if isinstance(identifier, str) and identifier in _TABLE:
        return _TABLE[identifier]()
    raise ArgumentError(
        f"unknown regularizer {identifier!r}.{did_you_mean(str(identifier), _TABLE)}"
    )


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """The dictionary that `get` (and Keras) turns back into the regularizer."""
    own = _TABLE.get(type(regularizer).__name__) is type(regularizer)
    return store(regularizer, regularizer.get_config(), "regularizers", own=own)


def _penalty(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ArgumentError(f"{name} must be a finite number >= 0, got {value!r}")
    return float(value)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The regularizer that `serialize` (or Keras) made a dictionary of."""
    return get(custom(config, custom_objects))
