"""Ending a training that has lost its numbers."""

from __future__ import annotations

import math

from seqir.callbacks.base import Callback, Logs
from seqir.console import say
from seqir.errors import NonFiniteLossError


class TerminateOnNaN(Callback):
    """Stops after a batch whose loss is NaN or infinite.

    `fit` leaves such losses to it, whatever its ``on_nan`` says.

    Args:
        raise_error: whether to raise instead, so that nothing else is called.

    Raises: NonFiniteLossError, in training, if `raise_error`.
    Source: Keras 3 ``keras.callbacks.TerminateOnNaN``.
    """

    handles_nan = True

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        text = f"the loss is {float(loss)} after batch {batch + 1}"
        if self.raise_error:
            raise NonFiniteLossError(text, batch=batch)
        say(f"{text}: training stops")
        self.model.stop_training = True
