"""Resizing of images, channels first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand
from seqir.operators.kinds import check_kind
from seqir.operators.pool import AveragePool
from seqir.tensortype import TensorType

_HALF_PIXEL: dict[str, dict[str, Any]] = {
    "linear": {"coordinate_transformation_mode": "half_pixel"},
    "cubic": {
        "coordinate_transformation_mode": "half_pixel",
        "cubic_coeff_a": -0.5,
        "exclude_outside": 1,
    },
}
"""How ONNX is told to interpolate between pixel centres, without pixels outside."""


_COUNTED = 2**24
"""The whole numbers that float32 has without a gap."""


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
    wide: ClassVar[bool] = True
    factors: tuple[int, ...]
    mode: str = "nearest"

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "float")
        if x.rank != len(self.factors) + 2:
            raise ShapeError(f"upsample by {self.factors} got {x}")
        sizes = zip(x.shape[2:], self.factors, strict=True)
        return (x.with_shape((*x.shape[:2], *(shapes.mul(d, f) for d, f in sizes))),)

    def evaluate(self, x: Array) -> tuple[Array]:
        if self.mode != "nearest":
            sizes = (d * f for d, f in zip(x.shape[2:], self.factors, strict=True))
            return (_interpolated(x, tuple(sizes), self.mode),)
        y = x
        for axis, factor in enumerate(self.factors, start=2):
            y = np.repeat(y, factor, axis)
        return (np.asarray(y, order="C"),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        size = node.operands[0].type.shape[2:]
        if self.mode != "nearest" or self._counts(size):
            return (self._emit_resize(emit, x, (1, 1, *self.factors)),)
        # Every pixel is an image of its own, whose places are few.
        apart = emit.ints(*(3 + 2 * axis for axis in range(len(size))))
        factors = [f for factor in self.factors for f in (1, factor)]
        y = self._emit_resize(emit, emit("Unsqueeze", x, apart), (1, 1, *factors))
        whole = emit("Mul", emit("Shape", x), emit.ints(1, 1, *self.factors))
        return (emit("Reshape", y, whole),)

    def _emit_resize(self, emit: Emit, x: str, scales: Sequence[int]) -> str:
        nearest = {
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
        given = _HALF_PIXEL.get(self.mode, nearest)
        factors = emit.constant(np.array(scales, np.float32))
        return emit("Resize", x, "", factors, mode=self.mode, **given)

    def _counts(self, size: shapes.Shape) -> bool:
        """Whether float32, in which runtimes divide places by scales, has them all.

        Images of unknown sizes are taken to be no wider than that, sequences are not.
        """
        wide = (shapes.mul(n, f) for n, f in zip(size, self.factors, strict=True))
        return all(n <= _COUNTED if isinstance(n, int) else len(size) > 1 for n in wide)

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        (x,) = operands
        if target != "plain":
            return None
        if self.mode != "nearest":
            sizes = zip(x.shape[2:], self.factors, strict=True)
            return _by_products(ops, x, [n and n * f for n, f in sizes], self.mode)
        for axis, factor in enumerate(self.factors, start=2):
            x = ops.repeat(x, factor, axis)
        return x

    # Each pixel stands in a block of y, so it gets the sum of g over that block: the
    # mean that a pooling computes, times the number of pixels in the block.
    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        if self.mode == "nearest":
            no_pads = ((0, 0),) * len(self.factors)
            mean = ops.apply(AveragePool(self.factors, self.factors, no_pads), g)
            return (mean * float(math.prod(self.factors)),)
        return (_interpolation_vjp(ops, g, x, self.mode),)


@dataclass(frozen=True)
class Resize(Op):
    """y is x interpolated linearly between pixel centres, to `sizes` on spatial axes.

    Shapes: x[N, C, *size] -> y[N, C, *sizes].
    Source: ONNX ``Resize`` (opset 13).
    """

    name: ClassVar[str] = "resize"
    wide: ClassVar[bool] = True
    sizes: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType]:
        check_kind(self.name, x.dtype, "float")
        if x.rank != len(self.sizes) + 2:
            raise ShapeError(f"resize to {self.sizes} got {x}")
        return (x.with_shape((*x.shape[:2], *self.sizes)),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (_interpolated(x, self.sizes, "linear"),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        given = dict(_HALF_PIXEL["linear"])
        before = node.operands[0].type.shape[2:]
        known = [d for d in before if isinstance(d, int)]
        if len(known) == len(before):
            scales = map(_scale, known, self.sizes)
            factors = emit.constant(np.array((1, 1, *scales), np.float32))
            return (emit("Resize", x, "", factors, mode="linear", **given),)
        # Opset 18 has `axes`, which onnxruntime forgets when it moves transposes.
        others = emit("Shape", x, end=2)
        sizes = emit("Concat", others, emit.ints(*self.sizes), axis=0)
        return (emit("Resize", x, "", "", sizes, mode="linear", **given),)

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        if target != "plain":
            return None
        return _by_products(ops, operands[0], self.sizes, "linear")

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (_interpolation_vjp(ops, g, x, "linear"),)


def interpolation(
    size: int,
    new: int,
    mode: str,
    *,
    antialias: bool = False,
    scale: float | None = None,
    move: float = 0.0,
) -> Array:
    """The matrix that resizes one axis: a row for each new pixel.

    Place p comes to ``scale·p + move``; what lies outside is 0.
    """
    scale = new / size if scale is None else scale
    centres = (np.arange(new) + 0.5 - move) / scale - 0.5
    reach = max(1 / scale, 1.0) if antialias else 1.0
    distance = np.abs(centres[:, None] - np.arange(size)) / reach
    weights = KERNELS[mode](distance)
    total = weights.sum(1, keepdims=True)
    inside = (centres >= -0.5) & (centres <= size - 0.5)
    seen = inside[:, None] & (np.abs(total) > 1e-4)
    return np.where(seen, weights / np.where(seen, total, 1), 0)


def _linear(d: Array) -> Array:
    return np.maximum(0, 1 - d)


def _cubic(d: Array) -> Array:
    """Keys's kernel with a = -1/2. Source: doi:10.1109/TASSP.1981.1163711, eq. 15."""
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _lanczos(lobes: int) -> Callable[[Array], Array]:
    """sinc(d) * sinc(d / lobes). Source: Duchon, J. Appl. Meteor. 18 (1979) 1016."""
    return lambda d: np.where(d <= lobes, np.sinc(d) * np.sinc(d / lobes), 0)


