"""Gradients of pooling, whole: how to expand them depends on the target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqir import dtypes
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand
from seqir.operators.conv_grad import check_cotangent
from seqir.operators.pool import AveragePool, MaxPool
from seqir.operators.taps import channels_first, channels_last
from seqir.shapes import known_shape
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class MaxPoolGrad(Op):
    """The gradient of max pooling: the first maximum of a window takes all.

    ``dx[n, c, i] = sum of g[n, c, p] over the windows p whose first maximum is x[i]``

    Shapes: x[N, C, *size], y and g[N, C, *out] -> dx as x; y is the pooled x.
    Raises: ShapeError if y or g has not the shape of the pooled x.
    Source: ONNX ``MaxPool`` (opset 12) with indices, ``ScatterElements`` (opset 16).
    """

    name: ClassVar[str] = "max_pool_grad"
    pool: MaxPool

    def infer(self, x: TensorType, y: TensorType, g: TensorType) -> tuple[TensorType]:
        (pooled,) = self.pool.infer(x)
        check_cotangent(self.name, y, pooled)
        check_cotangent(self.name, g, pooled)
        return (x,)

    def evaluate(self, x: Array, y: Array, g: Array) -> tuple[Array]:
        window = self.pool.window
        places = np.arange(math.prod(window))
        parts = (places == first_maximum(self.pool, x)) * g[..., None]
        parts = parts.reshape(*g.shape, *window)
        return (self.pool.taps.add_back(parts, x.shape[2:]).astype(x.dtype),)

    def lower(self, emit: Emit, node: Node, x: str, y: str, g: str) -> tuple[str]:
        dtype = dtypes.to_numpy(node.result.type.dtype)
        whole, indices = emit_indices(emit, self.pool, node.operands[0].type, x)
        shape, flat = emit("Shape", whole), emit.ints(-1)
        count = emit("ReduceProd", shape, keepdims=1)
        zeros = emit("ConstantOfShape", count, value=np.zeros(1, dtype))
        dx = emit(
            "ScatterElements",
            zeros,
            emit("Reshape", indices, flat),
            emit("Reshape", g, flat),
            axis=0,
            reduction="add",
        )
        dx = emit("Reshape", dx, shape)
        return (dx if whole == x else self.pool.taps.emit_cropped(emit, dx, x),)

    # dx = Pᵀg, where P picks the first maximum of each window: P is constant but where
    # maxima meet, so x and y have no gradient, and that of g is P h.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        return None, None, ops.apply(MaxPoolPick(self.pool), operands[0], g)

    @property
    def forward(self) -> Op | None:
        return self.pool

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        if target == "cuda" or not self.pool.unrolls(operands[0].type):
            return None
        x, _, g = (channels_last(ops, v) for v in operands)
        # The first maximum of a window is the first one of the first row that has it.
        maxima = self.pool.maxima(ops, x)
        steps = list(zip(self.pool.by_axis(), maxima, maxima[1:], strict=False))
        for pool, before, after in reversed(steps):
            g = _to_first(ops, pool, before, after, g)
        return channels_first(ops, g)


def _to_first(
    ops: Functions, pool: MaxPool, x: Operand, y: Operand, rest: Operand
) -> Operand:
    """A cotangent of maxima y of x, given to the first tap that has each maximum."""
    # With e = 1 where a tap is the maximum, else 0: what is left, rest * (1 - e), is
    # the cotangent where no tap was it yet, and 0 behind the first one that was.
    parts: list[Operand] = []
    for part in pool.taps.cut(ops, x, pool.fill)[:-1]:
        parts.append(rest * ops.cast(ops.equal(part, y), x.dtype))
        rest = rest - parts[-1]
    # Where no tap before it was the maximum, the last one is.
    return pool.taps.spread(ops, [*parts, rest], x.type.shape[1:-1])


@dataclass(frozen=True)
class MaxPoolPick(Op):
    """What h has where x has the first maximum of a window: `MaxPoolGrad`'s adjoint.

    Shapes: x and h[N, C, *size] -> y[N, C, *out].
    Raises: ShapeError if x and h differ in shape.
    Source: ONNX ``MaxPool`` (opset 12) with indices, ``Gather`` (opset 13).
    """

    name: ClassVar[str] = "max_pool_pick"
    pool: MaxPool

    def infer(self, x: TensorType, h: TensorType) -> tuple[TensorType]:
        check_cotangent(self.name, h, x)
        return self.pool.infer(x)

    def evaluate(self, x: Array, h: Array) -> tuple[Array]:
        first = first_maximum(self.pool, x)
        patches = self.pool.taps.patches(h)
        patches = patches.reshape(*first.shape[:-1], -1)
        return (np.take_along_axis(patches, first, -1)[..., 0],)

    def lower(self, emit: Emit, node: Node, x: str, h: str) -> tuple[str]:
        whole, indices = emit_indices(emit, self.pool, node.operands[0].type, x)
        if whole != x:
            h = self.pool.taps.emit_padded(emit, node.operands[1].type, h)
        return (emit("Gather", emit("Reshape", h, emit.ints(-1)), indices, axis=0),)

    # y = P h, so the gradient of h is Pᵀg.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        x, _ = operands
        return None, ops.apply(MaxPoolGrad(self.pool), x, ops.apply(self.pool, x), g)


@dataclass(frozen=True)
class AveragePoolGrad(Op):
    """The gradient of average pooling.

    ``dx[n, c, i] = sum of g[n, c, p] / count[p] over the windows p that cover i``

    Shapes: g[N, C, *out], x[N, C, *size] -> dx as x, of which only the shape counts.
    Raises: ShapeError if g has not the shape of the pooled x.
    Source: ONNX ``ConvTranspose`` (opset 11) by a window of ones.
    """

    name: ClassVar[str] = "average_pool_grad"
    wide: ClassVar[bool] = True
    pool: AveragePool

    def infer(self, g: TensorType, x: TensorType) -> tuple[TensorType]:
        check_cotangent(self.name, g, *self.pool.infer(x))
        return (x,)

    def evaluate(self, g: Array, x: Array) -> tuple[Array]:
        size, window = x.shape[2:], self.pool.window
        shares = g / self.pool.counts(size)
        parts = np.broadcast_to(
            shares[(..., *(None,) * len(window))], (*g.shape, *window)
        )
        return (self.pool.taps.add_back(parts, size).astype(x.dtype),)

    def lower(self, emit: Emit, node: Node, g: str, x: str) -> tuple[str]:
        taps, dtype = self.pool.taps, dtypes.to_numpy(node.result.type.dtype)
        size = node.result.type.shape[2:]
        known = known_shape(size)
        ones = np.ones((1, 1, *self.pool.window), dtype)
        if known is not None:
            counts = emit.constant(self.pool.counts(known).astype(dtype))
        else:
            counts = self.pool.emit_shares(emit, node.result.type, x)
            counts = emit("Mul", counts, emit.scalar(ones.size, dtype.name))
        one = emit.ints(-1, 1)
        rest = emit("Shape", g, start=2)
        shares = emit(
            "Reshape", emit("Div", g, counts), emit("Concat", one, rest, axis=0)
        )
        dx = taps.emit_spread(emit, size, shares, emit.constant(ones), x, 1)
        return (emit("Reshape", dx, emit("Shape", x)),)

    # dx = Aᵀg for the averages y = A x, so the gradient of g is A h.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        return ops.apply(self.pool, g), None

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        g, x = operands
        type = x.type
        size = type.shape[2:]
        known, window = known_shape(size), self.pool.window
        if target == "cuda" or known is None or not self.pool.unrolls(type):
            return None
        counts = self.pool.counts(known)[..., None]
        weights = (1 / counts).astype(dtypes.to_numpy(type.dtype))
        shares = channels_last(ops, g) * weights
        parts = [shares] * math.prod(window)
        return channels_first(ops, self.pool.taps.spread(ops, parts, size))


def first_maximum(pool: MaxPool, x: Array) -> Array:
    """The tap of each window that is its first maximum: [N, C, *out, 1]."""
    patches = pool.taps.patches(x, pool.fill)
    flat = patches.reshape(*patches.shape[: x.ndim], -1)
    return flat.argmax(-1)[..., None]


def emit_indices(
    emit: Emit, pool: MaxPool, type: TensorType, x: str
) -> tuple[str, str]:
    """x, padded where no attribute pads, and where in it, flat, are the maxima."""
    whole, given = pool.emit_window(emit, type, x)
    _, indices = emit.many("MaxPool", whole, outputs=2, **given)
    return whole, indices


OPERATORS = (
    MaxPoolGrad,
    MaxPoolPick,
    AveragePoolGrad,
)
