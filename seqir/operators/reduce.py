"""Reductions along axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np

from seqir import dtypes, shapes
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
from seqir.operators.kinds import ONNX_CODE, check_kind
from seqir.tensortype import TensorType

Ints = tuple[int, ...]


@dataclass(frozen=True)
class Reduction:
    """What one kind of `Reduce` is."""

    onnx: str
    """Name of the ONNX operator."""
    compute: Callable[..., Array]
    """``f(x, axes, keepdims=)`` in NumPy."""
    kinds: str
    """Accepted element types; see `check_kind`."""
    gradient: Callable[[Functions, Operand, Operand, Operand, tuple[int, ...]], Operand]
    """The cotangent of x from that of y, y and x; the axes are kept, of size 1."""
    pool: str = ""
    """The ONNX operator for all spatial axes of images, channels first."""


def _logsumexp(x: Array, axes: tuple[int, ...], *, keepdims: bool) -> Array:
    """log(sum(eˣ)) without overflow."""
    top: Array = np.max(x, axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, x.dtype.type(0))  # inf - inf is NaN
    total: Array = np.log(np.sum(np.exp(x - top), axes, keepdims=True)) + top
    return total if keepdims else total.squeeze(axes)


def _length(x: Array, axes: tuple[int, ...], *, keepdims: bool) -> Array:
    """√(sum(x²))."""
    return np.sqrt(np.sum(x * x, axes, keepdims=keepdims))


def _same(
    ops: Functions, g: Operand, y: Operand, x: Operand, axes: tuple[int, ...]
) -> Operand:
    """The gradient of a sum."""
    return g


def _shared(
    ops: Functions, g: Operand, y: Operand, x: Operand, axes: tuple[int, ...]
) -> Operand:
    """The gradient of a largest number, in equal parts to all that are as large."""
    # Of equal ones any is the largest; a fair share is the mean of what each would get.
    taken = ops.coerce(ops.equal(x, y), x.dtype)
    return g / ops.sum(taken, axes, keepdims=True) * taken


def _other_factors(
    ops: Functions, g: Operand, y: Operand, x: Operand, axes: tuple[int, ...]
) -> Operand:
    """The gradient of a product: the product of the others, also where one is 0."""
    # y / x is that where no factor is 0. With one 0, only it has others without a 0,
    # and with two of them none has. So zeros are taken as 1 in the product of all, it
    # is divided by the own factor, and kept where the zeros are none, or the own one
    # alone.
    zero = ops.coerce(ops.equal(x, 0.0), x.dtype)
    factors = x + zero
    alone = ops.equal(ops.sum(zero, axes, keepdims=True), zero)
    others = ops.prod(factors, axes, keepdims=True) / factors
    return g * (others * ops.coerce(alone, x.dtype))


def _mean_gradient(
    ops: Functions, g: Operand, y: Operand, x: Operand, axes: tuple[int, ...]
) -> Operand:
    """The gradient of a mean; narrow types cannot hold the number of elements."""
    dtype = dtypes.accumulator(x.dtype)
    return ops.coerce(ops.coerce(g, dtype) / ops.count(x, axes, dtype), x.dtype)


def _softmax_gradient(
    ops: Functions, g: Operand, y: Operand, x: Operand, axes: tuple[int, ...]
) -> Operand:
    """The gradient of log(sum(eˣ)): eˣ / sum(eˣ), which is e^(x - y)."""
    return g * ops.exp(x - y)


def _direction(
    ops: Functions, g: Operand, y: Operand, x: Operand, axes: tuple[int, ...]
) -> Operand:
    """The gradient of √(sum(x²)): x / y, the unit vector that x points along."""
    return g / y * x


REDUCTIONS: Final = {
    "sum": Reduction("ReduceSum", np.sum, "wide", _same),
    "mean": Reduction(
        "ReduceMean", np.mean, "float", _mean_gradient, "GlobalAveragePool"
    ),
    "max": Reduction("ReduceMax", np.max, "wide", _shared, "GlobalMaxPool"),
    "min": Reduction("ReduceMin", np.min, "wide", _shared),
    "prod": Reduction("ReduceProd", np.prod, "wide", _other_factors),
    "logsumexp": Reduction("ReduceLogSumExp", _logsumexp, "float", _softmax_gradient),
    "l2": Reduction("ReduceL2", _length, "float", _direction),
}
"""Every kind of reduction: a new one is one row, and one function in `seqir.ops`."""


@dataclass(frozen=True)
class Reduce(Op):
    """One value from all values along the axes.

    Equal largest (or smallest) values share the gradient, as in JAX.

    Shapes: the axes vanish, or become 1 with `keepdims`.
    Source: ONNX ``ReduceSum`` (13); the others (18, before with axes as attribute).
    """

    name: ClassVar[str] = "reduce"
    wide: ClassVar[bool] = True
    kind: str
    axes: tuple[int, ...]
    keepdims: bool = False

    TABLE: ClassVar[dict[str, Reduction]] = REDUCTIONS
    reads: ClassVar[tuple[str, ...]] = tuple(r.onnx for r in REDUCTIONS.values())

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        x = take[0]
        axes = take.option("axes", 1, ())
        if x is None:
            return None
        if not axes and not take.attribute("noop_with_empty_axes", 0):
            axes = tuple(range(x.ndim))
        kind = next(k for k, row in cls.TABLE.items() if row.onnx == take.kind)
        return cls(kind, tuple(axes), bool(take.attribute("keepdims", 1))), (0,)

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(f"reduce_{self.kind}", x.dtype, self.TABLE[self.kind].kinds)
        axes = {shapes.normalize_axis(a, x.rank) for a in self.axes}
        if self.keepdims:
            shape = [1 if i in axes else d for i, d in enumerate(x.shape)]
        else:
            shape = [d for i, d in enumerate(x.shape) if i not in axes]
        if self.kind in ("max", "min") and 0 in (x.shape[a] for a in axes):
            raise ShapeError(f"{x} has no number along {self.axes}: no {self.kind}")
        return (x.with_shape(tuple(shape)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        if not self.axes:
            return (x,)
        y = self.TABLE[self.kind].compute(x, self.axes, keepdims=self.keepdims)
        return (np.asarray(y, x.dtype),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        type = node.operands[0].type
        axes = tuple(sorted(shapes.normalize_axes(self.axes, type.rank)))
        if not axes:
            return (x,)
        if not emit.target.spatial_reductions and (y := self._pooled(emit, type, x)):
            return (y,)
        shallow = None
        if not emit.target.deep_reductions and type.rank > 4 and len(axes) > 1:
            shallow = _shallow(type.shape, axes)
        if shallow is None:
            return (self._emit(emit, type, x, axes, keepdims=self.keepdims),)
        y = emit("Reshape", x, emit.ints(*shallow[0]))
        y = self._emit(emit, type, y, shallow[1], keepdims=False)
        return (emit("Unsqueeze", y, emit.ints(*axes)) if self.keepdims else y,)

    def _pooled(self, emit: Emit, type: TensorType, x: str) -> str | None:
        """A global pooling, if this is one of images."""
        pool, rank = self.TABLE[self.kind].pool, type.rank
        axes = tuple(sorted(shapes.normalize_axes(self.axes, rank)))
        first = axes == tuple(range(2, rank))
        if not pool or rank < 4 or not (first or axes == tuple(range(1, rank - 1))):
            return None
        y = emit(pool, x if first else emit("Transpose", x, perm=_to_first(rank)))
        if not self.keepdims:
            return emit("Flatten", y, axis=1)
        back = (0, *range(2, rank), 1)
        return y if first else emit("Transpose", y, perm=back)

    def _emit(
        self, emit: Emit, type: TensorType, x: str, axes: Ints, *, keepdims: bool
    ) -> str:
        if self.kind == "logsumexp" and not emit.target.log_sum_exp:
            return _emit_logsumexp(emit, type.dtype, x, axes, keepdims=keepdims)
        return _emit_reduction(emit, self.TABLE[self.kind].onnx, x, axes, keepdims)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        return replace(self, axes=shapes.shifted(self.axes, operands[0].rank))

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        gone = {shapes.normalize_axis(a, len(perm)) for a in self.axes}
        axes = tuple(sorted(perm[a] for a in gone))
        if self.keepdims:
            return Permuted(replace(self, axes=axes), perm)
        # Axes that stay, as the untransposed operand numbers them, close ranks.
        left = [p for i, p in enumerate(perm) if i not in gone]
        rank = {p: i for i, p in enumerate(sorted(left))}
        return Permuted(replace(self, axes=axes), tuple(rank[p] for p in left))

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        (x,) = operands
        axes = sorted(shapes.normalize_axis(a, x.ndim) for a in self.axes)
        across = 1 < len(axes) < x.ndim and axes[0] == 0
        if target != "cpu" or self.kind not in ("sum", "mean") or not across:
            return None
        # ONNX Runtime works on the samples in parallel, on one long sum it does not.
        # The axes go last, so that a mean is shared whether it keeps them or not.

        each = ops.apply(replace(self, axes=tuple(axes[1:]), keepdims=True), x)
        y = ops.apply(replace(self, axes=(0,), keepdims=True), each)
        return y if self.keepdims else ops.squeeze(y, axes)

    def simplified(self, x: Value) -> Value | None:
        return None if self.axes else x

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        if not self.axes:
            return (g,)
        axes = tuple(sorted(shapes.normalize_axes(self.axes, x.ndim)))
        if not self.keepdims:
            g, y = ops.expand_dims(g, axes), ops.expand_dims(y, axes)
        return (self.TABLE[self.kind].gradient(ops, g, y, x, axes),)

    def __str__(self) -> str:
        keep = ", keepdims=True" if self.keepdims else ""
        return f"reduce_{self.kind}(axes={self.axes}{keep})"


def _to_first(rank: int) -> Ints:
    """The order of axes that takes channels from the end to the front."""
    return (0, rank - 1, *range(1, rank - 1))


def _emit_reduction(emit: Emit, onnx: str, x: str, axes: Ints, keep: bool) -> str:
    if emit.opset >= 18 or onnx == "ReduceSum":
        return emit(onnx, x, emit.ints(*axes), keepdims=int(keep))
    return emit(onnx, x, axes=axes, keepdims=int(keep))


def _emit_logsumexp(
    emit: Emit, dtype: str, x: str, axes: Ints, *, keepdims: bool
) -> str:
    """log(sum(e^(x - top))) + top, in which an infinite top is the largest number."""
    top = _emit_reduction(emit, "ReduceMax", x, axes, True)
    most = float(dtypes.finfo(dtype).max)
    top = emit("Clip", top, emit.scalar(-most, dtype), emit.scalar(most, dtype))
    total = emit("Exp", emit("Sub", x, top))
    total = emit("ReduceSum", total, emit.ints(*axes), keepdims=1)
    y = emit("Add", emit("Log", total), top)
    return y if keepdims else emit("Squeeze", y, emit.ints(*axes))


def _shallow(shape: shapes.Shape, axes: Ints) -> tuple[Ints, Ints] | None:
    """The sizes for ONNX with neighbours of the axes as one axis, and those axes.

    None if ONNX cannot be told: it finds out one size, and copies those at its place.
    """
    sizes: list[int] = []
    merged: list[int] = []
    for i, size in enumerate(shape):
        known = size if isinstance(size, int) else 0 if i == len(sizes) else -1
        if i in axes and i - 1 in axes:
            sizes[-1] = sizes[-1] * known if min(sizes[-1], known) > 0 else -1
            continue
        if i in axes:
            merged.append(len(sizes))
        sizes.append(known)
    if 0 in shape or sizes.count(-1) > 1 or len(sizes) == len(shape):
        return None
    return tuple(sizes), tuple(merged)


@dataclass(frozen=True)
class Count(Op):
    """y = how many elements x has along the axes, as one floating-point number.

    Source: ONNX ``Shape`` (opset 15), where a size is unknown.
    """

    name: ClassVar[str] = "count"
    axes: tuple[int, ...]
    dtype: str = "float32"

    def infer(self, x: TensorType) -> tuple[TensorType]:
        for axis in self.axes:
            shapes.normalize_axis(axis, x.rank)
        return (TensorType(self.dtype, ()),)

    def evaluate(self, x: Array) -> tuple[Array]:
        size = math.prod(x.shape[a] for a in self.axes)
        return (np.asarray(size, dtypes.to_numpy(self.dtype)),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        sizes = node.operands[0].type.shape
        size = shapes.volume(sizes[a] for a in self.axes)
        if isinstance(size, int):
            return (emit.scalar(size, self.dtype),)
        counted = emit("Gather", emit("Shape", x), emit.ints(*self.axes))
        total = emit("ReduceProd", counted, keepdims=0)
        return (emit("Cast", total, to=ONNX_CODE[self.dtype]),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        return Permuted(Count(tuple(perm[a] for a in self.axes), self.dtype), ())

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (None,)


@dataclass(frozen=True)
class ArgReduce(Op):
    """Index (int64) of the largest or smallest number along an axis; the first one.

    Source: ONNX ``ArgMax``, ``ArgMin`` (opset 13).
    """

    name: ClassVar[str] = "arg"
    reads: ClassVar[tuple[str, ...]] = ("ArgMax", "ArgMin")
    kind: str
    axis: int
    keepdims: bool = False

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        if take.attribute("select_last_index", 0):
            return None
        axis, keep = take.attribute("axis", 0), bool(take.attribute("keepdims", 1))
        return cls(take.kind[3:].lower(), axis, keep), (0,)

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(f"arg{self.kind}", x.dtype, "wide")
        (y,) = Reduce("max", (self.axis,), self.keepdims).infer(x)
        return (y.with_dtype("int64"),)

    def evaluate(self, x: Array) -> tuple[Array]:
        f = np.argmax if self.kind == "max" else np.argmin
        return (np.asarray(f(x, axis=self.axis, keepdims=self.keepdims), np.int64),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        onnx = "ArgMax" if self.kind == "max" else "ArgMin"
        return (emit(onnx, x, axis=self.axis, keepdims=int(self.keepdims)),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        reduced = Reduce("max", (self.axis,), self.keepdims).permuted(perm)
        assert reduced is not None
        axis = perm[shapes.normalize_axis(self.axis, len(perm))]
        return Permuted(replace(self, axis=axis), reduced.perm)

    def __str__(self) -> str:
        return f"arg{self.kind}(axis={self.axis}, keepdims={self.keepdims})"


@dataclass(frozen=True)
class CumSum(Op):
    """Running sum along an axis. Source: ONNX ``CumSum`` (opset 14)."""

    name: ClassVar[str] = "cumsum"
    wide: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("CumSum",)
    axis: int = 0
    exclusive: bool = False
    reverse: bool = False

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        axis = take.ints(1)
        flags = (bool(take.attribute(name, 0)) for name in ("exclusive", "reverse"))
        return None if axis is None else (cls(axis[0], *flags), (0,))

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "wide")
        shapes.normalize_axis(self.axis, x.rank)
        return (x,)

    def evaluate(self, x: Array) -> tuple[Array]:
        x = np.flip(x, self.axis) if self.reverse else x
        if self.exclusive:
            x = np.insert(np.delete(x, -1, self.axis), 0, 0, self.axis)
        y = np.cumsum(x, self.axis, dtype=x.dtype)
        return (np.flip(y, self.axis) if self.reverse else y,)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        axis = emit.constant(np.asarray(self.axis, np.int64))
        flags = {"exclusive": int(self.exclusive), "reverse": int(self.reverse)}
        return (emit("CumSum", x, axis, **flags),)

    # y_i is the sum of x_j over j <= i (or j < i), so x_j reaches all y_i with i >= j
    # (or i > j): the same running sum, from the other end.
    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (ops.apply(replace(self, reverse=not self.reverse), g),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        axis = perm[shapes.normalize_axis(self.axis, len(perm))]
        return Permuted(replace(self, axis=axis), perm)


OPERATORS = (
    Reduce,
    Count,
    ArgReduce,
    CumSum,
)
