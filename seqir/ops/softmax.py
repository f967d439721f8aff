"""Shares of a whole along axes: softmax, its logarithm, sparsemax."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import ArgumentError
from seqir.ir import Array, Emit, Node, Op, Perm, Permuted
from seqir.ops.apply import apply, floating, rank_of
from seqir.ops.arith import maximum, subtract, true_divide, where
from seqir.ops.call import operation
from seqir.ops.elementwise import check_kind
from seqir.ops.unary import exp
from seqir.tensortype import TensorType


class AlongAxis(Op):
    """``y = f(x)`` along one axis, the shape unchanged."""

    onnx: ClassVar[str]
    axis: int

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "float")
        shapes.normalize_axis(self.axis, x.rank)
        return (x,)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit(self.onnx, x, axis=self.axis),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        axis = perm[shapes.normalize_axis(self.axis, len(perm))]
        return Permuted(type(self)(axis), perm)  # pyright: ignore[reportCallIssue]


@dataclass(frozen=True)
class Softmax(AlongAxis):
    """y = eˣ / sum(eˣ) along an axis. Source: ONNX ``Softmax`` (opset 13)."""

    name: ClassVar[str] = "softmax"
    onnx: ClassVar[str] = "Softmax"
    axis: int = -1

    def evaluate(self, x: Array) -> tuple[Array]:
        e = np.exp(x - x.max(self.axis, keepdims=True, initial=-math.inf))
        return ((e / e.sum(self.axis, keepdims=True)).astype(x.dtype, copy=False),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        from seqir.ops.reduce import sum as sum_

        weighted = g * y
        return (weighted - y * sum_(weighted, self.axis, keepdims=True),)


@dataclass(frozen=True)
class LogSoftmax(AlongAxis):
    """y = x - log(sum(eˣ)) along an axis. Source: ONNX ``LogSoftmax`` (13)."""

    name: ClassVar[str] = "log_softmax"
    onnx: ClassVar[str] = "LogSoftmax"
    axis: int = -1

    def evaluate(self, x: Array) -> tuple[Array]:
        x = x - x.max(self.axis, keepdims=True, initial=-math.inf)
        return (x - np.log(np.exp(x).sum(self.axis, keepdims=True)),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        from seqir.ops.reduce import sum as sum_

        return (g - exp(y) * sum_(g, self.axis, keepdims=True),)


@operation
def softmax(x: Any, axis: Any = -1) -> Any:
    """eˣ / sum(eˣ) along one axis or several. Source: ``keras.ops.softmax``."""
    from seqir.ops.reduce import axes_of
    from seqir.ops.reduce import sum as sum_

    x, axes = floating(x), axes_of(x, axis)
    if len(axes) == 1:
        return apply(Softmax(_from_end(axes[0], rank_of(x))), x)
    e = exp(_below_largest(x, axes))
    return true_divide(e, sum_(e, axes, keepdims=True))


@operation
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """X - log(sum(eˣ)). Source: ``keras.ops.log_softmax``."""
    from seqir.ops.reduce import axes_of, logsumexp

    x, axes = floating(x), axes_of(x, axis)
    if len(axes) == 1:
        return apply(LogSoftmax(_from_end(axes[0], rank_of(x))), x)
    below = _below_largest(x, axes)
    return subtract(below, logsumexp(below, axes, keepdims=True))


def _from_end(axis: int, rank: int) -> int:
    """The last axis as -1, as its default is."""
    return -1 if axis == rank - 1 else axis


def _below_largest(x: Any, axes: tuple[int, ...]) -> Any:
    """X less its largest numbers along the axes: no exponential overflows."""
    from seqir.ops.reduce import max as max_

    return subtract(x, max_(x, axes, keepdims=True))


@operation
def sparsemax(x: Any, axis: int = -1) -> Any:
    """max(x - tau, 0) with Keras's tau: many outputs are exactly 0.

    Keras (on all its backends) sums the cumulative sums of the support where the
    paper sums its numbers, so rows do not sum to 1; models trained with it need the
    same numbers.

    Source: ``keras.ops.sparsemax``, after arXiv:1602.02068.
    """
    from seqir.ops.movement import moveaxis
    from seqir.ops.reduce import cumsum
    from seqir.ops.reduce import sum as sum_
    from seqir.ops.sort import falling

    x, rank = floating(x), rank_of(x)
    z = moveaxis(x, axis, -1) if axis not in (-1, rank - 1) else x
    size = z.shape[-1]
    if size is None:
        raise ArgumentError("sparsemax needs an axis of known size")
    ordered = falling(z)
    sums = cumsum(ordered, axis=-1)
    k = np.arange(1, size + 1, dtype=np.float32)
    support = where(ordered * k + 1.0 > sums, 1.0, 0.0)
    count = sum_(support, -1, keepdims=True)
    tau = (sum_(sums * support, -1, keepdims=True) - 1.0) / count
    y = maximum(z - tau, 0.0)
    return moveaxis(y, -1, axis) if axis not in (-1, rank - 1) else y
