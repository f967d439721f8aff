"""The step of a training (or an evaluation) as one graph, and as a session.

``(state, batch, seed, step) -> (state', loss, metrics)``: forward pass, loss,
metrics, backward pass and update are traced into one graph. Its state are the
variables that it reads: weights, moving statistics, optimizer slots, accumulators of
metrics. Weights that nothing changes become constants of the graph, so that a frozen
part of a model is optimized as for inference.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from seqir import collector, lower, naming, passes, runtime
from seqir.autodiff import gradient
from seqir.errors import ShapeError
from seqir.ir import Array, Graph, SizeCheck, Trace
from seqir.layer.penalties import penalties
from seqir.layer.state import state_of, walk
from seqir.lower import opsets
from seqir.ops import changes
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable
from seqir.tensortype import TensorType
from seqir.train.compilation import Compilation
from seqir.train.front import Front, cut
from seqir.train.halves import Halves, halves
from seqir.train.objective import Labels, held_metrics, plain
from seqir.train.outputs import Outputs
from seqir.train.sizes import SAMPLE_WEIGHT, TARGET, named
from seqir.train.trainable import Sizes, Trainable

OPSET: Final = opsets.LOWEST
"""What steps are lowered to."""

LOSS: Final = "batch_loss"
"""Output: the loss of the batch."""


@dataclass(frozen=True)
class BatchTypes:
    """Types of targets and sample weights, None where there are none.

    The batch size is not part of them, nor are open sizes: a graph takes any.
    """

    targets: tuple[TensorType | None, ...]
    weights: tuple[TensorType | None, ...]
    sizes: Sizes | None = None
    """Of the inputs behind the batch, if not those that the model was built for."""

    def trace(self, compiled: Compilation, *, training: bool) -> StepGraph:
        """Trace one step of a compiled model; see `trace_step`."""
        return trace_step(compiled, self, training=training)


@dataclass(frozen=True)
class StepGraph:
    """A traced step."""

    graph: Graph
    """Its inputs are the batch (and seed and step); its params the state."""
    variables: Mapping[str, Variable]
    """The variable behind each param."""
    inputs: tuple[str, ...]
    """Names of the model's own inputs."""
    targets: tuple[str | None, ...]
    """Names of the inputs for the targets of each output."""
    weights: tuple[str | None, ...]
    """Names of the inputs for the sample weights of each output."""
    reported: Mapping[str, str]
    """Output of the graph for each name in the logs."""
    labels: tuple[Labels | None, ...]
    """For each output whose targets are class numbers, which ones there are."""


@collector.paused()
def trace_step(
    compiled: Compilation, types: BatchTypes, *, training: bool
) -> StepGraph:
    """Trace one step of a compiled model.

    Raises: GraphError if there is no loss.
    """
    model = compiled.model
    b = Trace(f"{model.name}_{'train' if training else 'test'}", training=training)
    b.reserved = (LOSS,)
    with b.active():
        predicted = model.trace_outputs(b, training=training, sizes=types.sizes)
        inputs = tuple(n for n in b.inputs if n in model.input_names)
        targets = _batch_inputs(b, TARGET, types.targets, predicted, compiled)
        weights = _batch_inputs(b, SAMPLE_WEIGHT, types.weights, predicted, compiled)
        _check_outputs(predicted, model.name, compiled.outputs)
        objective = compiled.objective
        ys = [None if t is None else Traced(b, b.inputs[t]) for t in targets]
        ws = [None if w is None else Traced(b, b.inputs[w]) for w in weights]
        objective.build(compiled.outputs, ys, predicted, held_metrics(model))
        extra = penalties(b, model.trainable_weights)
        loss, reported = objective.trace(b, ys, predicted, ws, extra)
        for trained in model.trainable_weights:
            b.updates.pop(b.bindings.get(trained, ""), None)  # the optimizer's affair
    if training:
        found = {str(i): y.value for i, y in enumerate((loss, *reported.values()))}
        trained = [b.bindings.get(w, "") for w in model.trainable_weights]
        forward = passes.pool_early(trained)(b.finish(found))
        b = b.continued(forward)
        loss, *others = (Traced(b, value) for value in forward.outputs.values())
        reported = dict(zip(reported, others, strict=True))
        with b.active():
            _trace_update(b, compiled, loss)
    outputs = {LOSS: loss.value}
    names: dict[str, str] = {}
    for name, value in reported.items():
        if any(not isinstance(d, int) for d in value.type.shape):
            raise ShapeError(
                f"metric {name!r} has a result of shape {value.shape}: its sizes must "
                "be known"
            )
        names[name] = naming.free(f"metrics/{name}", {*b.inputs, *b.params})
        outputs[names[name]] = value.value
    variables = {name: variable for variable, name in b.bindings.items()}
    return StepGraph(
        b.finish(outputs),
        variables,
        inputs,
        targets,
        weights,
        names,
        objective.labels(predicted),
    )


