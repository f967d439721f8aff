"""Making one tensor fit another, whose sizes may be known to the runtime only."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ir import (
    Array,
    Cotangents,
    Emit,
    Functions,
    Node,
    Op,
    Operand,
    Perm,
    Permuted,
    Value,
)
from seqir.operators.pieces import Concat, Slice
from seqir.shapes import known_shape
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class ExpandLike(Op):
    """y is x broadcast to the shape of another tensor, whose values do not matter.

    Source: ONNX ``Expand`` (opset 13), with ``Shape`` where a size is unknown.
    """

    name: ClassVar[str] = "expand_like"

    def infer(self, x: TensorType, like: TensorType) -> tuple[TensorType]:
        shape = shapes.broadcast(x.shape, like.shape)
        if len(shape) != like.rank or any(
            d == 1 and e != 1 for d, e in zip(like.shape, shape, strict=True)
        ):
            raise ShapeError(f"{x} does not broadcast to {like}")
        return (x.with_shape(like.shape),)

    def evaluate(self, x: Array, like: Array) -> tuple[Array]:
        return (np.array(np.broadcast_to(x, like.shape)),)

    def lower(self, emit: Emit, node: Node, x: str, like: str) -> tuple[str]:
        sizes = known_shape(node.result.type.shape)
        shape = emit("Shape", like) if sizes is None else emit.ints(*sizes)
        return (emit("Expand", x, shape),)

    def simplified(self, x: Value, like: Value) -> Value | None:
        return x if x.type.shape == like.type.shape else None

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        return Permuted(self, perm) if operands[0].rank == len(perm) else None

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        return g, None


@dataclass(frozen=True)
class ReshapeLike(Op):
    """y holds x's values, in the same order, in the shape of another tensor.

    Raises: ShapeError if the numbers of elements differ.
    Source: ONNX ``Reshape`` (opset 14) to a ``Shape``.
    """

    name: ClassVar[str] = "reshape_like"

    def infer(self, x: TensorType, like: TensorType) -> tuple[TensorType]:
        if not shapes.may_equal(x.size, like.size):
            raise ShapeError(f"{x} cannot be reshaped like {like}")
        return (x.with_shape(like.shape),)

    def evaluate(self, x: Array, like: Array) -> tuple[Array]:
        return (x.reshape(like.shape),)

    def lower(self, emit: Emit, node: Node, x: str, like: str) -> tuple[str]:
        return (emit("Reshape", x, emit("Shape", like), allowzero=1),)

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, x: Operand, like: Operand
    ) -> Cotangents:
        return ops.reshape_like(g, x), None


@dataclass(frozen=True)
class SplitLike(Op):
    """x cut along an axis into as many parts as there are other tensors.

    Part i has the shape of tensor i: the adjoint of `Concat`.

    Raises: ShapeError if the sizes along the axis do not add up to x's.
    Source: ONNX ``Split`` (opset 13).
    """

    name: ClassVar[str] = "split_like"
    axis: int

    def infer(self, x: TensorType, *likes: TensorType) -> tuple[TensorType, ...]:
        axis = shapes.normalize_axis(self.axis, x.rank)
        total = shapes.add(*(like.shape[axis] for like in likes))
        if total != x.shape[axis]:
            raise ShapeError(
                f"axis {axis} of {x} cannot be cut into {' and '.join(map(str, likes))}"
            )
        return tuple(x.with_shape(like.shape) for like in likes)

    def evaluate(self, x: Array, *likes: Array) -> tuple[Array, ...]:
        cuts = np.cumsum([like.shape[self.axis] for like in likes])[:-1]
        return tuple(np.asarray(a, order="C") for a in np.split(x, cuts, self.axis))

    def lower(self, emit: Emit, node: Node, x: str, *likes: str) -> tuple[str, ...]:
        axis = shapes.normalize_axis(self.axis, node.operands[0].type.rank)
        known = known_shape(tuple(v.type.shape[axis] for v in node.operands[1:]))
        if known is None:
            each = (emit("Shape", like, start=axis, end=axis + 1) for like in likes)
            sizes = emit("Concat", *each, axis=0)
        else:
            sizes = emit.ints(*known)
        return emit.many("Split", x, sizes, outputs=len(likes), axis=axis)

    def vjp(
        self,
        ops: Functions,
        g: Cotangents,
        y: tuple[Operand, ...],
        x: Operand,
        *likes: Operand,
    ) -> Cotangents:
        parts = [
            ops.zeros_like(b) if a is None else a for a, b in zip(g, y, strict=True)
        ]
        return ops.apply(Concat(self.axis), *parts), *(None for _ in likes)


@dataclass(frozen=True)
class Unslice(Op):
    """y has the shape of another tensor: x where a slice takes from, 0 elsewhere.

    The adjoint of `Slice`, with its attributes.

    Raises: ShapeError if x does not have the shape of the slice.
    Source: ONNX ``Pad`` (opset 13), with pads made of ``Shape`` where it must be.
    """

    name: ClassVar[str] = "unslice"
    axes: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    steps: tuple[int, ...]
    inside: bool = False

    @property
    def slice(self) -> Slice:
        """The slice that takes x from y."""
        return Slice(*astuple(self))

    def infer(self, x: TensorType, like: TensorType) -> tuple[TensorType]:
        (part,) = self.slice.infer(like)
        if part.shape != x.shape:
            raise ShapeError(f"unslice to {like} needs {part}, got {x}")
        return (x.with_shape(like.shape),)

    def evaluate(self, x: Array, like: Array) -> tuple[Array]:
        y = np.zeros(like.shape, x.dtype)
        y[self.slice.key(like.ndim)] = x
        return (y,)

    def lower(self, emit: Emit, node: Node, x: str, like: str) -> tuple[str]:
        whole = node.result.type.shape
        x = self._in_place(emit, x, len(whole))
        pads: list[tuple[int, int] | None] = [(0, 0)] * len(whole)
        begins = [0] * len(whole)
        for axis, begin, end, step in self.slice.ranges():
            pads[axis] = _pads(whole[axis], begin, end, step, inside=self.inside)
            begins[axis] = begin
        known = [p for p in pads if p is not None]
        if len(known) == len(pads):
            before, after = zip(*known, strict=True)
            return (emit("Pad", x, emit.ints(*before, *after)),)
        # Where the runtime alone knows: the begin, from the end if it is negative.
        offsets = [b if p is None else p[0] for b, p in zip(begins, pads, strict=True)]
        negative = emit.ints(*(int(o < 0) for o in offsets))
        from_end = emit("Mul", emit("Shape", like), negative)
        first = emit("Add", from_end, emit.ints(*offsets))
        return (emit_in_place(emit, x, like, first),)

    def _in_place(self, emit: Emit, x: str, rank: int) -> str:
        """x in ascending order, with zeros between its elements as steps leave gaps."""
        back = [a for a, step in zip(self.axes, self.steps, strict=True) if step < 0]
        if back:
            ones = emit.ints(*(-1 for _ in back))
            ends = emit.ints(*(-Slice.END for _ in back))
            x = emit("Slice", x, ones, ends, emit.ints(*back), ones)
        for axis, step in zip(self.axes, map(abs, self.steps), strict=True):
            x = emit_with_gaps(emit, x, axis % rank, step, rank)
        return x

    # Elements of x stand in y as they are, and the zeros depend on nothing: each gets
    # what g has where it went, which is the slice of g.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        return ops.apply(self.slice, g), None


def emit_with_gaps(emit: Emit, x: str, axis: int, step: int, rank: int) -> str:
    """x with zeros between its elements along an axis, as a step leaves gaps."""
    if step == 1:
        return x
    gaps = [0] * (2 * rank + 2)
    gaps[rank + axis + 2] = step - 1
    apart = emit("Pad", emit("Unsqueeze", x, emit.ints(axis + 1)), emit.ints(*gaps))
    times = emit.ints(*(step if i == axis else 1 for i in range(rank)))
    x = emit("Reshape", apart, emit("Mul", emit("Shape", x), times), allowzero=1)
    return emit("Slice", x, emit.ints(0), emit.ints(1 - step), emit.ints(axis))


def emit_in_place(emit: Emit, x: str, like: str, first: str) -> str:
    """x in zeros of the shape of `like`, beginning at `first` on every axis."""
    free = emit("Sub", emit("Shape", like), emit("Shape", x))
    first = emit("Min", emit("Max", first, emit.ints(0)), free)
    last = emit("Sub", free, first)
    return emit("Pad", x, emit("Concat", first, last, axis=0))


def _pads(
    size: shapes.Dim, begin: int, end: int, step: int, *, inside: bool
) -> tuple[int, int] | None:
    """Elements before and after a slice; None if they depend on an unknown size."""
    if isinstance(size, int):
        stop = None if abs(end) >= Slice.END else end
        places = range(size)[begin:stop:step]
        return (min(places), size - 1 - max(places)) if places else (0, size)
    if step == -1:
        return 0, 0  # the whole axis: nothing else can be sliced backwards
    if step == 1 and begin >= 0 and (end < 0 or end >= Slice.END):
        pads = begin, 0 if end >= Slice.END else -end
        return pads if inside or sum(pads) <= 1 else None
    return None


OPERATORS = (
    ExpandLike,
    ReshapeLike,
    SplitLike,
    Unslice,
)
