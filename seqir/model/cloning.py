"""Copies of models with new weights: on other inputs, or of other layers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from seqir import nest
from seqir.errors import ArgumentError
from seqir.layer.base import Layer
from seqir.layer.state import state_of, walk
from seqir.layers.core import Input, InputLayer
from seqir.metrics import Metric
from seqir.model.base import Model
from seqir.model.functional import Functional
from seqir.model.sequential import Sequential
from seqir.narrow import is_a, is_dict, is_sequence
from seqir.network.walk import inputs_of
from seqir.ops.call import FunctionCall, repeat
from seqir.ops.tensor import KerasTensor
from seqir.persistence.configuration import model_of


def clone_model(
    model: Model,
    input_tensors: object = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., object] | None = None,
    recursive: bool = False,
    *,
    custom_objects: Mapping[str, object] | None = None,
) -> Any:
    """A model of the same layers, names and settings, with new weights.

    It is compiled as the model is.

    Args:
        model: what is copied; it stays as it is.
        input_tensors: tensors, in the structure of the model's inputs, that the copy
            starts at; new Inputs if not given.
        clone_function: makes a layer of the copy from one of the model; by default an
            equal one, from its configuration.
        call_function: calls a layer of the copy, ``fn(layer, *args, **kwargs)``; for
            functional models, since a stack only lists its layers.
        recursive: go into the models inside, too, instead of cloning each as a layer.
        custom_objects: what configurations name beside the model's own layers.

    Raises: ArgumentError for arguments that do not fit the model.
    Source: Keras 3 ``keras.models.clone_model``.
    """
    if not is_a(model, Model):
        raise ArgumentError(
            f"clone_model takes a model, got {type(model).__name__}; copy a layer by "
            "layer.from_config(layer.get_config())"
        )
    functions = {"clone_function": clone_function, "call_function": call_function}
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise ArgumentError(f"{name} must be a function, got {function!r}")
    if isinstance(model, Sequential) and call_function is not None:
        raise ArgumentError(
            f"call_function is for functional models: the layers of the Sequential "
            f"model {model.name!r} are listed, not called"
        )
    own = {type(x).__name__: type(x) for x in walk(model) if not _is_ours(type(x))}
    known = {**own, **(custom_objects or {})}
    if isinstance(model, Sequential | Functional):
        make = clone_function or partial(_equal, known=known)
        return _Cloner(make, call_function, recursive).model(model, input_tensors)
    if input_tensors is not None or clone_function or call_function:
        raise ArgumentError(
            "input_tensors, clone_function and call_function are for Sequential and "
            f"functional models; {model.name!r} is a {type(model).__name__}, which is "
            "copied from its configuration"
        )
    return _compiled_as(model, _equal(model, known))


class _Cloner:
    """Copies of layers, each made once, and of the models they are in."""

    def __init__(
        self,
        clone_function: Callable[[Any], Any],
        call_function: Callable[..., Any] | None,
        recursive: bool,
    ) -> None:
        self.clone_function = clone_function
        self.call_function = call_function
        self.recursive = recursive
        self.clones: dict[Layer, Layer] = {}

    def model(self, model: Any, input_tensors: Any = None) -> Any:
        """The copy of a stack or a graph of layers."""
        stack = isinstance(model, Sequential)
        clone = (self._stack if stack else self._graph)(model, input_tensors)
        state_of(clone).trainable = model.trainable  # its layers know it themselves
        return _compiled_as(model, clone)

    def _layer(self, layer: Layer) -> Layer:
        if layer not in self.clones:
            inside = self.recursive and isinstance(layer, Sequential | Functional)
            clone = self.model(layer) if inside else self.clone_function(layer)
            if not isinstance(clone, Layer):
                raise ArgumentError(
                    f"clone_function must give a layer, and gave {clone!r} for layer "
                    f"{layer.name!r}"
                )
            self.clones[layer] = clone
        return self.clones[layer]

    def _stack(self, model: Sequential, input_tensors: object) -> Sequential:
        layers = [self._layer(layer) for layer in model.layers]
        start: list[KerasTensor] = []
        if input_tensors is not None:
            given = nest.flatten(input_tensors)
            if len(given) != 1 or not isinstance(given[0], KerasTensor):
                raise ArgumentError(
                    f"input_tensors of the Sequential model {model.name!r} must be one "
                    f"tensor, made by Input, got {input_tensors!r}"
                )
            made_by_input = given[0].call and isinstance(
                given[0].call.target, InputLayer
            )
            start = [given[0] if made_by_input else _new_input(given[0])]
        elif Sequential.operations.of(model)[0] is not None:
            start = [_new_input(Sequential.operations.of(model)[0].output)]
        return Sequential([*start, *layers], name=model.name)

    def _graph(self, model: Functional, input_tensors: object) -> Functional:
        given = input_tensors
        if given is None:
            given = nest.map_structure(_new_input, model.input_structure)
        if is_sequence(given) and len(inputs_of(model)) == len(given) == 1:
            given = given[0]
        _check_inputs(model, given)
        env: dict[KerasTensor, KerasTensor] = dict(
            zip(inputs_of(model), nest.flatten(given), strict=True)
        )
        for call in model.connections:
            args, kwargs = nest.map_structure(
                lambda x: env[x] if isinstance(x, KerasTensor) else x,
                (call.args, call.kwargs),
            )
            results = self._call(call.target, args, kwargs)
            env.update(
                zip(nest.flatten(call.outputs), nest.flatten(results), strict=True)
            )
        outputs = nest.map_structure(lambda t: env[t], model.output_structure)
        return Functional(given, outputs, name=model.name)

    def _call(self, target: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(target, FunctionCall):
            return repeat(target, args, kwargs, name=target.name)
        layer = self._layer(target)
        if self.call_function is None:
            return layer(*args, **kwargs)
        return self.call_function(layer, *args, **kwargs)


def _check_inputs(model: Functional, given: object) -> None:
    """ArgumentError unless tensors have the structure of the model's inputs."""
    wanted = nest.pack(model.input_structure, model.input_names)
    leaves = nest.flatten(given)
    tensors = all(isinstance(t, KerasTensor) for t in leaves)
    if not tensors or _shape(given) != _shape(wanted):
        raise ArgumentError(
            f"input_tensors must be tensors in the structure of the inputs of model "
            f"{model.name!r}, {wanted!r}, got {given!r}"
        )


