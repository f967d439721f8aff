"""What `train_step`, `test_step` and their parts do unless a model says otherwise.

They run in the trace of a step that is written by hand. A model that overrides none of
them is trained by `seqir.train.steps`, which computes the same.
"""

from __future__ import annotations

import inspect
from typing import Any

from seqir import nest
from seqir.data.packing import unpack_x_y_sample_weight
from seqir.errors import GraphError
from seqir.gradients import gradient
from seqir.ir import Trace, current_trace
from seqir.layer.penalties import penalties
from seqir.metrics.base import Metric
from seqir.narrow import is_mapping
from seqir.ops.tensor import Result, Traced
from seqir.train.compiled import Compiled
from seqir.train.objective import held_metrics, plain, traced_results
from seqir.train.outputs import Outputs
from seqir.train.steps import warn_untrained


def train_step(compiled: Compiled, model: Any, data: object) -> Any:
    """Predict, compute the loss, update the weights, and report the metrics."""
    compiled.require_optimizer()
    parts, loss = _forward(compiled, model, data, training=True)
    weights = model.trainable_weights
    if weights:
        compiled.check_trained(weights)
        optimizer = compiled.optimizer
        optimizer.apply(gradient(optimizer.scale_loss(loss), weights), weights)
    else:
        warn_untrained(model.name)
    return model.compute_metrics(*parts)


def test_step(compiled: Compiled, model: Any, data: object) -> Any:
    """Predict, compute the loss, and report the metrics."""
    parts, _ = _forward(compiled, model, data, training=False)
    return model.compute_metrics(*parts)


def predict_step(model: Any, data: object) -> Any:
    """The outputs for the x of a batch."""
    x, _, _ = unpack_x_y_sample_weight(data)
    flags = {"training": False} if "training" in model._call_arguments else {}
    return model(x, **flags)


def _forward(
    compiled: Compiled, model: Any, data: object, *, training: bool
) -> tuple[tuple[Any, Any, Any, Any], Result]:
    """x, y, prediction and sample weights, and the loss, which is gathered."""
    b = _trace(model, "a step")
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    flags = {"training": training} if "training" in model._call_arguments else {}
    y_pred = model(x, **flags)
    given = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
    taken = inspect.signature(model.compute_loss).parameters
    if "training" in taken or any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        given["training"] = training
    loss = model.compute_loss(**given)
    if loss is None:
        raise GraphError(
            f"compute_loss of model {model.name!r} ({type(model).__name__}) returned "
            "nothing: return the loss, a scalar"
        )
    compiled.objective.track(b, loss, nest.flatten(x)[0])
    return (x, y, y_pred, sample_weight), loss


def compute_loss(
    compiled: Compiled, model: Any, y: Any, y_pred: Any, sample_weight: Any
) -> Result:
    """The losses of `compile`, those that layers add, and penalties of weights."""
    b = _trace(model, "compute_loss")
    ys, predicted, weights = _arranged(compiled, model, y, y_pred, sample_weight)
    extra = penalties(b, model.trainable_weights)
    return compiled.objective.loss_of(b, ys, predicted, weights, extra)


def compute_metrics(
    compiled: Compiled, model: Any, y: Any, y_pred: Any, sample_weight: Any
) -> dict[str, Any]:
    """Let the metrics of `compile` take the batch into account; all results."""
    b = _trace(model, "compute_metrics")
    ys, predicted, weights = _arranged(compiled, model, y, y_pred, sample_weight)
    compiled.objective.measure(b, ys, predicted, weights)
    return model.get_metrics_result()


def metrics_result(compiled: Compiled, model: Any) -> dict[str, Any]:
    """The results of the metrics by name: tensors of a step, numbers outside."""
    b, objective = current_trace(), compiled.objective
    if objective.built and not model.overrides("metrics"):
        return objective.results() if b is None else objective.reported(b)
    metrics: list[Metric] = model.metrics
    if b is None:
        return {k: plain(v) for metric in metrics for k, v in metric.results().items()}
    found: dict[str, Any] = {}
    for metric in metrics:
        found |= traced_results(b, metric.name, metric)
    return found


def _trace(model: Any, what: str) -> Trace:
    b = current_trace()
    if b is None:
        raise GraphError(
            f"{what} of model {model.name!r} is called by fit and evaluate, on tensors "
            "of a graph: outside of it call train_on_batch or test_on_batch"
        )
    return b


def _arranged(
    compiled: Compiled, model: Any, y: Any, y_pred: Any, sample_weight: Any
) -> tuple[list[Any], list[Traced], list[Any]]:
    """Targets, predictions and sample weights of each output, once losses are made."""
    predicted: list[Traced] = nest.flatten(y_pred)
    names: list[str] = model.output_names if model.connected else []
    if len(names) != len(predicted):
        names = [f"output_{i}" for i in range(len(predicted))]
    outputs = Outputs.of(y_pred, names)
    used = compiled.objective.used(outputs)
    none: list[Any] = [None] * len(predicted)
    ys = none if y is None else outputs.targets(y, used=used)
    weights = none
    if sample_weight is not None:
        flat = nest.flatten(sample_weight)
        alone = len(flat) == 1 and not is_mapping(sample_weight)
        weights = (
            flat * len(predicted)
            if alone
            else outputs.targets(sample_weight, "sample_weight", used)
        )
    compiled.objective.build(outputs, ys, predicted, held_metrics(model))
    return ys, predicted, weights
