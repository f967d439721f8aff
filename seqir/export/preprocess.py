"""Preprocessing that goes into the exported file: raw data in, the model behind it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from seqir import config, dtypes, ops
from seqir.errors import ArgumentError, ShapeError, UnsupportedError, did_you_mean
from seqir.images.imagenet import MODES, preprocess_input
from seqir.ir import Trace
from seqir.layers import CenterCrop, Layer, Resizing
from seqir.layers.core import InputLayer
from seqir.narrow import is_mapping, is_sequence
from seqir.network.base import Enter, Network
from seqir.ops.apply import traced
from seqir.ops.tensor import KerasTensor, Traced
from seqir.tensortype import TensorType

PATH = "preprocess"
"""What nodes of the preprocessing are called, with the name of the layer behind it."""


_SCALINGS: Final[dict[str, Callable[[Any], Any]]] = {
    mode: functools.partial(preprocess_input, mode=mode) for mode in MODES
}


@dataclass(frozen=True)
class Preprocessing:
    """What the data of one input passes before it enters the model."""

    steps: tuple[Any, ...]
    """Layers and functions, in order."""
    source: InputLayer | None
    """What the raw data is, if the caller says so."""

    def raw_input(self, name: str, wanted: TensorType) -> InputLayer:
        """The input of the file, for a model that takes the wanted type.

        Images are bytes. Their size is that of the model, or unknown in front of
        layers that resize them.
        """
        if self.source is not None:
            return self.source
        sizes: list[Any] = list(wanted.shape[1:])
        images = wanted.rank == 4
        if images and any(isinstance(s, Resizing | CenterCrop) for s in self.steps):
            first = config.image_data_format() == "channels_first"
            for axis in (1, 2) if first else (0, 1):
                sizes[axis] = None
        dtype = "uint8" if images else wanted.dtype
        return InputLayer(sizes, dtype=dtype, name=name)

    def trace(self, x: Traced, name: str, wanted: TensorType) -> Traced:
        """Append the steps to the graph under construction.

        Raises: ShapeError unless what comes out is what the model takes, ArgumentError
            for a layer whose weights nobody has set.
        """
        y: Any = x
        for step in self.steps:
            if not isinstance(step, Layer):
                y = step(y)
                continue
            fresh = not step.built
            y = step.trace(y)
            if fresh and step.weights:
                raise ArgumentError(
                    f"layer {step.name!r} of preprocess has weights that nothing has "
                    "set: adapt it, or load them, before the export"
                )
        if not isinstance(y, Traced) or not _fits(y.type, wanted):
            found = y.type if isinstance(y, Traced) else type(y).__name__
            raise ShapeError(
                f"preprocess makes {found} of the raw {x.type}, and input {name!r} of "
                f"the model takes {wanted}: start preprocess= with an Input that says "
                "what the raw data is, or let it resize"
            )
        if dtypes.is_float(y.dtype) and not dtypes.is_float(wanted.dtype):
            raise ArgumentError(
                f"preprocess makes {y.type}, and input {name!r} of the model takes "
                f"{wanted}: fractions would be cut off"
            )
        return traced(y.builder, ops.cast(y, wanted.dtype))


def _fits(found: TensorType, wanted: TensorType) -> bool:
    pairs = zip(found.shape, wanted.shape, strict=False)
    return found.rank == wanted.rank and all(
        a == b or isinstance(b, str) for a, b in pairs
    )


def preprocessing(model: Network, given: object) -> dict[str, Preprocessing]:
    """The preprocessing for each input that has one.

    `given` is a layer, a function, one of the `MODES`, a list of them (which may start
    with an `Input`), or a dictionary of these for the names of inputs.

    Raises: ArgumentError for anything else, or inputs that the model does not have.
    """
    if given is None:
        return {}
    names = model.input_names
    if not is_mapping(given):
        if len(names) != 1:
            raise ArgumentError(
                f"model {model.name!r} has the inputs {', '.join(names)}: say with "
                f"preprocess={{{names[0]!r}: ...}} which of them to preprocess"
            )
        given = {names[0]: given}
    for name in given:
        if name not in names:
            raise ArgumentError(
                f"preprocess names the input {name!r}, model {model.name!r} has "
                f"{', '.join(names)}.{did_you_mean(str(name), names)}"
            )
    return {name: _of(steps) for name, steps in given.items()}


def _of(given: object) -> Preprocessing:
    items = list(given) if is_sequence(given) else [given]
    source = _input_layer(items[0]) if items else None
    steps: list[Any] = []
    for item in items[1:] if source else items:
        if isinstance(item, Network) and item.model_kind == "sequential":
            steps += item.layers
        elif isinstance(item, str) and item in _SCALINGS:
            steps.append(_SCALINGS[item])
        elif not callable(item) or isinstance(item, InputLayer):
            raise ArgumentError(
                "preprocess takes layers, functions and the names "
                f"{', '.join(MODES)}, and at its start an Input; got {item!r}"
            )
        else:
            steps.append(item)
    if not steps:
        raise ArgumentError("preprocess has no layers: leave it out")
    return Preprocessing(tuple(steps), source or _own_input(items[0]))


def _input_layer(item: object) -> InputLayer | None:
    """The layer of an `Input`, if it is one."""
    if isinstance(item, KerasTensor) and item.call:
        item = item.call.target
    return item if isinstance(item, InputLayer) else None


def _own_input(item: Any) -> InputLayer | None:
    """The input that a model was given, not the one that its first array has made."""
    inputs = type(item).operations.of(item)[:1] if isinstance(item, Network) else []
    source = _input_layer(inputs[0]) if inputs else None
    return None if source is None or source.incidental_batch else source


def _shown(step: Any) -> Any:
    """A step as plain data: the name of a mode or function, or a configuration."""
    if isinstance(step, Layer):
        with suppress(UnsupportedError):
            return {"class_name": type(step).__name__, "config": step.get_config()}
    modes = {function: name for name, function in _SCALINGS.items()}
    return modes.get(step) or getattr(step, "__qualname__", repr(step))


def entering(chains: Mapping[str, Preprocessing], model: Network) -> Enter:
    """How the inputs of the model enter its graph: through their preprocessing."""
    several = len(model.input_names) > 1

    def enter(b: Trace, name: str, wanted: TensorType) -> Traced:
        chain = chains.get(name)
        if chain is None:
            return Traced(b, b.input(name, wanted))
        batch = wanted.shape[0] if wanted.shape else None
        prefix = f"{name}_" if several else "-"
        raw = chain.raw_input(name, wanted).tensor_type(batch=batch, prefix=prefix)
        with b.source(PATH):
            return chain.trace(Traced(b, b.input(name, raw)), name, wanted)

    return enter


def entry(chains: Mapping[str, Preprocessing]) -> dict[str, str]:
    """What the file says about its preprocessing: JSON, by input."""
    if not chains:
        return {}
    shown = {name: [*map(_shown, chain.steps)] for name, chain in chains.items()}
    return {"seqir.preprocess": json.dumps(shown, separators=(",", ":"), default=str)}
