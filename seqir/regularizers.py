"""Penalties on weights or activations: functions of a tensor, as IR."""

from __future__ import annotations

from typing import Any, Final

from seqir import naming, ops
from seqir.arguments import number, one_of
from seqir.errors import ArgumentError, ShapeError
from seqir.fields import Declared
from seqir.ops.tensor import Result
from seqir.plain import PlainArguments
from seqir.registry import Registry
from seqir.stored import from_arguments


class Regularizer(Declared, PlainArguments):
    """A penalty: subclass it and return a scalar from ``__call__``."""

    def __call__(self, x: Result) -> Result:
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

    l1: float = 0.0
    l2: float = 0.0

    def _setup(self) -> None:
        self.l1 = float(number("l1", self.l1, least=0, finite=True))
        self.l2 = float(number("l2", self.l2, least=0, finite=True))

    def __call__(self, x: Result) -> Result:
        """The penalty of a tensor."""
        total: Any = 0.0
        if self.l1:
            total = total + self.l1 * ops.sum(ops.absolute(x))
        if self.l2:
            total = total + self.l2 * ops.sum(ops.square(x))
        return total


class L1(Regularizer):
    """penalty = l1 * sum(|x|). Source: ``keras.regularizers.L1``."""

    l1: float = 0.01

    def _setup(self) -> None:
        self.l1 = float(number("l1", self.l1, least=0, finite=True))

    def __call__(self, x: Result) -> Result:
        """The penalty of a tensor."""
        return self.l1 * ops.sum(ops.absolute(x))


class L2(Regularizer):
    """penalty = l2 * sum(x²). Source: ``keras.regularizers.L2``."""

    l2: float = 0.01

    def _setup(self) -> None:
        self.l2 = float(number("l2", self.l2, least=0, finite=True))

    def __call__(self, x: Result) -> Result:
        """The penalty of a tensor."""
        return self.l2 * ops.sum(ops.square(x))


class OrthogonalRegularizer(Regularizer):
    """penalty = factor * mean(|cosine|) over the pairs of different rows (or columns).

    Shapes: x[m, n] with two or more rows (columns, for mode "columns").
    Raises: ArgumentError for another mode, ShapeError for another rank.
    Source: ``keras.regularizers.OrthogonalRegularizer``.
    """

    factor: float = 0.01
    mode: str = "rows"

    def _setup(self) -> None:
        self.factor = float(number("factor", self.factor, least=0, finite=True))
        one_of("mode", self.mode, ("rows", "columns"))

    def __call__(self, x: Result) -> Result:
        """The penalty of a matrix."""
        if len(x.shape) != 2:
            raise ShapeError(
                f"OrthogonalRegularizer takes a matrix, got shape {tuple(x.shape)}"
            )
        rows = x if self.mode == "rows" else ops.transpose(x)
        rows = ops.normalize(rows, axis=1)
        cosines = ops.matmul(rows, ops.transpose(rows))
        count: Any = x.shape[0 if self.mode == "rows" else 1]
        others = ops.cast(1 - ops.eye(count), cosines.dtype)
        total = ops.sum(ops.absolute(cosines) * others)
        return total * (self.factor / (count * (count - 1)))


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

REGISTRY: Final = Registry(
    "regularizers",
    "regularizer",
    Regularizer,
    unknown="unknown {kind} {name!r}.",
    spellings=lambda name: (name, naming.to_snake_case(name)),
)
REGISTRY.add((L1, L2, L1L2, OrthogonalRegularizer))


def get(identifier: Any) -> Any:
    """The regularizer for a name, a class, a config, a function of a tensor, or None.

    Raises: ArgumentError for an unknown name, and for the name of the two penalties
        together: with the defaults of `L1L2` it would be no penalty.
    """
    if identifier in ("l1l2", "l1_l2", "L1L2"):
        raise ArgumentError(
            f"regularizer {identifier!r} does not say how much: pass "
            "regularizers.L1L2(l1=0.01, l2=0.01), or 'l1' or 'l2' for one of them"
        )
    return REGISTRY.get(identifier)


serialize = REGISTRY.serialize
deserialize = REGISTRY.deserialize

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]
