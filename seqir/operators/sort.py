"""Order along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand, Take
from seqir.operators.gather import ScatterElements
from seqir.operators.kinds import check_kind
from seqir.operators.sizes import check_sizes
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class TopK(Op):
    """The k largest (or smallest) values along an axis, in order, and their places.

    Shapes: x[..., n] -> values[..., k], indices[..., k] (int64); ties: lowest index.
    Source: ONNX ``TopK`` (opset 11).
    """

    name: ClassVar[str] = "top_k"
    k: shapes.Dim
    """If it is a name, there is a second operand that says what it is."""
    axis: int = -1
    largest: bool = True
    reads: ClassVar[tuple[str, ...]] = ("TopK",)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        k = take.ints(1)
        if k is None or not take.attribute("sorted", 1):
            return None
        axis, largest = take.attribute("axis", -1), take.attribute("largest", 1)
        return cls(k[0], axis, bool(largest)), (0,)

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
        if self.largest:  # backwards twice, so that equal values stay in order
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

    def vjp(
        self,
        ops: Functions,
        g: Cotangents,
        y: tuple[Operand, ...],
        x: Operand,
        *k: Operand,
    ) -> Cotangents:
        axis = shapes.normalize_axis(self.axis, x.ndim)
        dx = ops.apply(ScatterElements(axis), ops.zeros_like(x), y[1], g[0])
        return dx, *(None for _ in k)


OPERATORS = (TopK,)
