"""What `compile` says: how a model is trained, and how far it is."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from seqir import nest, optimizers, runtime
from seqir.errors import GraphError
from seqir.initializers.sampling import draw_seed
from seqir.layer.state import walk
from seqir.metrics.base import Metric
from seqir.ops import changes
from seqir.ops.variable import Variable, assign_all
from seqir.train.objective import Objective, held_metrics
from seqir.train.outputs import Outputs
from seqir.train.position import Run
from seqir.train.sizes import OpenSizes
from seqir.train.trainable import Trainable
from seqir.weak import Owner


class Compilation:
    """The settings of a training, and its counters.

    Attributes:
        model: what is trained.
        seed: what the random numbers of the training are a function of, with `steps`.
        steps: batches trained on so far.
        fits: calls of `fit` so far; each shuffles its data in another order.
        run: the `fit` that is under way.
    """

    model = Owner["Trainable"]()

    def __init__(
        self,
        model: Trainable,
        optimizer: object,
        objective: Objective,
        scale_loss: bool,
    ) -> None:
        self.model = model
        self._optimizer = _optimizer_of(optimizer)
        if scale_loss and self._optimizer is not None and _in_half_precision(model):
            self._optimizer = _scaled(self._optimizer)
        self.objective = objective
        self.seed = draw_seed() % 2**31
        self.steps = 0
        self.fits = 0
        self.device = "auto"
        self.run: Run | None = None
        self.sizes = OpenSizes()
        self._gathers = False

    @property
    def optimizer(self) -> Any:
        """The optimizer; None for a model that is only evaluated.

        Setting it lets the next step be made with the new one, as it is.
        """
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: object) -> None:
        found = _optimizer_of(optimizer)
        self.check_idle("set its optimizer")
        self.release()
        self._optimizer = found
        changes.tick()  # feeders look for their steps anew

    @property
    def optimizers(self) -> list[Any]:
        """The optimizer, and those that the model has as attributes."""
        given = [] if self.optimizer is None else [self.optimizer]
        found = nest.flatten([*vars(self.model).values()])
        own = [each for each in found if isinstance(each, optimizers.Optimizer)]
        return list(dict.fromkeys([*given, *own]))

    @property
    def optimizer_variables(self) -> list[Variable]:
        """The state of the optimizers."""
        return [v for optimizer in self.optimizers for v in optimizer.variables]

    def require_optimizer(self) -> None:
        """GraphError if the model was compiled to be evaluated only."""
        if self.optimizer is None:
            raise GraphError(
                f"model {self.model.name!r} has no optimizer and can be evaluated, not "
                "trained: set model.optimizer, or give compile one"
            )

    def check_idle(self, what: str) -> None:
        """GraphError while `fit` is under way."""
        if self.run is not None:
            raise GraphError(
                f"model {self.model.name!r} is being trained: {what} before or after "
                "fit"
            )

    @property
    def outputs(self) -> Outputs:
        """The outputs of the model, by name."""
        return Outputs.of(self.model.output_structure, self.model.output_names)

    def use(self, device: str | None) -> None:
        """Run on this device from now on; None keeps the present one."""
        if device is None and self.device != "auto":
            return
        self.device = runtime.resolve("auto" if device is None else device).name

    def check_trained(self, weights: Sequence[Variable]) -> None:
        """Make the optimizer's slots for these weights, the first time.

        Raises: GraphError if there are others than the first time.
        """
        if not self.optimizer.built:
            self.optimizer.build(list(weights))
            return
        known = set(self.optimizer.trainable_variables)
        for weight in weights:
            if weight not in known:
                raise GraphError(
                    f"weight {weight.path!r} of model {self.model.name!r} was not "
                    "trainable, or not there, when the optimizer was built: call "
                    "compile() again, with a new optimizer"
                )

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, that of the loss first, those of layers last."""
        found = [*self.objective.metrics, *held_metrics(self.model)]
        return list(dict.fromkeys(found))

    def reset_metrics(self) -> None:
        """Start all metrics anew."""
        self.model.reset_metrics()

    @property
    def metric_variables(self) -> list[Variable]:
        """The accumulators of all metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    @contextmanager
    def gathering(self) -> Generator[None]:
        """Metrics gather in the block, and a loop around it finds them as they were."""
        outer, self._gathers = self._gathers, True
        kept = [(v, v.array) for v in self.metric_variables] if outer else []
        try:
            yield
        finally:
            self._gathers = outer
            assign_all([v for v, _ in kept], (array for _, array in kept))

    def release(self) -> None:
        """Bring all values back from the device."""
        for variable in self.variables:
            variable.move_to(None)

    @property
    def variables(self) -> list[Variable]:
        """The state of the training: weights, slots, accumulators."""
        return [
            *(self.model.weights if self.model.built else ()),
            *self.optimizer_variables,
            *self.metric_variables,
        ]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"run": None, "_gathers": False}


def _optimizer_of(given: object) -> object:
    return None if given is None else optimizers.get(given)


def _in_half_precision(model: Trainable) -> bool:
    """Whether a layer computes in float16, where small gradients vanish."""
    return any(layer.compute_dtype == "float16" for layer in walk(model))


def _scaled(optimizer: Any) -> object:
    """The optimizer with a scaled loss, unless it has one already."""
    if isinstance(optimizer, optimizers.LossScaleOptimizer):
        return optimizer
    if getattr(optimizer, "loss_scale_factor", None) is not None:
        return optimizer
    return optimizers.LossScaleOptimizer(optimizer)
