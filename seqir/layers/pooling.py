"""Pooling over windows and over everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from seqir import ops
from seqir.arguments import integers
from seqir.config import check_data_format
from seqir.layer.aliases import Masks, Tensors
from seqir.layer.base import Layer
from seqir.layer.casting import as_float, exactly
from seqir.layer.keywords import keyword
from seqir.layers.spatial import (
    from_channels_first,
    padding_name,
    spatial_axes,
    to_channels_first,
)
from seqir.operators.pool import AveragePool, MaxPool, Pool
from seqir.ops.apply import apply
from seqir.ops.spatial import resolve_padding
from seqir.ops.tensor import Result


class _Pooling(Layer):
    """One number from each window of each channel."""

    rank: ClassVar[int]
    op: ClassVar[type[Pool]]
    single_input = True

    pool_size: Any
    strides: Any = None
    padding: str = "valid"
    data_format: str | None = None
    name: str | None = keyword(default=None)

    def setup(self) -> None:
        self.pool_size = integers("pool_size", self.pool_size, count=self.rank, least=1)
        strides = self.pool_size if self.strides is None else self.strides
        self.strides = integers("strides", strides, count=self.rank, least=1)
        self.padding = padding_name(self.padding, ("valid", "same"))
        self.data_format = check_data_format(self.data_format)

    def call(self, x: Result) -> Result:
        x = to_channels_first(x, self.data_format)
        window, strides, ones = self.pool_size, self.strides, (1,) * self.rank
        padding = resolve_padding(x, self.padding, window, strides, ones)
        op = self.op(window, strides, *padding)
        return from_channels_first(self.pool(op, x), self.data_format)

    def pool(self, op: Pool, x: Result) -> Result:
        """The operator on channels-first x; integers stay integers."""
        return exactly(lambda z: apply(op, z), x)


class _MaxPooling(_Pooling):
    op = MaxPool
    pool_size: Any = 2


class MaxPooling1D(_MaxPooling):
    """Largest number of each window. Source: Keras 3 ``layers.MaxPooling1D``.

    Shapes: x[N, T, C] -> y[N, T', C].
    """

    rank = 1
    ndim = 3


class MaxPooling2D(_MaxPooling):
    """Largest number of each window. Source: Keras 3 ``layers.MaxPooling2D``.

    Shapes: x[N, H, W, C] -> y[N, H', W', C].
    """

    rank = 2
    ndim = 4


class MaxPooling3D(_MaxPooling):
    """Largest number of each window. Source: Keras 3 ``layers.MaxPooling3D``.

    Shapes: x[N, D, H, W, C] -> y[N, D', H', W', C].
    """

    rank = 3
    ndim = 5


class _AveragePooling(_Pooling):
    op = AveragePool

    def pool(self, op: Pool, x: Result) -> Result:
        return apply(op, as_float(x, self.compute_dtype))


class AveragePooling1D(_AveragePooling):
    """Mean of each window, padding not counted.

    Shapes: x[N, T, C] -> y[N, T', C].
    Source: Keras 3 ``layers.AveragePooling1D``.
    """

    rank = 1
    ndim = 3


class AveragePooling2D(_AveragePooling):
    """Mean of each window, padding not counted.

    Shapes: x[N, H, W, C] -> y[N, H', W', C].
    Source: Keras 3 ``layers.AveragePooling2D``.
    """

    rank = 2
    ndim = 4


class AveragePooling3D(_AveragePooling):
    """Mean of each window, padding not counted.

    Shapes: x[N, D, H, W, C] -> y[N, D', H', W', C].
    Source: Keras 3 ``layers.AveragePooling3D``.
    """

    rank = 3
    ndim = 5


class _GlobalPooling(Layer):
    """One number for each channel."""

    kind: ClassVar[str]
    single_input = True
    positions_seen = "all"

    data_format: str | None = None
    keepdims: bool = False

    def setup(self) -> None:
        self.data_format = check_data_format(self.data_format)

    def call(self, x: Result) -> Result:
        axes = spatial_axes(x.ndim, self.data_format)
        reduce = ops.max if self.kind == "max" else ops.mean
        return reduce(x, axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalPooling):
    """Largest number of each channel. Source: Keras 3 ``GlobalMaxPooling1D``.

    Shapes: x[N, T, C] -> y[N, C].
    """

    kind = "max"
    ndim = 3


class GlobalMaxPooling2D(_GlobalPooling):
    """Largest number of each channel. Source: Keras 3 ``GlobalMaxPooling2D``.

    Shapes: x[N, H, W, C] -> y[N, C].
    """

    kind = "max"
    ndim = 4


class GlobalMaxPooling3D(_GlobalPooling):
    """Largest number of each channel. Source: Keras 3 ``GlobalMaxPooling3D``.

    Shapes: x[N, D, H, W, C] -> y[N, C].
    """

    kind = "max"
    ndim = 5


class GlobalAveragePooling1D(_GlobalPooling):
    """Mean of each channel over the time steps that count.

    Shapes: x[N, T, C], mask[N, T] (optional) -> y[N, C].
    Source: Keras 3 ``layers.GlobalAveragePooling1D``.
    """

    kind = "mean"
    ndim = 3
    supports_masking = True

    def call(self, x: Result, mask: Result | None = None) -> Result:
        if mask is None:
            return super().call(x)
        axis = spatial_axes(3, self.data_format)[0]
        counted = ops.expand_dims(ops.cast(mask, "bool"), 2 if axis == 1 else 1)
        # Chosen, not multiplied: what does not count may be infinite.
        kept = ops.where(counted, x, ops.zeros((), x.dtype))
        weights = ops.cast(counted, x.dtype)
        total = ops.sum(kept, axis, keepdims=self.keepdims)
        return total / ops.sum(weights, axis, keepdims=self.keepdims)

    def compute_mask(self, inputs: Tensors, previous_mask: Masks = None) -> Masks:
        return None


class GlobalAveragePooling2D(_GlobalPooling):
    """Mean of each channel. Source: Keras 3 ``layers.GlobalAveragePooling2D``.

    Shapes: x[N, H, W, C] -> y[N, C].
    """

    kind = "mean"
    ndim = 4


class GlobalAveragePooling3D(_GlobalPooling):
    """Mean of each channel. Source: Keras 3 ``layers.GlobalAveragePooling3D``.

    Shapes: x[N, D, H, W, C] -> y[N, C].
    """

    kind = "mean"
    ndim = 5


class _AdaptivePooling(Layer):
    """As many windows as asked for, along each spatial axis of known size.

    The window i of m on n places begins at floor(i·n/m) and ends before
    ceil((i + 1)·n/m).
    """

    rank: ClassVar[int]
    function: ClassVar[Callable[..., Result]]
    single_input = True

    output_size: Any
    data_format: str | None = None

    def setup(self) -> None:
        found = integers("output_size", self.output_size, count=self.rank, least=1)
        self.output_size = found
        self.data_format = check_data_format(self.data_format)

    def call(self, x: Result) -> Result:
        pool = type(self).function
        return pool(as_float(x, self.compute_dtype), self.output_size, self.data_format)


class _AdaptiveAveragePooling(_AdaptivePooling):
    function = staticmethod(ops.adaptive_average_pool)


class _AdaptiveMaxPooling(_AdaptivePooling):
    function = staticmethod(ops.adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptiveAveragePooling):
    """Means of `output_size` windows.

    Shapes: x[N, T, C] -> y[N, output_size, C].
    Source: Keras 3 ``layers.AdaptiveAveragePooling1D``.
    """

    rank = 1
    ndim = 3


class AdaptiveAveragePooling2D(_AdaptiveAveragePooling):
    """Means of `output_size` windows along height and width.

    Shapes: x[N, H, W, C] -> y[N, *output_size, C].
    Source: Keras 3 ``layers.AdaptiveAveragePooling2D``.
    """

    rank = 2
    ndim = 4


class AdaptiveAveragePooling3D(_AdaptiveAveragePooling):
    """Means of `output_size` windows along depth, height and width.

    Shapes: x[N, D, H, W, C] -> y[N, *output_size, C].
    Source: Keras 3 ``layers.AdaptiveAveragePooling3D``.
    """

    rank = 3
    ndim = 5


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """Largest values of `output_size` windows.

    Shapes: x[N, T, C] -> y[N, output_size, C].
    Source: Keras 3 ``layers.AdaptiveMaxPooling1D``.
    """

    rank = 1
    ndim = 3


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """Largest values of `output_size` windows along height and width.

    Shapes: x[N, H, W, C] -> y[N, *output_size, C].
    Source: Keras 3 ``layers.AdaptiveMaxPooling2D``.
    """

    rank = 2
    ndim = 4


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling):
    """Largest values of `output_size` windows along depth, height and width.

    Shapes: x[N, D, H, W, C] -> y[N, *output_size, C].
    Source: Keras 3 ``layers.AdaptiveMaxPooling3D``.
    """

    rank = 3
    ndim = 5


AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D


__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]
