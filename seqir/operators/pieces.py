"""Parts of tensors: slice, pad, join, repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import DTypeError, ShapeError, UnsupportedError
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
from seqir.operators.movement import Reshape, inverse
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class Slice(Op):
    """y = x[begin:end:step] along the given axes (Python's rules, step not 0).

    Raises: ShapeError for a slice backwards of a part of an axis of unknown size.
    Source: ONNX ``Slice`` (opset 13).
    """

    name: ClassVar[str] = "slice"
    takes_text: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    axes: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    steps: tuple[int, ...]
    inside: bool = False
    """The ends are known to lie inside of the axes, whatever their sizes are."""

    reads: ClassVar[tuple[str, ...]] = ("Slice",)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        begins, ends = take.ints(1), take.ints(2)
        if begins is None or ends is None:
            return None
        axes = take.option("axes", 3, tuple(range(len(begins))))
        steps = take.option("steps", 4, (1,) * len(begins))
        x = take[0]
        assert x is not None
        axes = tuple(shapes.normalize_axis(a, x.ndim) for a in axes)
        ends = tuple(min(max(end, -cls.END), cls.END) for end in ends)
        begins = tuple(
            _begin(b, s, x.shape[a])
            for b, s, a in zip(begins, steps, axes, strict=True)
        )
        return cls(axes, begins, ends, steps), (0,)

    END: ClassVar[int] = 2**31 - 1
    """Stands for "to the end"; -END for "to the front", going backwards."""

    def infer(self, x: TensorType) -> tuple[TensorType]:
        shape = list(x.shape)
        for axis, begin, end, step in self.ranges():
            size = _sliced(x.shape[axis], begin, end, step, inside=self.inside)
            shape[axis] = size
        return (x.with_shape(tuple(shape)),)

    def ranges(self) -> zip[tuple[int, int, int, int]]:
        """Axis, begin, end and step of each axis that is sliced."""
        return zip(self.axes, self.begins, self.ends, self.steps, strict=True)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.asarray(x[self.key(x.ndim)], order="C"),)

    def key(self, rank: int) -> tuple[slice, ...]:
        """What NumPy calls the slice of an array."""
        key = [slice(None)] * rank
        for axis, begin, end, step in self.ranges():
            key[axis] = slice(begin, None if abs(end) >= self.END else end, step)
        return tuple(key)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        parts = [emit.ints(*self.begins), emit.ints(*self.ends), emit.ints(*self.axes)]
        if any(s != 1 for s in self.steps):
            parts.append(emit.ints(*self.steps))
        return (emit("Slice", x, *parts),)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (ops.unslice(self, g, x),)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        return replace(self, axes=shapes.shifted(self.axes, operands[0].rank))

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        axes = tuple(perm[a] for a in self.axes)
        return Permuted(replace(self, axes=axes), perm)

    def simplified(self, x: Value) -> Value | None:
        whole = all(
            begin == 0 and step == 1 and end >= self.END
            for _, begin, end, step in self.ranges()
        )
        return x if whole else None

    def __str__(self) -> str:
        shown = [
            f"{axis}: {begin}:{'' if abs(end) >= self.END else end}"
            + (f":{step}" if step != 1 else "")
            for axis, begin, end, step in self.ranges()
        ]
        return f"slice({', '.join(shown)})"


def _begin(begin: int, step: int, size: int | None) -> int:
    """Where a slice of ONNX begins: far behind the end, going backwards, is the end."""
    if step < 0 and (begin >= Slice.END or (size is not None and begin >= size)):
        return -1
    return min(max(begin, -Slice.END), Slice.END)


def _sliced(
    size: shapes.Dim, begin: int, end: int, step: int, *, inside: bool
) -> shapes.Dim:
    """Size of ``range(size)[begin:end:step]``, which may be unknown."""
    if isinstance(size, int):
        stop = None if abs(end) >= Slice.END else end
        return len(range(size)[begin:stop:step])
    if step < 0:
        if begin == -1 and end <= -Slice.END:
            return shapes.ceildiv(size, -step)
        raise ShapeError("a backward slice of an unknown size must be the whole axis")
    if not inside:
        stop = size if end >= Slice.END else end
        length = shapes.sliced(size, begin, stop, step)
        assert length is not None, "the sign of an integer is known"
        return length
    start = shapes.add(size, begin) if begin < 0 else begin
    stop = size if end >= Slice.END else shapes.add(size, end) if end < 0 else end
    length = shapes.ceildiv(shapes.add(stop, shapes.mul(-1, start)), step)
    return max(length, 0) if isinstance(length, int) else length


@dataclass(frozen=True)
class Pad(Op):
    """y is x with `before` and `after` elements added along every axis.

    Source: ONNX ``Pad`` (opset 13; 18 adds axes, 19 the mode ``wrap``).
    """

    name: ClassVar[str] = "pad"
    reads: ClassVar[tuple[str, ...]] = ("Pad",)
    before: tuple[int, ...]
    after: tuple[int, ...]
    mode: str = "constant"
    value: float = 0.0

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        pads, x, value = take.ints(1), take[0], take.constant(2)
        if pads is None or x is None or (take.given(2) and value is None):
            return None
        axes = take.option("axes", 3, tuple(range(x.ndim)))
        before, after = [0] * x.ndim, [0] * x.ndim
        for i, axis in enumerate(axes):
            before[axis], after[axis] = pads[i], pads[i + len(axes)]
        number = 0.0 if value is None else value.item()
        mode = take.attribute("mode", "constant")
        return cls(tuple(before), tuple(after), mode, number), (0,)

    def infer(self, x: TensorType) -> tuple[TensorType]:
        if not len(self.before) == len(self.after) == x.rank:
            raise ShapeError(f"pad needs a pair of sizes for each axis of {x}")
        if min((*self.before, *self.after), default=0) < 0:
            raise ShapeError(f"pad cannot take away: {self.before}, {self.after}")
        for d, a, b in zip(x.shape, self.before, self.after, strict=True):
            if self.mode == "reflect" and isinstance(d, int) and max(a, b) >= d:
                raise ShapeError(f"a size of {d} cannot be reflected by {max(a, b)}")
        sizes = tuple(
            shapes.add(d, a, b)
            for d, a, b in zip(x.shape, self.before, self.after, strict=True)
        )
        return (x.with_shape(sizes),)

    def evaluate(self, x: Array) -> tuple[Array]:
        width = tuple(zip(self.before, self.after, strict=True))
        if not width:
            return (x,)
        if self.mode == "constant":
            fill = np.asarray(self.value, x.dtype)
            return (np.pad(x, width, constant_values=fill),)
        return (np.pad(x, width, mode=self.mode),)  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType]

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        pads = emit.ints(*self.before, *self.after)
        if self.mode != "constant":
            return (emit("Pad", x, pads, mode=self.mode),)
        if self.value == 0:
            return (emit("Pad", x, pads),)
        value = emit.scalar(self.value, node.operands[0].type.dtype)
        return (emit("Pad", x, pads, value),)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (unpad(ops, g, self.before, self.after, self.mode),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        back = inverse(perm)
        before = tuple(self.before[i] for i in back)
        after = tuple(self.after[i] for i in back)
        return Permuted(replace(self, before=before, after=after), perm)

    def simplified(self, x: Value) -> Value | None:
        return None if any(self.before) or any(self.after) else x


@dataclass(frozen=True)
class Concat(Op):
    """y joins its operands along an axis. Source: ONNX ``Concat`` (opset 13)."""

    name: ClassVar[str] = "concat"
    takes_text: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("Concat",)
    axis: int

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return cls(take.attribute("axis", 1)), tuple(range(len(take)))

    def infer(self, *xs: TensorType) -> tuple[TensorType]:
        axis = shapes.normalize_axis(self.axis, xs[0].rank)
        if len({x.dtype for x in xs}) > 1:
            raise DTypeError("concat needs operands of one element type")
        if len({x.rank for x in xs}) > 1:
            raise ShapeError(f"concat needs one rank, got {' and '.join(map(str, xs))}")
        shape: list[shapes.Dim] = []
        for i, sizes in enumerate(zip(*(x.shape for x in xs), strict=True)):
            known = {s for s in sizes if isinstance(s, int)}
            if i != axis and len(known) > 1:
                raise ShapeError(
                    f"concat along axis {axis} needs equal sizes elsewhere, got "
                    f"{' and '.join(map(str, xs))}"
                )
            shape.append(
                shapes.add(*sizes) if i == axis else known.pop() if known else sizes[0]
            )
        return (xs[0].with_shape(tuple(shape)),)

    def must_equal(
        self, *operands: TensorType
    ) -> tuple[tuple[shapes.Dim, shapes.Dim], ...]:
        axis = shapes.normalize_axis(self.axis, operands[0].rank)
        first, *rest = (t.shape for t in operands)
        pairs = (enumerate(zip(first, other, strict=True)) for other in rest)
        return tuple(pair for each in pairs for i, pair in each if i != axis)

    def evaluate(self, *xs: Array) -> tuple[Array]:
        return (np.concatenate(xs, self.axis),)

    def lower(self, emit: Emit, node: Node, *xs: str) -> tuple[str]:
        return (emit("Concat", *xs, axis=self.axis),)

    def vjp(self, ops: Functions, g: Operand, y: Operand, *xs: Operand) -> Cotangents:
        return ops.split_like(self.axis, g, *xs) if len(xs) > 1 else (g,)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        (axis,) = shapes.shifted((self.axis,), operands[0].rank)
        return Concat(axis) if all(flags) else None

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        return Permuted(Concat(perm[shapes.normalize_axis(self.axis, len(perm))]), perm)

    def simplified(self, *xs: Value) -> Value | None:
        return xs[0] if len(xs) == 1 else None


@dataclass(frozen=True)
class Tile(Op):
    """y repeats x along every axis. Source: ONNX ``Tile`` (opset 13)."""

    name: ClassVar[str] = "tile"
    takes_text: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("Tile",)
    repeats: tuple[int, ...]

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        repeats = take.ints(1)
        return None if repeats is None else (cls(repeats), (0,))

    def infer(self, x: TensorType) -> tuple[TensorType]:
        if len(self.repeats) != x.rank or min(self.repeats, default=0) < 0:
            raise ShapeError(f"tile needs {x.rank} repeats, got {self.repeats}")
        sizes = zip(x.shape, self.repeats, strict=True)
        return (x.with_shape(tuple(shapes.mul(d, r) for d, r in sizes)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.tile(x, self.repeats),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Tile", x, emit.ints(*self.repeats)),)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        for axis in reversed(range(x.ndim)):  # repeats apart, what follows in one
            if (n := self.repeats[axis]) != 1:
                g = ops.sum(ops.apply(Reshape((*(0,) * axis, n, -1)), g), axis)
        return (ops.reshape_like(g, x),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        repeats = tuple(self.repeats[i] for i in inverse(perm))
        return Permuted(Tile(repeats), perm)

    def simplified(self, x: Value) -> Value | None:
        return x if set(self.repeats) <= {1} else None


def unpad(
    ops: Functions,
    g: Operand,
    before: tuple[int, ...],
    after: tuple[int, ...],
    mode: str,
) -> Operand:
    """The adjoint of padding: what was copied to an edge goes back where it is from.

    Raises: UnsupportedError for a mode other than constant, edge and reflect.
    """
    if mode not in ("constant", "edge", "reflect"):
        raise UnsupportedError(f"padding of mode {mode!r} has no gradient")
    if mode == "constant":
        axes = tuple(i for i in range(g.ndim) if before[i] or after[i])
        ends = tuple(-after[i] or Slice.END for i in axes)
        begins = tuple(before[i] for i in axes)
        return ops.apply(Slice(axes, begins, ends, (1,) * len(axes), inside=True), g)
    for axis, widths in enumerate(zip(before, after, strict=True)):
        if any(widths):
            g = _folded(ops, g, axis, *widths, edge=mode == "edge")
    return g


def _folded(
    ops: Functions, g: Operand, axis: int, before: int, after: int, *, edge: bool
) -> Operand:
    """g without its first and last elements, which are added to those they copied."""

    def cut(begin: int, end: int) -> Operand:
        return ops.apply(Slice((axis,), (begin,), (end,), (1,), inside=True), g)

    y = cut(before, -after or Slice.END)
    for width, copies, (begin, end) in (
        (before, (0, before), (0, 1) if edge else (1, before + 1)),
        (after, (-after, Slice.END), (-1, Slice.END) if edge else (-after - 1, -1)),
    ):
        if width:
            part = cut(*copies)
            part = ops.sum(part, axis, keepdims=True) if edge else ops.flip(part, axis)
            place = Slice((axis,), (begin,), (end,), (1,), inside=True)
            y = y + ops.unslice(place, part, y)
    return y


OPERATORS = (
    Slice,
    Pad,
    Concat,
    Tile,
)
