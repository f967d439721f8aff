"""Layers that give images of one height and width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqir import ops
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.layers.base import Layer
from seqir.layers.casting import as_float
from seqir.layers.core import positive
from seqir.layers.spatial import from_channels_first, to_channels_first
from seqir.ops.apply import apply
from seqir.ops.reduce import Count
from seqir.ops.resize import KERNELS, resize
from seqir.shapes import format_shape


class _Images(Layer):
    """What layers share that give images of one height and width."""

    if TYPE_CHECKING:  # fields of the layers themselves, which order them
        height: int
        width: int
        data_format: Any

    min_ndim = 3
    single_input = True

    def setup(self) -> None:
        self.height = positive("height", self.height)
        self.width = positive("width", self.width)
        self.data_format = check_data_format(self.data_format)

    @property
    def _size(self) -> tuple[int, int]:
        return self.height, self.width

    def _axes(self, x: Any) -> tuple[int, int]:
        """Where the height and the width are, of images or of one image."""
        if x.ndim > 4:
            raise ShapeError(
                f"layer {self.name!r} takes images, of rank 4, or one, of rank 3; got "
                f"{format_shape(x.shape)}"
            )
        first = x.ndim - (2 if self.data_format == "channels_first" else 3)
        return first, first + 1

    def _resized(self, x: Any, mode: str, *, antialias: bool = False) -> Any:
        """Images of floating-point numbers in the size of the layer."""
        y = to_channels_first(x if x.ndim == 4 else x[None], self.data_format)
        y = resize(y, self._size, mode, antialias=antialias)
        y = from_channels_first(y, self.data_format)
        return y if x.ndim == 4 else ops.squeeze(y, 0)

    def _cropped_to_aspect_ratio(self, x: Any) -> Any:
        """The largest part in the middle that has the height and width's ratio."""
        axes = self._axes(x)
        height, width = self._known(x, "crops")
        sizes = (width * self.height // self.width, height * self.width // self.height)
        for axis, old, new in zip(axes, (height, width), sizes, strict=True):
            kept = max(min(old, new), 1)
            x = _part(x, axis, (old - kept) // 2, kept)
        return x

    def _known(self, x: Any, does: str) -> tuple[int, int]:
        height, width = (x.shape[a] for a in self._axes(x))
        if height is None or width is None:
            raise UnsupportedError(
                f"layer {self.name!r} {does} to an aspect ratio and needs images of a "
                f"known size for that, got {format_shape(x.shape)}: give the Input a "
                "height and a width"
            )
        return height, width


class Resizing(_Images):
    """Images in another size. Source: Keras 3 ``layers.Resizing``.

    Results are interpolated between the centres of pixels. Integers stay integers,
    rounded. Images of a size that only the run knows can be resized by ``"nearest"``
    and ``"bilinear"``; ``"bicubic"``, ``"lanczos3"``, ``"lanczos5"``, `antialias` and
    what keeps the aspect ratio need a known size.

    Shapes: x[N, H, W, C] -> y[N, height, width, C]; one image x[H, W, C] as well.
    """

    height: int
    width: int
    interpolation: str = "bilinear"
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: str = "constant"
    fill_value: float = 0.0
    antialias: bool = False
    data_format: Any = None

    def setup(self) -> None:
        super().setup()
        kernels = {"bilinear": "linear", "bicubic": "cubic"}
        modes = ("nearest", *kernels, "lanczos3", "lanczos5")
        if self.interpolation not in modes:
            raise ArgumentError(
                f"interpolation must be one of {', '.join(modes)}, "
                f"got {self.interpolation!r}"
            )
        self._mode = kernels.get(self.interpolation, self.interpolation)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ArgumentError(
                "only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be True"
            )
        if self.fill_mode != "constant":
            raise ArgumentError(f"fill_mode must be 'constant', got {self.fill_mode!r}")

    def call(self, x: Any) -> Any:
        dtype, axes = x.dtype, self._axes(x)
        if self.crop_to_aspect_ratio:
            x = self._cropped_to_aspect_ratio(x)
        if self.pad_to_aspect_ratio:
            x = self._padded_to_aspect_ratio(as_float(x, self.compute_dtype))
        if self._mode in KERNELS:
            x = as_float(x, self.compute_dtype)
            x = self._resized(x, self._mode, antialias=self.antialias)
        else:
            for axis, size in zip(axes, self._size, strict=True):
                x = _nearest(x, axis, size)
        if x.dtype == dtype:
            return x
        within = self._mode in ("nearest", "linear") and not self.pad_to_aspect_ratio
        return (ops.cast if within else ops.saturate_cast)(ops.round(x), dtype)

    def _padded_to_aspect_ratio(self, x: Any) -> Any:
        axes = self._axes(x)
        height, width = self._known(x, "pads")
        sizes = (width * self.height // self.width, height * self.width // self.height)
        around = [(0, 0)] * x.ndim
        for axis, old, new in zip(axes, (height, width), sizes, strict=True):
            margin = max(new - old, 0) // 2
            around[axis] = (margin, margin)
        return ops.pad(x, around, "constant", self.fill_value)


class CenterCrop(_Images):
    """The middle of images. Source: Keras 3 ``layers.CenterCrop``.

    Images that are smaller than the result are enlarged until they are not; where only
    the run knows the size, it refuses them.

    Shapes: x[N, H, W, C] -> y[N, height, width, C]; one image x[H, W, C] as well.
    """

    height: int
    width: int
    data_format: Any = None

    def call(self, x: Any) -> Any:
        x = ops.cast(x, self.compute_dtype)
        axes = self._axes(x)
        pairs = [*zip((x.shape[a] for a in axes), self._size, strict=True)]
        if any(old is not None and old < new for old, new in pairs):
            return self._resized(self._cropped_to_aspect_ratio(x), "linear")
        for axis, (old, new) in zip(axes, pairs, strict=True):
            if old is None:
                # Cut, so that the graph says which sizes are large enough.
                rest = x[(*[slice(None)] * axis, slice(new - 1, None))]
                places = apply(Count((axis,), "int64"), rest)
                # A lookup that starts nowhere fails; one below 0 would not.
                begin = ops.where(places < 1, np.int64(2**31), (places - 1) // 2)
                x = ops.take(x, begin + np.arange(new), axis)
            else:
                x = _part(x, axis, (old - new) // 2, new)
        return x


def _part(x: Any, axis: int, begin: int, size: int) -> Any:
    """That many elements along an axis."""
    cut = slice(begin, begin + size)
    whole = x.shape[axis] == size
    return x if whole else x[(*[slice(None)] * axis, cut)]


def _nearest(x: Any, axis: int, new: int) -> Any:
    """X with one axis resized: each new pixel takes the one that its centre is in."""
    old = x.shape[axis]
    if old == new:
        return x
    size: Any = old if old is not None else apply(Count((axis,), "int64"), x)
    return ops.take(x, (2 * np.arange(new) + 1) * size // (2 * new), axis)