def _check_outputs(predicted: Sequence[Traced], name: str, outputs: Outputs) -> None:
    for p, label in zip(predicted, outputs.labels, strict=True):
        if not p.ndim:
            raise ShapeError(
                f"output {label!r} of model {name!r} is one number for the whole "
                "batch: a model that is trained or evaluated gives one for each sample"
            )


def _trace_update(b: Trace, compiled: Compilation, loss: object) -> None:
    """Gradients, and what the optimizer makes of them."""
    model = compiled.model
    compiled.require_optimizer()
    optimizer = compiled.optimizer
    trained = model.trainable_weights
    if not trained:
        warn_untrained(model.name)
        return
    compiled.check_trained(trained)
    gradients = gradient(optimizer.scale_loss(loss), trained)
    with b.source(optimizer.name, type(optimizer).__name__):
        optimizer.apply(gradients, trained)


def warn_untrained(name: str) -> None:
    """Say that a training changes nothing."""
    warnings.warn(
        f"model {name!r} has no weight to train: all of its layers are frozen or have "
        "none; fit changes no weight",
        stacklevel=3,
    )


def _batch_inputs(
    b: Trace,
    what: str,
    types: Sequence[TensorType | None],
    predicted: Sequence[Traced],
    compiled: Compilation,
) -> tuple[str | None, ...]:
    """Make an input for each type; their names."""
    names: list[str | None] = []
    labels = compiled.outputs.labels
    for place, (type, label) in enumerate(zip(types, labels, strict=True)):
        if type is None:
            names.append(None)
            continue
        name = what if len(types) == 1 else f"{what}_{label}"
        name = naming.free(name, {*b.inputs, *b.params})
        b.input(name, named(type, predicted[place].type, f"{what}_{place}"))
        names.append(name)
    return tuple(names)


