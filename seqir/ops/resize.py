"""Resizing of images, channels first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import ShapeError
from seqir.ir import Array, Emit, Node, Op
from seqir.ops.apply import apply
from seqir.ops.elementwise import check_kind
from seqir.ops.movement import moveaxis
from seqir.ops.pool import AveragePool
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class Upsample(Op):
    """y is x enlarged by whole factors along its spatial axes.

    ``mode="nearest"`` repeats pixels; ``"linear"`` and ``"cubic"`` interpolate
    between pixel centres (``half_pixel``), cubic with a = -1/2 and without pixels
    from outside.

    Shapes: x[N, C, *size] -> y[N, C, *(size * factors)].
    Source: ONNX ``Resize`` (opset 13).
    """

    name: ClassVar[str] = "upsample"
    factors: tuple[int, ...]
    mode: str = "nearest"

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "float")
        if x.rank != len(self.factors) + 2:
            raise ShapeError(f"upsample by {self.factors} got {x}")
        sizes = zip(x.shape[2:], self.factors, strict=True)
        return (x.with_shape((*x.shape[:2], *(shapes.mul(d, f) for d, f in sizes))),)

    def evaluate(self, x: Array) -> tuple[Array]:
        y = x
        for axis, factor in enumerate(self.factors, start=2):
            if self.mode == "nearest":
                y = np.repeat(y, factor, axis)
                continue
            weights = interpolation(x.shape[axis], factor, self.mode)
            y = np.moveaxis(np.moveaxis(y, axis, -1) @ weights.T, -1, axis)
        return (np.asarray(y.astype(x.dtype, copy=False), order="C"),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        scales = emit.constant(np.array((1, 1, *self.factors), np.float32))
        table: dict[str, dict[str, Any]] = {
            "nearest": {
                "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "floor",
            },
            "linear": {"coordinate_transformation_mode": "half_pixel"},
            "cubic": {
                "coordinate_transformation_mode": "half_pixel",
                "cubic_coeff_a": -0.5,
                "exclude_outside": 1,
            },
        }
        return (emit("Resize", x, "", scales, mode=self.mode, **table[self.mode]),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        if self.mode == "nearest":
            no_pads = ((0, 0),) * len(self.factors)
            mean = apply(AveragePool(self.factors, self.factors, no_pads), g)
            return (mean * float(math.prod(self.factors)),)
        for axis, factor in enumerate(self.factors, start=2):
            size = x.shape[axis]
            if size is None:
                raise ShapeError(
                    f"the gradient of {self.mode} interpolation needs a known size, "
                    f"got {x.type}"
                )
            weights = interpolation(size, factor, self.mode)
            weights = weights.astype(dtypes.to_numpy(x.dtype))
            g = moveaxis(moveaxis(g, axis, -1) @ weights, -1, axis)
        return (g,)


def interpolation(size: int, factor: int, mode: str) -> Array:
    """The matrix that interpolates along one axis: rows are output pixels."""
    centres = (np.arange(size * factor) + 0.5) / factor - 0.5
    first = np.floor(centres).astype(int)
    reach = {"linear": (0, 1), "cubic": (-1, 0, 1, 2)}[mode]
    weights = np.zeros((size * factor, size))
    for offset in reach:
        source = first + offset
        distance = np.abs(centres - source)
        if mode == "linear":
            weight = 1 - distance
            source = np.clip(source, 0, size - 1)
        else:
            weight = np.where((source >= 0) & (source < size), _cubic(distance), 0)
            source = np.clip(source, 0, size - 1)
        np.add.at(weights, (np.arange(size * factor), source), weight)
    return weights / weights.sum(1, keepdims=True)


def _cubic(distance: Array) -> Array:
    """Keys's kernel with a = -1/2. Source: doi:10.1109/TASSP.1981.1163711, eq. 15."""
    d = distance
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d <= 1, near, np.where(d < 2, far, 0))
