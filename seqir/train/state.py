"""What a model keeps of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqir.errors import NotBuiltError
from seqir.train.byhand import feeder
from seqir.train.compiled import Compiled
from seqir.train.feeds import Feeder
from seqir.train.objective import Objective
from seqir.train.predicting import Predictor
from seqir.train.trainable import Trainable

if TYPE_CHECKING:
    from seqir.callbacks import History


@dataclass
class TrainingState:
    """What `compile` has made, what `fit` has reported, and what callbacks ask for."""

    compiled: Compiled | None = None
    history: History | None = None
    stop_training: bool = False
    stop_evaluating: bool = False
    _feeders: dict[bool, Feeder] = field(default_factory=dict[bool, Feeder])
    """Those of single batches: for training, for testing."""
    _predictor: Predictor | None = None

    def compile(
        self,
        model: Trainable,
        optimizer: object,
        objective: Objective,
        scale_loss: bool,
    ) -> None:
        """Train with these settings from now on.

        Raises: GraphError while the model is trained.
        """
        before = self.compiled
        if before is not None:
            before.check_idle("compile it")
        self.compiled = Compiled(model, optimizer, objective, scale_loss)
        self._feeders.clear()
        if before is not None:
            before.release()

    def of(self, model: Trainable) -> Compiled:
        """What `compile` has made.

        Raises: NotBuiltError before `compile`.
        """
        if self.compiled is None:
            raise NotBuiltError(
                f"model {model.name!r} is not compiled: You must call `compile()` "
                "before using the model for training or evaluation"
            )
        return self.compiled

    def feeder(self, compiled: Compiled, *, training: bool) -> Feeder:
        """What makes feeds for single batches."""
        if training not in self._feeders:
            self._feeders[training] = feeder(compiled, training=training)
        return self._feeders[training]

    def predictor(self, model: Trainable) -> Predictor:
        """What runs a `predict_step` of the model's own."""
        if self._predictor is None:
            self._predictor = Predictor(model)
        return self._predictor

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: everything but feeders."""
        return self.__dict__ | {"_feeders": {}, "_predictor": None}
