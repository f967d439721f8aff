"""Random numbers: pure functions of a key and of the place of an element.

A number depends on nothing but the seed, the step of the run, the stream (one for
each random tensor of a graph) and where it stands in its tensor. So the same run gives
the same numbers on every runtime, and no state is carried from node to node.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from seqir import shapes
from seqir.errors import DTypeError
from seqir.ir import Array, Emit, Node, Op
from seqir.operators.kinds import ONNX_CODE
from seqir.shapes import known_shape
from seqir.tensortype import TensorType

_SEED: Final = 0x9E3779B97F4A7C15 - (1 << 64)


_STEP: Final = 0xD1342543DE82EF95 - (1 << 64)


_STREAM: Final = 0xBF58476D1CE4E5B9


_KEY: Final = 0x94D049BB133111EB - (1 << 64)


_PLACE: Final = 0x9E3779B1


_LAST: Final = 0x7FEB352D


_SHIFTS: Final = (8, 12)
"""Odd factors that spread a change of one bit; factors and shifts are chosen by tests
of 2**24 numbers: bins of every eight bits, pairs, triples, correlations, blocks."""


_INT32: Final = ONNX_CODE["int32"]


_INT64: Final = ONNX_CODE["int64"]


_FLOAT: Final = ONNX_CODE["float32"]


_DOUBLE: Final = ONNX_CODE["float64"]


@dataclass(frozen=True)
class RandomBits(Op):
    """y = 32 random bits for each element, as int32; the upper 24 are good.

    The operands are seed and step, and a tensor whose shape y has, unless `shape` says
    it. From seed, step and stream two 32-bit keys are hashed; for the element at the
    place i (counted in row-major order), with integers that wrap around::

        h(v, n) = v + trunc(float32(v) / 2**n)**2
        y[i] = h(h(i * 0x9E3779B1 + key_1, 8) + key_2, 12) * 0x7FEB352D

    The float32 of an integer is the nearest one and the quotient exact, so that all
    runtimes give the same bits whose integers wrap around. Sums, products and casts
    are all that it takes, which runtimes compute with many elements at a time, and
    which GPUs have.

    Source: ONNX ``Range`` (opset 11), ``Cast`` (13), ``Mul``, ``Add`` and ``Reshape``
    (14); the idea: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """

    name: ClassVar[str] = "random_bits"
    stream: int
    shape: tuple[int, ...] | None = None

    def infer(
        self, seed: TensorType, step: TensorType, like: TensorType | None = None
    ) -> tuple[TensorType]:
        scalar = TensorType("int64", ())
        if seed != scalar or step != scalar:
            raise DTypeError(
                f"random numbers need a seed and a step of type {scalar}, got {seed} "
                f"and {step}"
            )
        return (TensorType("int32", self.sizes(like)),)

    def sizes(self, like: TensorType | None) -> shapes.Shape:
        """The shape of the result."""
        if self.shape is not None:
            return self.shape
        assert like is not None, "without a shape there is a tensor to take it from"
        return like.shape

    def evaluate(
        self, seed: Array, step: Array, like: Array | None = None
    ) -> tuple[Array]:
        shape = self.shape if like is None else like.shape
        assert shape is not None
        with np.errstate(over="ignore"):
            z = seed * np.int64(_SEED) + (step * np.int64(_STEP) + self._offset)
            z = (z + _high(z, 32)) * np.int64(_KEY)
            first, second = _high(z, 33).astype(np.int32), z.astype(np.int32)
            v = np.arange(math.prod(shape), dtype=np.int32) * _int32(_PLACE) + first
            v = _mixed(v, _SHIFTS[0]) + second
            v = _mixed(v, _SHIFTS[1]) * np.int32(_LAST)
        return (v.reshape(shape),)

    @property
    def _offset(self) -> np.int64:
        return np.uint64((self.stream + 1) * _STREAM % (1 << 64)).astype(np.int64)

    def lower(
        self, emit: Emit, node: Node, seed: str, step: str, like: str = ""
    ) -> tuple[str]:
        def scalar(op: str, x: str, number: float, dtype: str) -> str:
            return emit(op, x, emit.scalar(number, dtype))

        def high(z: str, bits: int) -> str:
            z = scalar("Mul", emit("Cast", z, to=_DOUBLE), 2.0**-bits, "float64")
            return emit("Cast", z, to=_INT64)

        def mixed(v: str, bits: int) -> str:
            u = scalar("Mul", emit("Cast", v, to=_FLOAT), 2.0**-bits, "float32")
            u = emit("Cast", u, to=_INT32)
            return emit("Add", v, emit("Mul", u, u))

        z = scalar("Mul", step, _STEP, "int64")
        z = scalar("Add", z, int(self._offset), "int64")
        z = emit("Add", scalar("Mul", seed, _SEED, "int64"), z)
        z = scalar("Mul", emit("Add", z, high(z, 32)), _KEY, "int64")
        first = emit("Cast", high(z, 33), to=_INT32)
        second = emit("Cast", z, to=_INT32)
        places, shape = self._places(emit, node, like, first)
        v = emit("Add", mixed(places, _SHIFTS[0]), second)
        v = scalar("Mul", mixed(v, _SHIFTS[1]), _LAST, "int32")
        return (emit("Reshape", v, shape, allowzero=1),)

    def _places(self, emit: Emit, node: Node, like: str, key: str) -> tuple[str, str]:
        """``i * factor + key`` of every element as rows by columns, and the shape.

        A row holds what has a known size, so that the sum of a column of row numbers
        and a row of column numbers counts everything, at the cost of one sum.
        """
        sizes = node.result.type.shape
        columns = 1
        for size in reversed(sizes[1:]):
            if not isinstance(size, int):
                break
            columns *= size
        columns = max(columns, 1)
        known = known_shape(sizes)
        if known is None:
            shape = emit("Shape", like)
            rows = emit("Div", emit("Size", like), emit.scalar(columns, "int64"))
            rows = emit("Cast", rows, to=_INT32)
        else:
            shape = emit.ints(*known)
            rows = emit.scalar(math.prod(known) // columns, "int32")

        def spaced(limit: str, factor: int) -> str:
            zero, one = emit.scalar(0, "int32"), emit.scalar(1, "int32")
            spacing = emit.constant(_int32(factor))
            return emit("Mul", emit("Range", zero, limit, one), spacing)

        row = emit("Add", spaced(rows, columns * _PLACE), key)
        row = emit("Reshape", row, emit.ints(-1, 1))
        column = spaced(emit.scalar(columns, "int32"), _PLACE)
        return emit("Add", row, column), shape


def _high(z: Array, bits: int) -> Array:
    """Trunc(z / 2**bits) of int64, as far as float64 tells it."""
    return np.asarray(z.astype(np.float64) * 2.0**-bits).astype(np.int64)


def _mixed(v: Array, bits: int) -> Array:
    u = (v.astype(np.float32) * np.float32(2.0**-bits)).astype(np.int32)
    return v + u * u


def _int32(number: int) -> Array:
    """The integer modulo 2**32, as int32."""
    return np.array(number % (1 << 32), np.uint32).astype(np.int32)


OPERATORS = (RandomBits,)
