"""A layer of a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqir import activations, nest, ops, registered, stored
from seqir.errors import ArgumentError
from seqir.layer import configuration
from seqir.layer.aliases import Masks, Tensors
from seqir.layer.base import Layer
from seqir.layer.recorded import noted
from seqir.layers.wrappers import deserialized
from seqir.narrow import is_mapping, is_sequence
from seqir.plain import is_array, is_numpy_scalar

_PLACED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Lambda(Layer):
    """y = function(x, **arguments), of functions of `seqir.ops` and operators.

    A function that takes ``mask`` or ``training`` gets it. `mask` is the mask of y, or
    ``mask(x, mask_of_x)`` computes it. `output_shape` is what `compute_output_shape`
    says; in models what the function computes counts.

    A file keeps the name of the function and never its code; of one without a name,
    the name of the layer: pass it in `custom_objects` when the file is loaded.

    Source: Keras 3 ``layers.Lambda``.
    """

    @noted
    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ArgumentError(
                f"function of layer {self.name!r} (Lambda) must be a function, got "
                f"{function!r}"
            )
        if not (output_shape is None or callable(output_shape)):
            if not is_sequence(output_shape):
                raise ArgumentError(
                    f"output_shape of layer {self.name!r} (Lambda) must be sizes "
                    f"without the batch, or a function of the input's shape, got "
                    f"{output_shape!r}"
                )
            output_shape = tuple(output_shape)
        self.function = function
        self.mask: Any = mask
        if not (mask is None or callable(mask)):
            self.mask = np.asarray(mask, bool)
        self.supports_masking = mask is not None
        # As they were given: whole numbers in an array are no sizes here.
        given: Mapping[str, Any] | None = self._layer_state.handed_on.get(
            "arguments", arguments
        )
        self.arguments: dict[str, object] = {
            name: configuration.array(value)
            if configuration.is_stored_array(value)
            else value
            for name, value in (given or {}).items()
        }
        self._output_shape = output_shape
        self._takes = _names(function) & {"mask", "training"}

    def call(
        self, inputs: Tensors, mask: Masks = None, training: bool | None = None
    ) -> Tensors:
        given = {"mask": mask, "training": training}
        given = {name: given[name] for name in self._takes}
        return self.function(inputs, **{**self.arguments, **given})

    def compute_mask(self, inputs: Tensors, previous_mask: Masks = None) -> Masks:
        if self.mask is None:
            return None
        if is_array(self.mask):
            return ops.convert_to_tensor(self.mask)
        return self.mask(inputs, previous_mask)

    def compute_output_shape(self, input_shape: Any) -> Any:
        said = self._output_shape
        if said is None:
            return super().compute_output_shape(input_shape)
        if callable(said):
            return said(input_shape)
        batch = nest.flatten(input_shape)[0]
        if any(is_sequence(sizes) for sizes in said):
            return [(batch, *sizes) for sizes in said]
        return (batch, *said)

    def _described(self) -> dict[str, object]:
        found = super()._described() | {
            "function": _kept(self.function, self.name),
            "arguments": {name: _plain(v) for name, v in self.arguments.items()},
        }
        more = {"output_shape": self._output_shape, "mask": self.mask}
        for name, value in more.items():
            if callable(value):
                found[name] = _kept(value, f"{self.name}_{name}")
            elif value is not None:
                found[name] = _plain(value)
        return found

    @classmethod
    def from_config(
        cls,
        config: dict[str, object],
        custom_objects: Mapping[str, object] | None = None,
    ) -> Any:
        """The layer that a configuration describes.

        Raises: UnsafeFileError or UnsupportedError for a function that neither seqir
            nor `custom_objects` has.
        """
        is_stored = not callable(config.get("function")) or is_mapping(
            config.get("mask")
        )
        if cls is Lambda and is_stored:
            entry = {"module": "keras.layers", "class_name": "Lambda", "config": config}
            return deserialized(entry, custom_objects)
        return super().from_config(config)


def _names(function: Callable[..., Any]) -> set[str]:
    """The names that a function takes arguments by."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # of functions written in C, some say nothing
        return set()
    return {p.name for p in parameters if p.kind in _PLACED}


def _plain(value: Any) -> Any:
    if is_array(value):
        config = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    return value.item() if is_numpy_scalar(value) else value


def _kept(function: Callable[..., Any], name: str) -> Any:
    """What stands for a function in a configuration: known by its name, or itself.

    One that has no name, or that of a function of Keras without being that one, gets
    the name that the caller can pass it by.
    """
    own = getattr(function, "__name__", "<lambda>")
    if getattr(activations, own, None) is function and own in activations.__all__:
        return stored.function(own)
    if getattr(ops, own, None) is function:
        return stored.function(own) | {"module": "keras.ops"}
    if registered.name_of_function(function) != "function":
        return function
    if own != "<lambda>" and own not in activations.__all__:
        return function

    @functools.wraps(function)
    def named(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    named.__name__ = f"{name}_function" if name in activations.__all__ else name
    return named


__all__ = ["Lambda"]
