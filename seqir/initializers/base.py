"""The base class, and the checks of arguments that all initializers share."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self, SupportsIndex, TypeAlias

import numpy as np

from seqir import dtypes
from seqir.arguments import integer, is_integer
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, DTypeError, ShapeError
from seqir.fields import Declared
from seqir.stored import from_arguments

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Sizes: TypeAlias = tuple[int, ...]
Work: TypeAlias = np.dtype[np.float32] | np.dtype[np.float64]
"""The type that random values are computed in."""

MAX_SEED: Final = 2**64 - 1


class Initializer(Declared):
    """Base of all initializers; a subclass has `__call__` and `get_config`."""

    def __call__(self, shape: Iterable[int], dtype: DTypeLike | None = None) -> Array:
        """New values of this shape; `dtype` None is float32."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal initializer, ready for JSON."""
        return {name: getattr(self, name) for name in self.arguments}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The initializer that `get_config` describes.

        Raises: ArgumentError if a name in `config` is not an argument of the class.
        """
        return from_arguments(cls, config)

    def clone(self) -> Self:
        """A new initializer with the same config (seed None draws a new seed)."""
        return self.from_config(self.get_config())

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({given})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Initializer) or type(self) is not type(other):
            return NotImplemented
        return self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(type(self))


def check_shape(shape: Any) -> Sizes:
    """The sizes as ints; ShapeError unless all are known and not negative."""
    try:
        sizes = tuple(shape)
    except TypeError:
        sizes = None
    if sizes is None or isinstance(shape, str):
        raise ShapeError(f"a shape is a tuple such as (3, 4), got {shape!r}")
    for size in sizes:
        if not is_integer(size):
            raise ShapeError(f"the sizes of a weight are integers, got shape {sizes}")
        if operator.index(size) < 0:
            raise ShapeError(f"the sizes of a weight are not negative, got {sizes}")
    return tuple(operator.index(size) for size in sizes)


def check_seed(seed: object) -> int:
    """The seed as an int; ArgumentError unless 0 <= seed <= `MAX_SEED`."""
    found = integer("seed", seed)
    if not 0 <= found <= MAX_SEED:
        raise ArgumentError(f"seed must be from 0 to 2**64 - 1, got {seed}")
    return found


def check_axes(name: str, axes: Iterable[SupportsIndex] | None) -> list[int] | None:
    """The axes as a list of ints, or None; ArgumentError for anything else."""
    if axes is None:
        return None
    try:
        return [operator.index(axis) for axis in axes]
    except TypeError:
        raise ArgumentError(
            f"{name} must be a list of integers, got {axes!r}"
        ) from None


def dtype_name(dtype: DTypeLike | None) -> str:
    """The name of a dtype; None is float32."""
    return "float32" if dtype is None else dtypes.canonical(dtype)


def float_name(who: str, dtype: DTypeLike | None) -> str:
    """The name of a floating-point dtype; DTypeError for any other."""
    name = dtype_name(dtype)
    if not dtypes.is_float(name):
        raise DTypeError(f"{who} makes floating-point values, which {name} cannot hold")
    return name
