"""A layer that gives every image as many bounding boxes."""

from __future__ import annotations

from typing import Any

from seqir import nest, ops
from seqir.arguments import integer
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import Augmentation, Drawn
from seqir.ops.tensor import Result


class MaxNumBoundingBoxes(Augmentation):
    """As many boxes and labels for each image: more are cut, and others filled in.

    Shapes: {"images", "bounding_boxes": {"boxes"[N, boxes, 4], "labels"[N, boxes]}} ->
    the same with boxes[N, max_number, 4] and labels[N, max_number].
    Units: fill_value: what stands in boxes and labels that are filled in.
    Source: Keras 3 ``layers.MaxNumBoundingBoxes``.
    """

    max_number: int
    fill_value: int = -1

    def setup(self) -> None:
        super().setup()
        self.max_number = integer("max_number", self.max_number, least=1)
        self.fill_value = integer("fill_value", self.fill_value)

    def _described(self) -> dict[str, object]:
        found = super()._described()
        if self.fill_value == -1:  # which Keras does not write down
            del found["fill_value"]
        return found

    def transform_images(
        self, images: Result, transformation: Drawn = None, training: bool = True
    ) -> Result:
        return images

    def transform_bounding_boxes(
        self, bounding_boxes: Tensors, transformation: Drawn, training: bool = True
    ) -> Tensors:
        return nest.map_structure(self._filled, bounding_boxes)

    def _filled(self, x: Any) -> Result:
        """Axis 1 in the right length."""
        x = x[:, : self.max_number]
        around = [(0, 0)] * x.ndim
        around[1] = (0, self.max_number)
        x = ops.pad(x, around, constant_values=self.fill_value)
        return x[:, : self.max_number]


__all__ = ["MaxNumBoundingBoxes"]
