"""Layers of several inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from seqir import ops, shapes
from seqir.arguments import integer, integers
from seqir.errors import ArgumentError, ShapeError
from seqir.layer.aliases import Masks, Tensors
from seqir.layer.base import Layer
from seqir.narrow import is_dict, is_sequence
from seqir.ops.masks import get_keras_mask
from seqir.ops.tensor import Result, Tensor
from seqir.shapes import Axes, format_shape

Merged = TypeVar("Merged", bound=Result)
"""Tensors of one kind: of a model, traced, or arrays."""


class _Merge(Layer):
    """One tensor from a list of tensors of shapes that broadcast.

    Lower ranks get axes of size 1 after the batch.
    """

    supports_masking = True
    exact: ClassVar[int] = 0
    """How many inputs there must be, if it matters."""

    def combine(self, xs: list[Result]) -> Result:
        """The result for inputs of one rank."""
        raise NotImplementedError(f"{type(self).__name__} has no combine method")

    def call(self, xs: Sequence[Result]) -> Result:
        self._check_list(xs)
        rank = max(x.ndim for x in xs)
        level = [
            ops.expand_dims(x, tuple(range(1, 1 + rank - x.ndim)))
            if x.ndim < rank
            else x
            for x in xs
        ]
        try:
            return self.combine(level)
        except ShapeError as error:
            given = ", ".join(format_shape(x.shape) for x in xs)
            raise ShapeError(
                f"Inputs of layer '{self.name}' have incompatible shapes {given}: "
                f"{error}"
            ) from error

    def _check_list(self, xs: object) -> None:
        kind = type(self).__name__
        wanted = f"exactly {self.exact} inputs" if self.exact else "at least 1 input"
        call = f"{'An' if kind[0] in 'A' else 'A'} {kind} layer should be called on"
        if not is_sequence(xs):
            raise ArgumentError(
                f"{call} a list of {wanted}, got "
                f"{'a dict' if is_dict(xs) else 'one tensor'}; to merge "
                "several tensors use the functional API, Model(inputs, outputs)"
            )
        if not xs or (self.exact and len(xs) != self.exact):
            raise ArgumentError(f"{call} a list of {wanted}, got a list of {len(xs)}")
        for x in xs:
            if not isinstance(x, Tensor | np.ndarray):
                raise ArgumentError(f"{call} a list of tensors, got {x!r} in it")

    def compute_mask(self, inputs: Tensors, previous_mask: Masks = None) -> Masks:
        """A step counts if it does in any of the inputs."""
        if not previous_mask or any(m is None for m in previous_mask):
            return None
        return functools.reduce(ops.logical_or, previous_mask)


class Add(_Merge):
    """Sum of all inputs. Source: Keras 3 ``layers.Add``."""

    def combine(self, xs: list[Result]) -> Result:
        return functools.reduce(ops.add, xs)


class Subtract(_Merge):
    """First input minus second. Source: Keras 3 ``layers.Subtract``."""

    exact = 2

    def combine(self, xs: list[Result]) -> Result:
        return xs[0] - xs[1]


class Multiply(_Merge):
    """Product of all inputs; a masked step counts as 1, or 0 if masked everywhere.

    Source: Keras 3 ``layers.Multiply``.
    """

    def combine(self, xs: list[Result]) -> Result:
        counted = list(map(_counted, xs))
        factors = [
            x if c is None else ops.where(c, x, ops.ones((), x.dtype))
            for x, c in zip(xs, counted, strict=True)
        ]
        y = functools.reduce(ops.multiply, factors)
        known = [c for c in counted if c is not None]
        if len(known) < len(counted):
            return y
        return ops.where(functools.reduce(ops.logical_or, known), y, ops.zeros_like(y))


class Average(_Merge):
    """Mean of all inputs. Source: Keras 3 ``layers.Average``."""

    def combine(self, xs: list[Result]) -> Result:
        return functools.reduce(ops.add, xs) / float(len(xs))


class Maximum(_Merge):
    """Largest of all inputs that count. Source: Keras 3 ``layers.Maximum``."""

    def combine(self, xs: list[Result]) -> Result:
        return _chosen(ops.maximum, xs)


class Minimum(_Merge):
    """Smallest of all inputs that count. Source: Keras 3 ``layers.Minimum``."""

    def combine(self, xs: list[Result]) -> Result:
        return _chosen(ops.minimum, xs)


def _counted(x: Result) -> Result | None:
    """Where a tensor counts, with its rank; None if it has no mask."""
    mask = get_keras_mask(x)
    if mask is None:
        return None
    return ops.expand_dims(ops.cast(mask, "bool"), tuple(range(mask.ndim, x.ndim)))


def _chosen(choose: Callable[[Result, Result], Result], xs: Sequence[Result]) -> Result:
    """``choose`` between all tensors; where one does not count it is the other one."""
    y, *others = xs
    counted = _counted(y)
    for x in others:
        here = _counted(x)
        if here is not None:
            x = ops.where(here, x, y)
        if counted is not None:
            y = ops.where(counted, y, x)
        # Whoever has no mask counts everywhere, so what was chosen does.
        if here is None or counted is None:
            counted = None
        else:
            counted = ops.logical_or(counted, here)
        y = choose(y, x)
    return y


class Concatenate(_Merge):
    """Inputs joined along an axis. Source: Keras 3 ``layers.Concatenate``."""

    axis: int = -1

    def setup(self) -> None:
        integer("axis", self.axis)

    def call(self, xs: Sequence[Result]) -> Result:
        self._check_list(xs)
        if len({x.ndim for x in xs}) > 1:
            given = ", ".join(format_shape(x.shape) for x in xs)
            raise ShapeError(
                f"Inputs of layer '{self.name}' must have one rank, got {given}"
            )
        return super().call(xs)

    def combine(self, xs: list[Result]) -> Result:
        return ops.concatenate(xs, self.axis)

    def compute_mask(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        inputs: Sequence[Result],
        previous_mask: Sequence[Result | None] | None = None,
    ) -> Result | None:
        if not previous_mask or all(m is None for m in previous_mask):
            return None
        rank = inputs[0].ndim
        axis = shapes.normalize_axis(self.axis, rank)
        every = list(map(_every_step, inputs, previous_mask))
        if axis == rank - 1:  # a step counts if one of its features does
            return functools.reduce(ops.logical_or, every)
        return ops.concatenate(every, axis)


def _every_step(x: Result, mask: Result | None) -> Result:
    """The mask of a tensor with all of its axes but the last."""
    every = ops.ones_like(x[..., 0], "bool")
    if mask is None:
        return every
    if mask.ndim == x.ndim:
        return ops.any(ops.cast(mask, "bool"), axis=-1)
    axes = tuple(range(mask.ndim, x.ndim - 1))
    return ops.logical_and(every, ops.expand_dims(ops.cast(mask, "bool"), axes))


class Dot(_Merge):
    """Products summed over one axis of each of two inputs.

    Shapes: x[N, ..., k, ...], y[N, ..., k, ...] -> x's other axes, then y's; if there
        are none, [N, 1].
    Source: Keras 3 ``layers.Dot``.
    """

    axes: Axes
    normalize: bool = False

    exact = 2

    def setup(self) -> None:
        integers("axes", self.axes, count=2)

    def call(self, xs: Sequence[Result]) -> Result:
        self._check_list(xs)
        a, b = xs
        given = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        i, j = (
            shapes.normalize_axis(x, t.ndim) for x, t in zip(given, xs, strict=True)
        )
        if i == 0 or j == 0:
            raise ArgumentError("axes of Dot must not be the batch axis")
        if None not in (a.shape[i], b.shape[j]) and a.shape[i] != b.shape[j]:
            raise ShapeError(
                f"Inputs of layer '{self.name}' have incompatible shapes: axis {i} of "
                f"{format_shape(a.shape)} and axis {j} of {format_shape(b.shape)}"
            )
        if self.normalize:
            a, b = _unit(a, i), _unit(b, j)
        letters = "abcdefghijklmn"
        first = list(letters[: a.ndim])
        second = ["a", *letters[a.ndim : a.ndim + b.ndim - 1]]
        second[j] = first[i]
        out = [c for c in first if c != first[i]] + [
            c for c in second[1:] if c != first[i]
        ]
        if len(out) == 1:
            return ops.sum(a * b, 1, keepdims=True)
        if a.ndim == 3 and b.ndim == 3:
            # The usual case is one matrix product; Einsum runs on fewer targets.
            left = a if i == 2 else ops.transpose(a, (0, 2, 1))
            right = b if j == 1 else ops.transpose(b, (0, 2, 1))
            return ops.matmul(left, right)
        equation = f"{''.join(first)},{''.join(second)}->{''.join(out)}"
        return ops.einsum(equation, a, b)

    def compute_mask(self, inputs: Tensors, previous_mask: Masks = None) -> Masks:
        return None


def _unit(x: Result, axis: int) -> Result:
    """x scaled to length 1 along an axis, as Keras does: 1 / √max(Σx², 1e-12)."""
    total = ops.sum(x * x, axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(total, 1e-12))


def add(inputs: Sequence[Merged], **kwargs: Any) -> Merged:
    """Sum of all inputs. Source: ``keras.layers.add``."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Merged], **kwargs: Any) -> Merged:
    """First input minus second. Source: ``keras.layers.subtract``."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Merged], **kwargs: Any) -> Merged:
    """Product of all inputs. Source: ``keras.layers.multiply``."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Merged], **kwargs: Any) -> Merged:
    """Mean of all inputs. Source: ``keras.layers.average``."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Merged], **kwargs: Any) -> Merged:
    """Largest of all inputs. Source: ``keras.layers.maximum``."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Merged], **kwargs: Any) -> Merged:
    """Smallest of all inputs. Source: ``keras.layers.minimum``."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Merged], axis: int = -1, **kwargs: Any) -> Merged:
    """Inputs joined along an axis. Source: ``keras.layers.concatenate``."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Merged], axes: Axes = -1, **kwargs: Any) -> Merged:
    """Products summed over one axis of each. Source: ``keras.layers.dot``."""
    return Dot(axes=axes, **kwargs)(inputs)


__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
