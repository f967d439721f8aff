"""Normalization layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqir import config, initializers, ops, shapes
from seqir.arguments import integer, integer_or, integers, number
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array, Op
from seqir.layer.aliases import (
    ConstraintLike,
    Function,
    InitializerLike,
    RegularizerLike,
    Shape,
)
from seqir.layer.base import Layer
from seqir.layer.casting import as_float, as_wide
from seqir.narrow import is_mapping
from seqir.operators.norm import BatchNorm, LayerNorm, TrainingBatchNorm
from seqir.ops.apply import apply
from seqir.ops.tensor import Result
from seqir.ops.variable import Variable
from seqir.shapes import Axes, format_shape


class BatchNormalization(Layer):
    """y = (x - mean) / √(variance + epsilon) * gamma + beta, per channel.

    With the moving statistics when the model runs (or the layer is frozen), with the
    batch's own in training, which also moves the moving ones::

        moving = moving * momentum + batch * (1 - momentum)

    With `renorm` training computes with statistics of several batches as well: what
    was normalized becomes ``normalized * r + d``, where ::

        r = √(variance + epsilon) / renorm_stddev
        d = (mean - renorm_mean) / renorm_stddev

    are constants to the gradient, r within `rmin` and `rmax` of `renorm_clipping`, d
    within -`dmax` and `dmax`. All devices are one here, so `synchronized` changes
    nothing.

    Shapes: x[..., C, ...] -> y as x; the channels lie on `axis`.
    Weights: gamma, beta, moving_mean, moving_variance[C], with `renorm` moving_stddev,
        renorm_mean, renorm_stddev[C]; only the first two are trained.
    Units: momentum, renorm_momentum: fraction of the statistics kept per step.
    Source: Keras 3 ``layers.BatchNormalization``; arXiv:1502.03167, arXiv:1702.03275.
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: InitializerLike = "zeros"
    gamma_initializer: InitializerLike = "ones"
    moving_mean_initializer: InitializerLike = "zeros"
    moving_variance_initializer: InitializerLike = "ones"
    beta_regularizer: RegularizerLike = None
    gamma_regularizer: RegularizerLike = None
    beta_constraint: ConstraintLike = None
    gamma_constraint: ConstraintLike = None
    renorm: bool = False
    renorm_clipping: Mapping[str, float | None] | None = None
    renorm_momentum: float = 0.99
    synchronized: bool = False

    supports_masking = True
    single_input = True

    def setup(self) -> None:
        integer("axis", self.axis)
        number("momentum", self.momentum)
        number("epsilon", self.epsilon, least=0)
        number("renorm_momentum", self.renorm_momentum)
        if self.renorm:
            self.renorm_clipping = _clipping(self.renorm_clipping)

    def build(self, input_shape: Shape) -> None:
        axis = shapes.normalize_axis(self.axis, len(input_shape))
        if axis == 0:
            raise ArgumentError("axis of BatchNormalization must not be the batch axis")
        size = input_shape[axis]
        if size is None:
            raise ShapeError(
                "BatchNormalization needs to know the size of its axis "
                f"{self.axis}, got {format_shape(input_shape)}"
            )
        self._size = size
        self.gamma, self.beta = _affine(self, (size,), self.scale, self.center)
        first = self.moving_mean_initializer, self.moving_variance_initializer
        self.moving_mean = self._add_statistic("moving_mean", first[0])
        self.moving_variance = self._add_statistic("moving_variance", first[1])
        if self.renorm:
            root = _root_of(first[1])
            self.moving_stddev = self._add_statistic("moving_stddev", root)
            self.renorm_mean = self._add_statistic("renorm_mean", first[0])
            self.renorm_stddev = self._add_statistic("renorm_stddev", root)

    def _add_statistic(self, name: str, initializer: InitializerLike) -> Variable:
        return self.add_weight(
            (self._size,), initializer, trainable=False, autocast=False, name=name
        )

    def call(
        self, x: Result, training: bool = False, mask: Result | None = None
    ) -> Result:
        x = as_float(x, self.compute_dtype)
        self.check_axis(x.shape, self.axis, self._size)
        axis = shapes.normalize_axis(self.axis, x.ndim)
        wide = as_wide(x)
        if not (training and self.trainable):
            moving = (self.moving_mean, self.moving_variance)
            vectors = (ops.cast(v, wide.dtype) for v in moving)
            vectors = *self._scale_and_shift(wide), *vectors
            y = _per_channel(BatchNorm(self.epsilon), wide, axis, *vectors)
        elif mask is not None:
            y = self._normalize_masked(wide, axis, mask)
        else:
            y = self._normalize_batch(wide, axis)
        return ops.cast(y, x.dtype)

    def _scale_and_shift(self, x: Result) -> tuple[Result, Result]:
        """Scale and shift of the normalized x, whether there are weights or not."""
        sizes = (self._size,)
        gamma = self.gamma if self.scale else _constant(1.0, sizes, x.dtype)
        beta = self.beta if self.center else _constant(0.0, sizes, x.dtype)
        return ops.cast(gamma, x.dtype), ops.cast(beta, x.dtype)

    def _normalize_batch(self, x: Result, axis: int) -> Result:
        found = ops.moments(x, tuple(i for i in range(x.ndim) if i != axis))
        gamma, beta = self._moved(x, *found)
        return _per_channel(TrainingBatchNorm(self.epsilon), x, axis, gamma, beta)

    def _normalize_masked(self, x: Result, axis: int, mask: Result) -> Result:
        """The same, where only what the mask keeps counts in the statistics."""
        others = tuple(i for i in range(x.ndim) if i != axis)
        column = [1] * x.ndim
        column[axis] = self._size
        kept = ops.cast(mask, "bool")
        kept = ops.expand_dims(kept, tuple(range(kept.ndim, x.ndim)))
        ones, none = ops.ones_like(x), ops.zeros_like(x)
        total = ops.sum(ops.where(kept, ones, none), others) + config.epsilon()
        mean = ops.sum(ops.where(kept, x, none), others) / total
        centred = x - ops.reshape(mean, column)
        squares = ops.where(kept, centred * centred, none)
        variance = ops.sum(squares, others) / total
        gamma, beta = self._moved(x, mean, variance)
        factor = ops.rsqrt(variance + self.epsilon) * gamma
        return centred * ops.reshape(factor, column) + ops.reshape(beta, column)

    def _moved(
        self, x: Result, mean: Result, variance: Result
    ) -> tuple[Result, Result]:
        """Scale and shift for a batch of these statistics, which move the others."""
        gamma, beta = self._scale_and_shift(x)
        if not self.renorm:
            _move(self.moving_mean, mean, self.momentum)
            _move(self.moving_variance, variance, self.momentum)
            return gamma, beta
        stddev = ops.sqrt(variance + self.epsilon)
        r, d = self._correction(mean, stddev)
        _move(self.renorm_mean, mean, self.renorm_momentum)
        _move(self.renorm_stddev, stddev, self.renorm_momentum)
        _move(self.moving_mean, mean, self.momentum)
        root = _move(self.moving_stddev, stddev, self.momentum)
        # Rounding may take it below 0.
        self.moving_variance.assign(ops.relu(root * root - self.epsilon))
        return r * gamma, d * gamma + beta

    def _correction(self, mean: Result, stddev: Result) -> tuple[Result, Result]:
        """r and d, from the statistics of a batch to those of several."""
        limits = self.renorm_clipping or {}
        known = ops.cast(self.renorm_stddev, mean.dtype)
        known = ops.maximum(known, math.sqrt(self.epsilon))
        r = stddev / known
        d = (mean - ops.cast(self.renorm_mean, mean.dtype)) / known
        if (least := limits.get("rmin")) is not None:
            r = ops.maximum(r, least)
        if (most := limits.get("rmax")) is not None:
            r = ops.minimum(r, most)
        if (most := limits.get("dmax")) is not None:
            d = ops.clip(d, -most, most)
        return ops.stop_gradient(r), ops.stop_gradient(d)


