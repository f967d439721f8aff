"""A model that does not learn, and the loop around it: what callbacks need, no more."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqir.callbacks import CallbackList
from seqir.errors import LoadError


class FakeOptimizer:
    def __init__(self, learning_rate: float = 0.1) -> None:
        self.learning_rate: Any = learning_rate
        self.iterations = 0


class FakeModel:
    """Its only weight counts the steps."""

    name = "fake"

    def __init__(self) -> None:
        self.stop_training = False
        self.optimizer: Any = FakeOptimizer()
        self.directions = {
            "accuracy": "up",
            "mae": "down",
            "mystery": None,
        }
        self.weight = np.zeros(3, np.float32)
        self.epoch = self.batch = 0
        self.callbacks: CallbackList | None = None
        self.notes: Any = None
        self.saved: list[str] = []

    @property
    def weights(self) -> list[Any]:
        return [SimpleWeight(self.weight)]

    def get_weights(self) -> list[np.ndarray]:
        return [self.weight, np.arange(2)]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        self.weight = np.array(weights[0])

    def save(self, path: str) -> None:
        self.saved.append(f"model {Path(path).name}")

    def save_weights(self, path: str) -> None:
        self.saved.append(f"weights {Path(path).name}")
        Path(path).write_text("weights")

    def save_checkpoint(self, path: str | Path) -> None:
        self.saved.append(f"checkpoint {Path(path).name}")
        assert self.callbacks is not None
        notes = (
            json.loads(json.dumps(self.callbacks.get_state())),
            self.callbacks.get_arrays(),
        )
        position = (self.epoch, self.batch)
        state = (self.weight, position, vars(self.optimizer), notes)
        Path(path).write_bytes(pickle.dumps(state))

    def load_checkpoint(self, path: str | Path) -> None:
        try:
            state = pickle.loads(Path(path).read_bytes())
        except pickle.UnpicklingError:
            raise LoadError(f"{path} is damaged") from None
        self.weight, (self.epoch, self.batch), known, self.notes = state
        vars(self.optimizer).update(known)


class SimpleWeight:
    path = "fake/weight"

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


class LazyLogs(Mapping[str, float]):
    """Values that count how often they are read."""

    def __init__(self, **values: float) -> None:
        self.values_by_name = values
        self.reads = 0

    def __getitem__(self, name: str) -> float:
        self.reads += 1
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


class Killed(Exception):  # noqa: N818
    """The process is gone."""


def fit(
    model: Any,
    callbacks: Any,
    epoch_logs: Sequence[dict[str, float]],
    *,
    steps: int = 2,
    kill: Callable[[int, int], bool] = lambda epoch, batch: False,
    verbose: int = 0,
    known_steps: bool = True,
) -> CallbackList:
    """What `Trainer.fit` does with callbacks; `kill` ends it before a batch."""
    listed = CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=len(epoch_logs),
        steps=steps if known_steps else None,
    )
    model.callbacks = listed
    model.stop_training = False
    try:
        listed.restore()
        listed.on_train_begin()
        if model.notes is not None:
            listed.set_state(*model.notes)
        for epoch in range(model.epoch, len(epoch_logs)):
            logs = dict(epoch_logs[epoch])
            if model.batch:
                listed.on_epoch_resume(epoch, model.batch)
            else:
                listed.on_epoch_begin(epoch)
            for batch in range(model.batch, steps):
                if kill(epoch, batch):
                    raise Killed
                listed.on_train_batch_begin(batch)
                model.weight = model.weight + np.float32(1)
                if not math.isfinite(logs["loss"]):
                    model.weight = model.weight * np.float32(logs["loss"])
                model.optimizer.iterations += 1
                model.batch = batch + 1
                listed.on_train_batch_end(batch, {"loss": logs["loss"]})
                if model.stop_training:
                    break
            model.epoch, model.batch = epoch + 1, 0
            listed.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        listed.on_train_end()
    finally:
        listed.close()
    return listed


def losses(*values: float, name: str = "val_loss") -> list[dict[str, float]]:
    """Logs of epochs with these values."""
    return [{"loss": 1 / (i + 1), name: v} for i, v in enumerate(values)]
