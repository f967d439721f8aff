"""Order along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ir import Array, Emit, Node, Op
from seqir.ops.apply import apply, coerce, common_dtype, rank_of, type_of_operand, wide
from seqir.ops.call import operation
from seqir.ops.convert import zeros_like
from seqir.ops.elementwise import check_kind
from seqir.ops.gather import ScatterElements
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class TopK(Op):
    """The k largest (or smallest) numbers along an axis, in order, and their places.

    Shapes: x[..., n] -> values[..., k], indices[..., k] (int64); ties: lowest index.
    Source: ONNX ``TopK`` (opset 11).
    """

    name: ClassVar[str] = "top_k"
    k: int
    axis: int = -1
    largest: bool = True

    def infer(self, x: TensorType) -> tuple[TensorType, TensorType]:
        check_kind(self.name, x.dtype, "wide")
        axis = shapes.normalize_axis(self.axis, x.rank)
        size = x.shape[axis]
        if isinstance(size, int) and self.k > size:
            raise ShapeError(f"top_k of {self.k} from an axis of size {size}")
        y = x.with_shape((*x.shape[:axis], self.k, *x.shape[axis + 1 :]))
        return y, y.with_dtype("int64")

    def evaluate(self, x: Array) -> tuple[Array, Array]:
        if self.largest:  # backwards twice, so that equal numbers stay in order
            last = x.shape[self.axis] - 1
            order = np.argsort(np.flip(x, self.axis), axis=self.axis, kind="stable")
            order = last - np.flip(order, self.axis)
        else:
            order = np.argsort(x, axis=self.axis, kind="stable")
        indices = np.take(order, np.arange(self.k), axis=self.axis).astype(np.int64)
        return np.take_along_axis(x, indices, self.axis), indices

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str, ...]:
        return emit.many(
            "TopK",
            x,
            emit.ints(self.k),
            outputs=2,
            axis=self.axis,
            largest=int(self.largest),
        )

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        axis = shapes.normalize_axis(self.axis, x.ndim)
        return (apply(ScatterElements(axis), zeros_like(x), y[1], g[0]),)


@operation
def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """The k largest numbers of the last axis and their places (int32).

    Source: ``keras.ops.top_k``; they are in order whatever `sorted` says.
    """
    values, indices = _ordered(TopK(k), x)
    return values, indices


@operation
def sort(x: Any, axis: int = -1) -> Any:
    """X in ascending order along an axis. Source: ``keras.ops.sort``."""
    return _ordered(_all(x, axis), x)[0]


@operation
def argsort(x: Any, axis: int = -1) -> Any:
    """Places (int32) of the numbers in ascending order. Source: ``keras.ops``."""
    return _ordered(_all(x, axis), x)[1]


def _all(x: Any, axis: int, *, largest: bool = False) -> TopK:
    axis = shapes.normalize_axis(axis, rank_of(x))
    size = type_of_operand(x).shape[axis]
    if not isinstance(size, int):
        raise ShapeError(f"sorting needs an axis of known size, got {size}")
    return TopK(size, axis, largest)


def _ordered(op: TopK, x: Any) -> tuple[Any, Any]:
    dtype = common_dtype(x)
    values, places = apply(op, coerce(x, wide(dtype)))
    return coerce(values, dtype), coerce(places, "int32")


def falling(x: Any) -> Any:
    """X in descending order along the last axis."""
    return _ordered(_all(x, -1, largest=True), x)[0]
