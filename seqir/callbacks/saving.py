"""When to save, and what is worth saving."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from seqir import dtypes
from seqir.arguments import integer_or
from seqir.callbacks.base import Logs

Frequency = int | Literal["epoch"]


class Schedule:
    """After which batches to save: none for "epoch", or every so many.

    Batches are counted across epochs.

    Raises: ArgumentError for another frequency.
    """

    def __init__(self, frequency: Frequency) -> None:
        self.frequency = integer_or("save_freq", frequency, ("epoch",), least=1)
        self._seen = 0
        self._last: int | None = None

    @property
    def by_epoch(self) -> bool:
        """Whether to save after each epoch."""
        return self.frequency == "epoch"

    def due(self, batch: int) -> bool:
        """Whether to save after this batch."""
        if isinstance(self.frequency, str):
            return False
        again = self._last is None or batch <= self._last
        self._seen += batch + 1 if again else batch - (self._last or 0)
        self._last = batch
        if self._seen < self.frequency:
            return False
        self._seen = 0
        return True

    def get_state(self) -> dict[str, Any]:
        """Batches since the last save, and the last batch."""
        return {"seen": self._seen, "last": self._last}

    def set_state(self, state: dict[str, Any]) -> None:
        """What `get_state` returned."""
        self._seen, self._last = state["seen"], state["last"]


def worth_saving(model: Any, logs: Logs) -> bool:
    """Whether the loss and all weights are finite.

    A loss can be finite although the update after it has overflowed, so the weights
    are looked at too.
    """
    loss = logs.get("loss")
    if loss is not None and not math.isfinite(loss):
        return False
    return all(_finite(np.asarray(w)) for w in model.get_weights())


def _finite(array: np.ndarray[Any, Any]) -> bool:
    if not array.size or not dtypes.is_float(dtypes.canonical(array.dtype)):
        return True
    return bool(np.isfinite(array.min()) and np.isfinite(array.max()))
