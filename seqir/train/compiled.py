"""What `compile` makes: the settings of a training, and the steps traced so far."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, Protocol

from seqir.layer.eager import revisions
from seqir.layer.state import walk
from seqir.ops import changes
from seqir.ops.variable import Variable
from seqir.train.compilation import Compilation
from seqir.train.objective import Objective
from seqir.train.steps import Step, StepGraph
from seqir.train.trainable import Trainable

KEEP: Final = 8
"""Steps that a model keeps: for training and evaluating, for kinds of batches, ..."""


class StepTypes(Hashable, Protocol):
    """What a batch looks like, which says how its step is traced."""

    def trace(self, compiled: Compilation, *, training: bool) -> StepGraph:
        """Trace one step."""
        ...


class Compiled(Compilation):
    """The settings of a training, and its compiled steps."""

    def __init__(
        self,
        model: Trainable,
        optimizer: object,
        objective: Objective,
        scale_loss: bool,
    ) -> None:
        super().__init__(model, optimizer, objective, scale_loss)
        self._revisions: tuple[int, ...] = ()
        self._steps: dict[object, Step] = {}
        """The last ones, in the order of their use."""
        self._moved: dict[Variable, None] = {}
        """Frozen weights that were seen to change."""
        self._moving: dict[Variable, None] = {}
        """Those that did so twice: they are inputs of steps, not constants."""

    def use(self, device: str | None) -> None:
        before = self.device
        super().use(device)
        if self.device != before:
            self._steps.clear()

    def step(self, types: StepTypes, *, training: bool, cut: bool = False) -> Step:
        """The step for batches of these types, traced if there is none yet.

        With `cut` it is without its frozen front (`Step.front`).
        """
        clock = changes.clock()
        changed, trained = self._settings()
        if changed != self._revisions:  # which never come back: they count up
            self._steps.clear()
            self._revisions = changed
        key = (trained, training, cut, types)
        found = self._steps.pop(key, None)
        if found is not None and (stale := found.changed()):
            # Once may be once and for all; twice is a habit.
            self._moving |= dict.fromkeys(v for v in stale if v in self._moved)
            self._moved |= dict.fromkeys(stale)
            found = None
        if found is None or not found.usable:
            first = not self.objective.built
            traced = types.trace(self, training=training)
            # What a step by hand has set on its model while it was traced is its own.
            self._revisions, _ = self._settings()
            if first:  # others may have used the metrics before
                self.objective.reset()
            moving = () if cut else self._moving  # a front is made of constants
            found = Step(traced, self, cut=cut, moving=moving)
        self._steps[key] = found  # the last one now
        while len(self._steps) > KEEP:
            self._steps.pop(next(iter(self._steps)))
        found.attach()
        found.clock = clock
        return found

    def _settings(self) -> tuple[tuple[int, ...], object]:
        """What steps are made for, which never comes back, and what is trained."""
        changed, trained = revisions(walk(self.model))
        return (*changed, *(each.revision for each in self.optimizers)), trained

    def release(self) -> None:
        """Bring all values back from the device and drop the compiled steps."""
        super().release()
        self._steps.clear()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: everything but compiled steps."""
        return super().__getstate__() | {"_steps": {}}
