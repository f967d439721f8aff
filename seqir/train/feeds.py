"""From a batch of the user's arrays to what a step is fed."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import config, data, dtypes, nest
from seqir.data import Batch
from seqir.ir import SEED, STEP, Array
from seqir.narrow import is_dict
from seqir.ops import changes
from seqir.train.compiled import Compiled
from seqir.train.objective import Labels
from seqir.train.outputs import Outputs
from seqir.train.sizes import SAMPLE_WEIGHT, TARGET, exact
from seqir.train.steps import BatchTypes, Step
from seqir.train.trainable import Sizes
from seqir.weak import Owner


class Feeder:
    """Makes feeds for the steps of one model, and finds the step for each batch.

    It keeps the step of the last batch, since nearly all batches are of one kind.
    """

    compiled = Owner["Compiled"]()
    cut = False
    """Whether the steps are cut behind their frozen front."""

    def __init__(self, compiled: Compiled, *, training: bool) -> None:
        self.compiled = compiled
        self.training = training
        self._outputs: Outputs
        self._used: list[int]
        self._key: Any = None
        self._step: Step | None = None

    def step_of(self, batch: Batch) -> tuple[Step, dict[str, Array]]:
        """The compiled step that takes this batch, and the batch as its feeds.

        Raises: ArgumentError for a wrong structure of targets or weights, labels out
            of range, or no targets where the loss needs them.
        """
        compiled = self.compiled
        model = compiled.model
        if not model.connected:
            model.build_from_arrays(batch.x)
        changed = self._step is None or self._step.clock != changes.clock()
        if changed:
            self._outputs = compiled.outputs
            self._used = compiled.objective.used(self._outputs)
        ys = self._targets(batch)
        ws = self._weights(batch)
        feeds: dict[str, Array] = {}
        sizes: Sizes | None = None
        if not self.cut:
            feeds, sizes = model.sized_feeds(batch.x)
        found = [None if a is None else (a.dtype, a.shape[1:]) for a in (*ys, *ws)]
        key = (sizes, *found)
        if changed or key != self._key:
            self._step = self._find(ys, ws, sizes)
            self._key = key
        step = self._step
        assert step is not None
        for i, labels in enumerate(step.traced.labels):
            if labels is not None:
                several = len(self._outputs) > 1
                what = f"y[{self._outputs.labels[i]!r}]" if several else "y"
                _check_labels(ys[i], labels, what)
        if self.cut:
            feeds = self.inputs(step, batch.x)
        traced = step.traced
        for name, array in zip(
            (*traced.targets, *traced.weights), (*ys, *ws), strict=True
        ):
            if name is not None:
                feeds[name] = np.ascontiguousarray(array)
        return step, feeds | self.keys(step)

    def keys(self, step: Step) -> dict[str, Array]:
        """What the random numbers of a step are a function of, if it has any."""
        if not step.reads(SEED):
            return {}
        compiled = self.compiled
        return {
            SEED: np.asarray(compiled.seed, np.int64),
            STEP: np.asarray(compiled.steps, np.int64),
        }

    def _find(
        self, ys: list[Array | None], ws: list[Array | None], inputs: Sizes | None
    ) -> Step:
        """The compiled step for these targets and sample weights."""
        compiled = self.compiled
        sizes = compiled.sizes
        options = {"training": self.training, "cut": self.cut}
        shapes = [t.shape for t in nest.flatten(compiled.model.output_structure)]
        known = BatchTypes(exact(ys), exact(ws), inputs)
        types = BatchTypes(
            sizes.types(TARGET, ys, shapes),
            sizes.types(SAMPLE_WEIGHT, ws, shapes),
            inputs,
        )
        try:
            return compiled.step(types, **options)
        except Exception:  # the user's own losses raise what they like
            if types == known:
                raise
        found = compiled.step(known, **options)
        sizes.closed = True  # a loss or a metric computes with the sizes
        return found

    def inputs(self, step: Step, x: object) -> dict[str, Array]:
        """What a step that is cut is fed in the place of the inputs of the model."""
        return self.compiled.model.batch_feeds(x)

    def _targets(self, batch: Batch) -> list[Array | None]:
        if batch.y is None:
            return [None] * len(self._outputs)
        found = self._outputs.targets(batch.y, used=self._used)
        return [None if y is None else numeric(y) for y in found]

    def _weights(self, batch: Batch) -> list[Array | None]:
        given, outputs = batch.sample_weight, self._outputs
        if given is None:
            return [None] * len(outputs)
        flat = nest.flatten(given)
        if len(flat) == 1 and not is_dict(given):
            found = flat * len(outputs)
        else:
            found = outputs.targets(given, "sample_weight", self._used)
        kind = dtypes.to_numpy(config.floatx())
        return [None if w is None else np.asarray(w, kind) for w in found]


def _check_labels(y: Array | None, labels: Labels, what: str) -> None:
    """ArgumentError unless all targets are class numbers."""
    usual = y is None or (
        y.dtype.kind == "i" and y.min() >= 0 and y.max() < labels.classes
    )
    if not usual:  # now with the care that a good message needs
        data.check_labels(y, labels.classes, what, labels.ignored)


def numeric(y: object) -> Array:
    """Targets: floating-point in the default type, others as they are."""
    array = np.asarray(y)
    if array.dtype == np.float64:
        return array.astype(dtypes.to_numpy(config.floatx()))
    if array.dtype.kind == "u":
        # ONNX compares and casts the signed ones everywhere.
        return array.astype(np.int64 if array.dtype.itemsize > 2 else np.int32)
    if array.dtype.kind == "i" and array.dtype.itemsize < 4:
        return array.astype(np.int32)
    return array
