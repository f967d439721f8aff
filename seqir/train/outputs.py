"""Matching what users give for each output (losses, metrics, targets) to the outputs.

A model may have one output, or several in lists and dicts of any depth. Everything
that belongs to outputs may be given as one thing, in the structure of the outputs, as
a flat list in their order, or as a dict by the names of the output layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqir import nest
from seqir.errors import ArgumentError, did_you_mean
from seqir.narrow import is_dict, is_mapping, is_sequence


@dataclass(frozen=True)
class Outputs:
    """The outputs of a model: the names of their layers, and their structure.

    In the structure stands the place of each output, in the order of `nest.flatten`.
    """

    names: tuple[str, ...]
    structure: object

    @staticmethod
    def of(structure: object, names: Sequence[str]) -> Outputs:
        """The outputs that have this structure."""
        places = nest.pack(structure, itertools.count())
        return Outputs(tuple(names), places)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def _flat(self) -> bool:
        """Whether there is at most one list or dict around the outputs."""
        return not any(map(_is_several, _items(self.structure)))

    @property
    def _keys(self) -> tuple[str, ...]:
        """The keys of the outermost dict, in the order of the outputs."""
        return tuple(sorted(self.structure)) if is_dict(self.structure) else ()

    @property
    def labels(self) -> tuple[str, ...]:
        """What the outputs are called in logs: their keys, or their layers' names."""
        return self._keys if self._keys and self._flat else self.names

    @property
    def paths(self) -> tuple[str, ...]:
        """What their losses are called: the way to each one, as ``image/0/score``.

        A place in a list that ends it is the name of the layer instead. Source: Keras's
        ``CompileLoss``.
        """
        found: list[str] = []
        for way, name in zip(_ways(self.structure), self.names, strict=True):
            ends = way if way and isinstance(way[-1], str) else (*way[:-1], name)
            found.append("/".join(map(str, ends)))
        return tuple(found)

    def spread(self, what: str, given: object, *, sequence: bool = False) -> list[Any]:
        """One item for each output, None where nothing is given.

        `sequence`: an item may itself be a list, so that for one output a list is
        one item.

        Raises: ArgumentError for a wrong number, an unknown name, another structure.
        """
        if is_mapping(given):
            if self._flat or set(self._keys).isdisjoint(given):
                return self._by_name(what, given)
            return self._in_structure(what, given)
        if is_sequence(given):
            if sequence and len(self) == 1:
                return [given]
            if not self._flat and any(map(_is_several, given)):
                return self._in_structure(what, given)
            if len(given) != len(self):
                raise ArgumentError(
                    f"{what} has {len(given)} items, the model has {len(self)} outputs "
                    f"({', '.join(self.labels)}): give one for each, or a dict"
                )
            return list(given)
        return [given] * len(self)

    def targets(
        self, y: object, what: str = "y", used: Collection[int] = ()
    ) -> list[Any]:
        """The targets of each output.

        There may also be one array for each of the outputs that are `used`.

        Raises: ArgumentError if there are more or fewer than outputs.
        """
        several = _is_several(y)
        deep = not self._flat and any(map(_is_several, _items(y)))
        if is_mapping(y) or (several and (deep or len(self) == 1)):
            return self.spread(what, y)
        flat = nest.flatten(y)
        if len(flat) == len(self):
            return flat
        if len(flat) != len(used):
            raise ArgumentError(
                f"{what} has {len(flat)} arrays, the model has {len(self)} outputs: "
                f"{', '.join(self.labels)}"
            )
        found: list[Any] = [None] * len(self)
        for place, array in zip(used, flat, strict=True):
            found[place] = array
        return found

    def _by_name(self, what: str, given: Mapping[str, object]) -> list[object]:
        keys = self._keys if self._flat else ()
        items: list[object] = [None] * len(self)
        for key, value in given.items():
            known = next((names for names in (keys, self.names) if key in names), None)
            if known is None:
                shown = self._keys or self.names
                raise ArgumentError(
                    f"{what} names the output {key!r}, the model has "
                    f"{', '.join(map(repr, shown))}."
                    f"{did_you_mean(str(key), (*shown, *self.names))}"
                )
            items[known.index(key)] = value
        return items

    def _in_structure(self, what: str, given: object) -> list[object]:
        items: list[object] = [None] * len(self)
        for place, item in _matched(what, self.structure, given):
            items[place] = item
        return items


def _is_several(given: object) -> bool:
    return isinstance(given, Mapping | list | tuple)


def _items(structure: object) -> list[object]:
    """What lies in a list, a tuple or a dict; nothing lies in anything else."""
    if is_mapping(structure):
        return list(structure.values())
    return list(structure) if is_sequence(structure) else []


def _ways(structure: object, way: tuple[str | int, ...] = ()) -> Iterator[Any]:
    """The keys and places that lead to each leaf, in nest's order."""
    if is_dict(structure):
        for key in sorted(structure):
            yield from _ways(structure[key], (*way, key))
    elif is_sequence(structure):
        for place, item in enumerate(structure):
            yield from _ways(item, (*way, place))
    else:
        yield way


def _matched(where: str, structure: Any, given: Any) -> Iterator[tuple[int, Any]]:
    """The places of a structure, each with what is given for it.

    Raises: ArgumentError where the given has another structure.
    """
    if isinstance(structure, int):
        yield structure, given
    elif is_dict(structure):
        if not (is_mapping(given) and set(given) <= set(structure)):
            raise _unlike(where, structure, given)
        for key, item in given.items():
            yield from _matched(f"{where}[{key!r}]", structure[key], item)
    elif is_sequence(given) and len(given) == len(structure):
        for place, item in enumerate(given):
            yield from _matched(f"{where}[{place}]", structure[place], item)
    elif given is not None:
        raise _unlike(where, structure, given)


def _unlike(where: str, structure: object, given: object) -> ArgumentError:
    return ArgumentError(
        f"{where} must have the structure of the outputs there, {_described(structure)}"
        f", got {_described(given)}"
    )


def _described(structure: object) -> str:
    if is_mapping(structure):
        return f"a dict of {', '.join(map(repr, structure)) or 'nothing'}"
    if is_sequence(structure):
        return f"a {type(structure).__name__} of {len(structure)}"
    found = repr(structure) if isinstance(structure, str) else type(structure).__name__
    return f"{found} alone"
