"""Changing the learning rate between epochs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from seqir.arguments import integer, number
from seqir.callbacks.base import Callback, Logs
from seqir.callbacks.monitor import Mode, MonitorCallback
from seqir.console import say
from seqir.errors import ArgumentError


class LearningRateScheduler(Callback):
    """Sets the learning rate to ``schedule(epoch, rate)`` before each epoch.

    Args:
        schedule: a function of the epoch, from 0, and the present learning rate (or
            of the epoch alone) that returns the new one.
        verbose: 1 to say what it sets.

    Raises: ArgumentError, in training, if what it returns is not a learning rate.
    Source: Keras 3 ``keras.callbacks.LearningRateScheduler``.
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose
        self._wants_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the learning rate, with several optimizers that of each."""
        for name, optimizer in rated(self).items():
            before = rate_of(optimizer)
            known = (epoch, before) if self._wants_rate else (epoch,)
            rate = self.schedule(*known)
            number = _as_rate(rate)
            if number is None:
                raise ArgumentError(
                    "the schedule of LearningRateScheduler must return a finite number "
                    f">= 0, got {rate!r} for epoch {epoch}"
                )
            optimizer.learning_rate = number
            if self.verbose > 0:
                say(f"Epoch {epoch + 1}: {_words(name)} set to {number:g}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the learning rate of the epoch."""
        if logs is not None:
            logs.update(learning_rates(self))


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when a value stays as it is.

    Args:
        monitor: name of the value.
        factor: what the learning rate is multiplied by.
        patience: epochs without an improvement before that.
        verbose: 1 to say so.
        mode: "min", "max", or "auto".
        min_delta: by how much the value must become better to count.
        cooldown: epochs after a reduction in which none are counted.
        min_lr: the learning rate never becomes smaller.

    Raises: ArgumentError for a factor that is not between 0 and 1.
    Source: Keras 3 ``keras.callbacks.ReduceLROnPlateau``.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: Mode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor = number("factor", factor, least=0, below=1)
        self.patience = integer("patience", patience, least=0)
        self.cooldown = integer("cooldown", cooldown, least=0)
        self.min_lr = min_lr
        self.verbose = verbose
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start anew."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare, and reduce if it is time; report the rate of the epoch."""
        logs = {} if logs is None else logs
        logs.update(learning_rates(self))
        current = self.value_in(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                for name, optimizer in rated(self).items():
                    self._reduce(epoch, name, optimizer)

    def _reduce(self, epoch: int, name: str, optimizer: Any) -> None:
        rate = rate_of(optimizer)
        if rate <= np.float32(self.min_lr):
            return
        lower = float(max(rate * self.factor, self.min_lr))
        optimizer.learning_rate = lower
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose > 0:
            say(f"Epoch {epoch + 1}: {_words(name)} reduced to {lower:g}")

    def in_cooldown(self) -> bool:
        """Whether the last reduction was just before."""
        return self.cooldown_counter > 0

    def get_state(self) -> dict[str, Any]:
        """The best so far, the epochs since, and what is left of the cooldown."""
        own = {"wait": self.wait, "cooldown_counter": self.cooldown_counter}
        return super().get_state() | own

    def set_state(self, state: dict[str, Any]) -> None:
        """What `get_state` returned."""
        super().set_state(state)
        self.wait = state["wait"]
        self.cooldown_counter = state["cooldown_counter"]


def learning_rates(callback: Callback) -> dict[str, float]:
    """The learning rates of the model that a callback belongs to, as logs have them.

    Raises: ArgumentError if its optimizer has none.
    """
    return {name: rate_of(optimizer) for name, optimizer in rated(callback).items()}


def rate_of(optimizer: Any) -> float:
    """The present learning rate of an optimizer."""
    return float(np.asarray(optimizer.learning_rate))


def rated(callback: Callback) -> dict[str, Any]:
    """The optimizers that have a learning rate, by the name that it has in logs.

    Raises: ArgumentError if there is none.
    """
    optimizer: Any = getattr(callback.model, "optimizer", None)
    if (several := getattr(optimizer, "optimizers", None)) is not None:
        return {f"learning_rate_{each.name}": each for each in several}
    if not hasattr(optimizer, "learning_rate"):
        raise ArgumentError(
            f"{type(callback).__name__} needs an optimizer with a learning_rate, "
            f"the model has {type(optimizer).__name__}"
        )
    return {"learning_rate": optimizer}


def _words(name: str) -> str:
    """What the learning rate of an optimizer is called in a sentence."""
    of = name.removeprefix("learning_rate").removeprefix("_")
    return f"learning rate of {of}" if of else "learning rate"


def _as_rate(value: Any) -> float | None:
    """The number that a value is, if it can be a learning rate."""
    if isinstance(value, bool | str) or value is None or np.ndim(value):
        return None
    number = float(value)
    return number if math.isfinite(number) and number >= 0 else None


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # built into Python, without a signature
        return True
    return True
