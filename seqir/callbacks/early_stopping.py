"""Ending a training that does not get better."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir.arguments import integer
from seqir.callbacks.base import Logs, in_order, numbered
from seqir.callbacks.monitor import Mode, MonitorCallback
from seqir.console import say
from seqir.ir import Array


class EarlyStopping(MonitorCallback):
    """Stops when a value has not become better for `patience` epochs.

    The first epoch never stops, so that a patience of 0 and of 1 are the same.

    Args:
        monitor: name of the value.
        min_delta: by how much it must become better to count.
        patience: epochs without an improvement.
        verbose: 1 to say when it stops and what it restores.
        mode: "min", "max", or "auto".
        baseline: only values better than this count.
        restore_best_weights: whether the training ends with the weights of its best
            epoch, stopped early or not.
        start_from_epoch: epochs before this one, from 0, are not looked at.

    Source: Keras 3 ``keras.callbacks.EarlyStopping``.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = integer("patience", patience, least=0)
        self.start_from_epoch = integer("start_from_epoch", start_from_epoch, least=0)
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[Array] | None = None
        self.stopped_epoch = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start anew."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare, and stop if it is time."""
        current = self.value_in(logs or {})
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.improves(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = [np.array(w) for w in self.model.get_weights()]
            if self.improves(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restore the weights of the best epoch."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose > 0:
                say(f"Restoring the weights of epoch {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, Any]:
        """The best so far and the epochs since."""
        own = {
            name: getattr(self, name)
            for name in ("best_epoch", "stopped_epoch", "wait")
        }
        return super().get_state() | own

    def set_state(self, state: dict[str, Any]) -> None:
        """The best of before and the epochs since."""
        super().set_state(state)
        self.best_epoch = state["best_epoch"]
        self.stopped_epoch = state["stopped_epoch"]
        self.wait = state["wait"]

    def get_arrays(self) -> dict[str, Array]:
        """The weights of the best epoch."""
        return numbered(self.best_weights)

    def set_arrays(self, arrays: dict[str, Array]) -> None:
        """The weights of the best epoch before."""
        self.best_weights = in_order(arrays)
