"""Layers that read pixels elsewhere, by random affine maps: turns, zooms, shifts."""

from __future__ import annotations

import math

from seqir import ops
from seqir.arguments import number, one_of
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import (
    UNIT,
    Drawn,
    Factor,
    Seed,
    Span,
    count_of,
    images_in,
    span,
)
from seqir.layers.augmentation_geometry import Moving
from seqir.narrow import is_sequence
from seqir.ops import boxes
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result
from seqir.plain import listed

INTERPOLATIONS = ("nearest", "bilinear")
_MODES = ("reflect", "wrap", "constant", "nearest")


class _Filled:
    """Arguments of the layers themselves, which order them."""

    fill_mode: str
    fill_value: float


class _Affine(_Filled, Moving):
    """Pixel (x, y) is that at ``(a0·x + a1·y + a2, b0·x + b1·y + b2)``."""

    def setup(self) -> None:
        super().setup()
        one_of("fill_mode", self.fill_mode, _MODES)
        one_of("interpolation", self.interpolation, INTERPOLATIONS)

    def matrix(
        self, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        """The numbers a0, a1, a2, b0, b1, b2, 0, 0 for each image."""
        raise NotImplementedError(f"{type(self).__name__} has no matrix")

    def moved(
        self, images: Result, transformation: Drawn, interpolation: str
    ) -> Result:
        sizes = ops.shape(images)
        height, width = (sizes[axis] for axis in self.pixel_axes)
        return ops.image.affine_transform(
            images,
            self.matrix(transformation, height, width),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )


def _rows(*numbers: Result | float) -> Result:
    """a0, a1, a2, b0, b1, b2, each for every image, as rows of affine transforms."""
    like = next(n for n in numbers if not isinstance(n, float))
    zero = ops.zeros_like(like)
    return ops.stack([*(zero + n for n in numbers), zero, zero], axis=1)


class RandomRotation(_Affine):
    """Images turned around their middle by a random share of a full turn.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factor: share of 2π, positive against the clock; f means from -f to f.
    Source: Keras 3 ``layers.RandomRotation``.
    """

    factor: Factor
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self.factor = span("factor", self.factor, -1, 1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        low, high = self.factor
        angle = self.draw(data, (low * 360.0, high * 360.0), seed)
        sizes = ops.shape(images_in(data))
        height, width = (sizes[axis] for axis in self.pixel_axes)
        return {
            "angle": angle,
            "rotation_matrix": _rotation(angle, height, width),
            "image_height": height,
            "image_width": width,
            "batch_size": count_of(data),
        }

    def matrix(
        self, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        return transformation["rotation_matrix"]

    def transform_bounding_boxes(
        self, bounding_boxes: Tensors, transformation: Drawn, training: bool = True
    ) -> Tensors:
        if not training:
            return bounding_boxes
        sizes = [transformation[f"image_{name}"] for name in ("height", "width")]
        angle = transformation["angle"]
        none = ops.zeros_like(angle)
        return self.in_corners(
            bounding_boxes,
            sizes,
            sizes,
            lambda corners: boxes.affine_transform(
                corners, angle, none, none, none + 1.0, none, none, *sizes
            ),
        )


def _rotation(degrees: Result, height: SizeLike, width: SizeLike) -> Result:
    angle = degrees * (math.pi / 180.0)
    cos, sin = ops.cos(angle), ops.sin(angle)
    y, x = ((ops.cast(n, "float32") - 1.0) * 0.5 for n in (height, width))
    return _rows(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)


class _ByAxes(_Affine):
    """A number for the height and one for the width."""

    height_factor: Factor
    width_factor: Factor


class RandomZoom(_ByAxes):
    """Images seen through a window of random size around their middle.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factors: share of height and width that is added to the window; f means from
    -f to f. Below 0 things look larger. Without `width_factor` both are the same.
    Source: Keras 3 ``layers.RandomZoom``.
    """

    height_factor: Factor
    width_factor: Factor = None
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self._height = _within("height_factor", self.height_factor, above=-1)
        self._width = None
        if self.width_factor is not None:
            self._width = _within("width_factor", self.width_factor, above=-1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        low, high = self._height
        height = width = self.draw(data, (1.0 + low, 1.0 + high), seed, 1)
        if self._width is not None:
            low, high = self._width
            width = self.draw(data, (1.0 + low, 1.0 + high), seed, 1)
        shape = ops.shape(images_in(data))
        return {"height_zoom": height, "width_zoom": width, "input_shape": shape}

    def matrix(
        self, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        x = ops.reshape(transformation["width_zoom"], (-1,))
        y = ops.reshape(transformation["height_zoom"], (-1,))
        right = (ops.cast(width, "float32") - 1.0) / 2.0 * (1.0 - x)
        down = (ops.cast(height, "float32") - 1.0) / 2.0 * (1.0 - y)
        return _rows(x, 0.0, right, 0.0, y, down)

    def moved_boxes(
        self, corners: Result, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        matrix = self.matrix(transformation, height, width)
        a = matrix[:, None]
        scale, move = ops.take(a, [0, 4, 0, 4], -1), ops.take(a, [2, 5, 2, 5], -1)
        return (corners - move) / scale


class RandomTranslation(_ByAxes):
    """Images shifted at random.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factors: share of height (down) and width (to the right); f means from -f to
    f.
    Source: Keras 3 ``layers.RandomTranslation``.
    """

    height_factor: Factor
    width_factor: Factor
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self._height = _within("height_factor", self.height_factor, least=-1)
        self._width = _within("width_factor", self.width_factor, least=-1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        shape = ops.shape(images_in(data))
        height, width = (ops.cast(shape[axis], "float32") for axis in self.pixel_axes)
        down = self.draw(data, self._height, seed, 1) * height
        right = self.draw(data, self._width, seed, 1) * width
        shifts = ops.concatenate([right, down], axis=1)
        return {"translations": shifts, "input_shape": shape}

    def matrix(
        self, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        shifts = transformation["translations"]
        return _rows(1.0, 0.0, -shifts[:, 0], 0.0, 1.0, -shifts[:, 1])

    def moved_boxes(
        self, corners: Result, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        shifts = transformation["translations"][:, None]
        return corners + ops.concatenate([shifts, shifts], -1)


class RandomShear(_Affine):
    """Images whose rows and columns are pushed aside at random.

    Shapes: x[N, H, W, C] -> y as x.
    Units: factors: pixels per row (`x_factor`) and per column (`y_factor`); f means
    from -f to f. With a probability of one half both have the other sign.
    Source: Keras 3 ``layers.RandomShear``.
    """

    x_factor: Factor = 0.0
    y_factor: Factor = 0.0
    interpolation: str = "bilinear"
    fill_mode: str = "reflect"
    fill_value: float = 0.0
    data_format: str | None = None
    seed: int | None = None

    def setup(self) -> None:
        super().setup()
        self.x_factor = _within("x_factor", self.x_factor, least=-1)
        self.y_factor = _within("y_factor", self.y_factor, least=-1)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        other = self.draw(data, UNIT, seed, 1) > 0.5
        y = self.draw(data, self.y_factor, seed, 1)
        x = self.draw(data, self.x_factor, seed, 1)
        both = ops.concatenate([x, y], axis=1)
        shape = ops.shape(images_in(data))
        return {"shear_factor": ops.where(other, -both, both), "input_shape": shape}

    def matrix(
        self, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        factors = ops.cast(transformation["shear_factor"], "float32")
        return _rows(1.0, factors[:, 0], 0.0, factors[:, 1], 1.0, 0.0)

    def moved_boxes(
        self, corners: Result, transformation: Drawn, height: SizeLike, width: SizeLike
    ) -> Result:
        # Of the height and of the width, as in Keras.
        sizes = [ops.cast(n, "float32") for n in (width, height, width, height)]
        x1, y1, x2, y2 = (corners[..., i] / n for i, n in enumerate(sizes))
        factors = ops.cast(transformation["shear_factor"], "float32")
        x, y = factors[:, :1], factors[:, 1:]
        x1, x2 = (
            x1 - x * ops.where(x < 0, y1, y2),
            x2 - x * ops.where(x < 0, y2, y1),
        )
        y1, y2 = (
            y1 - y * ops.where(y > 0, x2, x1),
            y2 - y * ops.where(y > 0, x1, x2),
        )
        both = zip((x1, y1, x2, y2), sizes, strict=True)
        return ops.stack([share * n for share, n in both], -1)


def _within(
    name: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
) -> Span:
    """Two numbers up to 1 in order, or for one number f those from -f to f.

    Raises: ArgumentError unless each number is within these bounds.
    """

    def checked(v: object) -> float:
        return number(name, v, least=least, above=above, most=1)

    value = listed(value)
    if is_sequence(value) and len(value) == 2:
        low, high = sorted(map(checked, value))
        return low, high
    size = abs(checked(value))
    return -size, size


__all__ = [
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
]
