"""Operators whose sizes are numbers that the run computes.

Each has a field that says what its result is called in types, and an operand that says
what it is when the model runs: an int64 vector, made by `Sizes`. Where all sizes are
known there are plainer operators (`Reshape`, `Expand`, `Slice`, constants).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import DTypeError, ShapeError
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
from seqir.operators.gather import ScatterElements
from seqir.operators.like import emit_in_place, emit_with_gaps
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class Sizes(Op):
    """y = what these sizes are when the model runs, an int64 vector.

    Each is an int or an expression of names; a name stands for the size of an axis of
    an operand. A divisor of 0 counts as 1.

    Shapes: operands of any shape -> y[number of sizes].
    Raises: ShapeError if an operand lacks an axis, or a name has no axis.
    Source: ONNX ``Shape`` (opset 15), and integer arithmetic.
    """

    name: ClassVar[str] = "sizes"
    takes_text: ClassVar[bool] = True
    dims: shapes.Shape
    places: tuple[tuple[str, int, int], ...]
    """Each name, with the operand and the axis that it is the size of."""

    def infer(self, *xs: TensorType) -> tuple[TensorType]:
        for name, i, axis in self.places:
            if not i < len(xs) or not 0 <= axis < xs[i].rank:
                raise ShapeError(
                    f"the size {name!r} is that of axis {axis} of operand {i}, which "
                    f"{', '.join(map(str, xs))} do not have"
                )
        known = {name for name, _, _ in self.places}
        unknown = set[str]().union(*map(shapes.symbols, self.dims)) - known
        if unknown:
            raise ShapeError(f"no axis has the size {', '.join(sorted(unknown))}")
        return (TensorType("int64", (len(self.dims),)),)

    def evaluate(self, *xs: Array) -> tuple[Array]:
        sizes = {name: xs[i].shape[axis] for name, i, axis in self.places}
        numbers = [shapes.evaluate(d, sizes) for d in self.dims]
        return (np.array(numbers, np.int64),)

    def lower(self, emit: Emit, node: Node, *xs: str) -> tuple[str]:
        parts = _Arithmetic(emit, self.places, xs).parts(self.dims)
        return (parts[0] if len(parts) == 1 else emit.once("Concat", *parts, axis=0),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        if len(operands) > 1:
            return None
        places = tuple((name, i, perm[axis]) for name, i, axis in self.places)
        return Permuted(replace(self, places=places), (0,))

    def __str__(self) -> str:
        return f"sizes({', '.join(map(str, self.dims))})"


class _Arithmetic:
    """Writes sizes as ONNX nodes, each of them a vector of one number."""

    def __init__(
        self, emit: Emit, places: Sequence[tuple[str, int, int]], xs: Sequence[str]
    ) -> None:
        self.emit = emit
        self.places = {name: (xs[i], axis) for name, i, axis in places}

    def parts(self, dims: shapes.Shape) -> list[str]:
        """The vectors that make up all sizes: axes in a row and numbers in a row."""
        parts: list[str] = []
        at = 0
        while at < len(dims):
            end = at + 1
            if isinstance(dims[at], int):
                while end < len(dims) and isinstance(dims[end], int):
                    end += 1
                parts.append(self.emit.ints(*map(int, dims[at:end])))
            elif dims[at] in self.places:
                x, first = self.places[str(dims[at])]
                while end < len(dims) and self.places.get(str(dims[end])) == (
                    x,
                    first + end - at,
                ):
                    end += 1
                parts.append(self.axes(x, first, first + end - at))
            else:
                parts.append(self.of(ast.parse(str(dims[at]), mode="eval").body))
            at = end
        return parts

    def axes(self, x: str, begin: int, end: int) -> str:
        """The sizes of axes in a row."""
        return self.emit.once("Shape", x, start=begin, end=end)

    def of(self, node: ast.expr) -> str:
        """An expression, in Python's syntax tree."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return self.emit.ints(node.value)
        if isinstance(node, ast.Name):
            x, axis = self.places[node.id]
            return self.axes(x, axis, axis + 1)
        if isinstance(node, ast.UnaryOp):
            return self.emit.once("Neg", self.of(node.operand))
        if isinstance(node, ast.Call):
            return self.emit.once("Min", *map(self.of, node.args))
        assert isinstance(node, ast.BinOp), ast.dump(node)
        a, b = self.of(node.left), self.of(node.right)
        if not isinstance(node.op, ast.FloorDiv):
            return self.emit.once(_ONNX[type(node.op)], a, b)
        if not isinstance(node.right, ast.Constant):
            b = self.emit.once("Max", b, self.emit.ints(1))
        if not shapes.never_negative(shapes.add(ast.unparse(node.left))):
            a = self.emit.once(
                "Sub", a, self.emit.once("Mod", a, b)
            )  # Div rounds to zero
        return self.emit.once("Div", a, b)


