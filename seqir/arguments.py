"""Checks of arguments, each with one wording: what was expected, and what was given.

They return what was given as Python's own int, float or str. Whoever knows more (the
layer, the class) adds it as a note.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any, NamedTuple, SupportsIndex, TypeGuard, TypeVar

import numpy as np

from seqir.errors import ArgumentError, did_you_mean

Choice = TypeVar("Choice")


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
    bounds = _Bounds(least, most)
    found = operator.index(value) if is_integer(value) else None
    if found is None or not bounds.hold(found):
        raise _wrong(name, f"an integer{bounds}", value)
    return found


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
    found: Any = value.item() if isinstance(value, np.generic) else value
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if not is_number or (finite and not math.isfinite(found)) or not bounds.hold(found):
        raise _wrong(name, f"a {'finite ' if finite else ''}number{bounds}", value)
    return found


def one_of(name: str, value: object, known: Iterable[Choice]) -> Choice:
    """The value.

    Raises: ArgumentError unless it is one of those known, with the nearest word.
    """
    choices = list(known)
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return choice
    words = [choice for choice in choices if isinstance(choice, str)]
    near = did_you_mean(value, words) if isinstance(value, str) else ""
    raise ArgumentError(
        f"{name} must be {alternatives(map(repr, choices))}, got {value!r}"
        + (f".{near}" if near else "")
    )


def integers(name: str, value: object) -> tuple[int, ...]:
    """One integer or several as a tuple.

    Raises: ArgumentError for anything else.
    """
    values: Any = value if isinstance(value, list | tuple) else (value,)
    if not values or not all(map(is_integer, values)):
        raise _wrong(name, "an integer or several integers", value)
    return tuple(map(operator.index, values))


def is_integer(value: object) -> TypeGuard[SupportsIndex]:
    """Whether it is an integer of Python or NumPy, and no truth value."""
    return hasattr(value, "__index__") and not isinstance(value, bool | np.bool_)


def alternatives(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _wrong(name: str, wanted: str, value: object) -> ArgumentError:
    return ArgumentError(f"{name} must be {wanted}, got {value!r}")
