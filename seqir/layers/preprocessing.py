"""Layers that bring raw values to a common scale."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from seqir import config, dtypes, ops, shapes
from seqir.arguments import integers
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array
from seqir.layer.aliases import Shape
from seqir.layer.base import Layer
from seqir.layer.recorded import noted
from seqir.layers.adapting import batches, no_data
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.variable import assign_all
from seqir.shapes import Axes, format_shape


class Rescaling(Layer):
    """y = x * scale + offset. Source: Keras 3 ``layers.Rescaling``."""

    scale: TensorLike
    offset: TensorLike = 0.0

    supports_masking = True
    single_input = True

    def setup(self) -> None:
        self._factors = _factor("scale", self.scale), _factor("offset", self.offset)

    def call(self, x: Result) -> Result:
        scale, offset = map(_on_channels, self._factors)
        x = ops.cast(x, self.compute_dtype)
        y = x * scale if _differs(scale, 1) else x
        return y + offset if _differs(offset, 0) else y


def _on_channels(factor: Any) -> float | Array:
    """A vector for each channel, in the place of the channels."""
    first = config.image_data_format() == "channels_first"
    if not first or isinstance(factor, float) or not factor.ndim:
        return factor
    return factor.reshape(*factor.shape, *(1,) * (3 - factor.ndim))


def _factor(name: str, value: object) -> float | Array:
    """A Python number, or an array of numbers."""
    return float(value) if isinstance(value, int | float) else _numbers(name, value)


def _numbers(name: str, value: object) -> Array:
    try:
        array = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        array = np.asarray(np.nan)
    if value is None or np.isnan(array).any():
        raise ArgumentError(
            f"{name} must be a number or an array of numbers, got {value!r}"
        )
    return array


def _differs(value: object, from_: float) -> bool:
    return not isinstance(value, float) or value != from_


class Normalization(Layer):
    """y = (x - mean) / max(√variance, epsilon), or with `invert` x from y.

    Mean and variance are given, or those of the data that `adapt` has seen; each index
    of `axis` (one axis, several, or None for no axis) has its own.

    Shapes: x -> y as x.
    Weights: mean, variance, of the sizes of `axis`, and count; none if given.
    Units: epsilon is that of the configuration, 1e-7 unless set otherwise.
    Source: Keras 3 ``layers.Normalization``.
    """

    supports_masking = True
    single_input = True

    @noted
    def __init__(
        self,
        axis: Axes | None = -1,
        mean: TensorLike | None = None,
        variance: TensorLike | None = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # None is the same as no axes, which is how a configuration says it.
        self.axis = integers("axis", axis) if axis not in (None, (), []) else ()
        self.invert = bool(invert)
        self._given = None
        self._sizes: dict[int, int] = {}
        self._column: tuple[int, ...] = ()
        if (mean is None) != (variance is None):
            raise ArgumentError(
                "mean and variance of Normalization are given both or not at all, got "
                f"mean={mean!r} and variance={variance!r}"
            )
        if mean is not None:
            pair = _numbers("mean", mean), _numbers("variance", variance)
            if pair[0].shape != pair[1].shape or pair[0].ndim > len(self.axis):
                raise ArgumentError(
                    "mean and variance of Normalization must have the same shape, of "
                    f"at most one size for each axis of {self.axis}, got the shapes "
                    f"{pair[0].shape} and {pair[1].shape}"
                )
            self._given = pair

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        kept = sorted(shapes.normalize_axis(a, rank) for a in self.axis)
        sizes = {a: d for a in kept if (d := input_shape[a]) is not None}
        if len(sizes) < len(kept):
            raise ShapeError(
                f"Normalization needs to know the sizes of its axis {self.axis}, got "
                f"{format_shape(input_shape)}"
            )
        self._sizes = sizes
        self._column = tuple(sizes.get(a, 1) for a in range(rank))
        if self._given is not None:
            wanted, found = tuple(sizes.values()), self._given[0].shape
            if not _broadcasts(found, wanted):
                raise ShapeError(
                    f"mean and variance of Normalization have the shape {found}, and "
                    f"the axis {self.axis} of {format_shape(input_shape)} needs "
                    f"{wanted}"
                )
            return
        shape = tuple(sizes.values())
        self.adapt_mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
        self.adapt_variance = self.add_weight(
            shape, "ones", trainable=False, name="variance"
        )
        self.count = self.add_weight(
            (), "zeros", "int32", trainable=False, name="count"
        )

    def call(self, x: Result) -> Result:
        x = ops.cast(x, self.compute_dtype)
        # Counted from the end, as the statistics broadcast.
        for axis, size in self._sizes.items():
            if axis - len(self._column) >= -x.ndim:
                self.check_axis(x.shape, axis - len(self._column), size)
        mean, variance = self._statistics()
        divisor = ops.maximum(ops.sqrt(variance), config.epsilon())
        return mean + x * divisor if self.invert else (x - mean) / divisor

    def _statistics(self) -> tuple[Result, Result]:
        """Mean and variance, in the rank of the inputs."""
        pair: tuple[Any, Any]
        if self._given is None:
            pair = self.adapt_mean, self.adapt_variance
            mean, variance = (ops.cast(v, self.compute_dtype) for v in pair)
        else:
            kept = tuple(self._sizes.values())
            pair = tuple(np.broadcast_to(v, kept) for v in self._given)  # pyright: ignore[reportAssignmentType]
            kind = dtypes.to_numpy(self.compute_dtype)
            mean, variance = (np.asarray(v, kind) for v in pair)
        return ops.reshape(mean, self._column), ops.reshape(variance, self._column)

    def adapt(self, data: object) -> None:
        """Take mean and variance of an array, or of all batches of an iterable.

        Batches of data with targets, ``(x, y)``, count with their `x`.

        Raises: ArgumentError if they were given already or there is no data,
            ShapeError for data of another shape than the layer is built for.
        """
        if self._given is not None:
            raise ArgumentError(
                f"layer {self.name!r} was given mean and variance: make a "
                "Normalization without them to adapt it"
            )
        count = 0
        mean = variance = np.zeros((), np.float64)
        found = chain.from_iterable(map(_parts, batches(data, self.name)))
        for batch in found:
            self.build(batch.shape)
            if batch.ndim != len(self._column):
                raise ShapeError(
                    f"layer {self.name!r} is built for data of rank "
                    f"{len(self._column)}, adapt got {format_shape(batch.shape)}"
                )
            for axis, size in self._sizes.items():
                self.check_axis(batch.shape, axis, size)
            others = tuple(a for a in range(batch.ndim) if a not in self._sizes)
            n = batch.size // max(np.prod([*self._sizes.values()], dtype=int), 1)
            if not n:
                continue
            # Chan et al.'s update: exact however the data is cut into batches.
            new_mean = batch.mean(others, np.float64)
            new_variance = batch.var(others, np.float64)
            share = n / (count + n)
            step = new_mean - mean
            variance = variance + (new_variance - variance) * share
            variance = variance + step**2 * share * (1 - share)
            mean = mean + step * share
            count += n
        if not count:
            raise no_data(self.name)
        assign_all((self.adapt_mean, self.adapt_variance), (mean, variance))

    @property
    def learns(self) -> bool:
        """Whether there is something for `adapt` to learn."""
        return self._given is None

    @property
    def mean(self) -> Array | None:
        """The mean, in the rank of the inputs; None before the layer is built."""
        return self._shown(0)

    @property
    def variance(self) -> Array | None:
        """The variance, in the rank of the inputs; None before the layer is built."""
        return self._shown(1)

    def _shown(self, which: int) -> Array | None:
        if not self.built:
            return None
        pair = self._given or (self.adapt_mean.numpy(), self.adapt_variance.numpy())
        kept = tuple(self._sizes.values())
        return np.broadcast_to(pair[which], kept).reshape(self._column)

    def _described(self) -> dict[str, object]:
        """The arguments that make an equal, unbuilt layer."""
        mean, variance = (
            (v.tolist() for v in self._given) if self._given else (None,) * 2
        )
        own = {"mean": mean, "variance": variance, "invert": self.invert}
        return super()._described() | {"axis": list(self.axis)} | own


def _broadcasts(found: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(found, to) == to
    except ValueError:
        return False


_ROWS = 4096
"""Rows of an array that are summed up at once, in float64."""


def _parts(array: Array) -> Iterator[Array]:
    """The array, cut into parts of so many rows."""
    starts = range(0, max(len(array), 1), _ROWS)
    return (array[at : at + _ROWS] for at in starts)


__all__ = [
    "Normalization",
    "Rescaling",
]
