"""Reductions along axes."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.ir import Array, Emit, Node, Op, Perm, Permuted, Value
from seqir.ops.apply import (
    apply,
    coerce,
    common_dtype,
    floating,
    rank_of,
    type_of_operand,
    wide,
)
from seqir.ops.call import operation
from seqir.ops.convert import ONNX_CODE
from seqir.ops.elementwise import check_kind
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class Reduce(Op):
    """One number from all numbers along the axes.

    Equal largest (or smallest) numbers share the gradient, as in JAX.

    Shapes: the axes vanish, or become 1 with `keepdims`.
    Source: ONNX ``ReduceSum`` (13); the others (18, before with axes as attribute).
    """

    name: ClassVar[str] = "reduce"
    kind: str
    axes: tuple[int, ...]
    keepdims: bool = False

    TABLE: ClassVar[dict[str, tuple[str, Any, str]]] = {
        "sum": ("ReduceSum", np.sum, "wide"),
        "mean": ("ReduceMean", np.mean, "float"),
        "max": ("ReduceMax", np.max, "wide"),
        "min": ("ReduceMin", np.min, "wide"),
        "prod": ("ReduceProd", np.prod, "wide"),
        "logsumexp": ("ReduceLogSumExp", None, "float"),
        "l2": ("ReduceL2", None, "float"),
    }

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(f"reduce_{self.kind}", x.dtype, self.TABLE[self.kind][2])
        axes = {shapes.normalize_axis(a, x.rank) for a in self.axes}
        if self.keepdims:
            shape = [1 if i in axes else d for i, d in enumerate(x.shape)]
        else:
            shape = [d for i, d in enumerate(x.shape) if i not in axes]
        if self.kind in ("max", "min") and 0 in (x.shape[a] for a in axes):
            raise ShapeError(f"{x} has no number along {self.axes}: no {self.kind}")
        return (x.with_shape(tuple(shape)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        y = self._compute(x, self.axes) if self.axes else x
        return (np.asarray(y, x.dtype),)

    def _compute(self, x: Array, axes: tuple[int, ...]) -> Any:
        if self.kind == "l2":
            return np.sqrt(np.sum(x * x, axes, keepdims=self.keepdims))
        if self.kind == "logsumexp":
            top = np.max(x, axes, keepdims=True, initial=-np.inf)
            top = np.where(np.isfinite(top), top, x.dtype.type(0))  # inf - inf is NaN
            total = np.log(np.sum(np.exp(x - top), axes, keepdims=True)) + top
            return total if self.keepdims else total.squeeze(axes)
        return self.TABLE[self.kind][1](x, axes, keepdims=self.keepdims)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        onnx = self.TABLE[self.kind][0]
        axes = tuple(
            shapes.normalize_axis(a, node.operands[0].type.rank) for a in self.axes
        )
        keep = int(self.keepdims)
        if not axes:
            return (x,)
        if emit.opset >= 18 or onnx == "ReduceSum":
            return (emit(onnx, x, emit.ints(*axes), keepdims=keep),)
        return (emit(onnx, x, axes=axes, keepdims=keep),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        gone = {shapes.normalize_axis(a, len(perm)) for a in self.axes}
        axes = tuple(sorted(perm[a] for a in gone))
        if self.keepdims:
            return Permuted(replace(self, axes=axes), perm)
        # Axes that stay, as the untransposed operand numbers them, close ranks.
        left = [p for i, p in enumerate(perm) if i not in gone]
        rank = {p: i for i, p in enumerate(sorted(left))}
        return Permuted(replace(self, axes=axes), tuple(rank[p] for p in left))

    def expanded(self, target: str, *operands: Any, shared: bool) -> Any | None:
        (x,) = operands
        axes = sorted(shapes.normalize_axis(a, x.ndim) for a in self.axes)
        across = 1 < len(axes) < x.ndim and axes[0] == 0
        if target != "cpu" or self.kind not in ("sum", "mean") or not across:
            return None
        # ONNX Runtime works on the samples in parallel, on one long sum it does not.
        # The axes go last, so that a mean is shared whether it keeps them or not.
        from seqir.ops.movement import squeeze

        each = apply(replace(self, axes=tuple(axes[1:]), keepdims=True), x)
        y = apply(replace(self, axes=(0,), keepdims=True), each)
        return y if self.keepdims else squeeze(y, axes)

    def simplified(self, x: Value) -> Value | None:
        return None if self.axes else x

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        if not self.axes:
            return (g,)
        axes = axes_of(x, self.axes)
        if not self.keepdims:
            from seqir.ops.movement import expand_dims

            g, y = expand_dims(g, axes), expand_dims(y, axes)
        return (_GRADIENTS[self.kind](g, y, x, axes),)

    def __str__(self) -> str:
        keep = ", keepdims=True" if self.keepdims else ""
        return f"reduce_{self.kind}(axes={self.axes}{keep})"


def _shared(g: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """The gradient of a largest number, in equal parts to all that are as large."""
    from seqir.ops.arith import equal

    taken = coerce(equal(x, y), x.dtype)
    return g / sum(taken, axes, keepdims=True) * taken


def _other_factors(g: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """The gradient of a product: the product of the others, also where one is 0."""
    from seqir.ops.arith import equal

    zero = coerce(equal(x, 0.0), x.dtype)
    factors = x + zero
    alone = equal(sum(zero, axes, keepdims=True), zero)
    others = prod(factors, axes, keepdims=True) / factors
    return g * (others * coerce(alone, x.dtype))


def _mean(g: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """The gradient of a mean; narrow types cannot hold the number of elements."""
    dtype = x.dtype if dtypes.itemsize(x.dtype) > 2 else "float32"
    return coerce(coerce(g, dtype) / count(x, axes, dtype), x.dtype)


def _softmax(g: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    from seqir.ops.unary import exp

    return g * exp(x - y)


_GRADIENTS: Final[dict[str, Callable[[Any, Any, Any, tuple[int, ...]], Any]]] = {
    "sum": lambda g, y, x, axes: g,
    "mean": _mean,
    "max": _shared,
    "min": _shared,
    "prod": _other_factors,
    "logsumexp": _softmax,
    "l2": lambda g, y, x, axes: g / y * x,
}
"""The gradient of each kind, from cotangent and result with the axes kept as 1."""


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

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (None,)


def count(x: Any, axes: tuple[int, ...], dtype: str) -> Any:
    """How many elements x has along the axes: a number, or a tensor of one."""
    size = shapes.volume(x.type.shape[a] for a in axes)
    return float(size) if isinstance(size, int) else apply(Count(axes, dtype), x)


@dataclass(frozen=True)
class ArgReduce(Op):
    """Index (int64) of the largest or smallest number along an axis; the first one.

    Source: ONNX ``ArgMax``, ``ArgMin`` (opset 13).
    """

    name: ClassVar[str] = "arg"
    kind: str
    axis: int
    keepdims: bool = False

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
    axis: int = 0
    exclusive: bool = False
    reverse: bool = False

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

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (apply(replace(self, reverse=not self.reverse), g),)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        axis = perm[shapes.normalize_axis(self.axis, len(perm))]
        return Permuted(replace(self, axis=axis), perm)


def axes_of(x: Any, axis: int | Sequence[int] | None) -> tuple[int, ...]:
    """The axes as a sorted tuple of non-negative numbers; None means all.

    Raises: ShapeError if one is not there or named twice.
    """
    rank = rank_of(x)
    return tuple(
        range(rank) if axis is None else sorted(shapes.normalize_axes(axis, rank))
    )


def _is_empty(x: Any, axis: Any) -> bool:
    """Whether there is certainly nothing along the axes."""
    sizes = type_of_operand(x).shape
    return 0 in (sizes[a] for a in axes_of(x, axis))


def _reduce(kind: str, x: Any, axis: Any, keepdims: bool) -> Any:
    if kind == "mean" and _is_empty(x, axis):
        from seqir.ops.arith import true_divide

        return true_divide(floating(_reduce("sum", x, axis, keepdims)), 0.0)
    dtype = common_dtype(x, floating=Reduce.TABLE[kind][2] == "float")
    narrow = dtypes.itemsize(dtype) < 4 and not dtypes.is_float(dtype)
    if kind in ("sum", "prod") and narrow:
        dtype = "uint32" if dtype.startswith("u") else "int32"
    op = Reduce(kind, axes_of(x, axis), keepdims)
    return coerce(apply(op, coerce(x, wide(dtype))), dtype)


@operation
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum along axes. Source: ``keras.ops.sum``."""
    return _reduce("sum", x, axis, keepdims)


