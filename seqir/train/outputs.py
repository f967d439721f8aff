"""Matching what users give for each output (losses, metrics, targets) to the outputs.

A model may have one output, a list or a dict of them. Everything that belongs to
outputs may be given as one thing, as a list in the order of the outputs, or as a dict
by the names of the output layers (or by the keys of the model's own dict).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqir import nest
from seqir.errors import ArgumentError, did_you_mean


@dataclass(frozen=True)
class Outputs:
    """The outputs of a model: names of their layers, and keys if they are a dict."""

    names: tuple[str, ...]
    keys: tuple[str, ...] | None = None

    @staticmethod
    def of(structure: Any, names: Sequence[str]) -> Outputs:
        """The outputs that have this structure."""
        flat = isinstance(structure, dict) and not any(
            isinstance(v, dict | list | tuple) for v in structure.values()
        )
        return Outputs(tuple(names), tuple(sorted(structure)) if flat else None)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the outputs are called in logs: their keys, or their layers' names."""
        return self.keys or self.names

    def place(self, key: str) -> int | None:
        """The place of the output of that key or layer name."""
        for known in (self.keys or (), self.names):
            if key in known:
                return known.index(key)
        return None

    def spread(self, what: str, given: Any, *, sequence: bool = False) -> list[Any]:
        """One item for each output, None where nothing is given.

        `sequence`: an item may itself be a list, so that for one output a list is
        one item.

        Raises: ArgumentError for a wrong number or an unknown name.
        """
        if isinstance(given, Mapping):
            items: list[Any] = [None] * len(self)
            for key, value in given.items():
                place = self.place(key)
                if place is None:
                    known = (*self.labels, *self.names)
                    raise ArgumentError(
                        f"{what} names the output {key!r}, the model has "
                        f"{', '.join(map(repr, self.labels))}."
                        f"{did_you_mean(str(key), known)}"
                    )
                items[place] = value
            return items
        if isinstance(given, list | tuple):
            if sequence and len(self) == 1:
                return [given]
            if len(given) != len(self):
                raise ArgumentError(
                    f"{what} has {len(given)} items, the model has {len(self)} outputs "
                    f"({', '.join(self.labels)}): give one for each, or a dict"
                )
            return list(given)
        return [given] * len(self)

    def targets(self, y: Any, what: str = "y") -> list[Any]:
        """The targets of each output.

        Raises: ArgumentError if there are more or fewer than outputs.
        """
        if isinstance(y, Mapping) or (isinstance(y, list | tuple) and len(self) == 1):
            found = self.spread(what, y)
            return found
        flat = nest.flatten(y)
        if len(flat) != len(self):
            raise ArgumentError(
                f"{what} has {len(flat)} arrays, the model has {len(self)} outputs: "
                f"{', '.join(self.labels)}"
            )
        return flat
