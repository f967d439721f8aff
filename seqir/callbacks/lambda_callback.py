"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqir.callbacks.base import HOOKS, Callback
from seqir.errors import ArgumentError, did_you_mean


class LambdaCallback(Callback):
    """Calls functions: ``LambdaCallback(on_epoch_end=lambda epoch, logs: ...)``.

    Those of epochs and batches are called with a number and the logs, those of a
    begin or an end with the logs.

    Args:
        hooks: functions by the names of the hooks of `Callback`.

    Raises: ArgumentError for a name that is not a hook, or a value that is not a
        function.
    Source: Keras 3 ``keras.callbacks.LambdaCallback``.
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                raise ArgumentError(
                    f"LambdaCallback: there is no hook {name!r}."
                    f"{did_you_mean(name, HOOKS)}"
                )
            if function is None:
                continue
            if not callable(function):
                raise ArgumentError(
                    f"LambdaCallback: {name} must be a function, got {function!r}"
                )
            setattr(self, name, function)
