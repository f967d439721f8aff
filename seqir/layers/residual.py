"""Layers on the branches of residual networks, as Keras's applications have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from seqir import initializers, random
from seqir.arguments import integers, number
from seqir.errors import ArgumentError
from seqir.layer.aliases import Shape
from seqir.layer.base import Layer
from seqir.narrow import is_sequence
from seqir.ops.tensor import Result


class LayerScale(Layer):
    """y = x * gamma, gamma trained and small at first.

    Shapes: x[..., projection_dim] -> y as x.
    Weights: gamma[projection_dim], all `init_values` at first.
    Source: Keras 3 ``applications.convnext``; arXiv:2103.17239.
    """

    init_values: float
    projection_dim: int

    min_ndim = 2
    single_input = True
    keras_module: ClassVar[str] = "keras.src.applications.convnext"

    def setup(self) -> None:
        number("init_values", self.init_values)
        integers("projection_dim", self.projection_dim, count=1, least=1)

    def build(self, input_shape: Shape) -> None:
        first = initializers.Constant(self.init_values)
        self.gamma = self.add_weight((self.projection_dim,), first, name="gamma")

    def call(self, x: Result) -> Result:
        self.check_axis(x.shape, -1, self.projection_dim)
        return x * self.gamma


class StochasticDepth(Layer):
    """In training y = 0 for a share of the samples, x / (1 - share) for the others.

    In a residual network this leaves out whole branches. When the model runs, y = x.

    Shapes: x[N, ...] -> y as x.
    Units: drop_path_rate: share of the samples.
    Source: Keras 3 ``applications.convnext``; arXiv:1603.09382.
    """

    drop_path_rate: float

    single_input = True
    keras_module: ClassVar[str] = "keras.src.applications.convnext"

    def setup(self) -> None:
        random.check_share("drop_path_rate", self.drop_path_rate)

    def call(self, x: Result, training: bool = False) -> Result:
        if not training:
            return x
        per_sample = (None, *(1,) * (x.ndim - 1))
        return random.dropout(x, self.drop_path_rate, per_sample)


class CustomScaleLayer(Layer):
    """y = x + branch * scale.

    Shapes: a list of two inputs of one shape -> y as they are.
    Source: Keras 3 ``applications.inception_resnet_v2``; arXiv:1602.07261.
    """

    scale: float

    keras_module: ClassVar[str] = "keras.src.applications.inception_resnet_v2"

    def setup(self) -> None:
        number("scale", self.scale)

    def call(self, inputs: Sequence[Result]) -> Result:
        if not is_sequence(inputs) or len(inputs) != 2:
            raise ArgumentError(
                f"layer {self.name!r} takes a list of two inputs, a tensor and its "
                "branch"
            )
        x, branch = inputs
        return x + branch * self.scale


__all__ = ["CustomScaleLayer", "LayerScale", "StochasticDepth"]