def _move(moving: Variable, new: Result, momentum: float) -> Result:
    """Move a statistic towards that of a batch."""
    value = ops.cast(moving, new.dtype) * momentum + new * (1.0 - momentum)
    moving.assign(value)
    return value


def _clipping(given: object) -> dict[str, float | None]:
    """The limits of a renormalization.

    Raises: ArgumentError unless they are a dictionary of known names and good numbers.
    """
    known = ("rmax", "rmin", "dmax")
    limits = dict[str, Any]() if given is None else given
    if not is_mapping(limits) or set(limits) - {*known}:
        raise ArgumentError(
            "renorm_clipping of BatchNormalization must be a dictionary with some of "
            f"the keys {', '.join(known)}, got {given!r}"
        )
    found: dict[str, float | None] = {
        name: None if value is None else number(f"{name} of renorm_clipping", value)
        for name, value in limits.items()
    }
    low, high, shift = (found.get(name) for name in ("rmin", "rmax", "dmax"))
    if low is not None and high is not None and high < low:
        raise ArgumentError(
            f"rmax of renorm_clipping must not be below rmin, got rmax={high} and "
            f"rmin={low}"
        )
    if shift is not None:
        number("dmax of renorm_clipping", shift, least=0)
    return found


def _root_of(initializer: InitializerLike) -> Function:
    """An initializer of the roots of what this one gives."""
    of: Any = initializers.get("ones" if initializer is None else initializer)

    def roots(shape: Any, dtype: Any = None) -> Any:
        return np.sqrt(of(shape, dtype))

    return roots


