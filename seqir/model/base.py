"""The model: a network that runs, is trained, and is written to files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from seqir import nest
from seqir.arguments import Verbosity
from seqir.errors import ArgumentError
from seqir.ir import current_builder
from seqir.layer import masks
from seqir.layer.base import Layer
from seqir.layer.checks import trains_unless_told
from seqir.layer.state import walk
from seqir.model.training import TrainedNetwork, training_of
from seqir.network.base import MODELS
from seqir.network.inputs import standardize
from seqir.network.predict import predict
from seqir.network.runner import Runner
from seqir.network.slicing import CutPoint, cut_points, slice_by_name
from seqir.network.state import ModelState
from seqir.ops.call import is_symbolic
from seqir.ops.eager import eager
from seqir.train import predicting

if TYPE_CHECKING:
    from seqir.export.exporter import ExportReport
    from seqir.layer.keywords import given


class Model(TrainedNetwork):
    """Layers connected from inputs to outputs.

    ``Model(inputs, outputs)`` takes tensors that layers were called on (functional
    API) and gives a `Functional`; subclasses may define ``call`` instead, or pass
    inputs and outputs to ``super().__init__``.

    Raises: GraphError if the outputs do not depend on the inputs alone.
    Source: Keras 3 ``keras.Model``.
    """

    if TYPE_CHECKING:  # what a subclass takes that has no `__init__` of its own
        _given_inputs: Any = given(default=None, alias="inputs")
        _given_outputs: Any = given(default=None, alias="outputs")

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        connects = bool(args or {"inputs", "outputs"} & kwargs.keys())
        kind: Any = MODELS["functional"] if cls is Model and connects else cls
        return super().__new__(kind, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or {"inputs", "outputs"} & kwargs.keys():  # a subclass says what it is
            _connect(type(self))
            functional: object = MODELS["functional"]
            functional.__init__(self, *args, **kwargs)
            return
        super().__init__(**kwargs)
        self._layer_state.runner = Runner(self)

    # Running.

    def _computes(self, inputs: object) -> bool:
        """Whether `call` was called by a user, on arrays."""
        leaves = nest.flatten(inputs)
        return current_builder() is None and not any(map(is_symbolic, leaves))

    def run(self, *args: object, **kwargs: object) -> Any:
        """Compute on arrays, with ONNX Runtime."""
        first = next(iter(self._call_arguments), None)
        if not args and first in kwargs:
            args = (kwargs.pop(first),)
        if not args:
            raise ArgumentError(f"model {self.name!r} was called without an input")
        x = args[0]
        masked = any(mask is not None for mask in nest.flatten(masks.of(args)))
        training = kwargs.pop("training", None)
        if training is False and trains_unless_told(walk(self)):
            return super().run(*args, training=False, **kwargs)
        if training:
            if self.connected and not masked:
                fitted = list(standardize(self, x).values())
                args = (nest.pack(self.input_structure, fitted), *args[1:])
            return super().run(*args, training=True, **kwargs)
        if len(args) > 1 or masked or any(v is not None for v in kwargs.values()):
            return super().run(*args, **kwargs)
        if not self.connected:
            self.build_from_arrays(x)
        return eager(self._layer_state.runner(standardize(self, x), called=True))

    def predict(
        self,
        x: object,
        batch_size: int | None = None,
        verbose: Verbosity = "auto",
        steps: int | None = None,
        callbacks: object = None,
        *,
        device: str | None = None,
    ) -> Any:
        """Outputs for many inputs, batch by batch; what `predict_step` says.

        `x` is arrays, or what makes batches, as for `fit`; only their x is used.

        `verbose`: 0 silent, 1 a progress bar on stderr, "auto" a bar on a terminal.
        `device`: where to run; "auto" is the best that works.

        Raises: ArgumentError for a bad batch size, ShapeError for inputs that do not
            fit or disagree in length.
        """
        options: Any = {
            "batch_size": batch_size,
            "verbose": verbose,
            "steps": steps,
            "callbacks": callbacks,
            "device": device,
        }
        if self.overrides("predict_step"):
            return predicting.predict(training_of(self).predictor(self), x, **options)
        return predict(self._layer_state.runner, x, **options)

    def predict_on_batch(self, x: object) -> Any:
        """Outputs for one batch."""
        if self.overrides("predict_step"):
            return predicting.predict_on_batch(training_of(self).predictor(self), x)
        if not self.connected:
            self.build_from_arrays(x)
        return self._layer_state.runner(standardize(self, x))

    def overrides(self, method: str) -> bool:
        """Whether a method is not the one that models have, but the model's own."""
        own = getattr(type(self), method) is not getattr(Model, method)
        return own or method in vars(self)

    # Ways out.

    def summary(self, *args: Any, **options: Any) -> None:
        """Print the layers with output shapes and parameter counts.

        See `seqir.summary.summary.summarize` for the options.

        Raises: NotBuiltError for a model without an input shape.
        """
        from seqir.summary.summary import summarize

        summarize(self, *args, **options)

    def save(
        self,
        filepath: str | PathLike[str],
        overwrite: bool = True,
        include_optimizer: bool = True,
    ) -> None:
        """Write the model as Keras's ``.keras`` (or older ``.h5``) file.

        See `seqir.persistence.saving.save_model`.
        """
        from seqir.persistence.saving import save_model

        save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(
        self,
        filepath: str | PathLike[str],
        overwrite: bool = True,
        max_shard_size: float | None = None,
        objects_to_skip: Iterable[Layer] | None = None,
    ) -> None:
        """Write all weights to one file, or in shards, whole or not at all.

        See `seqir.persistence.weights.save_weights` for the kinds of files.
        """
        from seqir.persistence.weights import save_weights

        save_weights(self, filepath, overwrite, max_shard_size, objects_to_skip)

    def load_weights(
        self,
        filepath: str | PathLike[str],
        skip_mismatch: bool = False,
        by_name: bool = False,
        objects_to_skip: Iterable[Layer] | None = None,
    ) -> None:
        """Read all weights from a file; all of them are replaced, or none.

        See `seqir.persistence.weights.load_weights` for the kinds of files.
        """
        from seqir.persistence.weights import load_weights

        load_weights(self, filepath, skip_mismatch, by_name, objects_to_skip)

    def to_json(self, **json_kwargs: object) -> str:
        """The architecture as JSON text, for `seqir.models.model_from_json`."""
        from seqir.persistence.saving import to_json

        return to_json(self, **json_kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile` got, ready for JSON; empty before it."""
        from seqir.persistence.training import compile_config

        return compile_config(training_of(self).compiled)

    def compile_from_config(self, config: dict[str, object]) -> None:
        """Compile with what `get_compile_config` (or that of Keras) returned."""
        from seqir.persistence.saving import compile_from

        compile_from(self, config)

    def export(self, path: str | PathLike[str], **options: Any) -> ExportReport:
        """Write the model as a verified ONNX file.

        See `seqir.export.exporter.export` for the options.
        """
        from seqir.export.exporter import export

        return export(self, path, **options)

    def slice(
        self, outputs: str | Iterable[str], inputs: str | Iterable[str] | None = None
    ) -> Any:
        """The part of the model between layers given by name or regular expression.

        ``base/conv`` is a layer of a model inside of this one.

        Raises: ArgumentError if no layer matches, GraphError if the inputs do not
            bound the cut, or a layer inside is called on different tensors.
        """
        return slice_by_name(self, outputs, inputs)

    def cut_points(self) -> list[CutPoint]:
        """Layers at whose output the model can be cut in two.

        Each is its name, and has the `bytes` that cross there for one example.
        """
        return cut_points(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        own: ModelState = state["_layer_state"]
        if hasattr(own, "connections"):  # in another process, its first such model
            _connect(type(self))
        self.__dict__.update(state)
        self._register(own.starts)

    def _repr_html_(self) -> str:
        if not self.built:
            return f"<pre>{self!r}</pre>"
        from seqir.summary.summary import summary_of

        return summary_of(self).to_html()

    def to_ir(self) -> str:
        """The text form of the graph."""
        return str(self.graph())

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, object] | None = None
    ) -> Any:
        """The model that `get_config` (or that of Keras) describes, with new weights.

        Raises: UnsafeFileError, UnsupportedError or CorruptFileError, with all reasons.
        """
        from seqir.persistence.configuration import model_of

        return model_of(cls, config, custom_objects)


def _connect(cls: type) -> None:
    """Derive a subclass of `Model` from `Functional`: what it makes has tensors."""
    functional = MODELS["functional"]
    if not issubclass(cls, functional):
        for base in cls.__bases__:
            if issubclass(base, Model) and base is not Model:
                _connect(base)
        cls.__bases__ = tuple(functional if b is Model else b for b in cls.__bases__)
