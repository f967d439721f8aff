"""Moving data: transpose, reshape, slice, pad, join, repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import DTypeError, ShapeError
from seqir.ir import Array, Emit, Node, Op, Perm, Permuted, Value
from seqir.ops.apply import (
    apply,
    as_array,
    rank_of,
    type_of_operand,
)
from seqir.ops.call import operation
from seqir.ops.size import Size, dim_of, sizes_of, sizes_of_nothing
from seqir.ops.sizes import ExpandTo, ReshapeTo, apply_sizes
from seqir.ops.tensor import Tensor
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
    moves: ClassVar[bool] = True
    perm: Perm

    def infer(self, x: TensorType) -> tuple[TensorType]:
        if sorted(self.perm) != list(range(x.rank)):
            raise ShapeError(f"{self.perm} does not order the {x.rank} axes of {x}")
        return (x.with_shape(shapes.permute(x.shape, self.perm)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.asarray(np.transpose(x, self.perm), order="C"),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Transpose", x, perm=self.perm) if self.perm else x,)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (apply(Transpose(inverse(self.perm)), g),)

    def simplified(self, x: Value) -> Value | None:
        return x if self.perm == tuple(range(len(self.perm))) else None

    def __str__(self) -> str:
        return f"transpose({', '.join(map(str, self.perm))})"


@dataclass(frozen=True)
class Reshape(Op):
    """y holds x's numbers, in the same order, in another shape.

    Shapes: 0 keeps x's size at that place, one -1 is what is left over.
    Raises: ShapeError if the numbers of elements differ.
    Source: ONNX ``Reshape`` (opset 14, ``allowzero=0``).
    """

    name: ClassVar[str] = "reshape"
    moves: ClassVar[bool] = True
    shape: tuple[int, ...]

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

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        from seqir.ops.like import reshape_like

        return (reshape_like(g, x),)

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
    moves: ClassVar[bool] = True
    axes: tuple[int, ...]

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

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (apply(Squeeze(self.axes), g),)

    def simplified(self, x: Value) -> Value | None:
        return None if self.axes else x


@dataclass(frozen=True)
class Squeeze(Op):
    """y lacks the given axes, which have size 1. Source: ONNX ``Squeeze`` (13)."""

    name: ClassVar[str] = "squeeze"
    moves: ClassVar[bool] = True
    axes: tuple[int, ...]

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

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        axes = (shapes.normalize_axis(a, x.ndim) for a in self.axes)
        return (apply(ExpandDims(tuple(axes)), g),)

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
    moves: ClassVar[bool] = True
    shape: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (x.with_shape(shapes.broadcast(x.shape, self.shape)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        shape = np.broadcast_shapes(x.shape, self.shape)
        return (np.array(np.broadcast_to(x, shape)),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Expand", x, emit.ints(*self.shape)),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (g,)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        if len(self.shape) != len(perm):
            return None
        return Permuted(Expand(shapes.permute(self.shape, inverse(perm))), perm)  # type: ignore[arg-type]

    def simplified(self, x: Value) -> Value | None:
        return x if self.infer(x.type)[0] == x.type else None


@dataclass(frozen=True)
class Slice(Op):
    """y = x[begin:end:step] along the given axes (Python's rules, step not 0).

    Raises: ShapeError for a slice backwards of a part of an axis of unknown size.
    Source: ONNX ``Slice`` (opset 13).
    """

    name: ClassVar[str] = "slice"
    moves: ClassVar[bool] = True
    axes: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    steps: tuple[int, ...]
    inside: bool = False
    """The ends are known to lie inside of the axes, whatever their sizes are."""

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

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        from seqir.ops.like import Unslice

        return (apply(Unslice(*astuple(self)), g, x),)

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
    before: tuple[int, ...]
    after: tuple[int, ...]
    mode: str = "constant"
    value: float = 0.0

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
        return (np.pad(x, width, mode=self.mode),)  # type: ignore[call-overload]

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        pads = emit.ints(*self.before, *self.after)
        if self.mode != "constant":
            return (emit("Pad", x, pads, mode=self.mode),)
        if self.value == 0:
            return (emit("Pad", x, pads),)
        value = emit.scalar(self.value, node.operands[0].type.dtype)
        return (emit("Pad", x, pads, value),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        from seqir.ops.like import unpad

        return (unpad(g, self.before, self.after, self.mode),)

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
    axis: int

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

    def evaluate(self, *xs: Array) -> tuple[Array]:
        return (np.concatenate(xs, self.axis),)

    def lower(self, emit: Emit, node: Node, *xs: str) -> tuple[str]:
        return (emit("Concat", *xs, axis=self.axis),)

    def vjp(self, g: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
        from seqir.ops.like import SplitLike

        return apply(SplitLike(self.axis), g, *xs) if len(xs) > 1 else (g,)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        return Permuted(Concat(perm[shapes.normalize_axis(self.axis, len(perm))]), perm)

    def simplified(self, *xs: Value) -> Value | None:
        return xs[0] if len(xs) == 1 else None


@dataclass(frozen=True)
class Tile(Op):
    """y repeats x along every axis. Source: ONNX ``Tile`` (opset 13)."""

    name: ClassVar[str] = "tile"
    moves: ClassVar[bool] = True
    repeats: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType]:
        if len(self.repeats) != x.rank or min(self.repeats, default=0) < 0:
            raise ShapeError(f"tile needs {x.rank} repeats, got {self.repeats}")
        sizes = zip(x.shape, self.repeats, strict=True)
        return (x.with_shape(tuple(shapes.mul(d, r) for d, r in sizes)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.tile(x, self.repeats),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Tile", x, emit.ints(*self.repeats)),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        from seqir.ops.like import reshape_like
        from seqir.ops.reduce import sum as sum_

        for axis in reversed(range(x.ndim)):  # repeats apart, what follows in one
            if (n := self.repeats[axis]) != 1:
                g = sum_(apply(Reshape((*(0,) * axis, n, -1)), g), axis)
        return (reshape_like(g, x),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        repeats = tuple(self.repeats[i] for i in inverse(perm))
        return Permuted(Tile(repeats), perm)

    def simplified(self, x: Value) -> Value | None:
        return x if set(self.repeats) <= {1} else None


def shape(x: Any) -> tuple[Any, ...]:
    """Sizes of x: an int where known, else a `Size`: a number that the run knows.

    Source: ``keras.ops.shape``.
    """
    type = type_of_operand(x)
    return tuple(
        d if isinstance(d, int) else Size.of_axis(x, i)
        for i, d in enumerate(type.shape)
    )


@operation
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """X with its axes reordered (reversed by default). Source: ``keras.ops``."""
    rank = rank_of(x)
    order = range(rank)[::-1] if axes is None else axes
    return apply(Transpose(shapes.normalize_axes(order, rank)), operand(x))


@operation
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """X with two axes exchanged. Source: ``keras.ops.swapaxes``."""
    order = list(range(rank_of(x)))
    a, b = (shapes.normalize_axis(axis, len(order)) for axis in (axis1, axis2))
    order[a], order[b] = b, a
    return transpose(x, order)


@operation
def moveaxis(
    x: Any, source: int | Sequence[int], destination: int | Sequence[int]
) -> Any:
    """X with axes moved, the others in order. Source: ``keras.ops.moveaxis``."""
    rank = rank_of(x)
    from_, to = (shapes.normalize_axes(v, rank) for v in (source, destination))
    if len(from_) != len(to):
        raise ShapeError(f"moveaxis cannot move axes {source} to {destination}")
    order = [i for i in range(rank) if i not in from_]
    for place, axis in sorted(zip(to, from_, strict=True)):
        order.insert(place, axis)
    return transpose(x, order)


@operation
def reshape(x: Any, newshape: Any) -> Any:
    """X in another shape; one size may be -1. Source: ``keras.ops.reshape``.

    Unknown sizes can be passed on and computed with: ``(ops.shape(x)[0], -1)``.
    """
    sizes = list(sizes_of(newshape))
    dims = [dim_of(d) for d in sizes]
    x = operand(x)
    if type_of_operand(x).size == 0 and (empty := sizes_of_nothing(dims)):
        from seqir.ops.like import ReshapeLike

        return apply(ReshapeLike(), x, np.zeros(empty, np.bool_))
    op = reshape_op(type_of_operand(x), dims)
    if op is not None:
        return apply(op, x)
    if -1 in dims:
        own, rest = math.prod(shape(x)), math.prod(d for d in sizes if _is_given(d))
        sizes[dims.index(-1)] = own // rest
    return apply_sizes(ReshapeTo(tuple(map(dim_of, sizes))), sizes, x)


def _is_given(size: Any) -> bool:
    return isinstance(size, Size) or size != -1


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
    return Reshape(tuple(dims))  # type: ignore[arg-type]


@operation
def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """X with new axes of size 1. Source: ``keras.ops.expand_dims``."""
    rank = rank_of(x) + len(shapes.integers(axis))
    normal = tuple(sorted(shapes.normalize_axes(axis, rank)))
    return apply(ExpandDims(normal), operand(x))


@operation
def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """X without axes of size 1. Source: ``keras.ops.squeeze``."""
    sizes = type_of_operand(x).shape
    ones = [i for i, d in enumerate(sizes) if d == 1]
    axes = shapes.normalize_axes(ones if axis is None else axis, len(sizes))
    return apply(Squeeze(tuple(sorted(axes))), operand(x))


@operation
def broadcast_to(x: Any, shape: Any) -> Any:
    """X repeated to a shape. Source: ``keras.ops.broadcast_to``."""
    x = operand(x)
    old = type_of_operand(x).shape
    sizes = sizes_of(shape)
    dims = [dim_of(d) for d in sizes]
    pad = len(dims) - len(old)
    if pad < 0 or any(isinstance(d, int) and d < 0 for d in dims):
        raise ShapeError(f"{type_of_operand(x)} does not broadcast to {shape}")
    kept = [1 if i >= pad and d == old[i - pad] else d for i, d in enumerate(dims)]
    known = tuple(d for d in kept if isinstance(d, int))
    if len(known) == len(kept):
        return apply(Expand(known), x)
    return apply_sizes(ExpandTo(tuple(dims)), sizes, x)


def operand(x: Any) -> Any:
    """A tensor as it is, anything else as an array."""
    return x if isinstance(x, Tensor) else as_array(x)
