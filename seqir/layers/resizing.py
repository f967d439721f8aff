"""Layers that give images of one height and width."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import ops
from seqir.arguments import integer, one_of
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.layer.base import Layer
from seqir.operators.reduce import Count
from seqir.ops.apply import apply
from seqir.ops.framing import kernel_of
from seqir.ops.tensor import Result
from seqir.shapes import NOWHERE, format_shape


class _Sizes:
    """Arguments of the layers themselves, which order them."""

    height: int
    width: int
    data_format: Any


class _Images(_Sizes, Layer):
    """What layers share that give images of one height and width."""

    min_ndim = 3
    single_input = True

    def setup(self) -> None:
        self.height = integer("height", self.height, least=1)
        self.width = integer("width", self.width, least=1)
        self.data_format = check_data_format(self.data_format)

    @property
    def _size(self) -> tuple[int, int]:
        return self.height, self.width

    def _axes(self, x: Result) -> tuple[int, int]:
        """Where the height and the width are, of images or of one image."""
        if x.ndim > 4:
            raise ShapeError(
                f"layer {self.name!r} takes images, of rank 4, or one, of rank 3; got "
                f"{format_shape(x.shape)}"
            )
        first = x.ndim - (2 if self.data_format == "channels_first" else 3)
        return first, first + 1

    def _check_known(self, x: Result, does: str) -> None:
        if None in (x.shape[a] for a in self._axes(x)):
            raise UnsupportedError(
                f"layer {self.name!r} {does} to an aspect ratio and needs images of a "
                f"known size for that, got {format_shape(x.shape)}: give the Input a "
                "height and a width"
            )


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
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        kernel_of(self.interpolation)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ArgumentError(
                "only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be True"
            )
        one_of("fill_mode", self.fill_mode, ("constant",))

    def call(self, x: Result) -> Result:
        if self.crop_to_aspect_ratio or self.pad_to_aspect_ratio:
            self._check_known(x, "crops" if self.crop_to_aspect_ratio else "pads")
        self._axes(x)
        return ops.image.resize(
            x,
            self._size,
            self.interpolation,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )


class CenterCrop(_Images):
    """The middle of images. Source: Keras 3 ``layers.CenterCrop``.

    Images that are smaller than the result are enlarged until they are not; where only
    the run knows the size, it refuses them.

    Shapes: x[N, H, W, C] -> y[N, height, width, C]; one image x[H, W, C] as well.
    """

    height: int
    width: int
    data_format: str | None = None

    def call(self, x: Result) -> Result:
        x = ops.cast(x, self.compute_dtype)
        axes = self._axes(x)
        pairs = [*zip((x.shape[a] for a in axes), self._size, strict=True)]
        if any(old is not None and old < new for old, new in pairs):
            self._check_known(x, "crops")
            return ops.image.resize(
                x, self._size, crop_to_aspect_ratio=True, data_format=self.data_format
            )
        for axis, (old, new) in zip(axes, pairs, strict=True):
            if old is None:
                # Cut, so that the graph says which sizes are large enough.
                rest = x[(*[slice(None)] * axis, slice(new - 1, None))]
                places = apply(Count((axis,), "int64"), rest)
                # A lookup that starts nowhere fails; one below 0 would not.
                begin = ops.where(places < 1, np.int64(NOWHERE), (places - 1) // 2)
                x = ops.take(x, begin + np.arange(new), axis)
            else:
                x = _part(x, axis, (old - new) // 2, new)
        return x


def _part(x: Result, axis: int, begin: int, size: int) -> Result:
    """That many elements along an axis."""
    cut = slice(begin, begin + size)
    whole = x.shape[axis] == size
    return x if whole else x[(*[slice(None)] * axis, cut)]


__all__ = [
    "CenterCrop",
    "Resizing",
]
