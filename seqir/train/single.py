"""Single batches: a step on its own, without callbacks, which are slow to load."""

from __future__ import annotations

from typing import Any

from seqir import data
from seqir.train.feeds import Feeder


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
