"""Losses and metrics of data, with the weights as they are."""

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
