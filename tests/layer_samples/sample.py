"""A layer with arguments and inputs to try it on."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[int, ...]
FIRST = {"data_format": "channels_first"}


@dataclass(frozen=True)
class LayerSample:
    """One layer and the arrays to call it on."""

    layer: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: tuple[Shape, ...]
    """Shapes of the inputs, batch included; several are passed as a list."""
    dtype: str = "float32"
    """Element type of the inputs."""
    high: int | None = None
    """Inputs are integers below this number."""
    label: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        shown = [str(a) for a in self.args]
        shown += [f"{k}={_short(v)}" for k, v in self.kwargs.items()]
        sizes = "+".join("x".join(map(str, s)) for s in self.shapes)
        text = f"{self.layer}({','.join(shown)})-{sizes}"
        text += f"-{self.dtype}" if self.dtype != "float32" else ""
        return (text + self.label).replace(" ", "")

    def inputs(self, seed: int = 0) -> Any:
        """Arrays to call the layer on: one, or a list."""
        rng = np.random.default_rng(seed)
        arrays = [self._array(rng, shape) for shape in self.shapes]
        return arrays if len(arrays) > 1 or self.layer in MERGING else arrays[0]

    def _array(self, rng: np.random.Generator, shape: Shape) -> Any:
        if self.high is not None:
            return rng.integers(0, self.high, shape).astype(self.dtype)
        return rng.normal(size=shape).astype(self.dtype)


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    return "cf" if value == "channels_first" else str(value)


MERGING = (
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
)
"""Layers that take a list even of one tensor."""


def s(
    layer: str,
    *args: Any,
    x: Any,
    dtype_in: str = "float32",
    high: int | None = None,
    **kwargs: Any,
) -> LayerSample:
    """A sample; `x` is the shape of the input, or a list of shapes."""
    shapes = tuple(x) if isinstance(x, list) else (x,)
    return LayerSample(layer, args, kwargs, shapes, dtype_in, high)


def swapped(shape: Shape) -> Shape:
    """A channels-last shape with the channels first."""
    return (shape[0], shape[-1], *shape[1:-1])


SPATIAL: dict[int, Shape] = {1: (2, 9, 4), 2: (2, 8, 7, 4), 3: (2, 5, 6, 7, 2)}
