"""A layer that spreads the tones of each part of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import ops
from seqir.arguments import integers, number
from seqir.layers.augmentation import Drawn, Factor, Valued, with_range
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result

_TONES = 256


class ContrastLimitedAdaptiveHistogramEqualization(Valued):
    """Images whose tones are as frequent as each other, in each tile; also in use.

    The tiles' tables of tones are interpolated between the middles of tiles. A tone
    counts for at most `clip_limit` times the mean of all; what is above is shared.

    Shapes: x[N, H, W, C] -> y as x, with a known number of channels.
    Units: tile_grid_size: tiles along height and width. clip_limit: 0 for none.
    Source: Keras 3 ``layers.ContrastLimitedAdaptiveHistogramEqualization``; Zuiderveld
    1994, "Contrast limited adaptive histogram equalization".
    """

    value_range: Factor = (0, 255)
    clip_limit: float = 4.0
    tile_grid_size: Any = (8, 8)
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self.clip_limit = number("clip_limit", self.clip_limit)
        self.tile_grid_size = integers(
            "tile_grid_size", self.tile_grid_size, count=2, least=1
        )

    def transform_images(
        self, images: Result, transformation: Drawn = None, training: bool = True
    ) -> Result:
        channels = self.color_count(images)
        x = ops.moveaxis(images, self.color_axis, -1)
        x = ops.cast(with_range(x, self.value_range, (0.0, 255.0)), "float32")
        y = with_range(self._spread(x, channels), (0.0, 255.0), self.value_range)
        return ops.cast(ops.moveaxis(y, -1, self.color_axis), images.dtype)

    def _spread(self, x: Result, channels: int) -> Result:
        count, *sizes, _ = ops.shape(x)
        axes = [
            _Tiles(n, grid) for n, grid in zip(sizes, self.tile_grid_size, strict=True)
        ]
        tones = ops.cast(ops.clip(x, 0.0, 255.0), "int32")
        rows, columns = (axis.grid for axis in axes)
        whole = tones
        for axis, tiles in enumerate(axes, start=1):
            whole = ops.take(whole, tiles.mirrored(), axis)

        def place(row: Any, column: Any, tone: Result) -> Result:
            """Where the table of a tile and of a channel has a tone."""
            image = ops.reshape(ops.arange(count, dtype="int32"), (-1, 1, 1, 1))
            tile = (image * rows + row[:, None, None]) * columns + column[:, None]
            channel = np.arange(channels, dtype=np.int32)
            return (tile * channels + channel) * _TONES + tone

        flat = ops.reshape(place(axes[0].own(), axes[1].own(), whole), (-1,))
        entries = count * rows * columns * channels * _TONES
        ones = ops.ones_like(flat, "float32")
        found = ops.scatter(ops.expand_dims(flat, 1), ones, (entries,))
        pixels = axes[0].length * axes[1].length
        table = ops.reshape(self._table(found, pixels), (-1,))
        terms: list[Result] = []
        for row, high in axes[0].around():
            for column, wide in axes[1].around():
                y = ops.take(table, place(row, column, tones))
                terms.append(y * (high[:, None, None] * wide[:, None]))
        return terms[0] + terms[1] + terms[2] + terms[3]

    def _table(self, counts: Result, pixels: SizeLike) -> Result:
        """What becomes of each tone, [tables, tones]."""
        size = ops.cast(pixels, "float32")
        counts = ops.reshape(counts, (-1, _TONES))
        if self.clip_limit > 0:
            kept = ops.minimum(counts, self.clip_limit * size / _TONES)
            above = ops.sum(counts - kept, -1, keepdims=True)
            counts = kept + above / _TONES
        below = ops.cumsum(counts, -1)
        first = below[:, :1]
        room = size - first
        room = ops.where(room == 0.0, 1.0, room)
        return ops.clip((below - first) * 255.0 / room, 0.0, 255.0)


class _Tiles:
    """One axis of images, cut into tiles of one length; the last may reach beyond."""

    def __init__(self, size: SizeLike, grid: int) -> None:
        self.size = size
        self.grid = grid
        self.length = (size + grid - 1) // grid

    def mirrored(self) -> Result:
        """The pixels of all tiles; what is beyond the image is seen in a mirror."""
        place = ops.arange(self.length * self.grid, dtype="int32") % (2 * self.size)
        return ops.minimum(place, 2 * self.size - 1 - place)

    def own(self) -> Result:
        """The tile that each pixel of all tiles is in."""
        return ops.arange(self.length * self.grid, dtype="int32") // self.length

    def around(self) -> list[tuple[Result, Result]]:
        """The tiles whose middles are around each pixel of the image, and weights."""
        place = ops.arange(self.size, dtype="float32")
        place = place / ops.cast(self.length, "float32") - 0.5
        low = ops.floor(place)
        share = place - low
        tile = ops.cast(low, "int32")
        return [
            (ops.clip(tile + step, 0, self.grid - 1), weight)
            for step, weight in ((0, 1.0 - share), (1, share))
        ]


__all__ = ["ContrastLimitedAdaptiveHistogramEqualization"]