@operation
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Arithmetic mean along axes. Source: ``keras.ops.mean``."""
    return _reduce("mean", x, axis, keepdims)


@operation
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Largest number along axes, and of `initial`. Source: ``keras.ops.max``."""
    from seqir.ops.arith import maximum

    return _with_initial("max", maximum, x, axis, keepdims, initial)


@operation
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Smallest number along axes, and of `initial`. Source: ``keras.ops.min``."""
    from seqir.ops.arith import minimum

    return _with_initial("min", minimum, x, axis, keepdims, initial)


def _with_initial(
    kind: str, of_two: Any, x: Any, axis: Any, keepdims: bool, initial: Any
) -> Any:
    if initial is None:
        return _reduce(kind, x, axis, keepdims)
    initial = coerce(initial, common_dtype(x))
    if _is_empty(x, axis):
        from seqir.ops.like import expand_like

        return expand_like(initial, _reduce("sum", x, axis, keepdims))
    return of_two(_reduce(kind, x, axis, keepdims), initial)


@operation
def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Product along axes. Source: ``keras.ops.prod``."""
    return _reduce("prod", x, axis, keepdims)


@operation
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(eˣ)) along axes. Source: ``keras.ops.logsumexp``."""
    return _reduce("logsumexp", x, axis, keepdims)


@operation
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean squared distance from the mean. Source: ``keras.ops.var``.

    Squares of 16-bit numbers are taken in float32, as on JAX.
    """
    from seqir.ops.arith import square, subtract

    dtype = common_dtype(x, floating=True)
    x = coerce(x, dtype if dtypes.itemsize(dtype) > 2 else "float32")
    centred = subtract(x, _reduce("mean", x, axis, True))
    return coerce(_reduce("mean", square(centred), axis, keepdims), dtype)