class Step:
    """A traced step, optimized, compiled and bound to its state on a device.

    With `cut` it is only what follows on its frozen front, which is another program.
    """

    @collector.paused()
    def __init__(
        self,
        traced: StepGraph,
        compiled: Compilation,
        *,
        cut: bool = False,
        moving: Collection[Variable] = (),
    ) -> None:
        self.traced = traced
        self._device = device = compiled.device
        self.program = optimize(traced, compiled.model, device, moving)
        self.front: Front | None = None
        if cut:
            self.front, self.program = self._cut(device)
        self._apart = passes.Apart.of(self.program.graph)
        graph = self._apart.rest
        self._state = {name: traced.variables[name] for name in graph.params}
        parts = self._halves(compiled, graph)
        self.session = self._session(parts.first if parts else graph, plan=not parts)
        self.update = parts and self._session(
            parts.second, plan=False, in_place=parts.in_place
        )
        """The second half of a large step."""
        self._names = list(traced.reported)
        self._check = SizeCheck(traced.graph)
        self.clock = -1
        """Where the clock of changes stands as long as nobody else has changed
        anything since the step was last looked at."""

    def _cut(self, device: str) -> tuple[Front, StepProgram]:
        traced, program = self.traced, self.program
        constants = set(program.constants)
        frozen = [name for name, v in traced.variables.items() if v in constants]
        front, rest = cut(program.graph, traced.inputs, frozen, device)
        return front, StepProgram(rest, program.constants)

    def _halves(self, compiled: Compilation, graph: Graph) -> Halves | None:
        """The step in two halves, where that saves memory."""
        if not compiled.optimizers or runtime.resolve(self._device).kind != "cpu":
            return None  # gradients would cross the border of a device
        own = set(compiled.optimizer_variables)
        names = [name for name, v in self._state.items() if v in own]
        return halves(graph, names)

    def _session(
        self, graph: Graph, *, plan: bool, in_place: Collection[str] = ()
    ) -> runtime.StepSession:
        file, arrays = lower.split(lower.lower(graph, opset=OPSET))
        slots = self.slots()
        types = {name: value.type for name, value in graph.outputs.items()}
        known = {name: t for name, t in types.items() if t.nbytes is not None}
        return runtime.StepSession(
            file,
            arrays,
            {name: slots[name] for name in graph.params},
            {u.param: f"{u.param}:new" for u in graph.updates},
            known,
            fresh=[name for name in types if name not in known],
            in_place=in_place,
            plan_memory=plan,
            # The optimizer's part: looking for what to fuse takes a quarter of making
            # its session, and among elementwise operators there is nothing.
            optimize=any(n.operands and not n.op.elementwise for n in graph.nodes),
            device=self._device,
            threads=runtime.get_threads(),
        )

    def reads(self, name: str) -> bool:
        """Whether a run is fed something of that name."""
        host = self._apart.host
        return name in self.session.fed or (host is not None and name in host.inputs)

    def slots(self) -> dict[str, runtime.DeviceSlot]:
        """Where the state lies on the device; what is elsewhere is moved there."""
        return runtime.placed(self._state, self._device)

    def attach(self) -> None:
        """Work on the state where it lies now: others may have moved it."""
        slots = self.slots()
        for session in filter(None, (self.session, self.update)):
            session.place({name: slots[name] for name in session.slots})

    def changed(self) -> list[Variable]:
        """The weights that are constants of the program and have changed since."""
        constants = self.program.constants.items()
        return [v for v, version in constants if v.version != version]

    @property
    def usable(self) -> bool:
        """Whether it is of this process; it holds its state on a device."""
        return self.session.session.usable

    def run(
        self, feeds: Mapping[str, Array], *, finite: bool = False
    ) -> tuple[float, list[Array]]:
        """Run once; the loss of the batch, and the reported values in order.

        The values lie in memory that the next run overwrites. With `finite`, a step
        whose loss is not finite may be left half done: it must be undone.
        """
        self._check(feeds)
        feeds = self._apart.run(dict(feeds))
        if self.update is None:
            loss, *values = self.session.run(feeds)
        else:
            loss, *values = self.session.run_with(
                feeds, self.update, _is_finite if finite else _always
            )
            values = values[: len(self._names)]
        with changes.together():
            alone = self.clock == changes.clock()
            now = changes.tick()
            self.clock = now if alone else -1
        return float(loss), values

    def undo(self) -> None:
        """Go back to the state before the last run, whose loss was not finite."""
        self.session.undo()
        changes.tick()

    def logs(self, values: Sequence[Array]) -> dict[str, float]:
        """The reported values by name: floats, or arrays where they are several."""
        pairs = zip(self._names, values, strict=True)
        return {name: plain(value) for name, value in pairs}


def _is_finite(results: Sequence[Array]) -> bool:
    """Whether the loss, which comes first, is finite."""
    return math.isfinite(results[0])


def _always(results: Sequence[Array]) -> bool:
    return True


@dataclass(frozen=True)
class StepProgram:
    """The optimized graph of a step, and what was made a constant of it.

    Those are variables, with the version of each.
    """

    graph: Graph
    constants: Mapping[Variable, int]


def optimize(
    traced: StepGraph, model: Trainable, device: str, moving: Collection[Variable] = ()
) -> StepProgram:
    """Bind what nothing changes, and run the passes for this device."""
    graph, constants = bind_frozen(traced.graph, traced.variables, model, moving)
    target = "cuda" if runtime.resolve(device).kind == "cuda" else "cpu"
    graph = passes.run(graph, passes.training(target))
    return StepProgram(graph, constants)


def bind_frozen(
    graph: Graph,
    variables: Mapping[str, Variable],
    model: Trainable,
    moving: Collection[Variable] = (),
) -> tuple[Graph, dict[Variable, int]]:
    """The graph with weights that no training changes as constants, and these.

    `moving` are weights that are changed all the same, by others: they stay params.
    """
    updated = {u.param for u in graph.updates}
    frozen = set(frozen_weights(model)).difference(moving)
    constants = {
        name: variable
        for name, variable in variables.items()
        if variable in frozen and name not in updated
    }
    with changes.together():
        arrays = {name: v.array for name, v in constants.items()}
        versions = {v: v.version for v in constants.values()}
    return passes.bind(graph, arrays), versions


def frozen_weights(model: Trainable) -> list[Variable]:
    """The weights that no training changes, unless a layer does so explicitly."""
    return [
        variable
        for layer in walk(model)
        for variable in state_of(layer).variables
        if not (model.trainable and _is_state(variable, state_of(layer).trainable))
    ]


def _is_state(variable: Variable, trainable: bool) -> bool:
    """Whether a training may change a variable of a layer: itself or its statistics."""
    return variable.trainable or (trainable and variable.role != "weight")