def _shape(structure: object) -> object:
    """A structure with all leaves alike, tuples as lists."""
    if is_dict(structure):
        return {key: _shape(value) for key, value in structure.items()}
    if is_sequence(structure):
        return [_shape(value) for value in structure]
    return None


def _new_input(tensor: KerasTensor) -> KerasTensor:
    layer = tensor.call.target if tensor.call else None
    if isinstance(layer, InputLayer):
        return Input(batch_shape=layer.batch_shape, dtype=layer.dtype, name=layer.name)
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)


def _is_ours(cls: type[object]) -> bool:
    return cls.__module__.partition(".")[0] == "seqir"


def _equal(layer: Any, known: Mapping[str, Any]) -> object:
    """A new layer with the configuration of this one."""
    config = layer.get_config()
    if isinstance(layer, Model) and "from_config" not in _overrides(type(layer)):
        return model_of(type(layer), config, known)
    return layer.from_config(config)


def _overrides(cls: type[object]) -> set[str]:
    """What classes of the user's own define, between this one and ours."""
    return {name for c in cls.__mro__ if not _is_ours(c) for name in vars(c)}


def _compiled_as(model: Model, clone: Any) -> Any:
    """The clone, with a new optimizer and new metrics of the model's settings."""
    if not model.compiled:
        return clone
    objective, optimizer = model.compilation.objective, state_of(model).optimizer

    def fresh(metric: object) -> object:
        if not isinstance(metric, Metric):
            return metric
        again = copy.deepcopy(metric)
        again.reset_state()
        return again

    clone.compile(
        optimizer=(
            None if optimizer is None else optimizer.from_config(optimizer.get_config())
        ),
        loss=objective.loss,
        loss_weights=objective.loss_weights,
        metrics=nest.map_structure(fresh, objective.given_metrics),
        weighted_metrics=nest.map_structure(fresh, objective.given_weighted),
    )
    return clone