_ONNX: dict[type[ast.operator], str] = {
    ast.Add: "Add",
    ast.Sub: "Sub",
    ast.Mult: "Mul",
}


@dataclass(frozen=True)
class ReshapeTo(Op):
    """y holds x's values, in the same order, in a shape that the run computes.

    Shapes: x[*size], sizes[rank of y] -> y[*shape].
    Raises: ShapeError if the numbers of elements cannot be equal.
    Source: ONNX ``Reshape`` (opset 14).
    """

    name: ClassVar[str] = "reshape_to"
    takes_text: ClassVar[bool] = True
    shape: shapes.Shape

    def infer(self, x: TensorType, sizes: TensorType) -> tuple[TensorType]:
        check_sizes(self.name, sizes, len(self.shape))
        if not shapes.may_equal(shapes.volume(self.shape), x.size):
            raise ShapeError(f"{x} cannot be reshaped to {self.shape}")
        return (x.with_shape(self.shape),)

    def must_equal(
        self, *operands: TensorType
    ) -> tuple[tuple[shapes.Dim, shapes.Dim], ...]:
        return ((operands[0].size, shapes.volume(self.shape)),)

    def evaluate(self, x: Array, sizes: Array) -> tuple[Array]:
        return (x.reshape(tuple(sizes)),)

    def lower(self, emit: Emit, node: Node, x: str, sizes: str) -> tuple[str]:
        return (emit("Reshape", x, sizes, allowzero=1),)

    def simplified(self, x: Value, sizes: Value) -> Value | None:
        return x if x.type.shape == self.shape else None

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, x: Operand, sizes: Operand
    ) -> Cotangents:
        return ops.reshape_like(g, x), None


@dataclass(frozen=True)
class ExpandTo(Op):
    """y is x broadcast to a shape that the run computes.

    Shapes: x[*size], sizes[rank of y] -> y[*shape].
    Raises: ShapeError if x does not broadcast to the shape.
    Source: ONNX ``Expand`` (opset 13).
    """

    name: ClassVar[str] = "expand_to"
    takes_text: ClassVar[bool] = True
    shape: shapes.Shape

    def infer(self, x: TensorType, sizes: TensorType) -> tuple[TensorType]:
        check_sizes(self.name, sizes, len(self.shape))
        shape = shapes.broadcast(x.shape, self.shape)
        if len(shape) > len(self.shape) or any(
            d == 1 and e != 1 for d, e in zip(self.shape, shape, strict=True)
        ):
            raise ShapeError(f"{x} does not broadcast to {self.shape}")
        return (x.with_shape(shape),)

    def evaluate(self, x: Array, sizes: Array) -> tuple[Array]:
        return (np.array(np.broadcast_to(x, tuple(sizes))),)

    def lower(self, emit: Emit, node: Node, x: str, sizes: str) -> tuple[str]:
        return (emit("Expand", x, sizes),)

    def simplified(self, x: Value, sizes: Value) -> Value | None:
        return x if x.type.shape == self.shape else None

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, x: Operand, sizes: Operand
    ) -> Cotangents:
        return g, None


