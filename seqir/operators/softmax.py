"""Shares of a whole along axes: softmax, its logarithm, sparsemax."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from seqir import shapes
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
)
from seqir.operators.kinds import check_kind
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class AlongAxis(Op):
    """``y = f(x)`` along one axis, the shape unchanged."""

    onnx: ClassVar[str]
    axis: int

    def __init_subclass__(cls) -> None:
        cls.reads = (cls.onnx,)

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        return cls(take.attribute("axis", -1)), (0,)

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "float")
        shapes.normalize_axis(self.axis, x.rank)
        return (x,)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit(self.onnx, x, axis=self.axis),)

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        (axis,) = shapes.shifted((self.axis,), operands[0].rank)
        return replace(self, axis=axis)

    def permuted(self, perm: Perm, *operands: TensorType) -> Permuted | None:
        axis = perm[shapes.normalize_axis(self.axis, len(perm))]
        return Permuted(replace(self, axis=axis), perm)


@dataclass(frozen=True)
class Softmax(AlongAxis):
    """y = eˣ / sum(eˣ) along an axis. Source: ONNX ``Softmax`` (opset 13)."""

    name: ClassVar[str] = "softmax"
    wide: ClassVar[bool] = True
    onnx: ClassVar[str] = "Softmax"
    axis: int = -1

    def evaluate(self, x: Array) -> tuple[Array]:
        e = np.exp(x - x.max(self.axis, keepdims=True, initial=-math.inf))
        return ((e / e.sum(self.axis, keepdims=True)).astype(x.dtype, copy=False),)

    # dy_i = y_i (dx_i - sum over j of y_j dx_j), which is symmetric in i and j:
    # dx = y (g - sum(g y)).
    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        weighted = g * y
        return (weighted - y * ops.sum(weighted, self.axis, keepdims=True),)


@dataclass(frozen=True)
class LogSoftmax(AlongAxis):
    """y = x - log(sum(eˣ)) along an axis. Source: ONNX ``LogSoftmax`` (13)."""

    name: ClassVar[str] = "log_softmax"
    wide: ClassVar[bool] = True
    onnx: ClassVar[str] = "LogSoftmax"
    axis: int = -1

    def evaluate(self, x: Array) -> tuple[Array]:
        x = x - x.max(self.axis, keepdims=True, initial=-math.inf)
        return (x - np.log(np.exp(x).sum(self.axis, keepdims=True)),)

    # dy_i = dx_i - sum over j of e^(y_j) dx_j, so dx_j = g_j - e^(y_j) sum(g).
    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g - ops.exp(y) * ops.sum(g, self.axis, keepdims=True),)


OPERATORS = (
    Softmax,
    LogSoftmax,
)
