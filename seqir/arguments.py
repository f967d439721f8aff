"""Checks of arguments, each with one wording: what was expected, and what was given.

They return what was given as Python's own int, float or str. Whoever knows more (the
layer, the class) adds it as a note.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, SupportsIndex, TypeGuard, TypeVar

import numpy as np

from seqir.errors import ArgumentError, did_you_mean
from seqir.narrow import is_sequence
from seqir.plain import is_array, python

Choice = TypeVar("Choice")
Verbosity = Literal["auto", 0, 1, 2]
_VERBOSITIES: Final[tuple[Verbosity, ...]] = ("auto", 0, 1, 2)


class _Bounds(NamedTuple):
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def hold(self, value: float) -> bool:
        """Whether the value is within them."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """`` >= 1``, `` > 0 and < 1``, `` from 0 to 1``."""
        if self.least is not None and self.most is not None:
            return f" from {self.least} to {self.most}"
        signs = {">=": self.least, ">": self.above, "<=": self.most, "<": self.below}
        said = [f"{sign} {bound}" for sign, bound in signs.items() if bound is not None]
        return " " + " and ".join(said) if said else ""


def integer(
    name: str, value: object, *, least: int | None = None, most: int | None = None
) -> int:
    """The value as an int.

    Raises: ArgumentError unless it is an integer within these bounds.
    """
    found, bounds = _index(value), _Bounds(least, most)
    if found is None or not bounds.hold(found):
        raise _wrong(name, f"an integer{bounds}", value)
    return found


def integer_or(
    name: str, value: object, words: Iterable[Choice], *, least: int | None = None
) -> int | Choice:
    """The value as an int, or as one of the words.

    Raises: ArgumentError unless it is one of them, or an integer that is large enough.
    """
    choices, found = list(words), python(value)
    if (place := _place(found, choices)) is not None:
        return choices[place]
    index, bounds = _index(found), _Bounds(least)
    if index is None or not bounds.hold(index):
        wanted = [*map(repr, choices), f"an integer{bounds}"]
        raise _wrong(name, alternatives(wanted), value)
    return index


def number(
    name: str,
    value: object,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    finite: bool = False,
) -> float:
    """The value as an int or float.

    Raises: ArgumentError unless it is a number within these bounds, finite if asked.
    """
    bounds = _Bounds(least, most, above, below)
    found = python(value)
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if not is_number or (finite and not math.isfinite(found)) or not bounds.hold(found):
        raise _wrong(name, f"a {'finite ' if finite else ''}number{bounds}", value)
    return found


def floating(
    name: str, value: object, *, most: float | None = None, above: float | None = None
) -> float:
    """The value as a float.

    Raises: ArgumentError unless it is one (and no integer) within these bounds.
    """
    bounds, found = _Bounds(most=most, above=above), python(value)
    if not isinstance(found, float) or not bounds.hold(found):
        raise _wrong(name, f"a float{bounds}", value)
    return found


def one_of(name: str, value: object, known: Iterable[Choice]) -> Choice:
    """The value.

    Raises: ArgumentError unless it is one of those known, with the nearest word.
    """
    choices = list(known)
    if (place := _place(python(value), choices)) is not None:
        return choices[place]
    words = [choice for choice in choices if isinstance(choice, str)]
    near = did_you_mean(value, words) if isinstance(value, str) else ""
    raise ArgumentError(
        f"{name} must be {alternatives(map(repr, choices))}, got {value!r}"
        + (f".{near}" if near else "")
    )


def verbosity(value: object) -> Verbosity:
    """How much is shown while something runs; truth values are 0 and 1.

    Raises: ArgumentError unless it is "auto", 0, 1 or 2.
    """
    found = python(value)
    return one_of(
        "verbose", int(found) if isinstance(found, bool) else found, _VERBOSITIES
    )


def integers(
    name: str, value: object, *, count: int | None = None, least: int | None = None
) -> tuple[int, ...]:
    """One integer or several as a tuple; one stands for all of a known `count`.

    Raises: ArgumentError for anything else, another count, or one below `least`.
    """
    given, bounds = python(value), _Bounds(least)
    if not is_sequence(given):
        given = [given] * (count or 1)
    found = [*map(_index, given)]
    known = [n for n in found if n is not None and bounds.hold(n)]
    if not found or len(known) != len(found) or count not in (None, len(found)):
        several = f" or {count or 'several'} of them" if count != 1 else ""
        wanted = f"an integer{bounds}{several}"
        raise _wrong(name, wanted, value)
    return tuple(known)


def is_integer(value: object) -> TypeGuard[SupportsIndex]:
    """Whether it is an integer of Python or NumPy, and no truth value."""
    if is_array(value):  # has the method, whatever is in it
        return value.ndim == 0 and value.dtype.kind in "iu"
    return hasattr(value, "__index__") and not isinstance(value, bool | np.bool_)


def _index(value: object) -> int | None:
    return operator.index(value) if is_integer(value) else None


def _place(value: object, choices: Sequence[object]) -> int | None:
    """Where a value is among choices; 1 and True are two."""
    for place, choice in enumerate(choices):
        if type(value) is type(choice) and value == choice:
            return place
    return None


def alternatives(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _wrong(name: str, wanted: str, value: object) -> ArgumentError:
    return ArgumentError(f"{name} must be {wanted}, got {value!r}")
