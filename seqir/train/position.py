"""Where a `fit` that is under way stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from seqir.ir import Array

Settings = dict[str, Any]
"""What a training depends on besides its state, as values that JSON has."""


@dataclass
class Position:
    """Where a `fit` stands: the batch that comes next.

    Attributes:
        epoch: the epoch, from 0.
        batch: the batch of that epoch, from 0.
        shuffle: what the order of the samples is a function of, with the epoch.
        ended: a callback has ended the training.
        logs: what the last step has reported, unless the metrics tell.
    """

    epoch: int = 0
    batch: int = 0
    shuffle: int = 0
    ended: bool = False
    logs: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class Notes:
    """What the callbacks know: plain data and arrays, in their order."""

    states: list[tuple[str, dict[str, object]]] = field(
        default_factory=list[tuple[str, dict[str, Any]]]
    )
    arrays: list[dict[str, Array]] = field(default_factory=list[dict[str, Array]])


class Run(Protocol):
    """A `fit` that is under way."""

    position: Position
    settings: Settings | None

    def notes(self) -> Notes:
        """What its callbacks know now."""
        ...

    def check(self, notes: Notes) -> None:
        """LoadError if a callback could not go on from there."""
        ...

    def take_over(self, position: Position, notes: Notes) -> None:
        """Go on from there."""
        ...
