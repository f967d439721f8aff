"""Weights of a ``.safetensors`` file for a model that they may fit in part."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from seqir.errors import DTypeError, ShapeError
from seqir.formats.fitting import Fitting
from seqir.formats.safetensors import keys_of, stored
from seqir.formats.tree import places
from seqir.ops.variable import Variable
from seqir.shapes import format_shape


def fit(path: Path, fitting: Fitting, model: Any) -> None:
    """Read the weights that fit; `fitting` keeps them.

    They belong together by their order, because automatic names differ from process to
    process; if there are more or fewer, by their names.
    """
    arrays, variables = stored(path), model.weights
    keys = list(arrays)
    if len(arrays) != len(variables):
        ours, theirs = _short(keys_of(variables)), _short(arrays)
        known = dict(zip(theirs, arrays, strict=True))
        keys = [known.get(name, "") for name in ours]
    key_of = {id(v): key for v, key in zip(variables, keys, strict=True)}
    if left := [key for key in arrays if key not in keys]:
        fitting.refuse(f"the file has {left[0]!r}, which the model has not")

    def read(variable: Variable) -> Any:
        key = key_of[id(variable)]
        array, wanted = arrays[key], variable.type
        if array.shape != wanted.shape:
            raise ShapeError(
                f"{key!r} has shape {format_shape(array.shape)}, expected "
                f"{format_shape(variable.array.shape)}"
            )
        if array.dtype.name != wanted.dtype:
            raise DTypeError(
                f"{key!r} holds {array.dtype.name}, expected {wanted.dtype}"
            )
        return np.array(array)

    for place in places(model):
        found = sum(key_of[id(v)] in arrays for v in place.variables)
        if place.variables:
            fitting.take(
                f"layer {place.name!r}",
                place.variables,
                found,
                lambda i, v: read(v),
            )


def _short(names: Iterable[str]) -> list[str]:
    """Names without the models that the layers are in: those have automatic ones."""
    full = list(names)
    short = ["/".join(name.split("/")[-2:]) for name in full]
    return short if len(set(short)) == len(short) else full
