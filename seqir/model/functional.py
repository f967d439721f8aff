"""The functional model: whatever lies between given tensors."""

from __future__ import annotations

import inspect
from typing import Any, Final

from seqir import dtypes, nest, ops
from seqir.errors import ArgumentError, GraphError
from seqir.layer import masks, recorded
from seqir.layer.base import Layer
from seqir.layer.offered import offered
from seqir.model.base import Model
from seqir.narrow import is_dict, is_sequence
from seqir.network.connected import ConnectedMasks
from seqir.network.inputs import arrange, fitting_rank
from seqir.network.lifting import lift
from seqir.network.names import check_unique
from seqir.network.walk import (
    calls_between,
    input_layers,
    inputs_of,
    operations_in_order,
    walk,
)
from seqir.ops.call import substitute
from seqir.ops.masks import get_keras_mask, masked
from seqir.ops.tensor import Call, KerasTensor

_ARGS: Final = inspect.Parameter.VAR_POSITIONAL
_KWARGS: Final = inspect.Parameter.VAR_KEYWORD


class Functional(Model):
    """A model given by its input and output tensors; layers and weights are shared.

    Raises: ArgumentError if something is not a tensor of a model, GraphError if an
        output needs an input that is not given (it is named), or two layers share
        a name.
    Source: Keras 3 ``keras.Model(inputs, outputs)``.
    """

    keras_module = "keras.src.models.functional"
    model_kind = "functional"

    def __init__(
        self,
        inputs: object = None,
        outputs: object = None,
        name: str | None = None,
        trainable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        _check_tensors("inputs", inputs)
        _check_tensors("outputs", outputs)
        if is_sequence(inputs) and len(inputs) == 1:
            inputs = inputs[0] if not is_dict(inputs[0]) else inputs
        if is_sequence(outputs) and len(outputs) == 1:
            outputs = outputs[0]
        state = self._layer_state
        given, ends = nest.flatten(inputs), nest.flatten(outputs)
        if walk(given, ends)[1]:  # they may lie inside of models that are called there
            ends = lift(given, ends)
            outputs = nest.pack(outputs, ends)
        calls = calls_between(given, ends)
        operations = operations_in_order(ends, calls, given)
        check_unique((o.name for o in operations), f"in model {self.name!r}")
        layers = [o for o in operations if isinstance(o, Layer)]
        state.inputs, state.outputs = inputs, outputs
        state.connections, state.operations = calls, operations
        state.layers[:] = dict.fromkeys([*layers, *state.layers])
        state.built = True
        self._register(input_layers(inputs_of(self)))
        if trainable is not None:
            self.trainable = trainable

    @property
    def layers(self) -> list[Layer]:
        """The layers of the graph, in order; a copy."""
        return [o for o in self._layer_state.operations if isinstance(o, Layer)]

    @property
    def input_structure(self) -> Any:
        return self._layer_state.inputs

    @property
    def output_structure(self) -> Any:
        return self._layer_state.outputs

    @offered
    def operations(self) -> list[Any]:
        """Layers and functions, in Keras's order; a copy."""
        return list(self._layer_state.operations)

    @property
    def connections(self) -> list[Call]:
        """The calls that make up the model, each after those it needs."""
        return self._layer_state.connections

    def call(self, inputs: object, training: object = None, mask: Any = None) -> Any:
        """The calls once more, on traced values or on tensors of another model."""
        if self._computes(inputs):
            return self.run(inputs, training=training, mask=mask)
        given = arrange(self, masks.put_on(inputs, mask, self.name))
        entering = map(_entering, given, inputs_of(self))
        env: dict[KerasTensor, object] = dict(
            zip(inputs_of(self), entering, strict=True)
        )
        connected = ConnectedMasks()
        for call in self._layer_state.connections:
            args, kwargs = substitute(
                lambda x: env[x] if isinstance(x, KerasTensor) else x,
                (call.args, call.kwargs),
            )
            if training is not None and "training" in _arguments(call.target):
                kwargs.setdefault("training", training)
            results = connected.repeat(call, args, kwargs)
            for tensor, value in zip(
                nest.flatten(call.outputs), nest.flatten(results), strict=True
            ):
                env[tensor] = value
        return nest.map_structure(lambda t: env[t], self._layer_state.outputs)

    def get_config(self) -> dict[str, Any]:
        """Layers and their calls, in the form of Keras.

        Of a subclass whose ``__init__`` makes them itself, its arguments.
        """
        if takes_tensors(type(self)):
            from seqir.persistence.configuration import of_functional

            return of_functional(self)
        if type(self).get_config is Functional.get_config:
            return recorded.config(self, self._described())
        return self._described()

    @property
    def inputs_cast_to(self) -> str:
        """In mixed precision the layers inside cast, each as it needs."""
        return self.variable_dtype

    def _check_inputs(self, args: tuple[object, ...]) -> None:
        """Nothing: `call` compares what it is given with each input."""


def takes_tensors(cls: type) -> bool:
    """Whether a class is called with inputs and outputs, and with nothing else."""
    parameters = [*inspect.signature(cls.__init__).parameters.values()][1:]
    anything = {p.kind for p in parameters} & {_ARGS, _KWARGS}
    names = {p.name for p in parameters if p.kind not in (_ARGS, _KWARGS)}
    given = {"inputs", "outputs"} <= names or anything == {_ARGS, _KWARGS}
    return given and names <= {"inputs", "outputs", "name", "trainable"}


def _entering(x: Any, tensor: KerasTensor) -> object:
    """A tensor with the rank and the kind of dtype of the input that it enters at."""
    mask, shape = get_keras_mask(x), x.shape
    x = fitting_rank(x, tensor.shape)
    if x.ndim != tensor.ndim:
        raise GraphError(
            f"the model takes an input of shape {tensor.shape} at {tensor.name!r}, "
            f"got {shape}"
        )
    if dtypes.is_float(x.dtype) != dtypes.is_float(tensor.dtype):
        x = ops.cast(x, tensor.dtype)
    return masked(x, mask)


def _arguments(target: object) -> frozenset[str]:
    return getattr(target, "_call_arguments", frozenset())


def _check_tensors(what: str, structure: object) -> None:
    leaves = nest.flatten(structure)
    if not leaves:
        raise ArgumentError(f"Model needs {what}=, got {structure!r}")
    for leaf in leaves:
        if not isinstance(leaf, KerasTensor):
            raise ArgumentError(
                f"All {what} values must be KerasTensors (made by Input or by calling "
                f"layers on such tensors), got {type(leaf).__name__}"
            )
