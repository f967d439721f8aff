"""Layers whose arguments are declared as fields.

A layer class that annotates attributes and has no ``__init__`` gets one: positional
arguments in the order of the fields, then keywords, then the keywords of `Layer`
itself (``name``, ``dtype``, ``trainable``, ...). So every argument is written once.
"""

from __future__ import annotations

import inspect
from typing import Any

from seqir.errors import ArgumentError, did_you_mean

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
REQUIRED = inspect.Parameter.empty


def collect(cls: type) -> dict[str, Any]:
    """The fields that a class declares itself: {name: default or REQUIRED}."""
    return {
        name: cls.__dict__.get(name, REQUIRED)
        for name, kind in inspect.get_annotations(cls).items()
        if not name.startswith("_") and "ClassVar" not in str(kind)
    }


def signature(fields: dict[str, Any]) -> inspect.Signature:
    """The signature that help() shows."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = [
        inspect.Parameter(name, kind, default=default)
        for name, default in fields.items()
    ]
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature([*own, rest])


def bind(
    kind: str, fields: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort arguments into fields and base keywords.

    Raises: ArgumentError for too many, unknown, double or missing arguments.
    """
    if len(args) > len(fields):
        raise ArgumentError(
            f"{kind} takes {len(fields)} positional arguments "
            f"({', '.join(fields)}), got {len(args)}"
        )
    bound = dict(zip(fields, args, strict=False))
    if twice := bound.keys() & kwargs.keys():
        raise ArgumentError(f"{kind} got the argument {min(twice)!r} twice")
    base = {k: v for k, v in kwargs.items() if k in BASE_KEYWORDS and k not in fields}
    check_known(kind, kwargs, (*fields, *BASE_KEYWORDS))
    bound.update((k, v) for k, v in kwargs.items() if k not in base)
    for name, default in fields.items():
        if name not in bound:
            if default is REQUIRED:
                raise ArgumentError(f"{kind} needs the argument {name!r}")
            bound[name] = default
    return {name: bound[name] for name in fields}, base


def known_to(cls: type) -> tuple[str, ...]:
    """Keywords of the class's own ``__init__``, and those of all layers."""
    return (*inspect.signature(cls).parameters, *BASE_KEYWORDS)


def check_known(kind: str, kwargs: dict[str, Any], known: tuple[str, ...]) -> None:
    """ArgumentError if a keyword is none that layers have, with the nearest known."""
    unknown = {k: v for k, v in kwargs.items() if k not in known}
    if unknown:
        hint = did_you_mean(next(iter(unknown)), known)
        raise ArgumentError(
            f"Unrecognized keyword arguments passed to {kind}: {unknown}.{hint}"
        )
