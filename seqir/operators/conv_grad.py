"""Gradients of convolution, whole: how to expand them depends on the target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from seqir import shapes
from seqir.errors import DTypeError, ShapeError
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand
from seqir.operators.conv import Conv, check_operands, spread_products, static
from seqir.operators.linalg import Gemm, products
from seqir.operators.pieces import Concat
from seqir.operators.taps import Ints, Taps, channels_last, tap_parts
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class ConvKernelGrad(Op):
    """The gradient of a convolution with respect to its kernel.

    ``dw[m, c, k] = sum over n, p of g[n, m, p] * x[n, c, p*s + k*d - pad]``

    Shapes: x[N, C, *size], g[N, M, *out] -> dw[M, C/groups, *kernel].
    Raises: ShapeError if g has not the shape of the convolution's result.
    Source: ONNX ``Conv`` (opset 11) with the axes of batch and channels exchanged.
    """

    name: ClassVar[str] = "conv_kernel_grad"
    wide: ClassVar[bool] = True
    conv: Conv
    kernel_shape: Ints

    @property
    def taps(self) -> Taps:
        """Where the kernel lies."""
        return self.conv.taps(self.kernel_shape[2:])

    def infer(self, x: TensorType, g: TensorType) -> tuple[TensorType]:
        check_operands(self.name, x, g, None, spatial=len(self.conv.strides))
        w = x.with_shape(self.kernel_shape)
        check_cotangent(self.name, g, *self.conv.infer(x, w))
        return (w,)

    def evaluate(self, x: Array, g: Array) -> tuple[Array]:
        groups, rank = self.conv.groups, len(self.conv.strides)
        patches = self.taps.patches(x)
        n = x.shape[0]
        patches = patches.reshape(n, groups, -1, *patches.shape[2:])
        g = g.reshape(n, groups, -1, *g.shape[2:])
        o, k = "pqr"[:rank], "uvw"[:rank]
        dw = products(f"ngc{o}{k},ngm{o}->gmc{k}", patches, g)
        return (dw.reshape(self.kernel_shape).astype(x.dtype, copy=False),)

    def lower(self, emit: Emit, node: Node, x: str, g: str) -> tuple[str]:
        taps, groups = self.taps, self.conv.groups
        rank = len(taps.kernel)
        spatial = tuple(range(2, 2 + rank))
        m, per_group, *kernel = self.kernel_shape
        pads = taps.padding(node.operands[0].type.shape[2:])
        if pads is None:
            image = node.operands[0].type
            x, pads = taps.emit_padded(emit, image, x), ((0, 0),) * rank
        if groups > 1:
            size = emit("Shape", x, start=2)
            parts = emit("Concat", emit.ints(0, groups, per_group), size, axis=0)
            apart = emit("Reshape", x, parts)
            order = (2, 1, 0, *(a + 1 for a in spatial))
            joined = emit("Concat", emit.ints(per_group, -1), size, axis=0)
            x = emit("Reshape", emit("Transpose", apart, perm=order), joined)
        else:
            x = emit("Transpose", x, perm=(1, 0, *spatial))
        before, after = zip(*pads, strict=True)
        # Over the places p*s + k*d - pad, a sum over p is a convolution too: p counts
        # taps that lie s apart, and k positions that lie d apart.
        dw = emit(
            "Conv",
            x,
            emit("Transpose", g, perm=(1, 0, *spatial)),
            strides=taps.dilations,
            dilations=taps.strides,
            pads=(*before, *after),
            group=groups,
        )
        # Places at the end that no window saw make further positions.
        zeros, axes = emit.ints(*(0,) * rank), emit.ints(*spatial)
        dw = emit("Slice", dw, zeros, emit.ints(*kernel), axes)
        dw = emit("Transpose", dw, perm=(1, 0, *spatial))
        return (emit("Reshape", dw, emit.ints(m, per_group, *kernel)),)

    # dw is linear in x and in g, so with h for the cotangent of dw:
    #   dx[n, c, i] = sum over m and p*s + k*d - pad = i of g[n, m, p] * h[m, c, k],
    #   dg[n, m, p] = sum over c and k of x[n, c, p*s + k*d - pad] * h[m, c, k],
    # what the convolution by h gives back, and that convolution.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        x, cotangent = operands
        dx = ops.apply(ConvInputGrad(self.conv), cotangent, g, x)
        return dx, ops.apply(self.conv, x, g)

    @property
    def forward(self) -> Op | None:
        return self.conv

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        x, g = operands
        m, c, *kernel = self.kernel_shape
        placed = self.taps.placed(x.type.shape[2:])
        depthwise = c == 1 and self.conv.groups == m
        whole = self.conv.groups > 1 and not depthwise
        if target == "cuda" or whole or not placed:
            return None
        x, g = channels_last(ops, x), channels_last(ops, g)
        if depthwise:
            places = tuple(range(1, len(kernel) + 1))
            sums = [ops.sum(part * g, places) for part in self.taps.cut(ops, x)]
            return ops.reshape(ops.sum(ops.stack(sums, -1), 0), self.kernel_shape)
        rows = ops.reshape(g, (-1, m))
        blocks = [
            ops.apply(Gemm(trans_a=True), _matrix(ops, columns), rows)
            for columns in self.taps.columns(ops, x)
        ]
        dw = ops.reshape(ops.apply(Concat(0), *blocks), (*kernel, c, m))
        rank = len(kernel)
        return ops.transpose(dw, (rank + 1, rank, *range(rank)))

    def cost(self, node: Node) -> int | str:
        window = math.prod(self.kernel_shape[1:])
        return shapes.mul(node.operands[1].type.size, window)


@dataclass(frozen=True)
class ConvInputGrad(Op):
    """The gradient of a convolution with respect to its input.

    ``dx[n, c, i] = sum over m and all p, k with p*s + k*d - pad = i
    of g[n, m, p] * w[m, c, k]``

    Shapes: g[N, M, *out], w[M, C/groups, *kernel], x[N, C, *size] -> dx as x, of
        which only the shape counts.
    Raises: ShapeError if g has not the shape of the convolution's result.
    Source: ONNX ``ConvTranspose`` (opset 11).
    """

    name: ClassVar[str] = "conv_input_grad"
    wide: ClassVar[bool] = True
    conv: Conv

    def infer(self, g: TensorType, w: TensorType, x: TensorType) -> tuple[TensorType]:
        check_cotangent(self.name, g, *self.conv.infer(x, w))
        return (x,)

    def evaluate(self, g: Array, w: Array, x: Array) -> tuple[Array]:
        parts = tap_parts(g, w, self.conv.groups)
        dx = self.conv.taps(w.shape[2:]).add_back(parts, x.shape[2:])
        return (dx.astype(x.dtype, copy=False),)

    def lower(self, emit: Emit, node: Node, g: str, w: str, x: str) -> tuple[str]:
        taps = self.conv.taps(static(node.operands[1].type.shape)[2:])
        size = node.result.type.shape[2:]
        return (taps.emit_spread(emit, size, g, w, x, self.conv.groups),)

    # dx is linear in g and in w, so with h for the cotangent of dx:
    #   dg[n, m, p] = sum over c and k of h[n, c, p*s + k*d - pad] * w[m, c, k],
    #   dw[m, c, k] = sum over n and p of h[n, c, p*s + k*d - pad] * g[n, m, p],
    # the convolution of h, and its gradient by the kernel.
    def vjp(
        self, ops: Functions, g: Operand, y: Operand, *operands: Operand
    ) -> Cotangents:
        cotangent, w, _ = operands
        kernel = static(w.type.shape)
        dw = ops.apply(ConvKernelGrad(self.conv, kernel), g, cotangent)
        return ops.apply(self.conv, g, w), dw, None

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        g, w, x = operands
        kernel = static(w.type.shape)[2:]
        taps = self.conv.taps(kernel)
        size = x.type.shape[2:]
        if not taps.placed(size):
            return None
        matrices = target in ("web", "plain") or math.prod(kernel) == 1
        if target == "cuda" or self.conv.groups > 1 or not matrices:
            op = self.conv.transposed(kernel, size)
            return ops.apply(op, g, w)
        return spread_products(ops, taps, g, w, size)

    def cost(self, node: Node) -> int | str:
        window = math.prod(static(node.operands[1].type.shape)[1:])
        return shapes.mul(node.operands[0].type.size, window)


def _matrix(ops: Functions, x: Operand) -> Operand:
    """All axes but the last as one."""
    return ops.reshape(x, (-1, x.type.shape[-1]))


def check_cotangent(name: str, g: TensorType, y: TensorType) -> None:
    """ShapeError or DTypeError unless g can be a cotangent of y."""
    if g.dtype != y.dtype:
        raise DTypeError(f"{name} needs one element type, got {g} for a result {y}")
    same = g.rank == y.rank and all(
        a == b or isinstance(a, str) or isinstance(b, str)
        for a, b in zip(g.shape, y.shape, strict=True)
    )
    if not same:
        raise ShapeError(f"{name} got the cotangent {g} of a result {y}")


OPERATORS = (
    ConvKernelGrad,
    ConvInputGrad,
)
