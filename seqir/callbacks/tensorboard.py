"""Curves and histograms for TensorBoard."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from seqir.arguments import integer, integer_or
from seqir.callbacks.base import Callback, Logs
from seqir.callbacks.lr import learning_rates
from seqir.errors import MissingPackageError, UnsupportedError


class TensorBoard(Callback):
    """Writes event files: ``log_dir/train`` and ``log_dir/validation``.

    Each epoch has ``epoch_loss``, ``epoch_<metric>`` and ``epoch_learning_rate``;
    batches have ``batch_loss`` and so on; an evaluation has
    ``evaluation_<metric>_vs_iterations``.

    Args:
        log_dir: the folder.
        histogram_freq: after how many epochs to write the distribution of each
            weight; 0 never.
        write_steps_per_second: whether to write how fast it goes:
            ``batch_steps_per_second``, ``epoch_steps_per_second``.
        update_freq: "epoch", or after how many batches to write the values of a
            batch; "batch" is 1.
        write_graph, write_images, profile_batch, embeddings_freq,
            embeddings_metadata: of Keras's callback, but not possible here.

    Raises: ArgumentError for another frequency, UnsupportedError for what is not
        possible; in training, MissingPackageError without tensorboardX.
    Source: Keras 3 ``keras.callbacks.TensorBoard``.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = False,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: object = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: object = None,
    ) -> None:
        refused = {
            "write_graph": write_graph,
            "write_images": write_images,
            "profile_batch": profile_batch,
            "embeddings_freq": embeddings_freq,
            "embeddings_metadata": embeddings_metadata,
        }
        for name, value in refused.items():
            if value:
                raise UnsupportedError(
                    f"TensorBoard cannot do {name}={value!r}: leave it out; models are "
                    "drawn by seqir.utils.plot_model"
                )
        every = integer_or("update_freq", update_freq, ("epoch", "batch"), least=1)
        self.log_dir = Path(log_dir)
        self.histogram_freq = integer("histogram_freq", histogram_freq, least=0)
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if every == "batch" else every
        self._writers: dict[str, Any] = {}
        self._batches = 0
        self._in_epoch = 0
        self._since = 0.0
        self._batch_since = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Count batches from 0."""
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Take the time."""
        self._in_epoch = 0
        self._since = perf_counter()

    def on_epoch_resume(self, epoch: int, batch: int) -> None:
        """Take the time."""
        self.on_epoch_begin(epoch)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Take the time."""
        self._batch_since = perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the values of a batch, if it is time."""
        self._batches += 1
        self._in_epoch += 1
        if self.write_steps_per_second:
            speed = {"steps_per_second": _rate(1, self._batch_since)}
            self._write("train", "batch_{}", speed, self._batches)
        if self.update_freq != "epoch" and self._batches % int(self.update_freq) == 0:
            self._write("train", "batch_{}", logs or {}, self._batches)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the values of an epoch, and the weights if it is time."""
        logs = logs or {}
        mark = "val_"
        found = {n: v for n, v in logs.items() if not n.startswith(mark)}
        found.update(learning_rates(self))
        if self.write_steps_per_second:
            found["steps_per_second"] = _rate(self._in_epoch, self._since)
        held = {n.removeprefix(mark): v for n, v in logs.items() if n.startswith(mark)}
        self._write("train", "epoch_{}", found, epoch)
        self._write("validation", "epoch_{}", held, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for weight in self.model.weights:
                tag = f"{weight.path}/histogram"
                self._writer("train").add_histogram(tag, np.asarray(weight), epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Write the values of an evaluation, at the steps that were trained."""
        steps = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        if steps is not None:
            step = int(np.asarray(steps))
            self._write("validation", "evaluation_{}_vs_iterations", logs or {}, step)
            self._writer("validation").flush()

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        self.close()

    def get_state(self) -> dict[str, Any]:
        """The number of batches so far."""
        return {"batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        """The number of batches before."""
        self._batches = state["batches"]

    def _write(self, part: str, tag: str, logs: Logs, step: int) -> None:
        for name, value in logs.items():
            if np.ndim(value) == 0:
                self._writer(part).add_scalar(tag.format(name), float(value), step)

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            try:
                from tensorboardX import SummaryWriter
            except ImportError as error:
                raise MissingPackageError(
                    "TensorBoard's files are written by tensorboardX, which is not "
                    'installed: pip install "seqir[tensorboard]"'
                ) from error
            self._writers[part] = SummaryWriter(str(self.log_dir / part))
        return self._writers[part]


def _rate(steps: int, since: float) -> float:
    """Steps per second since a time of `perf_counter`."""
    return steps / max(perf_counter() - since, 1e-9)
