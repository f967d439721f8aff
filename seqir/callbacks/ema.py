"""Evaluating with averaged weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir.callbacks.base import Callback, Logs, in_order, numbered
from seqir.errors import ArgumentError
from seqir.ir import Array
from seqir.ops.variable import assign_all


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
        self._kept: list[Array] | None = None
        """The weights of the training, while the averages are in the model."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """The weights of the training."""
        self._show_trained()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The averages, if wanted."""
        if self.swap_on_epoch:
            self._show_averages()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Leave the averages in the model, if they are there."""
        self._kept = None

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """The averages."""
        self._show_averages()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """The weights of the training."""
        self._show_trained()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """The averages."""
        self._show_averages()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """The weights of the training."""
        self._show_trained()

    def close(self) -> None:
        """The weights of the training, if an error came in between."""
        self._show_trained()

    def get_arrays(self) -> dict[str, Array]:
        """The weights of the training, while the averages are in the model."""
        return numbered(self._kept)

    def set_arrays(self, arrays: dict[str, Array]) -> None:
        """What `get_arrays` returned."""
        self._kept = in_order(arrays)

    def _show_averages(self) -> None:
        pairs = self._pairs()
        if self._kept is None:
            self._kept = [np.array(weight) for weight, _ in pairs]
            averages = (np.array(average) for _, average in pairs)
            assign_all([weight for weight, _ in pairs], averages)

    def _show_trained(self) -> None:
        if self._kept is not None:
            assign_all([weight for weight, _ in self._pairs()], self._kept)
            self._kept = None

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Weights and their averages.

        There are none before the optimizer has seen a batch.
        """
        optimizer: Any = getattr(self.model, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        inside = getattr(optimizer, "optimizers", [optimizer])
        averaging = [each for each in inside if getattr(each, "use_ema", False)]
        if not averaging:
            kinds = " or ".join(type(each).__name__ for each in inside)
            raise ArgumentError(
                "SwapEMAWeights needs an optimizer that averages: pass use_ema=True to "
                f"{kinds}"
            )
        return [
            pair
            for each in averaging
            for pair in zip(each.trainable_variables, each._averages, strict=True)
        ]
