"""Activation functions that are layers of their own."""

from __future__ import annotations

from typing import ClassVar

from seqir import activations, ops
from seqir.arguments import integers, number
from seqir.errors import ShapeError
from seqir.layer.aliases import ConstraintLike, InitializerLike, RegularizerLike, Shape
from seqir.layer.base import Layer
from seqir.layer.casting import as_float
from seqir.narrow import is_sequence
from seqir.operators.activation import PRelu
from seqir.ops.apply import apply
from seqir.ops.tensor import Result
from seqir.shapes import Axes, format_shape


class ReLU(Layer):
    """max(x, 0), with a ceiling, a slope and a threshold.

    Source: Keras 3 ``layers.ReLU``; the formula is that of `activations.relu`.
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    supports_masking = True

    def setup(self) -> None:
        for name in ("max_value", "negative_slope", "threshold"):
            value = getattr(self, name)
            if name != "max_value" or value is not None:
                number(name, value, least=0)

    def call(self, x: Result) -> Result:
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """x where x >= 0, else negative_slope * x. Source: Keras 3 ``LeakyReLU``."""

    negative_slope: float = 0.3

    _renamed: ClassVar = {"alpha": "negative_slope"}
    supports_masking = True

    def setup(self) -> None:
        number("negative_slope", self.negative_slope, least=0)

    def call(self, x: Result) -> Result:
        return ops.leaky_relu(x, self.negative_slope)


class ELU(Layer):
    """x where x >= 0, else alpha * (eˣ - 1). Source: Keras 3 ``layers.ELU``."""

    alpha: float = 1.0

    supports_masking = True

    def setup(self) -> None:
        number("alpha", self.alpha)

    def call(self, x: Result) -> Result:
        return ops.elu(x, self.alpha)


class PReLU(Layer):
    """x where x >= 0, else alpha * x with a learned alpha per element.

    Weights: alpha, of the input's shape without the batch, 1 on `shared_axes`.
    Source: Keras 3 ``layers.PReLU``; arXiv:1502.01852.
    """

    alpha_initializer: InitializerLike = "zeros"
    alpha_regularizer: RegularizerLike = None
    alpha_constraint: ConstraintLike = None
    shared_axes: Axes | None = None

    supports_masking = True
    single_input = True

    def setup(self) -> None:
        axes = self.shared_axes
        given = axes is not None and axes != []
        self._shared = integers("shared_axes", axes) if given else ()
        self.shared_axes = list(self._shared) if given else axes

    def build(self, input_shape: Shape) -> None:
        shape = list(input_shape[1:])
        for axis in self._shared:
            if not 1 <= axis <= len(shape):
                raise ShapeError(
                    f"shared_axes counts from 1 to {len(shape)} here, got {axis}"
                )
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            shape,
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )

    def call(self, x: Result) -> Result:
        x = as_float(x, self.compute_dtype)
        for axis, size in enumerate(self.alpha.shape, 1):
            if size != 1 or x.shape[axis] is None:
                self.check_axis(x.shape, axis, size)
        return apply(PRelu(), x, ops.cast(self.alpha, x.dtype))


class Softmax(Layer):
    """eˣ / sum(eˣ) along one axis or several; masked places get no share.

    Source: Keras 3 ``layers.Softmax``.
    """

    axis: Axes = -1

    supports_masking = True

    def setup(self) -> None:
        integers("axis", self.axis)

    def call(self, x: Result, mask: Result | None = None) -> Result:
        if mask is not None:
            _check_mask(self.name, mask.shape, x.shape)
            mask = mask if mask.dtype == "bool" else mask > 0.5
            low = {"float16": -3e4}.get(x.dtype, -1e9)
            x = ops.where(mask, x, ops.full_like(x, low))
        axis = tuple(self.axis) if is_sequence(self.axis) else self.axis
        if isinstance(axis, tuple) and len(axis) == 1:
            (axis,) = axis
        y = ops.softmax(x, axis)
        return y if mask is None else ops.where(mask, y, ops.zeros_like(y))


def _check_mask(name: str, mask: Shape, shape: Shape) -> None:
    """ShapeError unless the mask broadcasts to the inputs."""
    pairs = zip(mask[::-1], shape[::-1], strict=False)
    fit = all(m in (None, 1, d) or d is None for m, d in pairs)
    if len(mask) > len(shape) or not fit:
        raise ShapeError(
            f"the mask of layer {name!r} must broadcast to its inputs "
            f"{format_shape(shape)}, got a mask of shape {format_shape(mask)}"
        )


__all__ = [
    "ELU",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "Softmax",
]
