"""Normalization with given or computed statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ir import Array, Emit, Node, Op
from seqir.ops.elementwise import check_kind
from seqir.ops.movement import expand_dims
from seqir.ops.reduce import mean
from seqir.ops.reduce import sum as sum_
from seqir.ops.unary import rsqrt
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class BatchNorm(Op):
    """y = (x - mean) / √(variance + epsilon) * scale + bias, per channel (axis 1).

    Shapes: x[N, C, ...], scale, bias, mean, variance[C] -> y as x.
    Source: ONNX ``BatchNormalization`` (opset 15, inference).
    """

    name: ClassVar[str] = "batch_norm"
    epsilon: float

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

    def vjp(self, g: Any, y: Any, x: Any, *vectors: Any) -> tuple[Any, ...]:
        scale, _, mean, variance = vectors
        inverse = rsqrt(variance + self.epsilon)
        factor = scale * inverse
        others = (0, *range(2, x.ndim))

        def column(v: Any) -> Any:
            return expand_dims(v, tuple(range(1, x.ndim - 1)))

        dbias = sum_(g, others)
        dscale = sum_(g * (x - column(mean)), others) * inverse
        dvariance = dscale * factor * inverse * -0.5
        return g * column(factor), dscale, dbias, -(dbias * factor), dvariance


@dataclass(frozen=True)
class LayerNorm(Op):
    """y = (x - mean) / √(variance + epsilon) * scale + bias over the last axes.

    Shapes: x[..., *normal], scale, bias[*normal] -> y as x; the axes from `axis` on.
    Source: ONNX ``LayerNormalization`` (opset 17).
    """

    name: ClassVar[str] = "layer_norm"
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

    def vjp(self, g: Any, y: Any, x: Any, scale: Any, bias: Any) -> tuple[Any, ...]:
        axes = tuple(range(shapes.normalize_axis(self.axis, x.ndim), x.ndim))

        def average(t: Any) -> Any:
            return mean(t, axes, keepdims=True)

        centred = x - average(x)
        inverse = rsqrt(average(centred * centred) + self.epsilon)
        normal = centred * inverse
        dnormal = g * scale
        towards = average(dnormal) + normal * average(dnormal * normal)
        return inverse * (dnormal - towards), g * normal, g
