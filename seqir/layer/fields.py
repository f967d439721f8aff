"""Layers whose arguments are declared as fields.

A layer class that annotates attributes and has no ``__init__`` gets one: positional
arguments in the order of the fields, then keywords, then the keywords of `Layer`
itself (``name``, ``dtype``, ``trainable``, ...). So every argument is written once.

The ``__init__`` that a class gets belongs to that class: it takes the fields up to the
next ``__init__`` that somebody wrote, and passes everything else on to that one, whose
positional arguments come first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from seqir.errors import ArgumentError, SeqirError, UnsupportedError, did_you_mean
from seqir.fields import (
    REQUIRED,
    Fields,
    collect,
    initializers_after,
    names,
    own,
    positional,
    signature,
    taken,
)
from seqir.layer import checks
from seqir.plain import python

BASE_KEYWORDS = (
    "name",
    "trainable",
    "dtype",
    "activity_regularizer",
    "autocast",
    "input_shape",
    "batch_input_shape",
    "batch_shape",
    "batch_size",
    "input_dim",
    "input_dtype",
)


def declare(cls: Any) -> None:
    """Give a class its fields, and the ``__init__`` that takes them.

    One with an ``__init__`` of its own has neither: its annotations are for readers.
    """
    cls._own_fields = {} if "__init__" in cls.__dict__ else collect(cls)
    if "__init__" not in cls.__dict__:
        fields = taken(cls)
        if cls._own_fields or fields.keys() - getattr(cls.__init__, "fields", ()):
            cls.__init__ = _initializer(cls, fields)
    # help() would look at __new__ first, which takes anything.
    _, *parameters = inspect.signature(cls.__init__).parameters.values()
    cls.__signature__ = inspect.Signature(parameters)


def _initializer(cls: type, fields: Fields) -> Callable[..., None]:
    """The ``__init__`` of a class that takes these fields."""

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        kind = self.__class__
        later = [*initializers_after(kind, cls)]
        kwargs = present(kind, kwargs)
        given, rest = _sort(kind.__name__, fields, places, later, args, kwargs)
        given = {k: python(v) if k in seqirs else v for k, v in given.items()}
        if kind._is_recorded:
            self._layer_state.handed_on.update(given)
        values = {name: given.get(name, fields[name]) for name in fields}
        for name in values.keys() & set(
            BASE_KEYWORDS
        ):  # of some layers, for their place
            rest[name] = values.pop(name)
        for name, value in values.items():
            setattr(self, name, value)
        later[0](self, **rest)
        try:
            checks.check_getters(values)
            if not any(hasattr(init, "fields") for init in later):
                self.setup()
        except SeqirError as error:
            checks.add_note(error, f"in layer {self.name!r} ({kind.__name__})")
            raise

    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    shown = signature(cls, fields)
    shown = shown.replace(parameters=[*shown.parameters.values(), rest])
    places = positional(shown)
    seqirs = {name for c in cls.__mro__ if _is_seqirs(c) for name in own(c)}
    made: Any = initialize
    made.__name__ = "__init__"
    made.fields = tuple(fields)
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__signature__ = shown
    return made


def present(kind: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments under their present names, without those that say nothing.

    Raises: UnsupportedError for an argument of Keras that seqir does not have.
    """
    found = {kind._renamed.get(name, name): value for name, value in kwargs.items()}
    for name in kind._absent:
        value = found.pop(name, None)
        if value is not None:
            raise UnsupportedError(
                f"{kind.__name__} of seqir has no {name!r}, which is {value!r} here"
            )
    return found


def _is_seqirs(cls: type) -> bool:
    return cls.__module__.startswith("seqir.") and "_own_fields" in vars(cls)


def _sort(
    kind: str,
    fields: Fields,
    places: Sequence[str],
    later: Iterable[Callable[..., None]],
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> tuple[dict[str, object], dict[str, object]]:
    """Arguments that are fields, and those for the ``__init__``s that come later.

    Raises: ArgumentError for too many, unknown, double or missing arguments.
    """
    if len(args) > len(places):
        raise ArgumentError(
            f"{kind} takes {len(places)} positional arguments "
            f"({', '.join(places)}), got {len(args)}"
        )
    placed = dict(zip(places, args, strict=False))
    if twice := placed.keys() & kwargs.keys():
        raise ArgumentError(f"{kind} got the argument {min(twice)!r} twice")
    kwargs = placed | kwargs
    given = {k: v for k, v in kwargs.items() if k in fields}
    rest = {k: v for k, v in kwargs.items() if k not in fields}
    if rest.keys() - set(BASE_KEYWORDS):
        others = [name for init in later for name in names(init)]
        check_known(kind, rest, (*fields, *others, *BASE_KEYWORDS))
    for name, default in fields.items():
        if name not in given and default is REQUIRED:
            raise ArgumentError(f"{kind} needs the argument {name!r}")
    return given, rest


def known_to(cls: type) -> tuple[str, ...]:
    """Keywords of every ``__init__`` of a class and those above it."""
    written = (c.__dict__["__init__"] for c in cls.__mro__ if "__init__" in c.__dict__)
    return (*(name for init in written for name in names(init)), *BASE_KEYWORDS)


def check_known(kind: str, kwargs: dict[str, object], known: tuple[str, ...]) -> None:
    """ArgumentError for a keyword that no layer takes, with the nearest known."""
    unknown = {k: v for k, v in kwargs.items() if k not in known}
    if unknown:
        hint = did_you_mean(next(iter(unknown)), known)
        raise ArgumentError(
            f"Unrecognized keyword arguments passed to {kind}: {unknown}.{hint}"
        )
