"""Evaluating with averaged weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir.callbacks.base import Callback, Logs
from seqir.errors import ArgumentError


class SwapEMAWeights(Callback):
    """Puts the optimizer's averaged weights into the model while it is evaluated.

    Args:
        swap_on_epoch: whether they are there from the end of an epoch to the begin of
            the next one too, for callbacks after this one that save the model; then
            the training also ends with them.

    Raises: ArgumentError, in training, unless the optimizer has ``use_ema=True``.
    Source: Keras 3 ``keras.callbacks.SwapEMAWeights``.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """The weights of the training."""
        self._show(False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The averages, if wanted."""
        if self.swap_on_epoch:
            self._show(True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Leave the averages in the model, if they are there."""
        if self._swapped:
            for weight, average in self._pairs():
                average.assign(np.array(weight))
            self._swapped = False

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """The averages."""
        self._show(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """The weights of the training."""
        self._show(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """The averages."""
        self._show(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """The weights of the training."""
        self._show(False)

    def close(self) -> None:
        """The weights of the training, if an error came in between."""
        self._show(False)

    def get_state(self) -> dict[str, Any]:
        """Whether the averages are in the model."""
        return {"swapped": self._swapped}

    def set_state(self, state: dict[str, Any]) -> None:
        """Whether the averages were in the model."""
        self._swapped = state["swapped"]

    def _show(self, averages: bool) -> None:
        if averages == self._swapped:
            return
        for weight, average in self._pairs():
            training = np.array(weight)
            weight.assign(np.array(average))
            average.assign(training)
        self._swapped = averages

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Weights and what the optimizer keeps for each."""
        optimizer: Any = getattr(self.model, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ArgumentError(
                "SwapEMAWeights needs an optimizer that averages: pass use_ema=True to "
                f"{type(optimizer).__name__}"
            )
        return list(
            zip(optimizer._trainable_variables, optimizer._averages, strict=True)
        )
