"""Layers that bend images at random."""

from __future__ import annotations

from seqir import ops
from seqir.arguments import number, one_of
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import (
    Drawn,
    Factor,
    Seed,
    images_in,
    per_image,
    span,
)
from seqir.layers.augmentation_affine import INTERPOLATIONS
from seqir.layers.augmentation_geometry import Moving
from seqir.ops.boxes import around
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result
from seqir.ops.warp import homography, projected


class RandomPerspective(Moving):
    """Images seen from another place, with a probability.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: the probability, or two between which it is drawn; f means from 0 to
    f. scale: the largest share of its place, times two, by which a corner moves.
    Source: Keras 3 ``layers.RandomPerspective``.
    """

    factor: Factor = 1.0
    scale: float = 1.0
    interpolation: str = "bilinear"
    fill_value: float = 0.0
    seed: int | None = None
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 0, 1)
        self.scale = number("scale", self.scale, least=0, most=1)
        one_of("interpolation", self.interpolation, INTERPOLATIONS)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        chosen = self.chosen(data, self.factor, seed)
        shares = self.draw(data, (-self.scale / 2, self.scale / 2), seed, 4, 2)
        shape = ops.shape(images_in(data))
        height, width = (shape[axis] - 1 for axis in self.pixel_axes)
        corners = [[0, 0], [width, 0], [0, height], [width, height]]
        start = ops.cast(ops.stack([ops.stack(c) for c in corners]), "float32")
        start = start + ops.zeros_like(shares)
        return {
            "apply_perspective": chosen,
            "start_points": start,
            "end_points": start + start * shares,
            "input_shape": shape,
        }

    def moved(
        self, images: Result, transformation: Drawn, interpolation: str
    ) -> Result:
        bent = ops.image.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation,
            self.fill_value,
            self.data_format,
        )
        chosen = per_image(transformation["apply_perspective"], images)
        return ops.where(chosen, bent, images)

    def moved_boxes(
        self, corners: Result, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        points = (transformation[f"{name}_points"] for name in ("end", "start"))
        h = [ops.expand_dims(n, (1, 2)) for n in homography(*points)]
        bent = around(corners, lambda x, y: projected(h, x, y))
        chosen = transformation["apply_perspective"][:, None, None]
        return ops.where(chosen, bent, corners)


__all__ = [
    "RandomPerspective",
]
