"""What layers share that change images at random while a model is trained.

A change has two halves, which a layer of one's own may replace: what is drawn for a
batch (`get_random_transformation`), and what comes of that (`transform_images` and its
neighbours for labels, bounding boxes and segmentation masks).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from seqir import nest, ops, random
from seqir.arguments import number
from seqir.config import check_data_format
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.fields import keyword
from seqir.layer.aliases import Tensors
from seqir.layer.base import Layer
from seqir.narrow import is_dict, is_sequence
from seqir.ops import boxes
from seqir.ops.boxes import check_format
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result
from seqir.plain import listed
from seqir.random import SeedGenerator
from seqir.shapes import format_shape

Drawn: TypeAlias = Any
"""What was drawn for a batch: numbers by their names, or what a layer makes of them."""
Factor: TypeAlias = Any
"""A number or two of them, which `setup` makes two."""
Seed = SeedGenerator | int | None
Span = tuple[float, float]
"""The smallest number and the largest."""
UNIT: Span = (0.0, 1.0)


class _Images:
    """Arguments of the layers themselves, which order them."""

    data_format: str | None
    seed: int | None


class _Ranged:
    """An argument of the layers themselves, which order it."""

    value_range: Factor


class Augmentation(_Images, Layer):
    """Images, and what belongs to them, changed in training and left alone in use.

    Called without `training`, it changes them, as in Keras.

    Shapes: images[N, H, W, C], or one image[H, W, C]; alone, or in a dictionary with
    "labels", "bounding_boxes" and "segmentation_masks" beside "images".
    """

    boxes_stay: ClassVar[bool] = True
    """Whether what is in an image stays where it is."""

    if TYPE_CHECKING:
        bounding_box_format: str | None = keyword(default=None)

    def __init__(
        self,
        *,
        data_format: str | None = None,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        if bounding_box_format is not None:
            check_format("bounding_box_format", bounding_box_format)
        # Known to `setup`, which makes the layers inside.
        vars(self)["bounding_box_format"] = bounding_box_format
        super().__init__(**kwargs)
        self.bounding_box_format = bounding_box_format
        vars(self).setdefault("data_format", data_format)  # if it is no field

    def setup(self) -> None:
        self.data_format = check_data_format(self.data_format)
        if "seed" in vars(self):
            self.generator = SeedGenerator(self.seed)

    def _described(self) -> dict[str, object]:
        found = super()._described() | {"data_format": self.data_format}
        if self.bounding_box_format is not None:
            found["bounding_box_format"] = self.bounding_box_format
        return found

    # What layers of one's own replace.

    def get_random_transformation(
        self, data: Tensors, training: bool = True, seed: Seed = None
    ) -> Drawn:
        """What is drawn for these images, or for this dictionary with images."""
        return self.drawn(data, seed) if training else None

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        """What is drawn in training; None if nothing is."""
        return None

    def transform_images(
        self, images: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        """The images with what was drawn, in the type that the layer computes in."""
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        return ops.cast(self.changed(images, transformation), self.compute_dtype)

    def transform_labels(
        self, labels: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        """The labels of changed images."""
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: Tensors, transformation: Drawn, training: bool = True
    ) -> Tensors:
        """The bounding boxes in changed images.

        Raises: UnsupportedError if nobody knows where they are.
        """
        if not training or self.boxes_stay or transformation is None:
            return bounding_boxes
        raise UnsupportedError(
            f"layer {self.name!r} ({type(self).__name__}) changes no bounding boxes: "
            "train without them, or change images and boxes before training"
        )

    def in_corners(
        self,
        bounding_boxes: Tensors,
        old: Sequence[SizeLike],
        new: Sequence[SizeLike],
        change: Callable[[Any], Any],
    ) -> Tensors:
        """Boxes changed as corners in pixels, and clipped to the new height and width.

        The label of a box that is not seen any more is -1.
        """
        own: Any = self.bounding_box_format
        (height, width), (high, wide) = old, new
        found = boxes.convert_format(bounding_boxes, own, "xyxy", height, width)
        found = {**found, "boxes": change(found["boxes"])}
        found = boxes.clip_to_image_size(found, high, wide)
        return boxes.convert_format(found, "xyxy", own, high, wide)

    def transform_segmentation_masks(
        self, segmentation_masks: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        """The segmentation masks of changed images."""
        return segmentation_masks

    def changed(self, images: Result, transformation: Drawn) -> Result:
        """Images in training; they are of the type that the layer computes in."""
        raise NotImplementedError(f"{type(self).__name__} changes no images")

    # Calling.

    def call(self, data: Tensors, training: bool = True) -> Tensors:
        parts: dict[str, Any] = data if isinstance(data, dict) else {"images": data}
        images = parts["images"]
        if images.ndim not in (3, 4):
            raise ShapeError(
                f"layer {self.name!r} takes images, of rank 4, or one, of rank 3; got "
                f"{format_shape(images.shape)}"
            )
        if "bounding_boxes" in parts and self.bounding_box_format is None:
            raise ArgumentError(
                f"layer {self.name!r} got bounding boxes and does not know their "
                "format: make it with bounding_box_format, for instance 'xyxy'"
            )
        if "bounding_boxes" in parts:
            parts = {**parts, "bounding_boxes": self._boxes(parts["bounding_boxes"])}
        alone = images.ndim == 3
        if alone:
            parts = nest.map_structure(lambda x: ops.expand_dims(x, 0), parts)
        drawn = self.get_random_transformation(
            parts if isinstance(data, dict) else parts["images"], training=training
        )
        change = {
            "images": self.transform_images,
            "labels": self.transform_labels,
            "bounding_boxes": self.transform_bounding_boxes,
            "segmentation_masks": self.transform_segmentation_masks,
        }
        done = {
            name: change[name](part, drawn, training=training)
            if name in change
            else part
            for name, part in parts.items()
        }
        if alone:
            done = nest.map_structure(lambda x: ops.squeeze(x, 0), done)
        return done if isinstance(data, dict) else done["images"]

    def _boxes(self, given: Any) -> dict[str, Any]:
        """Boxes as fractions, and their labels."""
        if not is_dict(given) or not {"boxes", "labels"} <= given.keys():
            found = f"one of {sorted(given)}" if is_dict(given) else "no dictionary"
            raise ArgumentError(
                f"layer {self.name!r} takes bounding boxes as a dictionary of 'boxes' "
                f"and 'labels', got {found}"
            )
        return {**given, "boxes": ops.cast(given["boxes"], "float32")}

    # Drawing.

    def draw(self, data: Tensors, between: Span, seed: Seed, *shape: int) -> Result:
        """Uniform numbers between two, of this shape for each image."""
        sizes = (count_of(data), *shape)
        return random.uniform(sizes, *between, "float32", self.source(seed))

    def draw_broadcast(self, data: Tensors, between: Span, seed: Seed) -> Result:
        """Uniform numbers between two, one for each image, as they broadcast."""
        drawn = self.draw(data, between, seed, 1, 1, 1)
        return drawn if images_in(data).ndim == 4 else drawn[0]

    def source(self, seed: Seed) -> SeedGenerator | int:
        """What random numbers come from: the seed, or the layer's own generator."""
        return self.generator if seed is None else seed

    def chosen(self, data: Tensors, share: Span, seed: Seed) -> Result:
        """For each image whether it is changed, with a probability drawn from these."""
        probability = self.draw(data, share, seed)
        return self.draw(data, UNIT, seed) < probability

    # Axes.

    @property
    def pixel_axes(self) -> tuple[int, int]:
        """Where height and width are, counted from the end."""
        return (-2, -1) if self.data_format == "channels_first" else (-3, -2)

    @property
    def color_axis(self) -> int:
        """Where the channels are, counted from the end."""
        return -3 if self.data_format == "channels_first" else -1


