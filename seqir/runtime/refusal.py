"""Saying in one sentence why onnxruntime refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from seqir.errors import did_you_mean
from seqir.shapes import NOWHERE

_CODE: Final = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : ")
_PLACE: Final = re.compile(
    r"\S+\.(?:cc|cpp|cu|cuh|h):\d+ "
    r"(?:[^()]*::[^()]*\(.*?\)(?:::<lambda\(.*?\)>)?(?: const)?(?: \[with [^]]*\])? "
    r"|\w+ (?=[A-Z]))?"
)
"""A C++ file and line with the function's signature or bare name."""

_UNFILLED: Final = re.compile(
    r"External data path validation failed for initializer: (.+?)\. Error"
)

_MISSING: Final = re.compile(
    r"Could not find an implementation for (\w+)\(\d+\) node with name '(.*?)'"
)
"""An operator that is not there for an element type."""

_OUTSIDE: Final = re.compile(
    r"running \w+ node\. Name:'(.*?)' .*?data bounds, idx=(-?\d+) "
    r"must be within the inclusive range \[-?\d+,\s*(-?\d+)\]",
    re.DOTALL,
)
"""An index that a table, or an axis, does not have."""


def clean(error: BaseException) -> str:
    """The first line of onnxruntime's message without codes and C++ locations."""
    text = _CODE.sub("", str(error))
    unfilled = _UNFILLED.search(text)
    if unfilled:
        return f"initializer {unfilled[1]!r} is external data and has no array"
    if "model_path must not be empty" in text:
        # Older versions say this of a model in memory, and do not say which.
        return "an initializer is external data and has no array"
    missing = _MISSING.search(text)
    if missing:
        return (
            f"it has no {missing[1]} for the element types of node {missing[2]!r}; "
            "compute in float32 there"
        )
    outside = _OUTSIDE.search(text)
    if outside:
        node, index, last = outside.groups()
        if int(index) == NOWHERE:
            return f"{node!r} cannot be computed of arrays of these sizes"
        return f"{node!r} was given the index {index}, there are 0 to {last}"
    lines = [line.strip() for line in _PLACE.sub("", text).splitlines()]
    first = next(filter(None, lines), type(error).__name__)
    return " ".join(first.split()).rstrip(".")


def numpy_name(onnx_type: str) -> str:
    """``tensor(double)`` becomes ``float64``; what is not a tensor stays as it is."""
    name = onnx_type.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(name, name)


def find_fault(
    inputs: Sequence[Any], optional: Sequence[str], feeds: Mapping[str, Any]
) -> str | None:
    """What is wrong with the arrays given to a run, or None if nothing is found.

    `inputs` are the session's descriptions of what must be given, `optional` the
    names of what may be given.
    """
    names = [each.name for each in inputs]
    for name in feeds:
        if name not in names and name not in optional:
            return (
                f"the model has no input {name!r}; its inputs are {_listed(names)}."
                f"{did_you_mean(str(name), names)}"
            )
    missing = [name for name in names if name not in feeds]
    if missing:
        return f"the model also needs {_listed(missing)}; given: {_listed(feeds)}"
    found = (_fault_of_one(each, feeds[each.name]) for each in inputs)
    return next(filter(None, found), None)


def _fault_of_one(wanted: Any, array: Any) -> str | None:
    """What is wrong with one array, or None."""
    label = f"input {wanted.name!r}"
    if not hasattr(array, "dtype") or not hasattr(array, "shape"):
        return f"{label} is a {type(array).__name__}, not a NumPy array"
    if not getattr(array.dtype, "isnative", True):
        return f"{label} is not in this machine's byte order ({array.dtype.str})"
    dtype = numpy_name(wanted.type)
    if str(array.dtype) != dtype and dtype != "string":
        return f"{label} is {array.dtype}, the model wants {dtype}"
    given, shape = tuple(array.shape), wanted.shape
    text = f"({', '.join('?' if d is None else str(d) for d in shape)})"
    if len(given) != len(shape):
        return (
            f"{label} has rank {len(given)} (shape {given}), "
            f"the model wants rank {len(shape)} (shape {text})"
        )
    pairs = zip(given, shape, strict=True)
    if any(isinstance(want, int) and got != want for got, want in pairs):
        return f"{label} has shape {given}, the model wants {text}"
    return None


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names) or "nothing"
