"""Convolution and its transpose, for any number of spatial axes, channels first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqir import shapes
from seqir.errors import DTypeError, ShapeError
from seqir.ir import Array, Emit, Node, Op
from seqir.ops.elementwise import check_kind
from seqir.ops.linalg import rescaled
from seqir.tensortype import TensorType

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


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
    strides: Ints
    pads: Pairs
    dilations: Ints
    groups: int = 1
    same: bool = False
    """Pad to ``out = ceil(size / s)``, whatever the size turns out to be; no `pads`."""

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
        if self.same:
            out = map(shapes.ceildiv, size, self.strides)
            return (x.with_shape((n, m, *out)),)
        axes = zip(size, kernel, self.strides, self.pads, self.dilations, strict=True)
        return (x.with_shape((n, m, *(shapes.window(*axis) for axis in axes))),)

    def evaluate(self, x: Array, w: Array, b: Array | None = None) -> tuple[Array]:
        rank = len(self.strides)
        spatial = tuple(range(2, 2 + rank))
        pads = self.pads
        if self.same:
            pads = same_pads(x, w.shape[2:], self.strides, self.dilations)
        x = np.pad(x, ((0, 0), (0, 0), *pads))
        reach = tuple(
            (k - 1) * d + 1 for k, d in zip(w.shape[2:], self.dilations, strict=True)
        )
        patches = sliding_window_view(x, reach, axis=spatial)
        steps = [slice(None, None, s) for s in (*self.strides, *self.dilations)]
        patches = patches[(slice(None), slice(None), *steps)]
        n, out = patches.shape[0], patches.shape[2 : 2 + rank]
        patches = patches.reshape(n, self.groups, -1, *patches.shape[2:])
        w = w.reshape(self.groups, -1, *w.shape[1:])
        o, k = "pqr"[:rank], "uvw"[:rank]
        y = np.einsum(f"ngc{o}{k},gmc{k}->ngm{o}", patches, w, optimize=True)
        y = y.reshape(n, -1, *out).astype(x.dtype, copy=False)
        return (y if b is None else y + b.reshape(-1, *(1,) * rank),)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        y = emit(
            "Conv",
            *operands,
            kernel_shape=static(node.operands[1].type.shape)[2:],
            strides=self.strides,
            dilations=self.dilations,
            group=self.groups,
            **onnx_pads(self.pads, same=self.same),
        )
        return (y,)

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
    Source: ONNX ``ConvTranspose`` (opset 11).
    """

    name: ClassVar[str] = "conv_transpose"
    strides: Ints
    pads: Pairs
    dilations: Ints
    output_padding: Ints
    groups: int = 1

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

    def evaluate(self, x: Array, w: Array, b: Array | None = None) -> tuple[Array]:
        rank = len(self.strides)
        n, c, *size = x.shape
        g = self.groups
        kernel = w.shape[2:]
        full = [
            (z - 1) * s + (k - 1) * d + 1 + op
            for z, s, k, d, op in zip(
                size, self.strides, kernel, self.dilations, self.output_padding,
                strict=True,
            )
        ]  # fmt: skip
        y = np.zeros((n, g, w.shape[1], *full), np.result_type(x, w))
        xg = x.reshape(n, g, c // g, *size)
        wg = w.reshape(g, c // g, *w.shape[1:])
        o = "pqr"[:rank]
        for place in np.ndindex(*kernel):
            at = (slice(None), slice(None), slice(None), *place)
            part = np.einsum(f"ngc{o},gcm->ngm{o}", xg, wg[at])
            where = tuple(
                slice(i * d, i * d + (z - 1) * s + 1, s)
                for i, d, z, s in zip(
                    place, self.dilations, size, self.strides, strict=True
                )
            )
            y[(slice(None), slice(None), slice(None), *where)] += part
        crop = tuple(
            slice(p0, z - p1) for (p0, p1), z in zip(self.pads, full, strict=True)
        )
        y = y.reshape(n, -1, *full)[(slice(None), slice(None), *crop)]
        y = np.ascontiguousarray(y).astype(x.dtype, copy=False)
        return (y if b is None else y + b.reshape(-1, *(1,) * rank),)

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        begin, end = zip(*self.pads, strict=True)
        y = emit(
            "ConvTranspose",
            *operands,
            kernel_shape=static(node.operands[1].type.shape)[2:],
            strides=self.strides,
            pads=(*begin, *end),
            dilations=self.dilations,
            output_padding=self.output_padding,
            group=self.groups,
        )
        return (y,)

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
        raise ShapeError(f"{name} with {spatial} spatial axes got {x} and kernel {w}")
    types = {t.dtype for t in (x, w, b) if t is not None}
    if len(types) > 1:
        raise DTypeError(f"{name} needs one element type, got {' and '.join(types)}")
    check_kind(name, x.dtype, "float")


def check_channels(found: shapes.Dim, wanted: int, what: str, groups: int) -> None:
    """ShapeError unless the channels are those that the kernel was made for."""
    if found != wanted:
        per = f" ({groups} groups)" if groups > 1 else ""
        raise ShapeError(f"kernel expects {wanted} {what}{per}, got {found}")


def static(shape: shapes.Shape) -> tuple[int, ...]:
    """The shape of a kernel, whose sizes are always known."""
    for d in shape:
        if not isinstance(d, int):
            raise ShapeError(f"a kernel must have a known shape, got {shape}")
    return shape  # type: ignore[return-value]


def same_pads(x: Array, kernel: Ints, strides: Ints, dilations: Ints) -> Pairs:
    """The pads that make ``out = ceil(size / s)`` for this array."""
    axes = zip(x.shape[2:], kernel, strides, dilations, strict=True)
    return tuple(shapes.same_pads(*axis) for axis in axes)


def onnx_pads(pads: Pairs, *, same: bool) -> dict[str, Any]:
    """The ONNX attribute that says how to pad."""
    if same:
        return {"auto_pad": "SAME_UPPER"}
    begin, end = zip(*pads, strict=True)
    return {"pads": (*begin, *end)}