@dataclass(frozen=True)
class Fill(Op):
    """y has a shape that the run computes, and every element is `value`.

    Shapes: sizes[rank of y] -> y[*shape].
    Source: ONNX ``ConstantOfShape`` (opset 9).
    """

    name: ClassVar[str] = "fill"
    shape: shapes.Shape
    value: float
    dtype: str

    def infer(self, sizes: TensorType) -> tuple[TensorType]:
        check_sizes(self.name, sizes, len(self.shape))
        return (TensorType(self.dtype, self.shape),)

    def evaluate(self, sizes: Array) -> tuple[Array]:
        return (np.full(tuple(sizes), self.value, dtypes.to_numpy(self.dtype)),)

    def lower(self, emit: Emit, node: Node, sizes: str) -> tuple[str]:
        value = np.full((1,), self.value, dtypes.to_numpy(self.dtype))
        return (emit("ConstantOfShape", sizes, value=value),)


@dataclass(frozen=True)
class Range(Op):
    """y = 0, 1, 2, ... as int64, as many as the run computes.

    Shapes: sizes[1] -> y[size].
    Source: ONNX ``Range`` (opset 11).
    """

    name: ClassVar[str] = "range"
    size: shapes.Dim

    def infer(self, sizes: TensorType) -> tuple[TensorType]:
        check_sizes(self.name, sizes, 1)
        return (TensorType("int64", (self.size,)),)

    def evaluate(self, sizes: Array) -> tuple[Array]:
        return (np.arange(sizes[0], dtype=np.int64),)

    def lower(self, emit: Emit, node: Node, sizes: str) -> tuple[str]:
        zero, one = emit.scalar(0, "int64"), emit.scalar(1, "int64")
        return (emit("Range", zero, emit("Squeeze", sizes, emit.ints(0)), one),)


@dataclass(frozen=True)
class SliceAt(Op):
    """y = x[begin:end:step] along an axis, with ends that the run computes.

    They are taken as Python takes them: from the end if negative, cut off at the ends.

    Shapes: x[..., n, ...], begin[1], end[1] -> y[..., size, ...].
    Source: ONNX ``Slice`` (opset 13).
    """

    name: ClassVar[str] = "slice_at"
    takes_text: ClassVar[bool] = True
    axis: int
    step: int
    size: shapes.Dim

    def infer(
        self, x: TensorType, begin: TensorType, end: TensorType
    ) -> tuple[TensorType]:
        for sizes in (begin, end):
            check_sizes(self.name, sizes, 1)
        axis = shapes.normalize_axis(self.axis, x.rank)
        return (x.with_shape((*x.shape[:axis], self.size, *x.shape[axis + 1 :])),)

    def key(self, rank: int, begin: Array, end: Array) -> tuple[slice, ...]:
        """What NumPy calls the slice of an array."""
        key = [slice(None)] * rank
        key[self.axis] = slice(int(begin[0]), int(end[0]), self.step)
        return tuple(key)

    def evaluate(self, x: Array, begin: Array, end: Array) -> tuple[Array]:
        return (np.asarray(x[self.key(x.ndim, begin, end)], order="C"),)

    def lower(self, emit: Emit, node: Node, x: str, begin: str, end: str) -> tuple[str]:
        steps = () if self.step == 1 else (emit.ints(self.step),)
        return (emit("Slice", x, begin, end, emit.ints(self.axis), *steps),)

    def vjp(
        self,
        ops: Functions,
        g: Operand,
        y: Operand,
        x: Operand,
        begin: Operand,
        end: Operand,
    ) -> Cotangents:
        back = UnsliceAt(self.axis, self.step, self.size)
        return ops.apply(back, g, x, begin, end), None, None


