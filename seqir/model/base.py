"""What all models have: layers, a graph, a session, and the ways out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from seqir import nest
from seqir.errors import (
    ArgumentError,
    NotBuiltError,
    SeqirError,
    ShapeError,
    did_you_mean,
)
from seqir.ir import Array, Graph, Trace, current_builder
from seqir.layers import masks, scope
from seqir.layers.base import Layer
from seqir.layers.checks import bind_call, check_arrays, required_inputs
from seqir.layers.core import InputLayer
from seqir.model.inputs import Sizes, misfit, other_sizes, standardize
from seqir.model.lifting import input_layers, register
from seqir.model.names import distinct
from seqir.model.runner import Runner
from seqir.model.states import mask_of
from seqir.ops.call import is_symbolic, record
from seqir.ops.tensor import Call, KerasTensor, Traced
from seqir.ops.variable import Variable
from seqir.tensortype import TensorType
from seqir.train import Trainer

if TYPE_CHECKING:
    from os import PathLike

    from seqir.model.export import ExportReport
    from seqir.model.functional import Functional

Enter = Callable[[Trace, str, TensorType], Traced]
"""How an input of a model, its name and its type given, enters a graph."""


def _enter(b: Trace, name: str, type_: TensorType) -> Traced:
    return Traced(b, b.input(name, type_))


class Model(Trainer):
    """Layers connected from inputs to outputs.

    ``Model(inputs, outputs)`` takes tensors that layers were called on (functional
    API) and gives a `Functional`; subclasses may define ``call`` instead, or pass
    inputs and outputs to ``super().__init__``.

    Raises: GraphError if the outputs do not depend on the inputs alone.
    Source: Keras 3 ``keras.Model``.
    """

    destroys_masks = False
    _runner: Runner
    _lists_layers: ClassVar[bool] = False
    """The model is what its list of layers and their connections say; others are what
    their `call` does, with layers in attributes."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        kind: Any = cls
        if cls is Model and (args or {"inputs", "outputs"} & kwargs.keys()):
            from seqir.model.functional import Functional

            kind = Functional
        return super().__new__(kind, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or {"inputs", "outputs"} & kwargs.keys():  # a subclass says what it is
            from seqir.model.functional import Functional, derive

            derive(type(self))
            Functional.__init__(cast("Functional", self), *args, **kwargs)
            return
        super().__init__(**kwargs)
        self.__dict__["_runner"] = Runner(self)

    # What a kind of model fills in.

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order; a copy."""
        return list(self._layers)

    @property
    def inputs(self) -> list[KerasTensor]:
        """Symbolic tensors that arrays enter at."""
        return nest.flatten(self.input_structure)

    @property
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

    @property
    def connections(self) -> list[Call]:
        """The calls that make up the model; a subclass with a `call` is one."""
        return [self._own_call("connections")]

    def _own_call(self, what: str) -> Call:
        """The call that a subclass was built with."""
        call = self.__dict__.get("_built_by")
        if call is None:
            with scope.one_thread():
                self._record_for_shapes()
            call = self.__dict__.get("_built_by")
        if call is None:
            raise NotBuiltError(
                f"model {self.name!r} has no defined {what} yet: call it on an array, "
                "call build(input_shape), or start it with an Input"
            )
        return call

    @property
    def connected(self) -> bool:
        """Whether the model is built, and it is known for which inputs."""
        known = self._lists_layers or not self.__dict__.keys().isdisjoint(
            ("_built_by", "_build_shapes")
        )
        return self.built and known

    def build(self, input_shape: Any) -> None:
        """Build a subclass that has a `call` for inputs of this shape."""
        self._record_as_built((input_tensors(input_shape, self.compute_dtype),), {})

    def _record_as_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        before = self.built
        # Its layers are built while it is traced.
        self.__dict__.update(built=True, _built_by=None)
        try:
            record(self, args, kwargs)
        except BaseException:
            self.__dict__["built"] = before
            del self.__dict__["_built_by"]
            raise
        self.__dict__["_built_by"] = self.calls.pop()
        register(self, *input_layers(self))

    def _record_for_shapes(self) -> None:
        """Record the call of a subclass whose `build` is its own, if it has run."""
        if "_built_by" in self.__dict__ or "_build_shapes" not in self.__dict__:
            return
        args, kwargs = self._build_shapes
        shapes = inspect.signature(self.build).bind(*args, **kwargs).arguments
        inputs = {
            name.removesuffix("_shape"): input_tensors(shape, self.compute_dtype)
            for name, shape in shapes.items()
        }
        if len(inputs) == 1:
            self._record_as_built(tuple(inputs.values()), {})
        else:
            self._record_as_built((), inputs)

    def _ensure_built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        several = required_inputs(self) > 1
        if not several or type(self).build is not Model.build:
            super()._ensure_built(args, kwargs)
        if several and "_built_by" not in self.__dict__:
            with scope.one_thread():
                self._build_for(args, kwargs)

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build a subclass whose ``call(x, y)`` needs several tensors, by name."""
        if "_built_by" in self.__dict__:
            return
        given = bind_call(self, args, kwargs).arguments
        names = self._call_arguments[: required_inputs(self)]
        needed = {name: given[name] for name in names}
        if not all(isinstance(x, Traced) for x in nest.flatten(needed)):
            self.__dict__["built"] = True  # for these settings; other calls have others
            return
        inputs = nest.map_structure(lambda x: input_tensors(x.shape, x.dtype), needed)
        self._record_as_built((), inputs)

    def require_built(self, what: str) -> None:
        """NotBuiltError that says what to do, unless the model is built."""
        if not self.built:
            raise NotBuiltError(
                f"model {self.name!r} is not built yet and has no {what}: call it on "
                "an array, call build(input_shape), or start it with an Input"
            )

    # Names and shapes.

    @property
    def input_shape(self) -> Any:
        """Shape of the input (a list or dict of shapes for several)."""
        return nest.map_structure(lambda t: t.shape, self.input_structure)

    @property
    def output_shape(self) -> Any:
        """Shape of the output (a list or dict of shapes for several)."""
        return nest.map_structure(lambda t: t.shape, self.output_structure)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, as the exported file has them."""
        return distinct(_input_name(t) for t in self.inputs)

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that the outputs come from."""
        names = (t.call.target.name if t.call else t.name for t in self.outputs)
        return distinct(names, taken=self.input_names)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
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
        training: bool = False,
        batch: int | str | None = None,
        enter: Enter | None = None,
        sizes: Sizes | None = None,
        with_masks: bool = False,
    ) -> tuple[Graph, dict[str, Variable]]:
        """The graph and the variable behind each param; see `trace_outputs`.

        Its updates are all that the code of the layers assigns to; see `states`. Masks
        are further outputs, if they are wanted; see `states.mask_of`.
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
        training: bool,
        batch: int | str | None = "batch",
        enter: Enter = _enter,
        sizes: Sizes | None = None,
    ) -> list[Traced]:
        """Trace the model onto inputs that `enter` makes; the outputs as a flat list.

        `enter` gets the name and the type of each input of the model. `sizes` are
        others than those that it was built for.

        Raises: ShapeError for `sizes` that some layer cannot take.
        """
        tensors = self.inputs
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
            own = self.__dict__.get("_built_by")
            by_name = own is not None and not own.args  # several tensors
            args, kwargs = ((), inputs | flags) if by_name else ((inputs,), flags)
            outputs = self.call(*args, **kwargs)
            given = masks.given(self, args, kwargs)
            return nest.flatten(masks.passed_on(self, given, outputs))
        except SeqirError as error:
            if sizes is None:
                raise
            raise ShapeError(f"{self._misfit(sizes)}: {error}") from error

    def _flags(self, training: bool) -> dict[str, Any]:
        return {"training": training} if "training" in self._call_arguments else {}

    # Running.

    def _computes(self, inputs: Any) -> bool:
        """Whether `call` was called by a user, on arrays."""
        leaves = nest.flatten(inputs)
        return current_builder() is None and not any(map(is_symbolic, leaves))

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on arrays, with ONNX Runtime."""
        first = next(iter(self._call_arguments), None)
        if not args and first in kwargs:
            args = (kwargs.pop(first),)
        if not args:
            raise ArgumentError(f"model {self.name!r} was called without an input")
        x = args[0]
        masked = any(mask is not None for mask in nest.flatten(masks.of(args)))
        if kwargs.pop("training", None):
            if self.connected and not masked:
                fitted = list(standardize(self, x).values())
                args = (nest.pack(self.input_structure, fitted), *args[1:])
            return super().run(*args, training=True, **kwargs)
        if len(args) > 1 or masked or any(v is not None for v in kwargs.values()):
            return super().run(*args, **kwargs)
        if not self.connected:
            self.build_from_arrays(x)
        return self._runner(standardize(self, x), called=True)

    def batch_feeds(self, x: Any) -> dict[str, Array]:
        """The arrays for each input, of the sizes that the model was built for.

        Raises: ShapeError for others; `sized_feeds` takes them.
        """
        feeds, sizes = self.sized_feeds(x)
        if sizes is not None:
            raise ShapeError(self._misfit(sizes))
        return feeds

    def sized_feeds(self, x: Any) -> tuple[dict[str, Array], Sizes | None]:
        """The arrays for each input, and their sizes if the model has not seen them."""
        feeds = standardize(self, x)
        return feeds, other_sizes(self, feeds)

    def _misfit(self, sizes: Sizes) -> str:
        names = zip(self.inputs, self.input_names, sizes, strict=True)
        return "; ".join(misfit(t, n, self.name, (None, *s)) for t, n, s in names)

    def build_from_arrays(self, x: Any) -> None:
        """Build for the shapes of these arrays, for any batch size."""
        check_arrays(self, (x,), {})
        if required_inputs(self) > 1 and isinstance(x, dict | list | tuple):
            super().run(**x) if isinstance(x, dict) else super().run(*x)
            return
        arrays = nest.map_structure(np.asarray, x)
        shapes = nest.map_structure(lambda a: a.shape, arrays)
        if self.built:  # so it says itself, and not for which inputs
            self._record_as_built((input_tensors(shapes, self.compute_dtype),), {})
        else:
            self.build(shapes)
        for tensor in self.inputs:
            if tensor.call and isinstance(tensor.call.target, InputLayer):
                tensor.call.target.incidental_batch = True

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        *,
        device: str | None = None,
    ) -> Any:
        """Outputs for many inputs, batch by batch.

        `x` is arrays, or what makes batches, as for `fit`; only their x is used.

        `verbose`: 0 silent, 1 a progress bar on stderr, "auto" a bar on a terminal.
        `device`: where to run; "auto" is the best that works.

        Raises: ArgumentError for a bad batch size, ShapeError for inputs that do not
            fit or disagree in length.
        """
        from seqir.model.predict import predict

        return predict(
            self,
            x,
            batch_size=batch_size,
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
            device=device,
        )

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch."""
        if not self.connected:
            self.build_from_arrays(x)
        return self._runner(standardize(self, x))

    # Ways out.

    def summary(self, *args: Any, **options: Any) -> None:
        """Print the layers with output shapes and parameter counts.

        See `seqir.model.summary.summarize` for the options.

        Raises: NotBuiltError for a model without an input shape.
        """
        from seqir.model.summary import summarize

        summarize(self, *args, **options)

    def save(
        self,
        filepath: str | PathLike[str],
        overwrite: bool = True,
        include_optimizer: bool = True,
    ) -> None:
        """Write the model as Keras's ``.keras`` (or older ``.h5``) file.

        See `seqir.model.saving.save_model`.
        """
        from seqir.model.saving import save_model

        save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(
        self,
        filepath: str | PathLike[str],
        overwrite: bool = True,
        max_shard_size: float | None = None,
        objects_to_skip: Iterable[Layer] | None = None,
    ) -> None:
        """Write all weights to one file, or in shards, whole or not at all.

        See `seqir.model.weights.save_weights` for the kinds of files.
        """
        from seqir.model.weights import save_weights

        save_weights(self, filepath, overwrite, max_shard_size, objects_to_skip)

    def load_weights(
        self,
        filepath: str | PathLike[str],
        skip_mismatch: bool = False,
        by_name: bool = False,
        objects_to_skip: Iterable[Layer] | None = None,
    ) -> None:
        """Read all weights from a file; all of them are replaced, or none.

        See `seqir.model.weights.load_weights` for the kinds of files.
        """
        from seqir.model.weights import load_weights

        load_weights(self, filepath, skip_mismatch, by_name, objects_to_skip)

    def to_json(self, **json_kwargs: Any) -> str:
        """The architecture as JSON text, for `seqir.models.model_from_json`."""
        from seqir.model.saving import to_json

        return to_json(self, **json_kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile` got, ready for JSON; empty before it."""
        from seqir.formats.training import compile_config

        return compile_config(self)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with what `get_compile_config` (or that of Keras) returned."""
        from seqir.model.saving import compile_from

        compile_from(self, config)

    def export(self, path: str | PathLike[str], **options: Any) -> ExportReport:
        """Write the model as a verified ONNX file.

        See `seqir.model.export.export` for the options.
        """
        from seqir.model.export import export

        return export(self, path, **options)

    def slice(
        self, outputs: str | Iterable[str], inputs: str | Iterable[str] | None = None
    ) -> Functional:
        """The part of the model between layers given by name or regular expression.

        ``base/conv`` is a layer of a model inside of this one.

        Raises: ArgumentError if no layer matches, GraphError if the inputs do not
            bound the cut, or a layer inside is called on different tensors.
        """
        from seqir.model.slicing import slice_by_name

        return slice_by_name(self, outputs, inputs)

    def cut_points(self) -> list[str]:
        """Layers at whose output the model can be cut in two."""
        from seqir.model.slicing import cut_points

        return cut_points(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_input_structure" in state:  # in another process, its first such model
            from seqir.model.functional import derive

            derive(type(self))
        self.__dict__.update(state)
        register(self, *state.get("_starts", ()))

    def _repr_html_(self) -> str:
        if not self.built:
            return f"<pre>{self!r}</pre>"
        from seqir.model.summary import summary_of

        return summary_of(self)._repr_html_()

    def to_ir(self) -> str:
        """The text form of the graph."""
        return str(self.graph())

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """The model that `get_config` (or that of Keras) describes, with new weights.

        Raises: UnsafeFileError, UnsupportedError or CorruptFileError, with all reasons.
        """
        from seqir.model.configuration import model_of

        return model_of(cls, config, custom_objects)


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
    if isinstance(shape, dict):
        return {k: input_tensors(v, dtype, learned=learned) for k, v in shape.items()}
    if shape and all(isinstance(s, list | tuple | dict) for s in shape):
        return [input_tensors(s, dtype, learned=learned) for s in shape]
    layer = InputLayer(batch_shape=shape, dtype=dtype)
    layer.learned = learned
    return layer.output
