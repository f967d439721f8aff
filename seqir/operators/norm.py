"""Normalization with given or computed statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand, Take
from seqir.operators.kinds import check_kind
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class BatchNorm(Op):
    """y = (x - mean) / √(variance + epsilon) * scale + bias, per channel (axis 1).

    Shapes: x[N, C, ...], scale, bias, mean, variance[C] -> y as x.
    Source: ONNX ``BatchNormalization`` (opset 15, inference).
    """

    name: ClassVar[str] = "batch_norm"
    wide: ClassVar[bool] = True
    statistics: ClassVar[tuple[int, ...]] = (3, 4)
    reads: ClassVar[tuple[str, ...]] = ("BatchNormalization",)
    epsilon: float

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        if take.attribute("training_mode", 0):
            return None
        return cls(take.attribute("epsilon", 1e-5)), (0, 1, 2, 3, 4)

    def infer(self, x: TensorType, *vectors: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "float")
        for v in vectors:
            if x.rank < 2 or v.shape != x.shape[1:2] or v.dtype != x.dtype:
                raise ShapeError(f"batch_norm of {x} got a vector {v}")
        return (x,)

    def affine(
        self, scale: Array, bias: Array, mean: Array, variance: Array
    ) -> tuple[Array, Array]:
        """The factor and the summand that it comes to: ``y = x * factor + summand``."""
        factor = scale / np.sqrt(variance + np.asarray(self.epsilon, variance.dtype))
        return factor, bias - mean * factor

    def channelwise(
        self, rank: int, axis: int, *operands: Array | None
    ) -> tuple[Array, Array] | None:
        vectors = [v.astype(np.float64) for v in operands if v is not None]
        if operands[0] is not None or len(vectors) != 4 or axis != 1:
            return None
        return self.affine(*vectors)

    def evaluate(self, x: Array, *vectors: Array) -> tuple[Array]:
        column = (-1, *(1,) * (x.ndim - 2))
        factor, summand = self.affine(*vectors)
        y = x * factor.reshape(column) + summand.reshape(column)
        return (y.astype(x.dtype, copy=False),)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        return (emit("BatchNormalization", *operands, epsilon=self.epsilon),)

    # With r = (variance + epsilon)^(-1/2), dr/dvariance = -r³/2 and
    # y = (x - mean) r scale + bias; sums are over all axes but the channels:
    #   dscale = r sum(g (x - mean)),  dmean = -r scale sum(g),
    #   dvariance = sum(g (x - mean)) scale (-r³/2) = dscale (scale r) r / -2.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, x: Operand, *vectors: Operand
    ) -> Cotangents:
        scale, _, mean, variance = vectors
        inverse = ops.rsqrt(variance + self.epsilon)
        factor = scale * inverse
        others = _others(x.ndim)
        dbias = ops.sum(g, others)
        dscale = ops.sum(g * (x - _column(ops, mean, x)), others) * inverse
        dvariance = dscale * factor * inverse * -0.5
        return g * _column(ops, factor, x), dscale, dbias, -(dbias * factor), dvariance


@dataclass(frozen=True)
class TrainingBatchNorm(Op):
    """`BatchNorm` with the mean and variance that x itself has, per channel.

    One operator, because its gradient takes fewer steps than its parts' gradients::

        dx = factor * (g - mean(g) - centred * mean(g * centred) / (variance + epsilon))

    Shapes: x[N, C, ...], scale, bias[C] -> y as x.
    Source: ONNX ``BatchNormalization`` (opset 15, ``training_mode=1``), decomposed;
        arXiv:1502.03167.
    """

    name: ClassVar[str] = "training_batch_norm"
    wide: ClassVar[bool] = True
    epsilon: float

    def infer(self, x: TensorType, *vectors: TensorType) -> tuple[TensorType]:
        return BatchNorm(self.epsilon).infer(x, *vectors)

    def evaluate(self, x: Array, scale: Array, bias: Array) -> tuple[Array]:
        axes = _others(x.ndim)
        return BatchNorm(self.epsilon).evaluate(
            x, scale, bias, x.mean(axes), x.var(axes)
        )

    def lower(
        self, emit: Emit, node: Node, x: str, scale: str, bias: str
    ) -> tuple[str]:
        type = node.result.type
        axes, column = _others(type.rank), emit.ints(-1, *(1,) * (type.rank - 2))

        def average(name: str) -> str:
            if emit.opset >= 18:
                return emit("ReduceMean", name, emit.ints(*axes), keepdims=1)
            return emit("ReduceMean", name, axes=axes, keepdims=1)

        centred = emit("Sub", x, average(x))
        variance = average(emit("Mul", centred, centred))
        shifted = emit("Add", variance, emit.scalar(self.epsilon, type.dtype))
        normal = emit("Div", centred, emit("Sqrt", shifted))
        scaled = emit("Mul", normal, emit("Reshape", scale, column))
        return (emit("Add", scaled, emit("Reshape", bias, column)),)

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        x, scale, bias = operands
        centred, inverse = self._statistics(ops, x)
        return centred * (inverse * _column(ops, scale, x)) + _column(ops, bias, x)

    # As of `LayerNorm`, with a scale that is one number for all that a mean is of, so
    # it leaves the means. What has one number per channel is combined first, so that
    # few steps have the size of x.
    def vjp(
        self,
        ops: Functions,
        g: Operand,
        y: Operand,
        x: Operand,
        scale: Operand,
        bias: Operand,
    ) -> Cotangents:
        axes = _others(x.ndim)
        centred, inverse = self._statistics(ops, x)
        factor = inverse * _column(ops, scale, x)
        n = ops.count(x, axes, x.dtype)
        total = ops.sum(g, axes, keepdims=True)
        towards = ops.sum(g * centred, axes, keepdims=True)
        slope = -(factor * inverse * inverse * (towards / n))
        dx = g * factor + (centred * slope - factor * (total / n))
        return dx, ops.squeeze(towards * inverse, axes), ops.squeeze(total, axes)

    def _statistics(self, ops: Functions, x: Operand) -> tuple[Operand, Operand]:
        """x less its mean, and 1 / √(variance + epsilon), per channel."""
        axes = _others(x.ndim)
        centred = x - ops.mean(x, axes, keepdims=True)
        variance = ops.mean(centred * centred, axes, keepdims=True)
        return centred, ops.rsqrt(variance + self.epsilon)


def _others(rank: int) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return (0, *range(2, rank))


def _column(ops: Functions, vector: Operand, x: Operand) -> Operand:
    """A vector of channels as what broadcasts to x[N, C, ...]."""
    return ops.expand_dims(vector, tuple(range(1, x.ndim - 1)))


@dataclass(frozen=True)
class LayerNorm(Op):
    """y = (x - mean) / √(variance + epsilon) * scale + bias over the last axes.

    Shapes: x[..., *normal], scale, bias[*normal] -> y as x; the axes from `axis` on.
    Source: ONNX ``LayerNormalization`` (opset 17).
    """

    name: ClassVar[str] = "layer_norm"
    wide: ClassVar[bool] = True
    axis: int
    epsilon: float

    def infer(self, x: TensorType, *vectors: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "float")
        shapes.normalize_axis(self.axis, x.rank)
        for v in vectors:
            if v.shape != x.shape[self.axis :] or v.dtype != x.dtype:
                raise ShapeError(f"layer_norm of {x} from axis {self.axis} got {v}")
        return (x,)

    def evaluate(self, x: Array, scale: Array, bias: Array) -> tuple[Array]:
        axes = tuple(range(shapes.normalize_axis(self.axis, x.ndim), x.ndim))
        centred = x - x.mean(axes, keepdims=True)
        variance = (centred * centred).mean(axes, keepdims=True)
        y = centred / np.sqrt(variance + np.asarray(self.epsilon, x.dtype))
        return ((y * scale + bias).astype(x.dtype, copy=False),)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        return (
            emit("LayerNormalization", *operands, axis=self.axis, epsilon=self.epsilon),
        )

    # With c = x - mean(x), r = (mean(c²) + epsilon)^(-1/2) and n = c r:
    #   dr = -r³ mean(c dc), so dn = r dc + c dr = r (dc - n mean(n dc)).
    # That map is its own adjoint, and so is taking the mean away. With h = g scale,
    # which reaches n, and mean(n) = 0:
    #   dx = r (h - mean(h) - n mean(n h)).
    def vjp(
        self,
        ops: Functions,
        g: Operand,
        y: Operand,
        x: Operand,
        scale: Operand,
        bias: Operand,
    ) -> Cotangents:
        axes = tuple(range(shapes.normalize_axis(self.axis, x.ndim), x.ndim))

        def average(t: Operand) -> Operand:
            return ops.mean(t, axes, keepdims=True)

        centred = x - average(x)
        inverse = ops.rsqrt(average(centred * centred) + self.epsilon)
        normal = centred * inverse
        dnormal = g * scale
        towards = average(dnormal) + normal * average(dnormal * normal)
        return inverse * (dnormal - towards), g * normal, g


OPERATORS = (
    BatchNorm,
    TrainingBatchNorm,
    LayerNorm,
)
