"""Steps that a model's own methods say: `train_step`, `test_step`, `compute_loss`.

Such a method is called once for a kind of batches, on tensors of a graph; what it
computes, and assigns to weights, optimizers and metrics, is the step. A variable that
was assigned to is read with its new value from there on, and no gradient goes through
the assignment, as where assignments happen at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqir import config, dtypes, naming, nest, ops
from seqir.data.batch import Batch, Signature, signature_of
from seqir.data.packing import pack_x_y_sample_weight
from seqir.errors import ArgumentError, SeqirError, ShapeError
from seqir.ir import Array, Trace, Value
from seqir.narrow import is_a, is_mapping
from seqir.operators.barrier import StopGradient
from seqir.ops import changes
from seqir.ops.apply import value_of
from seqir.ops.tensor import Traced
from seqir.shapes import format_shape
from seqir.tensortype import TensorType
from seqir.train.compilation import Compilation
from seqir.train.compiled import Compiled
from seqir.train.feeds import Feeder, numeric
from seqir.train.sizes import SAMPLE_WEIGHT, TARGET
from seqir.train.steps import LOSS, Step, StepGraph
from seqir.train.trainable import Trainable

METHODS = ("compute_loss", "compute_metrics")
"""What takes part in steps for training and for testing."""


class HandTrace(Trace):
    """The trace of a step whose assignments end gradients.

    Layers are for inference in it unless they are called with ``training=True``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._assigned: dict[Any, list[Value]] = {}

    def write(self, variable: Any, name: str, value: Value) -> None:
        held = self(StopGradient(), value)
        super().write(variable, name, held)
        self._assigned.setdefault(variable, []).append(held)

    def readings(self, variable: Any) -> list[Value]:
        return [*super().readings(variable), *self._assigned.get(variable, ())]


def is_by_hand(model: Trainable, *, training: bool) -> bool:
    """Whether a step of this kind is what methods of the model's own say."""
    step = "train_step" if training else "test_step"
    return any(map(model.overrides, (step, *METHODS)))


@dataclass(frozen=True)
class HandTypes:
    """The structure of a batch, with element types and sizes behind the batch."""

    signature: Signature

    def trace(self, compiled: Compilation, *, training: bool) -> StepGraph:
        """Trace one step.

        Raises: what the methods of the model raise; ArgumentError and ShapeError for
            what they return.
        """
        model = compiled.model
        method = "train_step" if training else "test_step"
        b = HandTrace(f"{model.name}_{method}")
        b.reserved = (LOSS,)
        found = self.signature
        with b.active():
            parts = _parts(b, found)
            batch = pack_x_y_sample_weight(*(part.tensors for part in parts))
            step: Callable[[Any], object] = getattr(model, method)
            where = f"in {method} of model {model.name!r} ({type(model).__name__})"
            try:
                logs = step(batch)
            except SeqirError as error:
                error.add_note(where)
                raise
            reported = _logs(b, logs, where)
            model.settle()
            loss = _total(b)
        names = {
            key: naming.free(f"metrics/{key}", {*b.inputs, *b.params})
            for key in reported
        }
        outputs = {LOSS: loss, **{names[key]: v for key, v in reported.items()}}
        variables = {name: variable for variable, name in b.bindings.items()}
        inputs, targets, weights = (part.names for part in parts)
        return StepGraph(
            b.finish(outputs), variables, inputs, targets, weights, names, ()
        )


class _Part(NamedTuple):
    """A part of a batch: its inputs' names in order, and its tensors."""

    names: tuple[str, ...]
    tensors: Any


def _parts(b: Trace, found: Signature) -> list[_Part]:
    """Inputs for the arrays of a batch: x, y and sample weights."""
    return [
        _entered(b, "x", found.x),
        _entered(b, TARGET, found.y),
        _entered(b, SAMPLE_WEIGHT, found.sample_weight),
    ]


def entered_batch(b: Trace, found: Signature) -> tuple[tuple[str, ...], Any]:
    """Inputs for a batch: their names in order, and what a step takes."""
    parts = _parts(b, found)
    names = tuple(name for part in parts for name in part.names)
    return names, pack_x_y_sample_weight(*(part.tensors for part in parts))


