"""Moving data without changing how much there is of it: axes and shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
    Take,
    Value,
)
from seqir.tensortype import TensorType


def inverse(perm: Perm) -> Perm:
    """The permutation that undoes this one."""
    return tuple(int(i) for i in np.argsort(perm))


def compose(first: Perm, then: Perm) -> Perm:
    """One transpose that does what two do, one after the other."""
    return tuple(first[i] for i in then)


@dataclass(frozen=True)
class Transpose(Op):
    """y has x's axes in the order `perm`. Source: ONNX ``Transpose`` (opset 13)."""

    name: ClassVar[str] = "transpose"
    takes_text: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("Transpose",)
    perm: Perm

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        x = take[0]
        assert x is not None
        return cls(tuple(take.attribute("perm", range(x.ndim)[::-1]))), (0,)

    def infer(self, x: TensorType) -> tuple[TensorType]:
        if sorted(self.perm) != list(range(x.rank)):
            raise ShapeError(f"{self.perm} does not order the {x.rank} axes of {x}")
        return (x.with_shape(shapes.permute(x.shape, self.perm)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.asarray(np.transpose(x, self.perm), order="C"),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Transpose", x, perm=self.perm) if self.perm else x,)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (ops.apply(Transpose(inverse(self.perm)), g),)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        return Transpose((0, *(axis + 1 for axis in self.perm)))

    def simplified(self, x: Value) -> Value | None:
        return x if self.perm == tuple(range(len(self.perm))) else None

    def __str__(self) -> str:
        return f"transpose({', '.join(map(str, self.perm))})"


@dataclass(frozen=True)
class Reshape(Op):
    """y holds x's values, in the same order, in another shape.

    Shapes: 0 keeps x's size at that place, one -1 is what is left over.
    Raises: ShapeError if the numbers of elements differ.
    Source: ONNX ``Reshape`` (opset 14, ``allowzero=0``).
    """

    name: ClassVar[str] = "reshape"
    takes_text: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("Reshape", "Flatten")
    shape: tuple[int, ...]

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        if take.kind == "Flatten":
            found = (0, -1) if take.attribute("axis", 1) == 1 else None
        else:
            found = take.ints(1)
        if found is None or (0 in found and take.attribute("allowzero", 0)):
            return None
        return cls(found), (0,)

    def infer(self, x: TensorType) -> tuple[TensorType]:
        if self.shape.count(-1) > 1:
            raise ShapeError(f"reshape to {self.shape} leaves more than one size open")
        if any(d == 0 for d in self.shape[x.rank :]):
            raise ShapeError(f"reshape to {self.shape} keeps an axis that {x} lacks")
        dims = [d if d else x.shape[i] for i, d in enumerate(self.shape)]
        rest = shapes.volume(d for d in dims if d != -1)
        if -1 in self.shape:
            left = shapes.floordiv(x.size, rest) if rest else 0
            if shapes.mul(left, rest) != x.size and isinstance(x.size, int):
                raise ShapeError(f"{x} cannot be reshaped to {self.shape}")
            dims[self.shape.index(-1)] = left
        elif not shapes.may_equal(rest, x.size):
            raise ShapeError(f"{x} cannot be reshaped to {self.shape}")
        return (x.with_shape(tuple(dims)),)

    def must_equal(
        self, *operands: TensorType
    ) -> tuple[tuple[shapes.Dim, shapes.Dim], ...]:
        (x,) = operands
        return ((x.size, self.infer(x)[0].size),)

    def evaluate(self, x: Array) -> tuple[Array]:
        dims = [x.shape[i] if d == 0 else d for i, d in enumerate(self.shape)]
        if -1 in dims and x.size == 0:
            rest = math.prod(d for d in dims if d != -1)
            dims[dims.index(-1)] = x.size // rest if rest else 0
        return (x.reshape(dims),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        if self.shape == (0, -1):  # also without elements, where -1 is undefined
            return (emit("Flatten", x, axis=1),)
        return (emit("Reshape", x, emit.ints(*self.shape)),)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (ops.reshape_like(g, x),)

    def simplified(self, x: Value) -> Value | None:
        same = len(self.shape) == x.type.rank and all(
            d in (0, s) or (d == -1 and self.infer(x.type)[0].shape[i] == s)
            for i, (d, s) in enumerate(zip(self.shape, x.type.shape, strict=True))
        )
        return x if same else None

    def __str__(self) -> str:
        return f"reshape({', '.join(map(str, self.shape))})"


@dataclass(frozen=True)
class ExpandDims(Op):
    """y has new axes of size 1 at the given places of y.

    Source: ONNX ``Unsqueeze`` (opset 13).
    """

    name: ClassVar[str] = "expand_dims"
    takes_text: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("Unsqueeze",)
    axes: tuple[int, ...]

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        axes = take.ints(1)
        return None if axes is None else (cls(axes), (0,))

    def infer(self, x: TensorType) -> tuple[TensorType]:
        rank = x.rank + len(self.axes)
        axes = {shapes.normalize_axis(a, rank) for a in self.axes}
        if len(axes) != len(self.axes):
            raise ShapeError(f"axes {self.axes} name one place twice")
        rest = iter(x.shape)
        return (
            x.with_shape(tuple(1 if i in axes else next(rest) for i in range(rank))),
        )

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.expand_dims(x, self.axes),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Unsqueeze", x, emit.ints(*self.axes)) if self.axes else x,)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (ops.apply(Squeeze(self.axes), g),)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        rank = operands[0].rank + len(self.axes)
        return ExpandDims(shapes.shifted(self.axes, rank))

    def simplified(self, x: Value) -> Value | None:
        return None if self.axes else x


@dataclass(frozen=True)
class Squeeze(Op):
    """y lacks the given axes, which have size 1. Source: ONNX ``Squeeze`` (13)."""

    name: ClassVar[str] = "squeeze"
    takes_text: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("Squeeze",)
    axes: tuple[int, ...]

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        axes, x = take.ints(1), take[0]
        if not take.given(1) and x is not None and None not in x.shape:
            axes = tuple(i for i, d in enumerate(x.shape) if d == 1)
        return None if axes is None else (cls(axes), (0,))

    def infer(self, x: TensorType) -> tuple[TensorType]:
        axes = {shapes.normalize_axis(a, x.rank) for a in self.axes}
        for axis in sorted(axes):
            if x.shape[axis] != 1:
                raise ShapeError(f"axis {axis} of {x} is not of size 1")
        shape = tuple(d for i, d in enumerate(x.shape) if i not in axes)
        return (x.with_shape(shape),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.squeeze(x, self.axes),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Squeeze", x, emit.ints(*self.axes)) if self.axes else x,)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        axes = (shapes.normalize_axis(a, x.ndim) for a in self.axes)
        return (ops.apply(ExpandDims(tuple(axes)), g),)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        return Squeeze(shapes.shifted(self.axes, operands[0].rank))

    def simplified(self, x: Value) -> Value | None:
        return None if self.axes else x

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        gone = {shapes.normalize_axis(a, len(perm)) for a in self.axes}
        left = [p for i, p in enumerate(perm) if i not in gone]
        rank = {p: i for i, p in enumerate(sorted(left))}
        axes = tuple(sorted(perm[a] for a in gone))
        return Permuted(Squeeze(axes), tuple(rank[p] for p in left))


@dataclass(frozen=True)
class Expand(Op):
    """y is x broadcast to a shape; a size of 1 keeps x's size.

    Source: ONNX ``Expand`` (opset 13).
    """

    name: ClassVar[str] = "expand"
    takes_text: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("Expand",)
    shape: tuple[int, ...]

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        shape = take.ints(1)
        return None if shape is None else (cls(shape), (0,))

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (x.with_shape(shapes.broadcast(x.shape, self.shape)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        shape = np.broadcast_shapes(x.shape, self.shape)
        return (np.array(np.broadcast_to(x, shape)),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Expand", x, emit.ints(*self.shape)),)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g,)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        if len(self.shape) != len(perm):
            return None
        return Permuted(Expand(shapes.permute(self.shape, inverse(perm))), perm)  # pyright: ignore[reportArgumentType]

    def simplified(self, x: Value) -> Value | None:
        return x if self.infer(x.type)[0] == x.type else None


def reshape_op(x: TensorType, dims: Sequence[shapes.Dim]) -> Reshape | None:
    """The Reshape that gives x these sizes; unknown ones become -1 or 0.

    None if the run must compute sizes: where two unknown ones are neither in their old
    place nor the one that is left over, and where one is left over beside another one,
    which may be 0.

    Raises: ShapeError if the numbers of elements differ.
    """
    dims = list(dims)
    if any(isinstance(d, int) and d < -1 for d in dims):
        raise ShapeError(f"sizes must not be negative, got {tuple(dims)}")
    if dims.count(-1) > 1:
        raise ShapeError(f"reshape to {tuple(dims)} leaves more than one size open")
    is_open = -1 in dims
    if is_open and (rest := shapes.volume(d for d in dims if d != -1)):
        left = shapes.floordiv(x.size, rest)
        if shapes.mul(left, rest) != x.size and isinstance(left, int):
            raise ShapeError(f"{x} cannot be reshaped to {tuple(dims)}")
        dims[dims.index(-1)] = left
    total = shapes.volume(dims)
    if not is_open and not shapes.may_equal(total, x.size):
        raise ShapeError(f"{x} cannot be reshaped to {tuple(dims)}")
    unknown = [i for i, d in enumerate(dims) if not isinstance(d, int)]
    moved = [i for i in unknown if i >= x.rank or dims[i] != x.shape[i]]
    if len(unknown) == 1 and total == x.size:
        moved = unknown
    for i in unknown:
        dims[i] = -1 if i in moved else 0
    if len(moved) > 1 or (moved and not is_open and total != x.size):
        return None
    if moved and len(unknown) > 1 and dims != [0, -1]:
        return None
    return Reshape(tuple(dims))  # pyright: ignore[reportArgumentType]


OPERATORS = (
    Transpose,
    Reshape,
    ExpandDims,
    Squeeze,
    Expand,
)
