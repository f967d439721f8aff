"""Losses and metrics of data and of single batches, with the weights as they are."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from seqir import callbacks as callbacks_room
from seqir import data
from seqir.data import Batches, noting
from seqir.errors import ArgumentError
from seqir.train.feeds import Feeder

if TYPE_CHECKING:
    from seqir.callbacks import CallbackList
    from seqir.train.trainer import Trainer


def ahead(batches: Batches, epoch: int, start: int) -> Any:
    """The batches of an epoch, prepared ahead where that costs something."""
    found = batches.epoch(epoch, start)
    return closing(found) if batches.ready else data.prefetch(found)


def run_batches(
    model: Trainer,
    batches: Batches,
    callbacks: CallbackList,
    feeder: Feeder,
    what: str = "evaluate",
) -> dict[str, Any]:
    """Loss and metrics over the batches, with the weights as they are."""
    logs: dict[str, Any] = {}
    model.stop_evaluating = False
    with model.compilation.gathering(), ahead(batches, 0, 0) as found:
        model.reset_metrics()
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
    model: Trainer,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    verbose: Any,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
    device: str | None,
) -> dict[str, Any]:
    """See `Trainer.evaluate`."""
    if verbose not in ("auto", 0, 1, 2):
        raise ArgumentError(f"verbose must be 'auto', 0, 1 or 2, got {verbose!r}")
    model.compilation.use(device)
    batches = data.adapt(
        x, y, sample_weight, batch_size=batch_size, steps=steps, what="evaluate"
    )
    listed = callbacks
    if not isinstance(callbacks, callbacks_room.CallbackList):
        listed = callbacks_room.CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            model=model,
            verbose=verbose,
            epochs=1,
            steps=batches.count,
        )
    return run_batches(model, batches, listed, Feeder(model, training=False))


def run_batch(
    model: Trainer, x: Any, y: Any, sample_weight: Any, class_weight: Any, *,
    training: bool,
) -> dict[str, Any]:  # fmt: skip
    """One step on its own."""
    compiled = model.compilation
    compiled.use(None)
    weights = compiled.objective.class_weights(class_weight)
    batch = data.whole(x, y, sample_weight, weights, "a batch")
    step, feeds = compiled.feeder(training).step_of(batch)
    with compiled.gathering():
        model.reset_metrics()
        _, values = step.run(feeds)
    if training:
        compiled.steps += 1
    return step.logs(values)
