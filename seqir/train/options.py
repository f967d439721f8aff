"""The arguments of `fit`, checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import Any

import numpy as np

from seqir import config
from seqir.callbacks.base import check_count
from seqir.errors import ArgumentError


@dataclass(frozen=True)
class FitOptions:
    """The arguments of `fit`."""

    x: Any
    y: Any
    batch_size: int | None
    epochs: int
    verbose: Any
    callbacks: Any
    validation_split: float
    validation_data: Any
    shuffle: Any
    class_weight: Any
    sample_weight: Any
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: Any
    device: str | None
    resume: str | PathLike[str] | None
    checkpoint_freq: str | int
    on_nan: str
    cache_frozen: str | PathLike[str] | None

    def checked(self) -> FitOptions:
        """The same with plain integers.

        Raises: ArgumentError for numbers and words that make no sense.
        """
        if self.verbose not in ("auto", 0, 1, 2):
            raise ArgumentError(
                f"verbose must be 'auto', 0, 1 or 2, got {self.verbose!r}"
            )
        if self.on_nan not in ("raise", "stop", "ignore"):
            raise ArgumentError(
                f"on_nan must be 'raise', 'stop' or 'ignore', got {self.on_nan!r}"
            )
        every = self.checkpoint_freq
        if every != "epoch" and not _positive(every):
            raise ArgumentError(
                "checkpoint_freq must be 'epoch' or a positive number of batches, "
                f"got {every!r}"
            )
        when = self.validation_freq
        several = isinstance(when, list | tuple | set | range)
        if not all(map(_positive, when if several else [when])):
            raise ArgumentError(
                "validation_freq must be a positive integer or a list of epochs, "
                f"got {when!r}"
            )
        for name, folder, or_else in (
            ("resume", self.resume, ""),
            ("cache_frozen", self.cache_frozen, " or be 'memory'"),
        ):
            named = isinstance(folder, str | PathLike) and bool(fspath(folder))
            if folder is not None and not named:
                raise ArgumentError(
                    f"{name} must name a folder{or_else}, got {folder!r}"
                )
        return replace(
            self,
            epochs=_limited(check_count("epochs", self.epochs)),
            initial_epoch=check_count("initial_epoch", self.initial_epoch),
        )

    def validates(self, epoch: int) -> bool:
        """Whether there is a validation after this epoch (from 0)."""
        if isinstance(self.validation_freq, list | tuple | set | range):
            return (epoch + 1) in self.validation_freq
        return (epoch + 1) % self.validation_freq == 0


def _positive(value: Any) -> bool:
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return integer and bool(value > 0)


def _limited(epochs: int) -> int:
    """The number of epochs, or the most that there may be."""
    limit = config.max_epochs()
    return epochs if limit is None else min(epochs, limit)
