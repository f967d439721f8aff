"""Weights of a model in a file of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqir import naming, tensorfile
from seqir.errors import (
    CorruptFileError,
    DTypeError,
    LoadError,
    ShapeError,
    UnsupportedError,
)
from seqir.ir import Array
from seqir.narrow import is_list
from seqir.ops.variable import Variable, assign_all

KIND = "seqir weights"
SUFFIX = ".safetensors"


def write(path: str | os.PathLike[str], weights: Sequence[Variable]) -> None:
    """Write the weights, in order and by name."""
    check_suffix(path)
    arrays = {key: w.array for key, w in zip(keys_of(weights), weights, strict=True)}
    tensorfile.write(path, arrays, {"kind": KIND, "order": list(arrays)})


def read(path: str | os.PathLike[str], weights: Sequence[Variable]) -> None:
    """Read the weights; all of them are replaced, or none."""
    assign(f"{path}", weights, [*stored(path).values()])


def stored(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The weights in a file by their names, in order.

    Raises: LoadError if it holds something else, CorruptFileError if it is damaged.
    """
    check_suffix(path)
    arrays, note = tensorfile.read(path)
    if note.get("kind") != KIND:
        raise LoadError(f"{path} holds a {note.get('kind')}, not weights")
    order: Any = note.get("order")
    return dict(zip(order, in_order(f"{path}", arrays, order), strict=True))


def in_order(source: str, arrays: Mapping[str, Array], order: object) -> list[Array]:
    """The arrays in the order that a file says.

    Raises: CorruptFileError if that is not a list of their names.
    """
    names: list[Any] = order if is_list(order) else [None]
    if not all(isinstance(name, str) and name in arrays for name in names):
        raise CorruptFileError(f"{source} is damaged: it names arrays that it has not")
    return [arrays[name] for name in names]


def keys_of(variables: Sequence[Variable]) -> list[str]:
    """Names of variables, made distinct."""
    keys: dict[str, Variable] = {}
    for variable in variables:
        keys[naming.free(variable.path, keys)] = variable
    return list(keys)


def assign(source: str, variables: Sequence[Variable], arrays: Sequence[Array]) -> None:
    """Give variables new values, all of them or none.

    They belong together by their order: automatic names differ from run to run.

    Raises: ShapeError if there are more or fewer, or one has another shape;
        DTypeError if one has another element type.
    """
    check_fit(source, variables, arrays)
    assign_all(variables, arrays)


def check_fit(
    source: str, variables: Sequence[Variable], arrays: Sequence[Array]
) -> None:
    """That there is an array of the right shape and type for each variable.

    Raises: ShapeError or DTypeError.
    """
    if len(variables) != len(arrays):
        raise ShapeError(
            f"{source} has {len(arrays)} arrays, {len(variables)} are needed: it "
            "belongs to another model"
        )
    for variable, array in zip(variables, arrays, strict=True):
        if variable.type.shape != array.shape:
            raise ShapeError(
                f"{variable.path!r} has shape {variable.type.shape}, "
                f"{source} has {array.shape} in its place: it belongs to another model"
            )
        if variable.type.dtype != array.dtype.name:
            raise DTypeError(
                f"{variable.path!r} is {variable.type.dtype}, {source} has "
                f"{array.dtype.name} in its place: it belongs to another model"
            )


def check_suffix(path: Any) -> None:
    """UnsupportedError unless the path ends with ``.safetensors``."""
    if Path(path).suffix != SUFFIX:
        raise UnsupportedError(f"weights are kept in {SUFFIX} files, got {str(path)!r}")
