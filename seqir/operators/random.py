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

VERSION: Final = 2
"""Of the numbers: a training that was begun with others cannot go on with these."""


_WORDS: Final = {
    "seed": (0x85EBCA6B, 0xC2B2AE35),
    "step": (0x27D4EB2F, 0x165667B1),
    "upper": (0xD3A2646D, 0xFD7046C5),
}
"""Odd factors of what a key is made of, for each of its two words."""


_KEY: Final = 0xB55A4F08


_PLACE: Final = 0x9E3779B1


_LAST: Final = 0x7FEB352D


_SHIFTS: Final = (8, 13)
"""Numbers that spread a change of one bit; they are chosen by tests of 2**24 numbers:
bins of every eight bits, pairs, triples, correlations, blocks."""


_HALF: Final = 1 << 16


_INT32: Final = ONNX_CODE["int32"]


_FLOAT: Final = ONNX_CODE["float32"]


@dataclass(frozen=True)
class RandomBits(Op):
    """y = 32 random bits for each element, as int32; the upper 24 are good.

    The operands are seed and step, and a tensor whose shape y has, unless `shape` says
    it. Integers have 32 bits and wrap around. With ``v >> n`` for
    ``int32(float32(v) / 2**n)``, a value is spread by a key::

        h(v, key) = (w + (w >> 13) * k) * d
                    where k = (v >> 8) + key, w = v + (v >> 8) * k
        y[i] = h(i * 0x9E3779B1 + key[0], key[1])
        key[j] = h(seed * a[j] + step * b[j] + upper * c[j] + stream[j], d)

    `upper` are the 32 upper bits of the seed, i is the place of the element, counted in
    row-major order. Sums and products that wrap, the nearest float32 of an int32 and
    its way back are what all runtimes do alike: not all have 64 bits where ONNX says
    so, and some compute the square of an int32 as floating-point.

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
        upper = (seed - np.fmod(seed, 1 << 32)) // (1 << 32)
        parts = {"seed": seed, "step": step, "upper": upper}
        with np.errstate(over="ignore"):
            v = self._stream_words()
            for name, part in parts.items():
                v = v + np.asarray(part).astype(np.int32) * _int32(*_WORDS[name])
            first, second = _spread(v, _int32(_KEY))
            v = np.arange(math.prod(shape), dtype=np.int32) * _int32(_PLACE) + first
            v = _spread(v, second)
        return (v.reshape(shape),)

    def _stream_words(self) -> Array:
        """Two words that tell the streams apart."""
        z = (self.stream + 1) * 0x9E3779B97F4A7C15 % (1 << 64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = (z ^ z >> shift) * factor % (1 << 64)
        z ^= z >> 31
        return _int32(z, z >> 32)

    def lower(
        self, emit: Emit, node: Node, seed: str, step: str, like: str = ""
    ) -> tuple[str]:
        first, second = self._keys(emit, seed, step)
        places, shape = self._places(emit, node, like, first)
        v = _emit_spread(emit, places, second)
        known = known_shape(node.result.type.shape)
        if known is not None and 0 not in known:  # few runtimes know the attribute
            return (emit("Reshape", v, shape),)
        return (emit("Reshape", v, shape, allowzero=1),)

    def _keys(self, emit: Emit, seed: str, step: str) -> tuple[str, ...]:
        """The two words that the numbers of this stream are spread by."""
        half = emit.scalar(_HALF, "int64")
        parts = {
            "seed": seed,
            "step": step,
            "upper": emit.once("Div", emit.once("Div", seed, half), half),
        }
        run = ""
        for name, part in parts.items():
            word = emit.once("Cast", part, to=_INT32)
            word = emit.once("Mul", word, emit.constant(_int32(*_WORDS[name])))
            run = emit.once("Add", run, word) if run else word
        key = emit("Add", run, emit.constant(self._stream_words()))
        key = _emit_spread(emit, key, emit.constant(_int32(_KEY)))
        return emit.many("Split", key, emit.ints(1, 1), outputs=2, axis=0)

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


def _shifted(v: Array, bits: int) -> Array:
    return (v.astype(np.float32) * np.float32(2.0**-bits)).astype(np.int32)


def _spread(v: Array, key: Array) -> Array:
    """Every bit of v all over the upper 24 bits, in a way that the key says."""
    u = _shifted(v, _SHIFTS[0])
    factor = u + key
    v = v + u * factor
    return (v + _shifted(v, _SHIFTS[1]) * factor) * _int32(_LAST)


def _emit_spread(emit: Emit, v: str, key: str) -> str:
    """`_spread`, as ONNX nodes."""

    def shifted(v: str, bits: int) -> str:
        u = emit("Cast", v, to=_FLOAT)
        u = emit("Mul", u, emit.scalar(2.0**-bits, "float32"))
        return emit("Cast", u, to=_INT32)

    u = shifted(v, _SHIFTS[0])
    factor = emit("Add", u, key)
    v = emit("Add", v, emit("Mul", u, factor))
    v = emit("Add", v, emit("Mul", shifted(v, _SHIFTS[1]), factor))
    return emit("Mul", v, emit.constant(_int32(_LAST)))


def _int32(*numbers: int) -> Array:
    """Integers modulo 2**32, as int32: a scalar, or a vector of several."""
    words = np.array([n % (1 << 32) for n in numbers], np.uint32).astype(np.int32)
    return words if len(numbers) > 1 else words.reshape(())


OPERATORS = (RandomBits,)