KERNELS: dict[str, Callable[[Array], Array]] = {
    "linear": _linear,
    "cubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
"""The weight of a pixel by its distance, counted in pixels."""


def _interpolated(x: Array, sizes: Sequence[int], mode: str) -> Array:
    y = x
    for axis, new in enumerate(sizes, start=2):
        weights = interpolation(x.shape[axis], new, mode)
        y = np.moveaxis(np.moveaxis(y, axis, -1) @ weights.T, -1, axis)
    return np.asarray(y.astype(x.dtype, copy=False), order="C")


def _by_products(
    ops: Functions, x: Operand, sizes: Sequence[int | None], mode: str
) -> Operand | None:
    """The interpolated x by a product with a matrix for each axis of known size."""
    for axis, new in enumerate(sizes, start=2):
        size = x.shape[axis]
        if size is None or new is None:
            return None
        x = ops.along(x, interpolation(size, new, mode), axis)
    return x


def _interpolation_vjp(ops: Functions, g: Operand, x: Operand, mode: str) -> Operand:
    """The cotangent of x, given that of the interpolated x."""
    # Along each axis y = W x, and the axes are independent: dx = Wᵀ g along each.
    for axis in range(2, x.ndim):
        size, new = x.shape[axis], g.shape[axis]
        if size is None or new is None:
            raise ShapeError(
                f"the gradient of {mode} interpolation needs a known size, got {x.type}"
            )
        g = ops.along(g, interpolation(size, new, mode).T, axis)
    return g


def _scale(old: int, new: int) -> np.float32:
    """The factor of a size, such that ``floor(old * factor)`` is the new size."""
    scale = np.float32(new / old)
    while old * float(scale) < new:
        scale = np.nextafter(scale, np.float32(np.inf))
    return scale


OPERATORS = (
    Upsample,
    Resize,
)
