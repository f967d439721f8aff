"""Losses and metrics of data and of single batches, with the weights as they are."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from seqir import data
from seqir.arguments import verbosity
from seqir.callbacks import CallbackList
from seqir.data import Batches, noting
from seqir.train.byhand import feeder as feeder_of
from seqir.train.compiled import Compiled
from seqir.train.feeds import Feeder


def ahead(batches: Batches, epoch: int, start: int) -> Any:
    """The batches of an epoch, prepared ahead where that costs something."""
    found = batches.epoch(epoch, start)
    return closing(found) if batches.ready else data.prefetch(found)


def run_batches(
    batches: Batches,
    callbacks: CallbackList,
    feeder: Feeder,
    what: str = "evaluate",
) -> dict[str, float]:
    """Loss and metrics over the batches, with the weights as they are."""
    logs: dict[str, float] = {}
    compiled = feeder.compiled
    model = compiled.model
    model.stop_evaluating = False
    with compiled.gathering(), ahead(batches, 0, 0) as found:
        compiled.reset_metrics()
        callbacks.on_test_begin()
        for number, batch in enumerate(found):
            callbacks.on_test_batch_begin(number)
            with noting(f"in batch {number + 1} of {what}"):
                step, feeds = feeder.step_of(batch)
                _, values = step.run(feeds)
            logs = step.logs(values)
            callbacks.on_test_batch_end(number, logs)
            if model.stop_evaluating:
                break
    callbacks.on_test_end(logs)
    return logs


def evaluate(
    compiled: Compiled,
    x: object,
    y: object,
    *,
    batch_size: int | None,
    verbose: object,
    sample_weight: object,
    steps: int | None,
    callbacks: Any,
    device: str | None,
) -> dict[str, Any]:
    """See `Model.evaluate`."""
    verbose = verbosity(verbose)
    compiled.use(device)
    batches = data.adapt(
        x, y, sample_weight, batch_size=batch_size, steps=steps, what="evaluate"
    )
    listed = callbacks
    if not isinstance(callbacks, CallbackList):
        listed = CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            model=compiled.model,
            verbose=verbose,
            epochs=1,
            steps=batches.count,
        )
    return run_batches(batches, listed, feeder_of(compiled, training=False))


def run_batch(
    feeder: Feeder,
    x: object,
    y: object,
    sample_weight: object,
    class_weight: object = None,
) -> dict[str, float]:
    """One step on its own."""
    compiled = feeder.compiled
    compiled.use(None)
    weights = compiled.objective.class_weights(class_weight)
    batch = data.whole(x, y, sample_weight, weights, "a batch")
    step, feeds = feeder.step_of(batch)
    with compiled.gathering():
        compiled.reset_metrics()
        _, values = step.run(feeds)
    if feeder.training:
        compiled.steps += 1
    return step.logs(values)


def shaped(logs: dict[str, float], as_dict: bool) -> Any:
    """Logs as Keras returns them: a dict, a list, or the only value."""
    if as_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