@operation
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Square root of the variance. Source: ``keras.ops.std``."""
    from seqir.ops.unary import sqrt

    return sqrt(var(x, axis, keepdims))


@operation
def moments(
    x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> Any:
    """Mean and variance along axes. Source: ``keras.ops.moments``."""
    if synchronized:
        raise UnsupportedError("moments are not synchronized across machines")
    dtype = common_dtype(x, floating=True)
    if dtypes.itemsize(dtype) > 2:
        return mean(x, axes, keepdims), var(x, axes, keepdims)
    from seqir.ops.arith import clip

    wide, most = coerce(x, "float32"), float(dtypes.finfo("float16").max)
    found = mean(wide, axes, keepdims), var(wide, axes, keepdims)
    first, second = (coerce(clip(y, -most, most), dtype) for y in found)
    return first, second


@operation
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Length of vectors: Euclidean, or the p-norm of order `ord`; norms of matrices.

    Of matrices (two axes) there are ``None``, ``"fro"``, 1, -1, inf and -inf.

    Raises: ArgumentError for an order that vectors or matrices do not have.
    Source: ``keras.ops.norm``.
    """
    from seqir.ops.unary import absolute

    x = floating(x)
    axes = axes_of(x, axis)
    if ord is None and axis is None:
        return _reduce("l2", x, axis, keepdims) if axes else absolute(x)
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(x, 2.0 if ord is None else float(ord), axes, keepdims)
    if len(axes) != 2:
        raise ArgumentError(
            f"norm of order {ord!r} is of vectors or matrices, along one axis or two, "
            f"got {len(axes)} axes"
        )
    if ord in (None, "fro"):
        return _reduce("l2", x, axis, keepdims)
    if ord not in (1, -1, math.inf, -math.inf):
        raise ArgumentError(
            f"norm of order {ord!r} of matrices is not there: use None, 'fro', 1, -1, "
            "inf or -inf"
        )
    rows, columns = axes if axis is None else shapes.normalize_axes(axis, rank_of(x))
    summed, chosen = (rows, columns) if builtins.abs(ord) == 1 else (columns, rows)
    sums = sum(absolute(x), summed, keepdims=True)
    y = _reduce("max" if ord > 0 else "min", sums, chosen, True)
    if keepdims:
        return y
    from seqir.ops.movement import squeeze

    return squeeze(y, axes)


def _vector_norm(x: Any, ord: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    from seqir.ops.arith import not_equal, power
    from seqir.ops.unary import absolute

    if ord == 2:
        return _reduce("l2", x, axes, keepdims)
    if ord == 0:
        return sum(coerce(not_equal(x, 0), x.dtype), axes, keepdims)
    size = absolute(x)
    if math.isinf(ord):
        return _reduce("max" if ord > 0 else "min", size, axes, keepdims)
    if ord == 1:
        return sum(size, axes, keepdims)
    return power(sum(power(size, ord), axes, keepdims), 1 / ord)


@operation
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all hold. Source: ``keras.ops.all``."""
    return min(coerce(x, "bool"), axis, keepdims, initial=True)


@operation
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether one holds. Source: ``keras.ops.any``."""
    return max(coerce(x, "bool"), axis, keepdims, initial=False)


def _arg(kind: str, x: Any, axis: int | None, keepdims: bool) -> Any:
    from seqir.ops.movement import reshape

    rank = rank_of(x)
    if axis is None:
        x, keepdims, shape = reshape(x, (-1,)), False, (1,) * (rank * keepdims)
    else:
        shape = None
    op = ArgReduce(kind, shapes.normalize_axis(axis or 0, rank_of(x)), keepdims)
    places = coerce(apply(op, coerce(x, wide(common_dtype(x)))), "int32")
    return places if not shape else reshape(places, shape)


@operation
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index (int32) of the largest number. Source: ``keras.ops.argmax``."""
    return _arg("max", x, axis, keepdims)


@operation
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index (int32) of the smallest number. Source: ``keras.ops.argmin``."""
    return _arg("min", x, axis, keepdims)


@operation
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sum along an axis. Source: ``keras.ops.cumsum``."""
    if axis is None:
        from seqir.ops.movement import reshape

        x, axis = reshape(x, (-1,)), 0
    wanted = dtypes.canonical(dtype) if dtype else common_dtype(x)
    wanted = "int32" if wanted == "bool" else wanted
    y = apply(CumSum(axis), coerce(coerce(x, wanted), wide(wanted)))
    return coerce(y, wanted)