def _entered(b: Trace, what: str, specs: Any) -> _Part:
    """Inputs for the arrays of a part of a batch."""
    if specs is None:
        return _Part((), None)
    leaves = nest.flatten(specs)
    names: list[str] = []
    tensors: list[Traced | None] = []
    for place, spec in enumerate(leaves):
        if spec is None:
            tensors.append(None)
            continue
        name = what if len(leaves) == 1 else f"{what}_{place}"
        kind = dtypes.STRING if spec.dtype == "object" else spec.dtype
        type_ = TensorType(kind, ("batch", *spec.shape))
        names.append(name)
        tensors.append(Traced(b, b.input(name, type_)))
    return _Part(tuple(names), nest.pack(specs, tensors))


def _logs(b: Trace, logs: object, where: str) -> dict[str, Value]:
    """What a step has returned, as values of its graph by name.

    Raises: ArgumentError if it is no dictionary, ShapeError for a value that is one
        for each sample.
    """
    if not is_mapping(logs):
        got = "nothing" if logs is None else f"a {type(logs).__name__}"
        raise ArgumentError(
            f"{where}: a step returns a dictionary of names and numbers, such as "
            f"{{'loss': self.loss_tracker.result()}}, got {got}"
        )
    found: dict[str, Value] = {}
    for name, result in logs.items():
        if not is_a(name, str):
            raise ArgumentError(f"{where}: names in the logs are text, got {name!r}")
        if is_mapping(result):
            found |= _logs(b, result, where)
            continue
        value = value_of(b, result)
        if any(not isinstance(size, int) for size in value.type.shape):
            raise ShapeError(
                f"{where}: {name!r} in the logs has shape "
                f"{format_shape(value.type.shape)}, with an unknown size: report a "
                "number, such as its mean"
            )
        found[name] = value
    return found


def _total(b: Trace) -> Value:
    """The sum of what gradients were taken of; 0 in a step that takes none."""
    parts = [ops.cast(Traced(b, value), "float32") for value in b.minimized]
    return value_of(b, ops.add_n(parts) if parts else np.float32(0))


class HandFeeder(Feeder):
    """Makes feeds for steps that are written by hand: the arrays as they come."""

    def step_of(self, batch: Batch) -> tuple[Step, dict[str, Array]]:
        """The compiled step that takes this batch, and the batch as its feeds."""
        x = nest.map_structure(admitted, batch.x)
        y = nest.map_structure(_target, batch.y)
        kind = dtypes.to_numpy(config.floatx())
        weights = nest.map_structure(
            lambda w: None if w is None else np.asarray(w, kind), batch.sample_weight
        )
        batch = batch._replace(x=x, y=y, sample_weight=weights)
        key = signature_of(batch)
        compiled = self.compiled
        step = self._step
        if step is None or step.clock != changes.clock() or key != self._key:
            step = compiled.step(HandTypes(key), training=self.training)
            self._step, self._key = step, key
        traced = step.traced
        names = (*traced.inputs, *traced.targets, *traced.weights)
        arrays = [a for a in nest.flatten((x, y, weights)) if a is not None]
        feeds = {
            name: np.ascontiguousarray(array)
            for name, array in zip(names, arrays, strict=True)
            if name is not None and step.reads(name)
        }
        return step, feeds | self.keys(step)


def admitted(x: Any) -> Any:
    """An array of x: of the default type if it is float64, else as it is."""
    if x is None:
        return None
    array = np.asarray(x)
    wide = array.dtype == np.float64
    return array.astype(dtypes.to_numpy(config.floatx())) if wide else array


def _target(y: Any) -> Any:
    return None if y is None else numeric(y)


def feeder(compiled: Compiled, *, training: bool) -> Feeder:
    """What makes feeds for the steps of a model: the usual ones, or its own."""
    by_hand = is_by_hand(compiled.model, training=training)
    return (HandFeeder if by_hand else Feeder)(compiled, training=training)
