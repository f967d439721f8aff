"""Layers that move data: flatten, reshape, permute, repeat, pad, crop, enlarge."""

from __future__ import annotations

from typing import Any

from seqir import dtypes, ops, shapes
from seqir.arguments import integer, integers, one_of
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError
from seqir.layer.arguments import sizes
from seqir.layer.base import Layer
from seqir.layer.casting import as_float
from seqir.layers.spatial import (
    from_channels_first,
    spatial_axes,
    to_channels_first,
)
from seqir.narrow import is_sequence
from seqir.operators.pieces import Pad, Slice
from seqir.operators.resize import Upsample
from seqir.ops.apply import apply
from seqir.ops.tensor import Result


class Flatten(Layer):
    """All axes but the batch in one. Source: Keras 3 ``layers.Flatten``.

    Shapes: x[N, *size] -> y[N, product of size]; x[N] -> y[N, 1].
    """

    data_format: str | None = None

    min_ndim = 1
    single_input = True

    def setup(self) -> None:
        self.data_format = check_data_format(self.data_format)

    def call(self, x: Result) -> Result:
        if self.data_format == "channels_first" and x.ndim > 1:
            # Keras flattens in channels-last order whatever the layout.
            x = ops.transpose(x, (0, *range(2, x.ndim), 1))
        batch, *sizes = ops.shape(x)
        total = 1
        for size in sizes:
            total = size * total
        return ops.reshape(x, (batch, total))


class Reshape(Layer):
    """The same values in another shape. Source: Keras 3 ``layers.Reshape``.

    Shapes: x[N, *size] -> y[N, *target_shape]; one size may be -1.
    """

    target_shape: Any

    min_ndim = 1
    single_input = True

    def setup(self) -> None:
        shape = self.target_shape
        shape = sizes("target_shape", shape)
        if (
            not all(isinstance(d, int) and d >= -1 for d in shape)
            or shape.count(-1) > 1
        ):
            raise ArgumentError(
                "target_shape must be positive integers with at most one -1, "
                f"got {self.target_shape!r}"
            )
        self.target_shape = shape

    def call(self, x: Result) -> Result:
        batch, *sizes = ops.shape(x)
        total: Any = 1
        for size in sizes:
            total = size * total
        target = list(self.target_shape)
        if -1 in target:
            rest = 1
            for d in target:
                rest *= d if d != -1 else 1
            if isinstance(total, int) and (not rest or total % rest):
                self._refuse(x)
            target[target.index(-1)] = total // rest
        elif isinstance(total, int) and total != shapes.volume(target):
            self._refuse(x)
        return ops.reshape(x, (batch, *target))

    def _refuse(self, x: Result) -> None:
        raise ShapeError(
            f"an input of shape {shapes.format_shape(x.shape)} cannot be reshaped to "
            f"target_shape={self.target_shape}: the numbers of elements differ"
        )


