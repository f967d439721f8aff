"""The arguments of `fit`, checked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import Any, TypeGuard

from seqir import config
from seqir.arguments import integer, integer_or, integers, one_of, verbosity
from seqir.errors import ArgumentError
from seqir.narrow import is_path, is_sequence


@dataclass(frozen=True)
class FitOptions:
    """The arguments of `fit`."""

    x: object
    y: object
    batch_size: int | None
    epochs: int
    verbose: object
    callbacks: object
    validation_split: float
    validation_data: object
    shuffle: object
    class_weight: object
    sample_weight: object
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
        verbosity(self.verbose)
        one_of("on_nan", self.on_nan, ("raise", "stop", "ignore"))
        integer_or("checkpoint_freq", self.checkpoint_freq, ("epoch",), least=1)
        when = self.validation_freq
        listed = [*when] if _is_several(when) and not is_sequence(when) else when
        integers("validation_freq", listed, least=1)
        for name, folder, or_else in (
            ("resume", self.resume, ""),
            ("cache_frozen", self.cache_frozen, " or be 'memory'"),
        ):
            named = is_path(folder) and bool(fspath(folder))
            if folder is not None and not named:
                raise ArgumentError(
                    f"{name} must name a folder{or_else}, got {folder!r}"
                )
        return replace(
            self,
            epochs=_limited(integer("epochs", self.epochs, least=0)),
            initial_epoch=integer("initial_epoch", self.initial_epoch, least=0),
        )

    def validates(self, epoch: int) -> bool:
        """Whether there is a validation after this epoch (from 0)."""
        if _is_several(self.validation_freq):
            return (epoch + 1) in self.validation_freq
        return (epoch + 1) % self.validation_freq == 0


def _is_several(epochs: object) -> TypeGuard[Collection[object]]:
    return isinstance(epochs, list | tuple | set | range)


def _limited(epochs: int) -> int:
    """The number of epochs, or the most that there may be."""
    limit = config.max_epochs()
    return epochs if limit is None else min(epochs, limit)
