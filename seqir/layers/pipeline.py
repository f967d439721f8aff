"""Layers one after the other, as one layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqir.errors import ArgumentError
from seqir.fields import keyword
from seqir.layer import configuration
from seqir.layer.aliases import Tensors
from seqir.layer.base import Layer
from seqir.layers.wrappers import all_deserialized, inner_layer
from seqir.narrow import is_sequence


class Pipeline(Layer):
    """Layers one after the other, each on what the one before gives.

    Called without `training`, it trains, as layers do that change images.

    Shapes: what the layers take and give.
    Weights: those of the layers.
    Source: Keras 3 ``layers.Pipeline``.
    """

    layers: Any
    name: str | None = keyword(default=None)

    def setup(self) -> None:
        if not is_sequence(self.layers):
            raise ArgumentError(f"Pipeline takes a list of layers, got {self.layers!r}")
        self.layers = [inner_layer(self, layer) for layer in self.layers]

    def call(self, inputs: Tensors, training: bool = True) -> Tensors:
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs

    def _described(self) -> dict[str, object]:
        entries = [configuration.entry(layer) for layer in self.layers]
        return {"layers": entries, "name": self.name}

    @classmethod
    def from_config(
        cls,
        config: dict[str, object],
        custom_objects: Mapping[str, object] | None = None,
    ) -> Any:
        """The layers that a configuration describes, in their order."""
        layers = all_deserialized(config["layers"], custom_objects)
        return super().from_config({**config, "layers": layers})


__all__ = ["Pipeline"]
