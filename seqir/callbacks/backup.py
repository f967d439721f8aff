"""A checkpoint from which an interrupted training resumes."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from seqir.callbacks.base import Callback, Logs
from seqir.callbacks.saving import Frequency, Schedule, worth_saving
from seqir.errors import ArgumentError, SeqirError, explain


class BackupAndRestore(Callback):
    """Keeps a checkpoint of the whole training, and starts from it if there is one.

    The checkpoint is one file with weights, optimizer, position and what all callbacks
    know; it is replaced whole or not at all. A state with NaN or infinite numbers is
    never saved. Only a training that has ended as planned removes its checkpoint:
    after its last epoch, or stopped by a callback with finite numbers.

    Args:
        backup_dir: the folder for the checkpoint.
        save_freq: "epoch", or after how many batches to save.
        double_checkpoint: whether to keep the one before too, to fall back to.
        delete_checkpoint: whether to remove the checkpoint at the end.

    Raises: ArgumentError for an empty folder name or another frequency.
    Source: Keras 3 ``keras.callbacks.BackupAndRestore``.
    """

    saves_state = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: Frequency = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if not os.fspath(backup_dir):
            raise ArgumentError("backup_dir must name a folder, got ''")
        self.backup_dir = Path(backup_dir)
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._latest = self.backup_dir / "latest.safetensors"
        self._previous = self.backup_dir / "previous.safetensors"
        self._schedule = Schedule(save_freq)
        self._complete = False

    def restore(self) -> bool:
        """Load the checkpoint, or the one before if that cannot be read.

        Raises: what the model raises for a file that it cannot load.
        """
        found = [p for p in (self._latest, self._previous) if p.exists()]
        if not found:
            return False
        try:
            self.model.load_checkpoint(found[0])
        except (SeqirError, OSError) as error:
            if len(found) == 1:
                raise
            self.model.load_checkpoint(self._previous)
            warnings.warn(
                f"{self._latest} cannot be loaded ({explain(error)}): going on from "
                f"{self._previous}",
                stacklevel=2,
            )
            os.replace(self._previous, self._latest)
        return True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Nothing has ended yet."""
        self._complete = False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save, if it is time."""
        self._complete = False
        if self._schedule.due(batch):
            self._save(logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if it is time."""
        logs = logs or {}
        last = epoch + 1 >= self.params.get("epochs", epoch + 1)
        ends = last or self.model.stop_training
        self._complete = ends and worth_saving(self.model, logs)
        if self._schedule.by_epoch:
            self._save(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Remove the checkpoint, if the training has ended as planned."""
        if not (self.delete_checkpoint and self._complete):
            return
        for path in (self._latest, self._previous):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # someone keeps other files there
            self.backup_dir.rmdir()

    def get_state(self) -> dict[str, Any]:
        """The batches since the last save, and whether the training has ended."""
        return self._schedule.get_state() | {"complete": self._complete}

    def set_state(self, state: dict[str, Any]) -> None:
        """What `get_state` returned."""
        self._schedule.set_state(state)
        self._complete = state["complete"]

    def _save(self, logs: Logs) -> None:
        if not worth_saving(self.model, logs):
            return
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        if self.double_checkpoint and self._latest.exists():
            os.replace(self._latest, self._previous)
        self.model.save_checkpoint(self._latest)