@dataclass(frozen=True)
class UnsliceAt(Op):
    """y has the shape of another tensor: x where a slice takes from, 0 elsewhere.

    The adjoint of `SliceAt`, with its attributes and ends.

    Raises: ShapeError if x does not have the shape of the slice.
    Source: ONNX ``Pad`` (opset 13), with pads made of ``Shape``.
    """

    name: ClassVar[str] = "unslice_at"
    axis: int
    step: int
    size: shapes.Dim

    @property
    def slice(self) -> SliceAt:
        """The slice that takes x from y."""
        return SliceAt(self.axis, self.step, self.size)

    def infer(
        self, x: TensorType, like: TensorType, begin: TensorType, end: TensorType
    ) -> tuple[TensorType]:
        (part,) = self.slice.infer(like, begin, end)
        if part.shape != x.shape:
            raise ShapeError(f"unslice to {like} needs {part}, got {x}")
        return (x.with_shape(like.shape),)

    def evaluate(self, x: Array, like: Array, begin: Array, end: Array) -> tuple[Array]:
        y = np.zeros(like.shape, x.dtype)
        y[self.slice.key(like.ndim, begin, end)] = x
        return (y,)

    def lower(
        self, emit: Emit, node: Node, x: str, like: str, begin: str, end: str
    ) -> tuple[str]:
        rank = node.result.type.rank
        axis = self.axis % rank
        x = emit_with_gaps(emit, x, axis, self.step, rank)
        before, after = (
            (emit.ints(*(0,) * n),) if n else () for n in (axis, rank - axis - 1)
        )
        first = emit("Concat", *before, begin, *after, axis=0)
        negative = emit("Less", first, emit.ints(0))
        from_end = emit("Add", first, emit("Shape", like))
        first = emit("Where", negative, from_end, first)
        return (emit_in_place(emit, x, like, first),)

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        _, _, begin, end = operands
        return ops.apply(self.slice, g, begin, end), None, None, None


@dataclass(frozen=True)
class NonZero(Op):
    """The places where x is true, in row-major order; the run finds out how many.

    Shapes: x[*size], bool -> y[rank of x, size], int64.
    Raises: DTypeError if x is not bool, ShapeError if it has no axis.
    Source: ONNX ``NonZero`` (opset 13).
    """

    name: ClassVar[str] = "nonzero"
    size: shapes.Dim

    def infer(self, x: TensorType) -> tuple[TensorType]:
        if x.dtype != "bool":
            raise DTypeError(f"nonzero takes truth values, got {x}")
        if not x.rank:
            raise ShapeError(f"nonzero takes a tensor with axes, got {x}")
        return (TensorType("int64", (x.rank, self.size)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.array(np.nonzero(x), np.int64),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("NonZero", x),)


@dataclass(frozen=True)
class Unique(Op):
    """The different values of a vector in ascending order; the run counts them.

    Shapes: x[n] -> values[size], int64: where each stands first[size], which of them
    each element is[n], and how often each one occurs[size].
    Raises: DTypeError for a type that ONNX Runtime cannot order so, ShapeError if x is
    no vector.
    Source: ONNX ``Unique`` (opset 11).
    """

    name: ClassVar[str] = "unique"
    size: shapes.Dim

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.dtype not in ("float32", "float64", "int64"):
            raise DTypeError(f"unique takes float32, float64 or int64, got {x}")
        if x.rank != 1:
            raise ShapeError(f"unique takes a vector, got {x}")
        values = x.with_shape((self.size,))
        counts = values.with_dtype("int64")
        return values, counts, x.with_dtype("int64"), counts

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        values, *rest = np.unique(x, True, True, True)
        return values, *(np.asarray(a, np.int64) for a in rest)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str, ...]:
        return emit.many("Unique", x, outputs=4, sorted=1)

    def vjp(
        self, ops: Functions, g: Cotangents, y: tuple[Operand, ...], x: Operand
    ) -> Cotangents:
        return (ops.apply(ScatterElements(0), ops.zeros_like(x), y[1], g[0]),)


def check_sizes(name: str, sizes: TensorType, count: int) -> None:
    """Check the operand that says what sizes are.

    Raises: DTypeError if it is not int64, ShapeError if it is not a vector of `count`.
    """
    if sizes.dtype != "int64":
        raise DTypeError(f"{name} needs int64 sizes, got {sizes}")
    if sizes.shape != (count,):
        raise ShapeError(f"{name} needs {count} sizes, got {sizes}")


OPERATORS = (
    Sizes,
    ReshapeTo,
    ExpandTo,
    Fill,
    Range,
    SliceAt,
    UnsliceAt,
    NonZero,
    Unique,
)
