"""Order along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array, Emit, Node, Op
from seqir.ops.apply import apply, coerce, common_dtype, rank_of, wide
from seqir.ops.call import operation
from seqir.ops.convert import zeros_like
from seqir.ops.elementwise import check_kind
from seqir.ops.gather import ScatterElements
from seqir.ops.movement import reshape, shape
from seqir.ops.size import Size, dim_of
from seqir.ops.sizes import check_sizes, vector
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class TopK(Op):
    """The k largest (or smallest) numbers along an axis, in order, and their places.

    Shapes: x[..., n] -> values[..., k], indices[..., k] (int64); ties: lowest index.
    Source: ONNX ``TopK`` (opset 11).
    """

    name: ClassVar[str] = "top_k"
    k: shapes.Dim
    """If it is a name, there is a second operand that says what it is."""
    axis: int = -1
    largest: bool = True

    def infer(self, x: TensorType, *k: TensorType) -> tuple[TensorType, TensorType]:
        check_kind(self.name, x.dtype, "wide")
        for sizes in k:
            check_sizes(self.name, sizes, 1)
        axis = shapes.normalize_axis(self.axis, x.rank)
        size = x.shape[axis]
        known = isinstance(self.k, int) and (self.k < 0 or isinstance(size, int))
        if known and not 0 <= int(self.k) <= (size if isinstance(size, int) else 0):
            raise ShapeError(f"top_k of {self.k} from an axis of size {size}")
        y = x.with_shape((*x.shape[:axis], self.k, *x.shape[axis + 1 :]))
        return y, y.with_dtype("int64")

    def evaluate(self, x: Array, *k: Array) -> tuple[Array, Array]:
        count = int(k[0][0]) if k else self.k
        if self.largest:  # backwards twice, so that equal numbers stay in order
            last = x.shape[self.axis] - 1
            order = np.argsort(np.flip(x, self.axis), axis=self.axis, kind="stable")
            order = last - np.flip(order, self.axis)
        else:
            order = np.argsort(x, axis=self.axis, kind="stable")
        indices = np.take(order, np.arange(count), axis=self.axis).astype(np.int64)
        return np.take_along_axis(x, indices, self.axis), indices

    def lower(self, emit: Emit, node: Node, x: str, *k: str) -> tuple[str, ...]:
        return emit.many(
            "TopK",
            x,
            *(k or (emit.ints(int(self.k)),)),
            outputs=2,
            axis=self.axis,
            largest=int(self.largest),
        )

    def vjp(self, g: Any, y: Any, x: Any, *k: Any) -> tuple[Any, ...]:
        axis = shapes.normalize_axis(self.axis, x.ndim)
        dx = apply(ScatterElements(axis), zeros_like(x), y[1], g[0])
        return dx, *(None for _ in k)


@operation
def top_k(x: Any, k: Any, sorted: bool = True) -> Any:
    """The k largest numbers of the last axis and their places (int32).

    Source: ``keras.ops.top_k``; they are in order whatever `sorted` says.
    """
    return _ordered(k, x, -1, largest=True)


@operation
def sort(x: Any, axis: int | None = -1) -> Any:
    """X in ascending order along an axis, flattened for None. Source: ``keras.ops``."""
    return _all(x, axis)[0]


@operation
def argsort(x: Any, axis: int | None = -1) -> Any:
    """Places (int32) of the numbers in ascending order. Source: ``keras.ops``."""
    if not rank_of(x):
        axis = None
    return _all(x, axis)[1]


def _all(x: Any, axis: int | None) -> tuple[Any, Any]:
    """All numbers along an axis (flattened for None) in order, and their places."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = shapes.normalize_axis(axis, rank_of(x))
    return _ordered(shape(x)[axis], x, axis)


@operation
def argpartition(x: Any, kth: int, axis: int = -1) -> Any:
    """Places (int32) of the numbers, the kth where it is in order.

    All are in order here. Source: ``keras.ops.argpartition``.
    """
    size = shape(x)[axis]
    if isinstance(size, int) and not -size <= kth < size:
        raise ArgumentError(f"argpartition has no place {kth} on an axis of {size}")
    return argsort(x, axis)


def _ordered(k: Any, x: Any, axis: int, *, largest: bool = False) -> tuple[Any, Any]:
    dtype = common_dtype(x)
    op = TopK(dim_of(k), shapes.normalize_axis(axis, rank_of(x)), largest)
    sizes = (vector(k),) if isinstance(k, Size) else ()
    values, places = apply(op, coerce(x, wide(dtype)), *sizes)
    return coerce(values, dtype), coerce(places, "int32")


def falling(x: Any) -> Any:
    """X in descending order along the last axis."""
    return _ordered(shape(x)[-1], x, -1, largest=True)[0]
