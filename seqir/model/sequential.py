"""The sequential model: a plain stack of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from seqir import collector, nest
from seqir.errors import (
    ArgumentError,
    GraphError,
    NotBuiltError,
    SeqirError,
    ShapeError,
)
from seqir.layer import masks
from seqir.layer.base import Layer
from seqir.layer.checks import required_inputs
from seqir.layer.offered import offered
from seqir.layer.scope import Snapshot, name_scope
from seqir.layer.state import Stateful, has_changed, state_of
from seqir.layers.core import InputLayer
from seqir.model.base import Model
from seqir.narrow import is_dict, is_structure, is_tuple
from seqir.network.base import Network, input_tensors
from seqir.ops.call import repeat
from seqir.ops.tensor import Call, KerasTensor
from seqir.shapes import format_shape

_FUNCTIONAL = "use the functional API, Model(inputs, outputs), for that"


class Sequential(Model):
    """Layers one after the other, each with one input and one output.

    The first layer may take a list or a dict of tensors. The model is built as soon as
    it knows its input: from an `Input` at its start, from the first layer's
    ``input_shape=``, or from the first array it is called on. `add` and `pop` cost one
    layer, however many there are.

    Raises: ArgumentError for what is not a layer, GraphError for double names or what a
        stack cannot be.
    Source: Keras 3 ``keras.Sequential``.
    """

    checks_rebuild = True
    keras_module = "keras"
    model_kind = "sequential"

    def __init__(
        self,
        layers: Iterable[object] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(trainable=True, name=name)
        state = self._layer_state
        state.trainable = trainable
        state.start, state.tensors, state.names = None, [], Counter()
        single = layers is not None and not hasattr(layers, "__iter__")
        if single or isinstance(layers, Layer | KerasTensor):
            raise ArgumentError(
                f"Sequential takes a list of layers, got one {type(layers).__name__}; "
                "write Sequential([layer])"
            )
        with collector.paused():
            for layer in layers or ():
                self.add(layer)

    # Building the stack.

    def add(self, layer: object, rebuild: bool = True) -> None:
        """Append a layer; the model stays as it was if that fails."""
        if isinstance(layer, KerasTensor):
            source = layer.call.target if layer.call else None
            layer = source if isinstance(source, InputLayer) else layer
        if not isinstance(layer, Layer):
            raise ArgumentError(
                "Only instances of Layer can be added to a Sequential model, got "
                f"{layer!r} of type {type(layer).__name__}"
            )
        if layer.name in self._layer_state.names and not any(
            layer is k for k in self._layer_state.layers
        ):
            raise GraphError(
                f"All layers added to a Sequential model should have unique names. "
                f"Name {layer.name!r} is already the name of a layer in this model: "
                "give one of them another name="
            )
        if isinstance(layer, InputLayer):
            self._add_input(layer)
        else:
            self._add_layer(layer)
        self._layer_state.names[layer.name] += 1
        self._changed()

    def _add_input(self, layer: InputLayer) -> None:
        if self._layer_state.start is not None:
            shape = _shown(self._start_shape)
            raise GraphError(
                f"Sequential model {self.name!r} has already been configured to use "
                f"input shape {shape}. You cannot add a different Input layer to it; "
                f"{_FUNCTIONAL}"
            )
        if self._layer_state.layers:
            raise GraphError(
                f"an Input must come first in Sequential model {self.name!r}, which "
                f"starts with {self._layer_state.layers[0].name!r}"
            )
        self._start_at(layer.output)

    def _start_at(self, tensors: object) -> None:
        self._layer_state.start = tensors
        sources = [t.call.target for t in nest.flatten(tensors)]
        self._register(sources)

    @property
    def _start_shape(self) -> object:
        return nest.map_structure(lambda t: t.shape, self._layer_state.start)

    def _add_layer(self, layer: Layer) -> None:
        if self._layer_state.start is None and not self._layer_state.layers:
            shape = _known_input_shape(layer)
            if shape is not None:
                # Embedding takes integers, but Keras makes a float input here.
                tensors = input_tensors(shape, layer.input_dtype, learned=False)
                self._start_at(tensors)
                self._layer_state.names.update(
                    t.call.target.name for t in nest.flatten(tensors)
                )
        if self._layer_state.start is not None:
            self._extend(layer)
        self._layer_state.layers.append(layer)

    def _extend(self, layer: Layer) -> None:
        """Connect one layer to the end of the stack."""
        previous = (
            self._layer_state.tensors[-1]
            if self._layer_state.tensors
            else self._layer_state.start
        )
        if is_structure(previous) and layer.single_input:
            count = len(nest.flatten(previous))
            found = (
                f"the layer before it in Sequential model {self.name!r} has {count} "
                "outputs"
                if self._layer_state.tensors
                else f"Sequential model {self.name!r} is given {count}"
            )
            raise GraphError(
                f"layer {layer.name!r} takes one input, but {found}; {_FUNCTIONAL}"
            )
        if required_inputs(layer) > 1:
            raise GraphError(
                f"layer {layer.name!r} of Sequential model {self.name!r} needs more "
                f"than one input; {_FUNCTIONAL}"
            )
        with name_scope(self):
            output = layer(previous)
        self._layer_state.tensors.append(output)
        self._layer_state.built = True

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it.

        Raises: GraphError if there is none.
        """
        if not self._layer_state.layers:
            raise GraphError(f"Sequential model {self.name!r} has no layers to pop")
        layer = self._layer_state.layers.pop()
        if self._layer_state.tensors:
            self._layer_state.tensors.pop()
            layer._layer_state.calls.pop()
        self._layer_state.names -= Counter([layer.name])
        if not self._layer_state.tensors:
            self._layer_state.built = False
        self._changed()
        return layer

    def _changed(self) -> None:
        has_changed(self)
        self._layer_state.runner.reset()
        self._layer_state.sessions.clear()

    def build(self, input_shape: object = None) -> None:
        """Build for inputs of this shape, the batch included.

        Raises: GraphError without layers or if built for another shape.
        """
        if not self._layer_state.layers:
            raise GraphError(
                f"Sequential model {self.name!r} cannot be built because it has no "
                "layers. Call model.add(layer)."
            )
        shape = _batch_shape(input_shape)
        if self._layer_state.start is not None:
            mine = _batch_shape(self._start_shape)
            if shape is not None and shape != mine:
                raise ShapeError(
                    f"Sequential model {self.name!r} has already been configured to "
                    f"use input shape {_shown(mine)}. You cannot build it with "
                    f"input_shape {_shown(shape)}"
                )
            return
        if shape is None:
            raise ArgumentError("build needs input_shape=, the batch included")
        before = Snapshot(self)
        self._start_at(input_tensors(shape, self._layer_state.layers[0].input_dtype))
        try:
            for layer in self._layer_state.layers:
                self._extend(layer)
        except BaseException:
            before.restore()
            raise

    # What it looks like.

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order; an Input is not one of them."""
        return list(self._layer_state.layers)

    @layers.setter
    def layers(self, _: object) -> None:
        raise ArgumentError(
            "`layers` of a Sequential model cannot be set. Use add() and pop() to "
            "change the layers in this model."
        )

    @property
    def input_structure(self) -> Any:
        if self._layer_state.start is None or not self._layer_state.tensors:
            raise NotBuiltError(
                f"Sequential model {self.name!r} has no defined inputs yet: call it on "
                "an array, call build(input_shape), or start it with an Input"
            )
        return self._layer_state.start

    @property
    def output_structure(self) -> Any:
        if not self._layer_state.tensors:
            raise NotBuiltError(
                f"Sequential model {self.name!r} has no defined outputs yet: call it "
                "on an array, call build(input_shape), or start it with an Input"
            )
        return self._layer_state.tensors[-1]

    def _hold(self, layer: Stateful) -> None:
        """Nothing: a layer of an attribute is no part of the stack."""

    @property
    def connections(self) -> list[Call]:
        """The calls that make up the model, in order."""
        return [nest.flatten(t)[0].call for t in self._layer_state.tensors]

    @offered
    def operations(self) -> list[Any]:
        """Input and layers, as a functional model lists them.

        None for an input that is not known, or is several.
        """
        single = (
            isinstance(self._layer_state.start, KerasTensor)
            and self._layer_state.start.call
        )
        return [single.target if single else None, *self._layer_state.layers]

    def call(self, inputs: object, training: object = None, mask: object = None) -> Any:
        """One layer after the other, on traced values or on tensors of a model."""
        if self._computes(inputs):
            return self.run(inputs, training=training, mask=mask)
        x = masks.put_on(inputs, mask, self.name)
        for layer in self._layer_state.layers:
            flags: dict[str, object] = {}
            if training is not None and "training" in layer._call_arguments:
                flags["training"] = training
            x = repeat(layer, (x,), flags)
        return x

    def compute_output_shape(self, input_shape: object) -> Any:
        shape = input_shape
        for layer in self._layer_state.layers:
            try:
                shape = layer.compute_output_shape(shape)
            except SeqirError as error:
                error.add_note(f"in Sequential model {self.name!r}")
                raise
        return shape

    def get_config(self) -> dict[str, Any]:
        """The layers, in the form of Keras."""
        from seqir.persistence.configuration import of_sequential

        return of_sequential(self)

    def __len__(self) -> int:
        return len(self._layer_state.layers)

    def __bool__(self) -> bool:
        return True


def _batch_shape(shape: Any) -> Any:
    if shape is None:
        return None
    if isinstance(shape, int):
        raise ArgumentError(
            f"input_shape must be a tuple with the batch first, such as (None, {shape})"
        )
    if is_dict(shape):
        return {key: _batch_shape(each) for key, each in shape.items()}
    if any(is_structure(each) for each in shape):
        return [_batch_shape(each) for each in shape]
    return tuple(shape)


def _shown(shape: object) -> str:
    return format_shape(shape) if is_tuple(shape) else repr(shape)


def _known_input_shape(layer: Layer) -> object:
    """The batch shape that a first layer brings along."""
    if isinstance(layer, Model) and layer.built:
        return Network.input_shape.of(layer)
    return state_of(layer).input_shape
