"""What all models are: layers with inputs and outputs, and a graph."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from seqir import dtypes, nest
from seqir.errors import (
    ArgumentError,
    NotBuiltError,
    SeqirError,
    ShapeError,
    did_you_mean,
)
from seqir.ir import Array, Graph, Trace
from seqir.layer import masks, scope
from seqir.layer.base import Layer
from seqir.layer.checks import bind_call, check_arrays, required_inputs
from seqir.layer.offered import offered
from seqir.layer.state import walk
from seqir.layers.core import InputLayer
from seqir.narrow import is_dict, is_structure
from seqir.network.inputs import (
    Sizes,
    fixed_batch,
    misfit,
    other_sizes,
    standardize,
)
from seqir.network.names import distinct, mask_of
from seqir.network.state import ModelState
from seqir.network.walk import input_layers, inputs_of, outputs_of
from seqir.ops.call import record
from seqir.ops.tensor import Call, KerasTensor, Traced
from seqir.ops.variable import Variable
from seqir.tensortype import TensorType

Enter = Callable[[Trace, str, TensorType], Traced]
"""How an input of a model, its name and its type given, enters a graph."""

_started: Final[WeakKeyDictionary[InputLayer, WeakValueDictionary[int, Network]]] = (
    WeakKeyDictionary()
)
"""The models that start at an input, oldest first: tensors know only their origin."""


def _enter(b: Trace, name: str, type_: TensorType) -> Traced:
    return Traced(b, b.input(name, type_))


if TYPE_CHECKING:
    from seqir.fields import fixed

MODELS: Final[dict[str, type[Network]]] = {}
"""The class of each kind of models; each enters itself where it is defined."""


class Network(Layer):
    """Layers between inputs and outputs: what a model is before it runs.

    `seqir.Model` derives from it. What reads models (summary, export, files) takes
    networks, so that a model can have all of that as methods.
    """

    destroys_masks = False
    _state_type = ModelState
    if TYPE_CHECKING:
        _layer_state: ModelState = fixed(None)  # pyright: ignore[reportIncompatibleVariableOverride]
    model_kind: ClassVar[Literal["functional", "sequential", "subclass"]] = "subclass"
    """A functional or sequential model is what its layers and their connections say;
    a subclass is what its `call` does, with layers in attributes."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "model_kind" in cls.__dict__:
            MODELS[cls.model_kind] = cls

    # What a kind of model fills in.

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order; a copy."""
        return list(self._layer_state.layers)

    @offered
    def inputs(self) -> list[KerasTensor]:
        """Symbolic tensors that arrays enter at."""
        return nest.flatten(self.input_structure)

    @offered
    def outputs(self) -> list[KerasTensor]:
        """Symbolic tensors that come out."""
        return nest.flatten(self.output_structure)

    @property
    def input(self) -> Any:
        """The inputs as they were given, whatever the model was called on since."""
        return self.input_structure

    @property
    def output(self) -> Any:
        """The outputs of the model's own graph."""
        return self.output_structure

    @property
    def input_structure(self) -> Any:
        """Inputs as a tensor, list or dict of tensors."""
        call = self._own_call("inputs")
        return call.args[0] if call.args else call.kwargs

    @property
    def output_structure(self) -> Any:
        """Outputs as a tensor, list or dict of tensors."""
        return self._own_call("outputs").outputs

    @offered
    def operations(self) -> list[Any]:
        """Layers, and functions between them, in order; a copy."""
        return self.layers

    @property
    def connections(self) -> list[Call]:
        """The calls that make up the model; a subclass with a `call` is one."""
        return [self._own_call("connections")]

    def _own_call(self, what: str) -> Call:
        """The call that a subclass was built with."""
        state = self._layer_state
        if not state.has_own_call:
            with scope.one_thread():
                self._record_for_shapes()
        call = state.own_call if state.has_own_call else None
        if call is None:
            raise NotBuiltError(
                f"model {self.name!r} has no defined {what} yet: call it on an array, "
                "call build(input_shape), or start it with an Input"
            )
        return call

    @property
    def connected(self) -> bool:
        """Whether the model is built, and it is known for which inputs."""
        known = self.model_kind != "subclass" or self._layer_state.has_own_call
        return self.built and (known or self._layer_state.build_shapes is not None)

    def build(self, input_shape: object) -> None:
        """Build a subclass that has a `call` for inputs of this shape."""
        self._record_as_built((input_tensors(input_shape, self.compute_dtype),), {})

    def _record_as_built(
        self, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        state, before = self._layer_state, self.built
        # Its layers are built while it is traced.
        state.built, state.own_call = True, None
        try:
            record(self, args, kwargs)
        except BaseException:
            state.built = before
            del state.own_call
            raise
        state.own_call = state.calls.pop()
        self._register(input_layers(inputs_of(self)))

    def _record_for_shapes(self) -> None:
        """Record the call of a subclass whose `build` is its own, if it has run."""
        built_with = self._layer_state.build_shapes
        if self._layer_state.has_own_call or built_with is None:
            return
        args, kwargs = built_with
        shapes = inspect.signature(self.build).bind(*args, **kwargs).arguments
        inputs = {
            name.removesuffix("_shape"): input_tensors(shape, self.compute_dtype)
            for name, shape in shapes.items()
        }
        if len(inputs) == 1:
            self._record_as_built(tuple(inputs.values()), {})
        else:
            self._record_as_built((), inputs)

    def _ensure_built(
        self, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        several = required_inputs(self) > 1
        if args and not several and not self.built and self._reads_text(args[0]):
            self._record_as_built((self._inputs_like(args[0]),), {})
        if not several or type(self).build is not Network.build:
            super()._ensure_built(args, kwargs)
        if several and not self._layer_state.has_own_call:
            with scope.one_thread():
                self._build_for(args, kwargs)

    def _reads_text(self, tensors: object) -> bool:
        """Whether `build`, which knows shapes alone, would take text for values."""
        own = type(self).build is not Network.build
        return not own and any(map(_is_text, nest.flatten(tensors)))

    def _inputs_like(self, tensors: object) -> Any:
        """Inputs for such tensors or arrays: of text, or of what is computed in."""

        def made(x: Any) -> Any:
            dtype = dtypes.STRING if _is_text(x) else self.compute_dtype
            return input_tensors(x.shape, dtype)

        return nest.map_structure(made, tensors)

    def _build_for(self, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """Build a subclass whose ``call(x, y)`` needs several tensors, by name."""
        if self._layer_state.has_own_call:
            return
        given = bind_call(self, args, kwargs).arguments
        names = self._call_arguments[: required_inputs(self)]
        needed = {name: given[name] for name in names}
        if not all(isinstance(x, Traced) for x in nest.flatten(needed)):
            # For these settings; other calls have others.
            self._layer_state.built = True
            return
        inputs = nest.map_structure(lambda x: input_tensors(x.shape, x.dtype), needed)
        self._record_as_built((), inputs)

    # What a model that is trained fills in.

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return False

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile` got, ready for JSON; empty before it."""
        return {}

    def _register(self, inputs: list[InputLayer]) -> None:
        """Be found by these inputs, so that inner tensors can be."""
        self._layer_state.starts = inputs  # for copies, which are to be found, too
        for layer in inputs:
            _started.setdefault(layer, WeakValueDictionary())[id(self)] = self

    def require_built(self, what: str) -> None:
        """NotBuiltError that says what to do, unless the model is built."""
        self.settle()
        if not self.built:
            raise NotBuiltError(
                f"model {self.name!r} is not built yet and has no {what}: call it on "
                "an array, call build(input_shape), or start it with an Input"
            )

    def settle(self) -> None:
        """Count as built once all layers inside are.

        A model that is trained by hand may have no `call`, or never be called itself.
        """
        own_build = type(self).build is not Network.build
        state = self._layer_state
        if not (self.built or own_build) and (state.layers or state.variables):
            inner = itertools.islice(walk(self), 1, None)
            state.built = all(layer.built for layer in inner)

    # Names and shapes.

    @offered
    def input_shape(self) -> Any:
        """Shape of the input (a list or dict of shapes for several)."""
        return nest.map_structure(lambda t: t.shape, self.input_structure)

    @offered
    def output_shape(self) -> Any:
        """Shape of the output (a list or dict of shapes for several)."""
        return nest.map_structure(lambda t: t.shape, self.output_structure)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, as the exported file has them."""
        return distinct(_input_name(t) for t in inputs_of(self))

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that the outputs come from."""
        taken = self.input_names
        names = (t.call.target.name if t.call else t.name for t in outputs_of(self))
        return distinct(names, taken)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """The layer of that name or at that place.

        Raises: ArgumentError if there is none, with the existing names.
        """
        layers = self.layers
        if (name is None) == (index is None):
            raise ArgumentError(
                "Provide only a layer name or a layer index."
                if name is not None
                else "Provide either a layer name or layer index."
            )
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(
                    f"Was asked to retrieve layer at index {index} but model only "
                    f"has {len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        known = [layer.name for layer in layers]
        raise ArgumentError(
            f"No such layer: {name}. Existing layers are: {known}."
            f"{did_you_mean(str(name), known)}"
        )

    @property
    def fixed_batch(self) -> int | None:
        """The only batch size that it takes; None if it takes any."""
        return fixed_batch(inputs_of(self)) if self.connected else None

    @property
    def file_opset(self) -> int | None:
        """The opset of the file that it was read from, whose form it keeps."""
        return None

    @property
    def variables(self) -> list[Variable]:
        """All weights, in the order of the layers."""
        self.require_built("weights")
        return self._collect()

    def _collect(self) -> list[Variable]:
        found = dict.fromkeys(Layer.variables.fget(self))  # pyright: ignore[reportOptionalCall]
        return list(found)

    # The graph.

    def graph(self, *, training: bool = False, batch: int | str | None = None) -> Graph:
        """The typed graph that the model traces to, weights as params.

        `batch` fixes the batch size of all inputs, or names it.
        """
        graph, _ = self.trace_graph(training=training, batch=batch)
        return graph

    def trace_graph(
        self,
        *,
        training: bool | None = False,
        batch: int | str | None = None,
        enter: Enter | None = None,
        sizes: Sizes | None = None,
        with_masks: bool = False,
    ) -> tuple[Graph, dict[str, Variable]]:
        """The graph and the variable behind each param; see `trace_outputs`.

        Its updates are all that the code of the layers assigns to; see `states`. Masks
        are further outputs, if they are wanted; see `names.mask_of`.
        """
        self.require_built("graph")
        b = Trace(self.name, training=training)
        b.reserved = names = self.output_names
        with b.active():
            results = self.trace_outputs(
                b, training=training, batch=batch, enter=enter or _enter, sizes=sizes
            )
        outputs = dict(zip(names, (y.value for y in results), strict=True))
        for name, y in zip(names, results, strict=True):
            if with_masks and y.mask is not None:
                outputs[mask_of(name)] = y.mask.value
        variables = {name: v for v, name in b.bindings.items()}
        return b.finish(outputs), variables

    def trace_outputs(
        self,
        b: Trace,
        *,
        training: bool | None,
        batch: int | str | None = "batch",
        enter: Enter = _enter,
        sizes: Sizes | None = None,
    ) -> list[Traced]:
        """Trace the model onto inputs that `enter` makes; the outputs as a flat list.

        `enter` gets the name and the type of each input of the model. `sizes` are
        others than those that it was built for.

        Raises: ShapeError for `sizes` that some layer cannot take.
        """
        tensors = inputs_of(self)
        values: list[Traced] = []
        for name, tensor in zip(self.input_names, tensors, strict=True):
            prefix = "-" if len(tensors) == 1 else f"{name}_"
            type_ = _input_type(tensor, batch, prefix)
            if sizes is not None:
                type_ = type_.with_shape((type_.shape[0], *sizes[len(values)]))
            values.append(enter(b, name, type_))
        inputs = nest.pack(self.input_structure, values)
        try:
            flags = self._flags(training)
            state = self._layer_state
            own = state.own_call if state.has_own_call else None
            by_name = own is not None and not own.args  # several tensors
            args, kwargs = ((), inputs | flags) if by_name else ((inputs,), flags)
            outputs = self.call(*args, **kwargs)
            given = masks.given(self, args, kwargs)
            return nest.flatten(masks.passed_on(self, given, outputs))
        except SeqirError as error:
            if sizes is None:
                raise
            raise ShapeError(f"{self.misfit(sizes)}: {error}") from error

    def _flags(self, training: bool | None) -> dict[str, object]:
        said = training is not None and "training" in self._call_arguments
        return {"training": training} if said else {}

    # Entering.

    def batch_feeds(self, x: object) -> dict[str, Array]:
        """The arrays for each input, of the sizes that the model was built for.

        Raises: ShapeError for others; `sized_feeds` takes them.
        """
        feeds, sizes = self.sized_feeds(x)
        if sizes is not None:
            raise ShapeError(self.misfit(sizes))
        return feeds

    def sized_feeds(self, x: object) -> tuple[dict[str, Array], Sizes | None]:
        """The arrays for each input, and their sizes if the model has not seen them."""
        feeds = standardize(self, x)
        return feeds, other_sizes(self, feeds)

    def misfit(self, sizes: Sizes) -> str:
        """That the inputs were built for other sizes than these."""
        names = zip(inputs_of(self), self.input_names, sizes, strict=True)
        return "; ".join(misfit(t, n, self.name, (None, *s)) for t, n, s in names)

    def build_from_arrays(self, x: object) -> None:
        """Build for the shapes of these arrays, for any batch size."""
        check_arrays(self, (x,), {})
        if required_inputs(self) > 1 and is_structure(x):
            super().run(**x) if is_dict(x) else super().run(*x)
            return
        arrays = nest.map_structure(np.asarray, x)
        shapes = nest.map_structure(lambda a: a.shape, arrays)
        if self.built or self._reads_text(arrays):
            # It says itself that it is built, and not for which inputs.
            self._record_as_built((self._inputs_like(arrays),), {})
        else:
            self.build(shapes)
        for tensor in inputs_of(self):
            if tensor.call and isinstance(tensor.call.target, InputLayer):
                tensor.call.target.incidental_batch = True

    @property
    def stop_predicting(self) -> bool:
        """Set by callbacks: `predict` ends after this batch."""
        return self._layer_state.stop_predicting

    @stop_predicting.setter
    def stop_predicting(self, value: bool) -> None:
        self._layer_state.stop_predicting = bool(value)


def connect(inputs: object, outputs: object, name: str | None = None) -> Network:
    """A functional model between tensors."""
    made = cast("Callable[..., Network]", MODELS["functional"])
    return made(inputs, outputs, name=name)


def started_at(layer: InputLayer) -> list[Network]:
    """The models that start at an input, oldest first."""
    found = _started.get(layer)
    return [] if found is None else list(found.values())


def _input_name(tensor: KerasTensor) -> str:
    source = tensor.call.target if tensor.call else None
    return source.name if source else tensor.name


def _input_type(tensor: KerasTensor, batch: int | str | None, prefix: str) -> Any:
    layer = tensor.call.target if tensor.call else None
    if isinstance(layer, InputLayer):
        if batch is None and layer.incidental_batch:
            batch = "batch"
        return layer.tensor_type(batch=batch, prefix=prefix)
    if batch is not None and tensor.type.shape:
        return tensor.type.with_shape((batch, *tensor.type.shape[1:]))
    return tensor.type


def arrays_of(variables: Mapping[str, Variable]) -> dict[str, Array]:
    """The present numbers of variables."""
    return {name: v.array for name, v in variables.items()}


def input_tensors(shape: Any, dtype: str, *, learned: bool = True) -> Any:
    """New inputs for a shape or a structure of shapes, the batch included.

    `learned`: they are for the first array, and take other sizes, too.
    """
    if is_dict(shape):
        return {k: input_tensors(v, dtype, learned=learned) for k, v in shape.items()}
    if shape and all(is_structure(s) for s in shape):
        return [input_tensors(s, dtype, learned=learned) for s in shape]
    layer = InputLayer(batch_shape=shape, dtype=dtype)
    layer.learned = learned
    return layer.output


def _is_text(x: object) -> bool:
    dtype = getattr(x, "dtype", None)
    return dtype is not None and dtypes.canonical(dtype) == dtypes.STRING