class Valued(_Ranged, Augmentation):
    """Changes of values, which stay within `value_range`."""

    def setup(self) -> None:
        super().setup()
        self.value_range = value_span(self.value_range)

    def clipped(self, images: Result) -> Result:
        """Images with what is outside of the range at its ends."""
        low, high = self.value_range
        return ops.clip(images, low, high)

    def color_count(self, images: Result) -> int:
        """The number of channels.

        Raises: ShapeError if it is not known.
        """
        count = images.shape[self.color_axis]
        if count is None:
            raise ShapeError(
                f"layer {self.name!r} needs to know the channels of its images, got "
                f"{format_shape(images.shape)}"
            )
        return count


def images_in(data: Tensors) -> Result:
    """The images of a dictionary that has some, or the images themselves."""
    images: Any = data["images"] if isinstance(data, dict) else data
    return images


def count_of(data: Tensors) -> SizeLike:
    """How many images there are; one of rank 3 is one."""
    sizes = ops.shape(images_in(data))
    return sizes[0] if len(sizes) == 4 else 1


def per_image(x: Result, images: Result) -> Result:
    """A number for each image, as it broadcasts to images."""
    return ops.reshape(x, (-1, *(1,) * (images.ndim - 1)))


def with_range(x: Result, old: tuple[float, float], new: tuple[float, float]) -> Result:
    """Pixels of one range of values as those of another."""
    if tuple(old) == tuple(new):
        return x
    share = (x - old[0]) / (old[1] - old[0])
    return share * (new[1] - new[0]) + new[0]


def span(name: str, value: object, least: float, most: float) -> Span:
    """Two numbers in order, or for one number f those from -f, not below `least`, to f.

    Raises: ArgumentError unless they are numbers that reach into these bounds.
    """
    value = listed(value)
    if is_sequence(value) and len(value) == 2:
        low, high = sorted(number(name, v) for v in value)
        number(name, low, most=most)
        number(name, high, least=least)
        return low, high
    size = abs(number(name, value, least=least, most=most))
    return max(-size, least), size


def value_span(value: object) -> Span:
    """The smallest and the largest number of a pixel.

    Raises: ArgumentError unless they are two numbers.
    """
    value = listed(value)
    if not is_sequence(value) or len(value) != 2:
        raise ArgumentError(
            f"value_range must be two numbers, the smallest and the largest of a "
            f"pixel, got {value!r}"
        )
    low, high = sorted(number("value_range", v) for v in value)
    return low, high


__all__: list[str] = []