def _per_channel(op: Op, x: Result, axis: int, *vectors: object) -> Result:
    """An operator that has the channels on axis 1, where they lie on another."""
    if axis == 1:
        return apply(op, x, *vectors)
    order = (0, axis, *(i for i in range(1, x.ndim) if i != axis))
    y = apply(op, ops.transpose(x, order), *vectors)
    return ops.transpose(y, [order.index(i) for i in range(x.ndim)])


class LayerNormalization(Layer):
    """y = (x - mean) / √(variance + epsilon) * gamma + beta, per sample.

    With `rms_scaling` the mean is not taken off, and there is no beta; the divisor is
    the same.

    Shapes: x -> y as x; statistics are taken over `axis` (one or several).
    Weights: gamma, beta, of the sizes of those axes.
    Source: Keras 3 ``layers.LayerNormalization``; arXiv:1607.06450.
    """

    axis: Axes = -1
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: InitializerLike = "zeros"
    gamma_initializer: InitializerLike = "ones"
    beta_regularizer: RegularizerLike = None
    gamma_regularizer: RegularizerLike = None
    beta_constraint: ConstraintLike = None
    gamma_constraint: ConstraintLike = None
    rms_scaling: bool = False

    supports_masking = True
    single_input = True

    def setup(self) -> None:
        integers("axis", self.axis)
        number("epsilon", self.epsilon, least=0)
        self.autocast = False

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape[a] for a in _axes(self.axis, len(input_shape)))
        scale, center = self.scale or self.rms_scaling, self.center
        self.gamma, self.beta = _affine(
            self, shape, scale, center and not self.rms_scaling, autocast=False
        )

    def call(self, x: Result) -> Result:
        x = as_float(x, self.compute_dtype)
        axes = _axes(self.axis, x.ndim)
        given = self.beta if self.gamma is None else self.gamma
        if given is not None:
            for axis, size in zip(axes, given.shape, strict=True):
                assert size is not None
                self.check_axis(x.shape, axis, size)
        sizes = [x.shape[a] for a in axes]
        trailing = axes == tuple(range(x.ndim - len(axes), x.ndim))
        wide = as_wide(x)
        if trailing and None not in sizes and not self.rms_scaling:
            vectors = (
                _constant(value, sizes, wide.dtype) if v is None else v
                for v, value in ((self.gamma, 1.0), (self.beta, 0.0))
            )
            vectors = (ops.cast(v, wide.dtype) for v in vectors)
            y = apply(LayerNorm(-len(axes), self.epsilon), wide, *vectors)
            return _rounded(y, x, self.compute_dtype)
        mean, variance = ops.moments(wide, axes, keepdims=True)
        centred = wide if self.rms_scaling else wide - mean
        y = centred * ops.rsqrt(variance + self.epsilon)
        column = [n if i in axes else 1 for i, n in enumerate(ops.shape(x))]
        if self.gamma is not None:
            y = y * ops.cast(ops.reshape(self.gamma, column), wide.dtype)
        if self.beta is not None:
            y = y + ops.cast(ops.reshape(self.beta, column), wide.dtype)
        return _rounded(y, x, self.compute_dtype)


