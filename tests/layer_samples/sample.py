"""A layer with arguments and inputs to try it on."""

from collections.abc import Iterator, Mapping, Sequence
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
    spread: bool = False
    """Several inputs are passed one by one, not as a list."""
    call: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the layer is called with besides."""
    label: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        shown = [_short(a) for a in self.args]
        shown += [f"{k}={_short(v)}" for k, v in self.kwargs.items()]
        sizes = "+".join("x".join(map(str, s)) for s in self.shapes)
        text = f"{self.layer}({','.join(shown)})" + (f"-{sizes}" if sizes else "")
        text += f"-{self.dtype}" if self.dtype != "float32" else ""
        text += "".join(f"-{k}={_short(v)}" for k, v in self.call.items())
        return (text + self.label).replace(" ", "")

    def layers(self) -> Iterator[str]:
        """The layer and those inside."""
        yield self.layer
        for value in (*self.args, *self.kwargs.values()):
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, LayerSample):
                    yield from one.layers()

    def arguments(self, classes: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """What the layer is made with, samples among it as layers of one library."""

        def value(given: Any) -> Any:
            if isinstance(given, list):
                return [value(one) for one in given]
            return given.made(classes) if isinstance(given, LayerSample) else given

        kwargs = {name: value(given) for name, given in self.kwargs.items()}
        return [*map(value, self.args)], kwargs

    def made(self, classes: Mapping[str, Any], **more: Any) -> Any:
        """The layer, of the classes of one library; samples inside are layers too."""
        args, kwargs = self.arguments(classes)
        return classes[self.layer](*args, **kwargs, **more)

    def called(self, layer: Any, inputs: Sequence[Any]) -> Any:
        """What comes out for these inputs, arrays or tensors of a model."""
        if self.spread:
            return layer(*inputs, **self.call)
        several = len(inputs) > 1 or self.layer in MERGING
        return layer([*inputs] if several else inputs[0], **self.call)

    def arrays(self, seed: int = 0) -> list[Any]:
        """An array for each input."""
        rng = np.random.default_rng(seed)
        return [self._array(rng, shape) for shape in self.shapes]

    def inputs(self, seed: int = 0) -> Any:
        """Arrays to call the layer on: one, or a list."""
        arrays = self.arrays(seed)
        return arrays if len(arrays) > 1 or self.layer in MERGING else arrays[0]

    def _array(self, rng: np.random.Generator, shape: Shape) -> Any:
        if self.high is not None:
            return rng.integers(0, self.high, shape).astype(self.dtype)
        return rng.normal(size=shape).astype(self.dtype)


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    if isinstance(value, LayerSample):
        return value.id
    if isinstance(value, list) and any(isinstance(v, LayerSample) for v in value):
        return "+".join(map(_short, value))
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
    call: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> LayerSample:
    """A sample; `x` is the shape of the input, or a list of shapes.

    A tuple of shapes are inputs that are passed one by one. Among the arguments a
    sample (made by `inner`) stands for a layer.
    """
    spread = isinstance(x, tuple) and isinstance(x[0], tuple)
    shapes = tuple(x) if isinstance(x, list) or spread else (x,)
    return LayerSample(
        layer, args, kwargs, shapes, dtype_in, high, spread, dict(call or {})
    )


def inner(layer: str, *args: Any, **kwargs: Any) -> LayerSample:
    """A layer among the arguments of another one."""
    return LayerSample(layer, args, kwargs, ())


def swapped(shape: Shape) -> Shape:
    """A channels-last shape with the channels first."""
    return (shape[0], shape[-1], *shape[1:-1])


SPATIAL: dict[int, Shape] = {1: (2, 9, 4), 2: (2, 8, 7, 4), 3: (2, 5, 6, 7, 2)}
