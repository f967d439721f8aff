"""Layers that bend images at random."""

from __future__ import annotations

from seqir import ops, random
from seqir.arguments import number, one_of
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import (
    Augmentation,
    Drawn,
    Factor,
    Seed,
    Valued,
    count_of,
    images_in,
    per_image,
    span,
)
from seqir.layers.augmentation_affine import INTERPOLATIONS
from seqir.layers.augmentation_geometry import Moving
from seqir.ops.boxes import around
from seqir.ops.size import SizeLike, maximum_size, minimum_size
from seqir.ops.tensor import Result
from seqir.ops.warp import displaced, homography, projected

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


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


class RandomElasticTransform(Valued, Moving):
    """Images bent as rubber is, with a probability.

    Each pixel comes from a place beside it: normal noise, blurred by a Gaussian, so
    that neighbours move alike. With a strength s, drawn from `scale`, it spreads by
    ``0.05 s min(H, W)`` pixels and is stretched by ``0.1 s max(H, W)``.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: the probability, or two between which it is drawn; f means from 0 to
    f. scale: strengths, in the same way.
    Source: Keras 3 ``layers.RandomElasticTransform``.
    """

    factor: Factor = 1.0
    scale: Factor = 1.0
    interpolation: str = "bilinear"
    fill_mode: str = "reflect"
    fill_value: float = 0.0
    value_range: Factor = (0, 255)
    seed: int | None = None
    data_format: str | None = None

    boxes_stay = False

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, 0, 1)
        self.scale = span("scale", self.scale, 0, 1)
        one_of("interpolation", self.interpolation, INTERPOLATIONS)
        one_of("fill_mode", self.fill_mode, FILL_MODES)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        if not self.factor[1] or not self.scale[1]:
            return None
        source = self.source(seed)
        chosen = self.chosen(data, self.factor, seed)
        least, most = self.scale
        strength = random.uniform((), least, most, "float32", source)
        shape = ops.shape(images_in(data))
        height, width = (shape[axis] for axis in self.pixel_axes)
        noise = random.normal((count_of(data), 2, height, width), seed=source)
        spread = 0.05 * strength * ops.cast(minimum_size(height, width), "float32")
        stretch = 0.1 * strength * ops.cast(maximum_size(height, width), "float32")
        rows, columns = (_blur(size, spread) for size in (height, width))
        smooth = ops.matmul(ops.matmul(rows, noise), columns)
        return {"apply_transform": chosen, "moves": stretch * spread * smooth}

    def moved(
        self, images: Result, transformation: Drawn, interpolation: str
    ) -> Result:
        moves = transformation["moves"]
        bent = displaced(
            images,
            moves[:, 0],
            moves[:, 1],
            interpolation,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )
        chosen = per_image(transformation["apply_transform"], images)
        return self.clipped(ops.where(chosen, bent, images))

    def transform_bounding_boxes(
        self, bounding_boxes: Tensors, transformation: Drawn, training: bool = True
    ) -> Tensors:
        return Augmentation.transform_bounding_boxes(
            self, bounding_boxes, transformation, training
        )


def _blur(size: SizeLike, spread: Result) -> Result:
    """The matrix that blurs so many numbers by a Gaussian; outside is 0."""
    places = ops.arange(size, dtype="float32")
    distance = ops.absolute(ops.expand_dims(places, 1) - places)
    bell = ops.exp(ops.square(distance / ops.maximum(spread, 1e-6)) / -2)
    weights = ops.where(distance <= ops.floor(3 * spread), bell, 0.0)
    return weights / (2 * ops.sum(weights[0]) - 1)  # the first row has half of the bell


__all__ = ["RandomElasticTransform", "RandomPerspective"]