class GroupNormalization(Layer):
    """y = (x - mean) / √(variance + epsilon) * gamma + beta, per sample and group.

    The channels lie on `axis` and are cut into `groups` groups of neighbours; -1 makes
    every channel a group.

    Shapes: x[N, ..., C, ...] -> y as x.
    Weights: gamma, beta[C].
    Raises: ArgumentError if the groups do not divide the channels.
    Source: Keras 3 ``layers.GroupNormalization``; arXiv:1803.08494.
    """

    groups: int = 32
    axis: int = -1
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: InitializerLike = "zeros"
    gamma_initializer: InitializerLike = "ones"
    beta_regularizer: RegularizerLike = None
    gamma_regularizer: RegularizerLike = None
    beta_constraint: ConstraintLike = None
    gamma_constraint: ConstraintLike = None

    supports_masking = True
    single_input = True
    min_ndim = 2

    def setup(self) -> None:
        integer_or("groups", self.groups, (-1,), least=1)
        integer("axis", self.axis)
        number("epsilon", self.epsilon, least=0)
        self.autocast = False

    def build(self, input_shape: Shape) -> None:
        axis = shapes.normalize_axis(self.axis, len(input_shape))
        size = input_shape[axis]
        if size is None:
            raise ShapeError(
                "GroupNormalization needs to know the size of its axis "
                f"{self.axis}, got {format_shape(input_shape)}"
            )
        self._size, self._count = size, size if self.groups == -1 else self.groups
        if size % self._count:
            raise ArgumentError(
                f"{size} channels cannot be cut into {self._count} equal groups"
            )
        self.gamma, self.beta = _affine(
            self, (size,), self.scale, self.center, autocast=False
        )

    def call(self, x: Result) -> Result:
        x = as_float(x, self.compute_dtype)
        self.check_axis(x.shape, self.axis, self._size)
        axis = shapes.normalize_axis(self.axis, x.ndim)
        wide = as_wide(x)
        groups = (self._count, self._size // self._count)
        sizes = ops.shape(x)
        if 1 in (
            axis,
            x.ndim - axis,
        ):  # what is on one side of the channels is one axis
            before, after = [-1] * (axis > 1), [-1] * (axis < x.ndim - 1)
        else:
            before, after = sizes[1:axis], sizes[axis + 1 :]
        grouped = ops.reshape(wide, (sizes[0], *before, *groups, *after))
        first = 1 + len(before)
        others = tuple(i for i in range(1, grouped.ndim) if i != first)
        mean, variance = ops.moments(grouped, others, keepdims=True)
        column = [1] * grouped.ndim
        column[first : first + 2] = groups
        factor = ops.rsqrt(variance + self.epsilon)
        if self.scale:
            factor = factor * ops.cast(ops.reshape(self.gamma, column), wide.dtype)
        shift = -mean * factor
        if self.center:
            shift = shift + ops.cast(ops.reshape(self.beta, column), wide.dtype)
        y = ops.reshape(grouped * factor + shift, sizes)
        return _rounded(y, x, self.compute_dtype)


class RMSNormalization(Layer):
    """y = x / √(mean(x²) + epsilon) * scale.

    Shapes: x -> y as x; the mean is taken over `axis` (one or several).
    Weights: scale, of the sizes of those axes.
    Source: Keras 3 ``layers.RMSNormalization``; arXiv:1910.07467.
    """

    axis: Axes = -1
    epsilon: float = 1e-6

    single_input = True

    def setup(self) -> None:
        integers("axis", self.axis)
        number("epsilon", self.epsilon, least=0)

    def build(self, input_shape: Shape) -> None:
        axes = _axes(self.axis, len(input_shape))
        shape = tuple(input_shape[a] for a in axes)
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, x: Result) -> Result:
        x = as_float(x, self.compute_dtype)
        axes = _axes(self.axis, x.ndim)
        for axis, size in zip(axes, self.scale.shape, strict=True):
            self.check_axis(x.shape, axis, size)
        return ops.rms_normalization(x, self.scale, axes, self.epsilon)


class UnitNormalization(Layer):
    """y = x / √sum(x²): of length 1 along `axis` (one or several).

    Source: Keras 3 ``layers.UnitNormalization``.
    """

    axis: Axes = -1

    supports_masking = True
    single_input = True

    def setup(self) -> None:
        integers("axis", self.axis)

    def call(self, x: Result) -> Result:
        x = as_float(x, self.compute_dtype)
        return ops.normalize(x, _axes(self.axis, x.ndim), epsilon=1e-12)


def _rounded(y: Result, x: Result, dtype: str) -> Result:
    """The outputs as exact as the inputs are, in the layer's type."""
    return ops.cast(ops.cast(y, x.dtype), dtype)


def _axes(axis: object, rank: int) -> tuple[int, ...]:
    """One axis or several, in order, counted from the front."""
    axes = integers("axis", axis)
    return tuple(sorted({shapes.normalize_axis(a, rank) for a in axes}))


def _affine(
    layer: Layer, shape: Shape, scale: bool, center: bool, **options: Any
) -> tuple[Any, Any]:
    """Gamma and beta of a layer, None for what it does without."""

    def weight(name: str) -> Variable:
        return layer.add_weight(
            shape,
            getattr(layer, f"{name}_initializer"),
            regularizer=getattr(layer, f"{name}_regularizer"),
            constraint=getattr(layer, f"{name}_constraint"),
            name=name,
            **options,
        )

    gamma = weight("gamma") if scale else None
    return gamma, weight("beta") if center else None


def _constant(value: float, sizes: Any, dtype: str) -> Array:
    return np.full(tuple(sizes), value, dtype)


__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]
