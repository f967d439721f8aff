"""Initializers whose values are known: constants and the identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.arguments import number
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.initializers.base import (
    Array,
    Initializer,
    check_shape,
    dtype_name,
)
from seqir.narrow import is_mapping
from seqir.plain import is_array, is_numpy_scalar


class Given:
    """An array as it is; without a configuration, which `Constant` has.

    Raises: ShapeError when it is called with another shape than the array's.
    """

    def __init__(self, array: object) -> None:
        self.array = np.asarray(array)

    def __call__(self, shape: Iterable[int], dtype: DTypeLike | None = None) -> Array:
        """The array in this type."""
        sizes = check_shape(shape)
        if sizes != self.array.shape:
            raise ShapeError(
                f"an array of shape {self.array.shape} cannot initialize a weight of "
                f"shape {sizes}; Constant(array) broadcasts"
            )
        return self.array.astype(dtypes.to_numpy(dtype_name(dtype)))

    def __repr__(self) -> str:
        return f"the array of shape {self.array.shape}"


class Constant(Initializer):
    """Every element is `value`; an array value is broadcast to the shape.

    Raises: ArgumentError if `value` is not numeric, or the dtype cannot hold it;
        ShapeError if it does not broadcast.
    """

    value: Any = 0.0

    def _setup(self) -> None:
        value = self.value
        try:
            if is_mapping(value) and value.get("class_name") == "__tensor__":
                stored = value["config"]
                value = np.asarray(stored["value"], dtypes.to_numpy(stored["dtype"]))
            self._array = np.array(value)
            if dtypes.canonical(self._array.dtype) == dtypes.STRING:
                raise TypeError("text")
        except (ValueError, KeyError, TypeError):  # DTypeError too
            raise ArgumentError(
                f"value must be a number or an array of numbers, got {value!r}"
            ) from None
        self.value = value

    def __call__(self, shape: Iterable[int], dtype: DTypeLike | None = None) -> Array:
        """The value, broadcast and cast."""
        sizes = check_shape(shape)
        name = dtype_name(dtype)
        try:
            spread = np.broadcast_to(self._array, sizes)
        except ValueError:
            raise ShapeError(
                f"a value of shape {self._array.shape} cannot fill shape {sizes}"
            ) from None
        if spread.size and not fits(self._array, name):
            raise ArgumentError(f"{name} cannot hold the value {self.value!r}")
        return spread.astype(dtypes.to_numpy(name))

    def get_config(self) -> dict[str, Any]:
        """`value`; an array in the form that Keras stores."""
        if is_numpy_scalar(self.value):
            return {"value": self._array.item()}
        if not is_array(self.value):
            return {"value": self.value}
        stored = {"value": self._array.tolist(), "dtype": self._array.dtype.name}
        return {"value": {"class_name": "__tensor__", "config": stored}}


class Zeros(Initializer):
    """Every element is 0."""

    def __call__(self, shape: Iterable[int], dtype: DTypeLike | None = None) -> Array:
        """Zeros."""
        return np.zeros(check_shape(shape), dtypes.to_numpy(dtype_name(dtype)))


class Ones(Initializer):
    """Every element is 1."""

    def __call__(self, shape: Iterable[int], dtype: DTypeLike | None = None) -> Array:
        """Ones."""
        return np.ones(check_shape(shape), dtypes.to_numpy(dtype_name(dtype)))


class Identity(Initializer):
    """A matrix with `gain` on its main diagonal and 0 elsewhere.

    Raises: ShapeError if the shape has not two sizes.
    """

    gain: float = 1.0

    def _setup(self) -> None:
        self.gain = number("gain", self.gain, finite=True)

    def __call__(self, shape: Iterable[int], dtype: DTypeLike | None = None) -> Array:
        """``gain * eye(rows, columns)``."""
        sizes = check_shape(shape)
        if len(sizes) != 2:
            raise ShapeError(f"Identity makes matrices, got shape {sizes}")
        wide = np.eye(*sizes) * self.gain
        return wide.astype(dtypes.to_numpy(dtype_name(dtype)))


def fits(values: Array, name: str) -> bool:
    """Whether the type has the range for all values (fractions may go)."""
    if name == "bool" or values.dtype.kind == "b":
        return True
    if dtypes.is_integer(name):
        info = np.iinfo(name)
        low, high = values.min().item(), values.max().item()
        return info.min <= low and high <= info.max
    with np.errstate(over="ignore"):
        cast = values.astype(dtypes.to_numpy(name))
    return bool(np.all(np.isfinite(cast) == np.isfinite(values)))


__all__ = ["Constant", "Identity", "Ones", "Zeros"]
