"""What went wrong when a loss is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from seqir import nest, ops, passes, runtime
from seqir.autodiff import gradient
from seqir.errors import NonFiniteLossError
from seqir.ir import Array, Trace
from seqir.ops.apply import value_of
from seqir.ops.tensor import Result, Traced
from seqir.ops.variable import Variable
from seqir.train.compilation import Compilation
from seqir.train.steps import OPSET, Step

if TYPE_CHECKING:
    from seqir.data import Batch


def explain(
    compiled: Compilation,
    step: Step,
    batch: Batch,
    feeds: Mapping[str, Array],
    epoch: int,
    number: int,
    loss: float,
) -> NonFiniteLossError:
    """The error for a step whose loss is not finite, after that step was undone.

    It names the first of these that holds: the batch has values that are not finite,
    a weight has, or the gradient of the batch is of this length.
    """
    used = [each for each in compiled.optimizers if each.built]
    rate = float(np.asarray(used[0].learning_rate)) if used else 0.0
    cause, norm = _bad_batch(batch), math.nan
    if cause is None:
        cause = _bad_weight(compiled.model.weights)
    if cause is None:
        norm = gradient_norm(step, feeds)
        cause = "lower the learning rate, or clip the gradients (clipnorm=)"
    text = (
        f"the loss became {loss} at step {compiled.steps + 1} (epoch "
        f"{epoch + 1}, batch {number + 1}), with learning rate {rate:g} and gradient "
        f"norm {norm:g}; "
        f"the weights are those before that step: {cause}"
    )
    return NonFiniteLossError(
        text,
        step=compiled.steps,
        epoch=epoch,
        batch=number,
        learning_rate=rate,
        gradient_norm=norm,
    )


def _bad_batch(batch: Batch) -> str | None:
    for name in ("x", "y", "sample_weight"):
        part = getattr(batch, name)
        for array in nest.flatten(part):
            if array is None or array.dtype.kind != "f":
                continue
            wrong = int(np.count_nonzero(~np.isfinite(array)))
            if wrong:
                return f"{name} of that batch has {wrong} NaN or infinite values"
    return None


def _bad_weight(weights: Iterable[Variable]) -> str | None:
    for weight in weights:
        array = weight.array
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"weight {weight.path!r} was NaN or infinite before"
    return None


def gradient_norm(step: Step, feeds: Mapping[str, Array]) -> float:
    """Length of all gradients of a batch together, with the weights as they are."""
    graph = step.program.graph
    b = Trace.resume(graph)
    b.updates.clear()  # the weights stay as they are
    loss = Traced(b, next(iter(graph.outputs.values())))
    updated = [u.param for u in graph.updates]
    params = [Traced(b, graph.params[name]) for name in updated]
    if not updated:
        return 0.0
    with b.active():
        found = [g for g in gradient(loss, params) if g is not None]
        square: Result = ops.add_n([ops.sum(ops.cast(g * g, "float32")) for g in found])
        norm = ops.sqrt(square)
    graph = passes.run(b.finish({"norm": value_of(b, norm)}), (passes.eliminate_dead,))
    session = runtime.Session.of_graph(graph, opset=OPSET, device="cpu")
    given = dict(feeds)
    given.update({name: slot.read() for name, slot in step.slots().items()})
    (value,) = session.run({name: given[name] for name in session.input_names})
    return float(value)
