"""Settings that NumPy made: its numbers and its arrays of whole numbers.

Axes, sizes and rates often come out of a computation: ``np.int64(2)``, or an array of
sizes. Where a setting enters, it becomes what somebody would have written, so that
everything behind sees Python's numbers, tuples and None alone, and so do files.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import numpy as np

from seqir.narrow import is_dict, is_list, is_sequence

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import TypeIs

P = ParamSpec("P")
R = TypeVar("R")

_SETTINGS: Final = (
    "axes", "axis", "indices_or_sections", "newshape", "noise_shape", "ord",
    "pad_width", "repeats", "shape", "shift",
)  # fmt: skip
"""Arguments of functions that are never numbers to compute with."""
_NUMBERS: Final = {"int", "float", "bool"}
_AROUND: Final = {"None", "Sequence", "tuple", "SeedGenerator"}


def is_array(x: object) -> TypeIs[NDArray[Any]]:
    """Whether x is an array of NumPy."""
    return isinstance(x, np.ndarray)


def is_numpy_scalar(x: object) -> TypeIs[np.generic[Any]]:
    """Whether x is a number of NumPy."""
    return isinstance(x, np.generic)


def python(value: Any) -> Any:
    """The setting without NumPy's types; floating-point arrays stay arrays."""
    if is_numpy_scalar(value):
        return value.item()
    if is_array(value):
        if not value.ndim:
            return value.item()
        return _nested(value.tolist()) if value.dtype.kind in "iubO" else value
    if is_sequence(value):
        items = [python(item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return tuple(items) if isinstance(value, tuple) else items
    if is_dict(value):
        return {python(k): python(v) for k, v in value.items()}
    return value


def listed(value: Any) -> Any:
    """The setting as `python` has it, with floating-point arrays as lists too."""
    return value.tolist() if is_array(value) else python(value)


def _nested(value: Any) -> Any:
    return tuple(map(_nested, value)) if is_list(value) else value


def settings(function: FunctionType) -> frozenset[int | str]:
    """Which arguments of a function are settings: their places and their names.

    Those whose annotation names numbers alone, and a few that may be sizes of tensors.
    Hundreds of functions are asked when they are imported, which `inspect.signature`
    takes ten times as long for.
    """
    code, annotations = function.__code__, function.__annotations__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found = {
        name: i
        for i, name in enumerate(names)
        if name in _SETTINGS or _is_number(str(annotations.get(name)))
    }
    places = (i for i in found.values() if i < code.co_argcount)
    return frozenset([*found, *places])


@functools.cache
def _is_number(annotation: str) -> bool:
    """Whether an annotation names numbers alone."""
    words = {*re.findall(r"\w+", annotation)}
    return bool(words & _NUMBERS) and words <= _NUMBERS | _AROUND


def arguments(init: Callable[P, R]) -> Callable[P, R]:
    """A constructor whose arguments are all settings."""

    @functools.wraps(init)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        call: Any = init
        return call(*python(args), **python(kwargs))

    return wrapper


class PlainArguments:
    """Classes of seqir whose arguments are settings."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        init: Any = cls.__dict__.get("__init__")
        if init is not None and cls.__module__.startswith("seqir."):
            cls.__init__ = arguments(init)
