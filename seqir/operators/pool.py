"""Pooling over windows, channels first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from seqir import dtypes
from seqir.errors import ShapeError
from seqir.ir import (
    Array,
    Cotangents,
    Emit,
    Functions,
    Node,
    Op,
    Operand,
    Receptive,
    Take,
)
from seqir.operators.kinds import check_kind
from seqir.operators.taps import (
    Ints,
    Pairs,
    Taps,
    channels_first,
    channels_last,
    read_window,
)
from seqir.shapes import known_shape
from seqir.tensortype import TensorType

_MOST_TAPS = 64
"""Windows with more taps are pooled by one node each way."""


@dataclass(frozen=True)
class Pool(Op):
    """One number from each window of each channel.

    Shapes: x[N, C, *size] -> y[N, C, *out], out as for a convolution.
    Raises: ShapeError if a window does not fit.
    """

    needs_room: ClassVar[bool] = True
    onnx: ClassVar[str]
    fill: ClassVar[float] = 0.0
    """What padding is where it counts."""
    window: Ints
    strides: Ints
    pads: Pairs
    same: bool = False
    """Pad to ``out = ceil(size / s)``, whatever the size turns out to be; no `pads`."""

    def __init_subclass__(cls) -> None:
        cls.reads = (cls.onnx,)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        kernel = tuple(take.attribute("kernel_shape", ()))
        window = read_window(take, kernel)
        if window is None or window.dilations != (1,) * len(kernel):
            return None
        padded = window.same or any(map(any, window.pads))
        counts = take.attribute("count_include_pad", 0)
        if take.attribute("ceil_mode", 0) or (padded and counts):
            return None
        return cls(kernel, window.strides, window.pads, window.same), (0,)

    @property
    def taps(self) -> Taps:
        """Where the window lies."""
        once = (1,) * len(self.window)
        return Taps(self.window, self.strides, once, self.pads, self.same)

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "float")
        if x.rank != len(self.window) + 2:
            raise ShapeError(f"{self.name} of {len(self.window)} spatial axes got {x}")
        n, c, *size = x.shape
        return (x.with_shape((n, c, *self.taps.positions(tuple(size)))),)

    def receptive(self, *operands: TensorType) -> tuple[Receptive, ...]:
        return self.taps.receptive

    def unrolls(self, x: TensorType) -> bool:
        """Whether to write a node for each tap."""
        few = math.prod(self.window) <= _MOST_TAPS
        return few and self.taps.placed(x.shape[2:])

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        type = node.operands[0].type
        x = self.taps.emit_fitting(emit, type.shape[2:], x)
        x, given = self.emit_window(emit, type, x)
        return (emit(self.onnx, x, **given),)

    def emit_window(
        self, emit: Emit, type: TensorType, x: str
    ) -> tuple[str, dict[str, Any]]:
        """x of a type, padded if no attribute can say so, and the ONNX attributes."""
        x, padding = self.taps.emit_window(emit, type, x, self.fill)
        return x, {"kernel_shape": self.window, "strides": self.strides, **padding}


@dataclass(frozen=True)
class MaxPool(Pool):
    """y is the largest number of each window; padding never wins.

    Source: ONNX ``MaxPool`` (opset 12).
    """

    name: ClassVar[str] = "max_pool"
    takes_maxima: ClassVar[bool] = True
    onnx: ClassVar[str] = "MaxPool"
    fill: ClassVar[float] = -np.inf

    def emit_window(
        self, emit: Emit, type: TensorType, x: str
    ) -> tuple[str, dict[str, Any]]:
        x, given = super().emit_window(emit, type, x)
        if not any(given.get("pads", (1,))) and emit.maker(x) == "Pad":
            # Before 1.32 ONNX Runtime takes zeros that are padded in front for pads of
            # the pool, which never win; not of a pool that says that it has none.
            given = {**given, "auto_pad": "VALID"}
            del given["pads"]
        return x, given

    def evaluate(self, x: Array) -> tuple[Array]:
        patches = self.taps.patches(x, self.fill)
        y = patches.max(tuple(range(-len(self.window), 0)))
        return (np.asarray(y, order="C"),)

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        return (ops.max_pool_grad(self, *operands, y, g),)

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        (x,) = operands
        if target == "cuda" or not shared or not self.unrolls(x.type):
            return None
        return channels_first(ops, self.maxima(ops, channels_last(ops, x))[-1])

    def by_axis(self) -> Iterator[MaxPool]:
        """The pools along one axis each that come to this one, the last axis first."""
        rank = len(self.window)
        for axis in reversed(range(rank)):
            window, strides = [1] * rank, [1] * rank
            pads = [(0, 0)] * rank
            window[axis], strides[axis] = self.window[axis], self.strides[axis]
            pads[axis] = self.pads[axis]
            yield MaxPool(tuple(window), tuple(strides), tuple(pads), self.same)

    def maxima(self, ops: Functions, x: Operand) -> list[Operand]:
        """x[N, *size, C], and what it is after each pool `by_axis`."""
        found = [x]
        for pool in self.by_axis():
            found.append(reduce(ops.maximum, pool.taps.cut(ops, found[-1], self.fill)))
        return found


@dataclass(frozen=True)
class AveragePool(Pool):
    """y is the mean of each window; padding is not counted.

    Source: ONNX ``AveragePool`` (opset 11, ``count_include_pad=0``).
    """

    name: ClassVar[str] = "average_pool"
    wide: ClassVar[bool] = True
    onnx: ClassVar[str] = "AveragePool"

    def evaluate(self, x: Array) -> tuple[Array]:
        axes = tuple(range(-len(self.window), 0))
        total = self.taps.patches(x).sum(axes)
        return ((total / self.counts(x.shape[2:])).astype(x.dtype, copy=False),)

    def counts(self, size: Ints) -> Array:
        """How many places of the image each window covers: [*out]."""
        ones = self.taps.patches(np.ones((1, 1, *size)))
        return ones.sum(tuple(range(-len(size), 0)))[0, 0]

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        (x,) = operands
        size = known_shape(x.type.shape[2:])
        if target != "plain" or size is None:
            return None
        total = reduce(ops.add, self.taps.cut(ops, channels_last(ops, x)))
        return channels_first(ops, total / self.counts(size)[..., None])

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        type = node.operands[0].type
        (y,) = super().lower(emit, node, x)
        if not self.taps.padded_by_hand(type.shape[2:], emit.target):
            return (y,)
        # The runtime has divided by the volume of the window.
        return (emit("Div", y, self.emit_shares(emit, type, x)),)

    def emit_shares(self, emit: Emit, type: TensorType, x: str) -> str:
        """Which part of each window's volume lies in the image x: [1, 1, *out]."""
        size = emit("Concat", emit.ints(1, 1), emit("Shape", x, start=2), axis=0)
        one = np.ones(1, dtypes.to_numpy(type.dtype))
        ones = emit("ConstantOfShape", size, value=one)
        ones, given = self.emit_window(emit, type, ones)
        return emit("AveragePool", ones, count_include_pad=1, **given)

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        return (ops.average_pool_grad(self, g, *operands),)


OPERATORS = (
    MaxPool,
    AveragePool,
)
