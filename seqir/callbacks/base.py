"""What a callback is: hooks that a training calls, and a state that is saved."""

from __future__ import annotations

from typing import Any

from seqir.ir import Array
from seqir.plain import PlainArguments

Logs = dict[str, Any]
"""Loss and metrics by name, as Python floats."""


class Callback(PlainArguments):
    """What happens around batches, epochs and trainings: subclass it, define hooks.

    A callback that knows something from epoch to epoch returns it in `get_state` and
    `get_arrays`. Checkpoints hold both, so that a training that was cut off goes on as
    if nothing had happened. Source: Keras 3 ``keras.callbacks.Callback``.

    Attributes:
        model: the model that is trained.
        params: ``verbose``, ``epochs`` and ``steps`` (batches of an epoch, or None).
    """

    model: Any = None
    params: dict[str, Any] = {}
    handles_nan: bool = False
    """Whether it does something about a loss that is not finite; `fit` lets it."""
    saves_state: bool = False
    """Whether it writes checkpoints: such callbacks come after all the others."""

    def set_model(self, model: object) -> None:
        """Say which model is trained."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Say how it is trained."""
        self.params = params

    # What a checkpoint holds.

    def get_state(self) -> dict[str, Any]:
        """What it knows, as values that JSON has."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Know what `get_state` returned; called after `on_train_begin`."""

    def get_arrays(self) -> dict[str, Array]:
        """The arrays it keeps, by name."""
        return {}

    def set_arrays(self, arrays: dict[str, Array]) -> None:
        """Keep what `get_arrays` returned; called after `on_train_begin`."""

    def restore(self) -> bool:
        """Load a checkpoint of its own, before `on_train_begin`; whether it did."""
        return False

    def close(self) -> None:
        """Close files and bars. Called at every end, also when there was an error."""

    # Hooks.

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called after the last epoch; not after an error."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before an epoch, which is counted from 0."""

    def on_epoch_resume(self, epoch: int, batch: int) -> None:
        """Called instead of `on_epoch_begin` where an epoch goes on at a batch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called with the values of the epoch; those of the validation are ``val_*``.

        All callbacks get the same dict: what one adds, those after it see.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch, which is counted from 0 in each epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called with the values of the epoch up to and with this batch."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """An older name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before an evaluation or validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called with the values of the evaluation or validation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of an evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called with the values up to and with this batch."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of a prediction."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
"""The names of all hooks."""


def overrides(callback: Callback, hook: str) -> bool:
    """Whether a callback does something in a hook; that may be an attribute of it."""
    if hook.startswith("on_train_batch") and overrides(
        callback, hook.replace("train_", "")
    ):
        return True
    default = getattr(Callback, hook)
    return hook in vars(callback) or getattr(type(callback), hook) is not default


def numbered(arrays: list[Array] | None) -> dict[str, Array]:
    """Arrays by number, as `Callback.get_arrays` returns them."""
    return {str(i): array for i, array in enumerate(arrays or ())}


def in_order(arrays: dict[str, Array]) -> list[Array] | None:
    """What `numbered` was made of; None if there are none."""
    return [arrays[str(i)] for i in range(len(arrays))] or None
