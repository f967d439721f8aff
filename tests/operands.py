"""What operators are tried on: operands, samples, and what is refused.

A size of `BATCH` stands for the unknown size "batch" where a test asks for one, so
that every other size in a sample is something else.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.errors import ShapeError
from seqir.ir import Op
from seqir.tensortype import TensorType

BATCH = 5


@dataclass(frozen=True)
class Operand:
    """Shape, element type and range of the numbers, or the numbers themselves."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float = -2.0
    high: float = 2.0
    values: tuple[Any, ...] = ()
    named: tuple[int | str, ...] = ()
    """The shape with the batch unknown, where sizes are made of the batch."""

    @property
    def type(self) -> TensorType:
        return TensorType(self.dtype, self.shape)

    @property
    def symbolic(self) -> TensorType:
        """The type with the batch unknown."""
        sizes = tuple("batch" if d == BATCH else d for d in self.shape)
        return TensorType(self.dtype, self.named or sizes)

    def array(self, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        dtype = dtypes.to_numpy(self.dtype)
        if self.values:
            return np.array(self.values, dtype).reshape(self.shape)
        if dtype.kind in "iu":
            low = 0 if dtype.kind == "u" and self.low < 0 else int(self.low)
            return np.asarray(rng.integers(low, int(self.high) + 1, self.shape), dtype)
        if dtype.kind == "b":
            return np.asarray(rng.random(self.shape) < 0.5)
        return np.asarray(rng.uniform(self.low, self.high, self.shape), dtype)


@dataclass(frozen=True)
class Sample:
    """An operator and operands that it takes."""

    op: Op
    operands: tuple[Operand, ...]

    @property
    def id(self) -> str:
        types = "-".join(str(x.type).replace(" ", "") for x in self.operands)
        return f"{type(self.op).__name__}:{self.op}-{types}"

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple(x.type for x in self.operands)

    @property
    def symbolic(self) -> tuple[TensorType, ...]:
        return tuple(x.symbolic for x in self.operands)

    def arrays(self) -> tuple[np.ndarray[Any, Any], ...]:
        """The same numbers every time."""
        rng = np.random.default_rng(zlib.crc32(self.id.encode()))
        return tuple(x.array(rng) for x in self.operands)


@dataclass(frozen=True)
class BadSample:
    """Operand types that an operator refuses, and a part of what it says."""

    op: Op
    types: tuple[TensorType, ...]
    match: str
    error: type[Exception] = ShapeError

    @property
    def id(self) -> str:
        types = "-".join(str(x).replace(" ", "") for x in self.types)
        return f"{type(self.op).__name__}:{self.op}-{types}"


def x(
    *shape: int,
    dtype: str = "float32",
    low: float = -2,
    high: float = 2,
    values: tuple[Any, ...] = (),
    named: tuple[int | str, ...] = (),
) -> Operand:
    return Operand(shape, dtype, low, high, values, named)


def i(*shape: int, low: float = -4, high: float = 4, dtype: str = "int32") -> Operand:
    return Operand(shape, dtype, low, high)


def flag(*shape: int) -> Operand:
    return Operand(shape, "bool")


def same(*sizes: int) -> tuple[tuple[int, int], ...]:
    """As much padding on both sides of each axis."""
    return tuple((p, p) for p in sizes)


def known(type: TensorType) -> tuple[int, ...]:
    return tuple(d for d in type.shape if isinstance(d, int))
