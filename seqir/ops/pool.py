"""Pooling over windows, channels first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ir import Array, Emit, Node, Op
from seqir.ops.conv import Ints, Pairs, onnx_pads, same_pads
from seqir.ops.elementwise import check_kind
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class Pool(Op):
    """One number from each window of each channel.

    Shapes: x[N, C, *size] -> y[N, C, *out], out as for a convolution.
    Raises: ShapeError if a window does not fit.
    """

    onnx: ClassVar[str]
    window: Ints
    strides: Ints
    pads: Pairs
    same: bool = False
    """Pad to ``out = ceil(size / s)``, whatever the size turns out to be; no `pads`."""

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "float")
        if x.rank != len(self.window) + 2:
            raise ShapeError(f"{self.name} of {len(self.window)} spatial axes got {x}")
        n, c, *size = x.shape
        if self.same:
            return (x.with_shape((n, c, *map(shapes.ceildiv, size, self.strides))),)
        axes = zip(size, self.window, self.strides, self.pads, strict=True)
        out = (shapes.window(d, k, s, p, 1) for d, k, s, p in axes)
        return (x.with_shape((n, c, *out)),)

    def windows(self, x: Array, fill: float) -> Array:
        """All windows of the padded array, the window's axes last."""
        pads = self.pads
        if self.same:
            pads = same_pads(x, self.window, self.strides, (1,) * len(self.window))
        x = np.pad(x, ((0, 0), (0, 0), *pads), constant_values=fill)
        spatial = tuple(range(2, x.ndim))
        steps = (slice(None, None, s) for s in self.strides)
        return sliding_window_view(x, self.window, axis=spatial)[:, :, *steps]

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        y = emit(
            self.onnx,
            x,
            kernel_shape=self.window,
            strides=self.strides,
            **onnx_pads(self.pads, same=self.same),
            **self.attributes(),
        )
        return (y,)

    def attributes(self) -> dict[str, Any]:
        """Further ONNX attributes."""
        return {}


@dataclass(frozen=True)
class MaxPool(Pool):
    """y is the largest number of each window; padding never wins.

    Source: ONNX ``MaxPool`` (opset 12).
    """

    name: ClassVar[str] = "max_pool"
    onnx: ClassVar[str] = "MaxPool"

    def evaluate(self, x: Array) -> tuple[Array]:
        windows = self.windows(x, -np.inf)
        y = windows.max(tuple(range(-len(self.window), 0)))
        return (np.asarray(y, order="C"),)


@dataclass(frozen=True)
class AveragePool(Pool):
    """y is the mean of each window; padding is not counted.

    Source: ONNX ``AveragePool`` (opset 11, ``count_include_pad=0``).
    """

    name: ClassVar[str] = "average_pool"
    onnx: ClassVar[str] = "AveragePool"

    def evaluate(self, x: Array) -> tuple[Array]:
        axes = tuple(range(-len(self.window), 0))
        total = self.windows(x, 0).sum(axes)
        count = self.windows(np.ones_like(x), 0).sum(axes)
        return ((total / count).astype(x.dtype, copy=False),)
