"""Callbacks that watch one value and know the best so far."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal, get_args

import numpy as np

from seqir.arguments import one_of
from seqir.callbacks.base import Callback, Logs
from seqir.errors import ArgumentError, did_you_mean

Mode = Literal["auto", "min", "max"]


class MonitorCallback(Callback):
    """Compares a value with the best before.

    A value is better if it is smaller (larger, for ``max``) by more than `min_delta`.
    NaN is never better. With ``auto`` a loss is to get smaller, and a metric knows its
    direction. Source: Keras 3 ``MonitorCallback``.

    Attributes:
        best: the best value so far, or None.

    Raises: ArgumentError for another mode.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: Mode = "auto",
        baseline: float | None = None,
        min_delta: float = 0.0,
    ) -> None:
        self.monitor = monitor
        self.mode: Mode = one_of("mode", mode, get_args(Mode))
        self.best: float | None = baseline
        self.min_delta = abs(min_delta)

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than another one, or than none.

        Raises: ArgumentError if the direction is not known.
        """
        larger = self._larger_is_better()
        if math.isnan(value):
            return False
        if reference is None:
            return True
        if larger:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def value_in(self, logs: Logs) -> float | None:
        """The value in the logs; if it is not there, None and a warning."""
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not "
                f"reported.{did_you_mean(self.monitor, logs)} There is: "
                f"{', '.join(logs)}",
                stacklevel=2,
            )
            return None
        if np.ndim(value):
            raise ArgumentError(
                f"{type(self).__name__} watches {self.monitor!r}, which must be one "
                f"number, got an array of shape {np.shape(value)}"
            )
        return float(value)

    def get_state(self) -> dict[str, Any]:
        """The best so far."""
        return {"best": self.best}

    def set_state(self, state: dict[str, Any]) -> None:
        """The best of before."""
        self.best = state["best"]

    def _larger_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return False
        direction = self.model.directions.get(name)
        if direction is None:
            raise ArgumentError(
                f"{type(self).__name__} does not know whether {self.monitor!r} should "
                "become larger or smaller: pass mode='max' or mode='min'"
            )
        return direction == "up"
