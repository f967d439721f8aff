"""Convolution and its transpose, for any number of spatial axes, channels first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import DTypeError, ShapeError
from seqir.ir import (
    Array,
    Cotangents,
    Emit,
    Functions,
    Node,
    Op,
    Operand,
    Receptive,
    Take,
)
from seqir.operators.kinds import check_kind
from seqir.operators.linalg import products, rescaled
from seqir.operators.pieces import Slice
from seqir.operators.taps import (
    Ints,
    Pairs,
    Taps,
    channels_first,
    channels_last,
    read_window,
    tap_parts,
)
from seqir.shapes import known_shape
from seqir.tensortype import TensorType, type_of


@dataclass(frozen=True)
class Conv(Op):
    """Cross-correlation.

    ``y[n, m, p] = sum over c, k of x[n, c, p*s + k*d - pad] * w[m, c, k] + b[m]``

    Shapes: x[N, C, *size], w[M, C/groups, *kernel], b[M] (optional)
        -> y[N, M, *out], out = (size + pads - d*(kernel - 1) - 1) // s + 1.
    Raises: ShapeError if channels disagree or the window does not fit.
    Source: ONNX ``Conv`` (opset 11).
    """

    name: ClassVar[str] = "conv"
    wide: ClassVar[bool] = True
    needs_room: ClassVar[bool] = True
    strides: Ints
    pads: Pairs
    dilations: Ints
    groups: int = 1
    same: bool = False
    """Pad to ``out = ceil(size / s)``, whatever the size turns out to be; no `pads`."""
    reads: ClassVar[tuple[str, ...]] = ("Conv",)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        w = take[1]
        window = None if w is None else read_window(take, known_shape(w.type.shape[2:]))
        if window is None:
            return None
        strides, pads, dilations, same = window
        op = cls(strides, pads, dilations, take.attribute("group", 1), same)
        return op, (0, 1, 2) if take.given(2) else (0, 1)

    def taps(self, kernel: Ints) -> Taps:
        """Where a kernel of that size lies."""
        return Taps(kernel, self.strides, self.dilations, self.pads, self.same)

    def transposed(self, kernel: Ints, size: shapes.Shape) -> ConvTranspose:
        """The adjoint for images of a size whose `Taps` are placed."""
        taps = self.taps(kernel)
        pads, left = taps.known_padding(size), taps.left_over(size)
        return ConvTranspose(self.strides, pads, self.dilations, left, self.groups)

    def infer(
        self, x: TensorType, w: TensorType, b: TensorType | None = None
    ) -> tuple[TensorType]:
        check_operands(self.name, x, w, b, spatial=len(self.strides))
        n, c, *size = x.shape
        m, c_per_group, *kernel = static(w.shape)
        check_channels(c, c_per_group * self.groups, "input channels", self.groups)
        if m % self.groups:
            raise ShapeError(f"{m} filters cannot be divided into {self.groups} groups")
        if b is not None and b.shape != (m,):
            raise ShapeError(f"the bias of {m} filters has shape {b.shape}")
        out = self.taps(tuple(kernel)).positions(tuple(size))
        return (x.with_shape((n, m, *out)),)

    def must_equal(
        self, *operands: TensorType
    ) -> tuple[tuple[shapes.Dim, shapes.Dim], ...]:
        x, w, *_ = operands
        return ((x.shape[1], shapes.mul(w.shape[1], self.groups)),)

    def receptive(self, *operands: TensorType) -> tuple[Receptive, ...]:
        return self.taps(static(operands[1].shape)[2:]).receptive

    def evaluate(self, x: Array, w: Array, b: Array | None = None) -> tuple[Array]:
        rank = len(self.strides)
        patches = self.taps(w.shape[2:]).patches(x)
        n, out = patches.shape[0], patches.shape[2 : 2 + rank]
        patches = patches.reshape(n, self.groups, -1, *patches.shape[2:])
        w = w.reshape(self.groups, -1, *w.shape[1:])
        o, k = "pqr"[:rank], "uvw"[:rank]
        y = products(f"ngc{o}{k},gmc{k}->ngm{o}", patches, w)
        y = y.reshape(n, -1, *out).astype(x.dtype, copy=False)
        return (y if b is None else y + b.reshape(-1, *(1,) * rank),)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        image, w, *_ = (v.type for v in node.operands)
        kernel = static(w.shape)[2:]
        x, *weights = operands
        x, padding = self.taps(kernel).emit_window(emit, image, x)
        y = emit(
            "Conv",
            x,
            *weights,
            kernel_shape=kernel,
            strides=self.strides,
            dilations=self.dilations,
            group=self.groups,
            **padding,
        )
        return (y,)

    # y[n, m, p] = b[m] + sum over c and k of x[n, c, p*s + k*d - pad] * w[m, c, k]:
    # each product gives g[n, m, p] times one factor to the other. `conv_grad` has the
    # sums.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        x, w, *bias = operands
        return (
            ops.conv_input_grad(self, g, w, x),
            ops.conv_kernel_grad(self, x, g, w.type.shape),
            *(channel_sums(ops, g) for _ in bias),
        )

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        x, w, *bias = operands
        taps = self.taps(static(w.type.shape)[2:])
        placed = taps.placed(x.type.shape[2:])
        if target == "plain" and placed:
            y = self._by_taps(ops, taps, x, w)
            return y + channel_column(ops, bias[0], y) if bias else y
        if target == "cuda" or not shared or self.groups > 1 or not placed:
            return None
        columns = taps.columns(ops, channels_last(ops, x))
        if len(columns) > 1:
            return None
        y = ops.matmul(
            columns[0], ops.reshape(taps_first(ops, w), (-1, w.type.shape[0]))
        )
        return channels_first(ops, y + bias[0] if bias else y)

    def _by_taps(self, ops: Functions, taps: Taps, x: Operand, w: Operand) -> Operand:
        """The sum of a product of matrices for each tap, group by group."""
        m, per_group, *_ = static(w.type.shape)
        groups = self.groups
        w = ops.reshape(w, (groups, m // groups, per_group, -1))
        found: Operand | None = None
        for k, part in enumerate(taps.cut(ops, channels_last(ops, x))):
            *places, _ = ops.shape(part)
            rows = ops.reshape(part, (*places, groups, 1, per_group))
            y = ops.matmul(rows, ops.transpose(w[..., k], (0, 2, 1)))
            y = ops.reshape(y, (*places, m))
            found = y if found is None else found + y
        assert found is not None, "a kernel has taps"
        return channels_first(ops, found)

    def scaled(
        self, node: Node, weight: Array, bias: Array | None, scale: Array, shift: Array
    ) -> tuple[Op, Array, Array | None] | None:
        per_filter = np.broadcast_to(scale, weight.shape[:1])
        bias = np.zeros_like(per_filter) if bias is None else bias
        column = per_filter.reshape(-1, *(1,) * (weight.ndim - 1))
        return self, rescaled(weight, column), bias * per_filter + shift

    def cost(self, node: Node) -> int | str:
        window = math.prod(static(node.operands[1].type.shape)[1:])
        return shapes.mul(node.result.type.size, window)


@dataclass(frozen=True)
class ConvTranspose(Op):
    """The adjoint of `Conv` in x: every input spreads over a window of outputs.

    Shapes: x[N, C, *size], w[C, M/groups, *kernel], b[M] (optional)
        -> y[N, M, *out],
        out = (size - 1)*s + d*(kernel - 1) + 1 - pads + output_padding.
    Raises: ShapeError if channels disagree, the pads leave nothing, or the output
        padding is as large as a stride (ONNX Runtime refuses that).
    Source: ONNX ``ConvTranspose`` (opset 11).
    """

    name: ClassVar[str] = "conv_transpose"
    wide: ClassVar[bool] = True
    needs_room: ClassVar[bool] = True
    strides: Ints
    pads: Pairs
    dilations: Ints
    output_padding: Ints
    groups: int = 1

    reads: ClassVar[tuple[str, ...]] = ("ConvTranspose",)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        w = take[1]
        window = None if w is None else read_window(take, known_shape(w.type.shape[2:]))
        if window is None or window.same or take.attribute("output_shape", None):
            return None
        left = tuple(take.attribute("output_padding", (0,) * len(window.strides)))
        group = take.attribute("group", 1)
        op = cls(window.strides, window.pads, window.dilations, left, group)
        return op, (0, 1, 2) if take.given(2) else (0, 1)

    def taps(self, kernel: Ints) -> Taps:
        """Where a kernel of that size lies in the result."""
        return Taps(kernel, self.strides, self.dilations, self.pads)

    @property
    def adjoint(self) -> Conv:
        """The convolution that takes a cotangent of the result back to x."""
        return Conv(self.strides, self.pads, self.dilations, self.groups)

    def infer(
        self, x: TensorType, w: TensorType, b: TensorType | None = None
    ) -> tuple[TensorType]:
        check_operands(self.name, x, w, b, spatial=len(self.strides))
        n, c, *size = x.shape
        c_in, m_per_group, *kernel = static(w.shape)
        check_channels(c, c_in, "input channels", self.groups)
        if c_in % self.groups:
            raise ShapeError(
                f"{c_in} channels cannot be divided into {self.groups} groups"
            )
        m = m_per_group * self.groups
        if b is not None and b.shape != (m,):
            raise ShapeError(f"the bias of {m} filters has shape {b.shape}")
        for extra, stride in zip(self.output_padding, self.strides, strict=True):
            if extra >= stride:
                raise ShapeError(
                    f"an output padding of {extra} must be less than the stride "
                    f"of {stride}"
                )
        out = [
            shapes.add(shapes.mul(shapes.add(z, -1), s), (k - 1) * d + 1 + op - sum(p))
            for z, k, s, d, p, op in zip(
                size, kernel, self.strides, self.dilations, self.pads,
                self.output_padding, strict=True,
            )
        ]  # fmt: skip
        if any(isinstance(d, int) and d < 1 for d in out):
            raise ShapeError(
                f"padding {self.pads} leaves nothing of {x} and kernel {w}"
            )
        return (x.with_shape((n, m, *out)),)

    def must_equal(
        self, *operands: TensorType
    ) -> tuple[tuple[shapes.Dim, shapes.Dim], ...]:
        x, w, *_ = operands
        return ((x.shape[1], w.shape[0]),)

    def evaluate(self, x: Array, w: Array, b: Array | None = None) -> tuple[Array]:
        size = self.infer(type_of(x), type_of(w))[0].shape[2:]
        parts = tap_parts(x, w, self.groups)
        y = self.taps(w.shape[2:]).add_back(parts, static(size))
        y = y.astype(x.dtype, copy=False)
        rank = len(size)
        return (y if b is None else y + b.reshape(-1, *(1,) * rank),)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        begin, end = zip(*self.pads, strict=True)
        more, cut = self.output_padding, begin != end and not emit.target.uneven_pads
        if cut:  # what is padded and cut again is not there at all
            both = tuple(map(min, more, end))
            more, end = (
                tuple(a - b for a, b in zip(whole, both, strict=True))
                for whole in (more, end)
            )
        pads = (0,) * (2 * len(begin)) if cut else (*begin, *end)
        y = emit(
            "ConvTranspose",
            *operands,
            kernel_shape=static(node.operands[1].type.shape)[2:],
            strides=self.strides,
            dilations=self.dilations,
            output_padding=more,
            pads=pads,
            group=self.groups,
        )
        if cut:
            ends = emit.ints(*(-e or Slice.END for e in end))
            axes = emit.ints(*range(2, len(begin) + 2))
            y = emit("Slice", y, emit.ints(*begin), ends, axes)
        return (y,)

    # y = Aᵀx with A the convolution by w, so dx = A g; the products of x and w are
    # those of A with g as its image and x as its cotangent, whence dw.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        x, w, *bias = operands
        return (
            ops.apply(self.adjoint, g, w),
            ops.conv_kernel_grad(self.adjoint, g, x, w.type.shape),
            *(channel_sums(ops, g) for _ in bias),
        )

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        x, w, *bias = operands
        types = [v.type for v in operands]
        size = self.infer(*types)[0].shape[2:]
        taps = self.taps(static(types[1].shape)[2:])
        if target != "plain" or self.groups > 1 or not taps.placed(size):
            return None
        y = spread_products(ops, taps, x, w, size)
        return y + channel_column(ops, bias[0], y) if bias else y

    def scaled(
        self, node: Node, weight: Array, bias: Array | None, scale: Array, shift: Array
    ) -> tuple[Op, Array, Array | None] | None:
        if self.groups != 1:
            return None
        per_filter = np.broadcast_to(scale, weight.shape[1:2])
        bias = np.zeros_like(per_filter) if bias is None else bias
        column = per_filter.reshape(-1, *(1,) * (weight.ndim - 2))
        return self, rescaled(weight, column), bias * per_filter + shift

    def cost(self, node: Node) -> int | str:
        window = math.prod(static(node.operands[1].type.shape)[1:])
        return shapes.mul(node.operands[0].type.size, window)


def check_operands(
    name: str, x: TensorType, w: TensorType, b: TensorType | None, *, spatial: int
) -> None:
    """ShapeError or DTypeError unless ranks and element types fit the operator."""
    if x.rank != spatial + 2 or w.rank != spatial + 2:
        raise ShapeError(f"{name} with {spatial} spatial axes got {x} and {w}")
    types = {t.dtype for t in (x, w, b) if t is not None}
    if len(types) > 1:
        raise DTypeError(f"{name} needs one element type, got {' and '.join(types)}")
    check_kind(name, x.dtype, "float")


def check_channels(found: shapes.Dim, wanted: int, what: str, groups: int) -> None:
    """ShapeError unless the channels are those that the kernel was made for.

    Channels that only the run knows are looked at by the runtime.
    """
    if isinstance(found, int) and found != wanted:
        per = f" ({groups} groups)" if groups > 1 else ""
        raise ShapeError(f"kernel expects {wanted} {what}{per}, got {found}")


def static(shape: shapes.Shape) -> tuple[int, ...]:
    """The shape of a kernel, whose sizes are always known."""
    for d in shape:
        if not isinstance(d, int):
            raise ShapeError(f"a kernel must have a known shape, got {shape}")
    return shape  # pyright: ignore[reportReturnType]


def taps_first(ops: Functions, w: Operand) -> Operand:
    """w[M, C, *kernel] -> [*kernel, C, M]."""
    rank = w.type.rank
    return ops.transpose(w, (*range(2, rank), 1, 0))


def spread_products(
    ops: Functions, taps: Taps, g: Operand, w: Operand, size: shapes.Shape
) -> Operand:
    """g[N, M, *out] spread by w[M, C, *kernel] to [N, C, *size], a product a tap."""
    m, c, *kernel = static(w.type.shape)
    g = channels_last(ops, g)
    back = ops.moveaxis(ops.reshape(taps_first(ops, w), (-1, c, m)), -1, 1)
    parts = [
        ops.matmul(g, ops.squeeze(part, 0))
        for part in ops.split(back, math.prod(kernel))
    ]
    return channels_first(ops, taps.spread(ops, parts, size))


def channel_column(ops: Functions, b: Operand, y: Operand) -> Operand:
    """b[C] as it broadcasts to y[N, C, *size]."""
    return ops.reshape(b, (-1, *(1,) * (y.type.rank - 2)))


def channel_sums(ops: Functions, g: Operand) -> Operand:
    """g[N, C, *size] summed over all but the channels."""
    return ops.sum(g, (0, *range(2, g.type.rank)))


OPERATORS = (
    Conv,
    ConvTranspose,
)
