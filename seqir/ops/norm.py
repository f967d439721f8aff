"""Normalization with given or computed statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ir import Array, Emit, Node, Op
from seqir.ops.elementwise import check_kind
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