class Permute(Layer):
    """Axes in another order, counted from 1, the batch apart.

    Source: Keras 3 ``layers.Permute``.
    """

    dims: Any

    single_input = True

    def setup(self) -> None:
        self.dims = sizes("dims", self.dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(
                f"dims must order the axes 1 to {len(self.dims)}, got {self.dims}"
            )

    def call(self, x: Result) -> Result:
        if x.ndim != len(self.dims) + 1:
            raise ShapeError(
                f"dims={self.dims} needs an input of rank {len(self.dims) + 1}, "
                f"got {shapes.format_shape(x.shape)}"
            )
        return ops.transpose(x, (0, *self.dims))


class RepeatVector(Layer):
    """A vector n times. Source: Keras 3 ``layers.RepeatVector``.

    Shapes: x[N, D] -> y[N, n, D].
    """

    n: int

    ndim = 2
    single_input = True

    def setup(self) -> None:
        self.n = integer("n", self.n, least=1)

    def call(self, x: Result) -> Result:
        return ops.repeat(ops.expand_dims(x, 1), self.n, axis=1)


class _ZeroPadding(Layer):
    """Zeros around the spatial axes."""

    positions_seen = "own"

    padding: Any = 1
    data_format: str | None = None

    single_input = True

    def setup(self) -> None:
        assert self.ndim is not None
        self.data_format = check_data_format(self.data_format)
        self.padding = _pairs("padding", self.padding, self.ndim - 2)

    def call(self, x: Result) -> Result:
        before, after = [0] * x.ndim, [0] * x.ndim
        axes = spatial_axes(x.ndim, self.data_format)
        for axis, (a, b) in zip(axes, self.padding, strict=True):
            before[axis], after[axis] = a, b
        return apply(Pad(tuple(before), tuple(after)), x)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after. Source: Keras 3 ``layers.ZeroPadding1D``."""

    ndim = 3

    def _described(self) -> dict[str, object]:
        """The arguments; the one axis has a pair of its own."""
        return super()._described() | {"padding": self.padding[0]}


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images. Source: Keras 3 ``layers.ZeroPadding2D``."""

    ndim = 4


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes. Source: Keras 3 ``layers.ZeroPadding3D``."""

    ndim = 5


class _Cropping(Layer):
    """The edges of the spatial axes are cut off."""

    positions_seen = "own"

    cropping: Any
    data_format = "channels_last"

    single_input = True

    def setup(self) -> None:
        assert self.ndim is not None
        self.data_format = check_data_format(self.data_format)
        self.cropping = _pairs("cropping", self.cropping, self.ndim - 2)

    def call(self, x: Result) -> Result:
        axes = spatial_axes(x.ndim, self.data_format)
        for axis, (a, b) in zip(axes, self.cropping, strict=True):
            size = x.shape[axis]
            if size is not None and a + b >= size:
                raise ShapeError(
                    f"cropping={self.cropping} leaves nothing of axis {axis}, whose "
                    f"size is {size}"
                )
        begins = tuple(a for a, _ in self.cropping)
        ends = tuple(-b if b else Slice.END for _, b in self.cropping)
        return apply(Slice(axes, begins, ends, (1,) * len(axes), inside=True), x)


class Cropping1D(_Cropping):
    """Time steps cut off. Source: Keras 3 ``layers.Cropping1D``."""

    ndim = 3

    cropping: Any = (1, 1)

    def _described(self) -> dict[str, object]:
        """The arguments; the one axis has a pair of its own."""
        return super()._described() | {"cropping": self.cropping[0]}


class Cropping2D(_Cropping):
    """Edges of images cut off. Source: Keras 3 ``layers.Cropping2D``."""

    ndim = 4

    cropping: Any = ((0, 0), (0, 0))
    data_format: str | None = None


class Cropping3D(_Cropping):
    """Edges of volumes cut off. Source: Keras 3 ``layers.Cropping3D``."""

    ndim = 5

    cropping: Any = ((1, 1), (1, 1), (1, 1))
    data_format: str | None = None


class UpSampling1D(Layer):
    """Every time step `size` times. Source: Keras 3 ``layers.UpSampling1D``."""

    size: Any = 2

    ndim = 3
    single_input = True

    def setup(self) -> None:
        (self.size,) = integers("size", self.size, count=1, least=1)

    def call(self, x: Result) -> Result:
        return ops.repeat(x, self.size, axis=1)


class UpSampling2D(Layer):
    """Images enlarged by whole factors. Source: Keras 3 ``layers.UpSampling2D``.

    Shapes: x[N, H, W, C] -> y[N, H * size[0], W * size[1], C].
    """

    size: Any = (2, 2)
    data_format: str | None = None
    interpolation: str = "nearest"

    ndim = 4
    single_input = True

    def setup(self) -> None:
        self.size = integers("size", self.size, count=2, least=1)
        self.data_format = check_data_format(self.data_format)
        modes = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
        self._mode = modes[one_of("interpolation", self.interpolation, modes)]

    def call(self, x: Result) -> Result:
        x = to_channels_first(x, self.data_format)
        if self._mode == "nearest":
            y = _enlarge(x, self.size)
        else:
            x = as_float(x, self.compute_dtype)
            if self._mode == "cubic" and None not in x.shape[2:]:
                y = ops.image.resize(  # matrices, which more runtimes get right
                    x,
                    [d * f for d, f in zip(x.shape[2:], self.size, strict=True)],
                    self.interpolation,
                    data_format="channels_first",
                )
            else:
                y = apply(Upsample(self.size, self._mode), x)
        return from_channels_first(y, self.data_format)


def _enlarge(x: Result, size: tuple[int, ...]) -> Result:
    """Every number of channels-first x as often as `size` says, on each axis."""
    if dtypes.is_float(x.dtype):
        return apply(Upsample(size, "nearest"), x)
    for axis, times in enumerate(size, 2):  # ONNX Runtime resizes few integer types
        x = ops.repeat(x, times, axis=axis)
    return x


class UpSampling3D(Layer):
    """Volumes enlarged by whole factors. Source: Keras 3 ``layers.UpSampling3D``."""

    size: Any = (2, 2, 2)
    data_format: str | None = None

    ndim = 5
    single_input = True

    def setup(self) -> None:
        self.size = integers("size", self.size, count=3, least=1)
        self.data_format = check_data_format(self.data_format)

    def call(self, x: Result) -> Result:
        x = to_channels_first(x, self.data_format)
        y = _enlarge(x, self.size)
        return from_channels_first(y, self.data_format)


def _pairs(name: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """A pair for each spatial axis, from a number, numbers or pairs."""
    several = f"{rank} integers or {rank} pairs of integers" if rank > 1 else "a pair"
    error = ArgumentError(f"{name} must be an integer >= 0 or {several}, got {value!r}")
    if isinstance(value, int):
        value = (value,) * rank if rank > 1 else ((value, value),)
    if not is_sequence(value):
        raise error
    if rank == 1 and value and not is_sequence(value[0]):
        value = (tuple(value),)
    if not is_sequence(value) or len(value) != rank:
        raise error
    pairs: list[tuple[int, int]] = []
    for v in value:
        pair = (v, v) if isinstance(v, int) else v
        if not is_sequence(pair) or len(pair) != 2:
            raise error
        if not all(isinstance(n, int) and n >= 0 for n in pair):
            raise error
        pairs.append((pair[0], pair[1]))
    return tuple(pairs)


__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Flatten",
    "Permute",
    "RepeatVector",
    "Reshape",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]
