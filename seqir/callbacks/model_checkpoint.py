"""Files of the model, written while it is trained."""

from __future__ import annotations

import os
import string
from collections import ChainMap
from pathlib import Path
from typing import Any

from seqir.callbacks.base import Logs
from seqir.callbacks.monitor import Mode, MonitorCallback
from seqir.callbacks.saving import Frequency, Schedule, worth_saving
from seqir.console import say
from seqir.errors import ArgumentError, did_you_mean

WEIGHTS = (".safetensors", ".weights.h5")
WHOLE = (".safetensors", ".keras", ".h5")


class ModelCheckpoint(MonitorCallback):
    """Writes the model after epochs or batches, always or when it is the best so far.

    A ``.safetensors`` file holds the weights, or with `save_weights_only` off the whole
    training, to go on from; the other files are Keras's. A state with NaN or infinite
    numbers is never written, so that it replaces no good one.

    Args:
        filepath: the file; ``{epoch}`` and ``{batch}`` (from 1) and names of the
            logs are filled in: ``"{epoch:02d}-{val_loss:.2f}.safetensors"``.
        monitor: name of the value that says what is best.
        verbose: 1 to say what is written.
        save_best_only: whether to write only what is better than all before.
        save_weights_only: whether to write only the weights.
        mode: "min", "max", or "auto".
        save_freq: "epoch", or after how many batches to write.
        initial_value_threshold: the best value before the training.

    Raises: ArgumentError for another kind of file, or, in training, a name in
        `filepath` that is not in the logs.
    Source: Keras 3 ``keras.callbacks.ModelCheckpoint``.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: Mode = "auto",
        save_freq: Frequency = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self._schedule = Schedule(save_freq)
        self._epoch = 0
        self._check_path()
        training = self.filepath.endswith(".safetensors") and not save_weights_only
        self.saves_state = training

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Take note of the epoch."""
        self._epoch = epoch

    def on_epoch_resume(self, epoch: int, batch: int) -> None:
        """Take note of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write, if it is time."""
        if self._schedule.due(batch):
            self._consider(logs or {}, {"epoch": self._epoch + 1, "batch": batch + 1})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write, if it is time."""
        if self._schedule.by_epoch:
            self._consider(logs or {}, {"epoch": epoch + 1})

    def get_state(self) -> dict[str, Any]:
        """The best so far, and the batches since the last file."""
        return super().get_state() | self._schedule.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """What `get_state` returned."""
        super().set_state(state)
        self._schedule.set_state(state)

    def _consider(self, logs: Logs, numbers: dict[str, int]) -> None:
        path, at = self._path(logs, numbers), f"Epoch {numbers['epoch']}"
        before = self.best
        if self.save_best_only:
            current = self.value_in(logs)
            if current is not None and not self.improves(current, before):
                self._tell(f"{at}: {self.monitor} did not improve from {before}")
                return
            self.best = before if current is None else current
        if not worth_saving(self.model, logs):
            self.best = before
            self._tell(f"{at}: loss or weights are not finite, {path} is not written")
            return
        try:
            self._save(path)
        except BaseException:
            self.best = before  # what is not in a file is not the best one
            raise
        self._tell(f"{at}: model saved to {path}")

    def _save(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        elif self.saves_state:
            self.model.save_checkpoint(path)
        else:
            self.model.save(path)

    def _tell(self, text: str) -> None:
        if self.verbose > 0:
            say(text)

    def _path(self, logs: Logs, numbers: dict[str, int]) -> str:
        known = ChainMap[str, Any](dict(numbers), logs)
        try:
            return self.filepath.format_map(known)
        except KeyError as error:
            name = error.args[0]
            raise ArgumentError(
                f"filepath {self.filepath!r} has {{{name}}}, which is not reported."
                f"{did_you_mean(name, known)} There is: {', '.join(sorted(known))}"
            ) from None

    def _check_path(self) -> None:
        kinds = WEIGHTS if self.save_weights_only else WHOLE
        wrong = not self.save_weights_only and self.filepath.endswith(".weights.h5")
        if wrong or not self.filepath.endswith(kinds):
            raise ArgumentError(
                f"with save_weights_only={self.save_weights_only}, filepath must end "
                f"with {', '.join(kinds)}, got {self.filepath!r}"
            )
        try:
            names = {n for _, n, _, _ in string.Formatter().parse(self.filepath) if n}
        except ValueError as error:
            raise ArgumentError(f"filepath {self.filepath!r}: {error}") from None
        if self._schedule.by_epoch and "batch" in names:
            raise ArgumentError(
                f"filepath {self.filepath!r} has {{batch}}, which there is only with a "
                "save_freq in batches"
            )
