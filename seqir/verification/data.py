"""Arrays that a user gives for a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from seqir import dtypes
from seqir.errors import ArgumentError, did_you_mean
from seqir.ir import Array
from seqir.narrow import is_mapping, is_sequence
from seqir.shapes import format_shape
from seqir.verification.file import Input, OnnxFile

Data: TypeAlias = Mapping[str, Any] | Sequence[Any] | np.ndarray[Any, Any]
"""Arrays by input, or in the order of the inputs; or the array of the only one."""


def checked(file: OnnxFile, data: Data) -> dict[str, Array]:
    """The arrays in the element types that the file asks for.

    Raises: ArgumentError for other names, shapes and kinds than the inputs have.
    """
    names = list(file.inputs)
    if not is_mapping(data):
        arrays = data if is_sequence(data) else [data]
        if len(arrays) != len(names):
            raise ArgumentError(
                f"data has {len(arrays)} arrays, the inputs are {_listed(names)}"
            )
        data = dict(zip(names, arrays, strict=True))
    for name in data:
        if name not in file.inputs:
            raise ArgumentError(
                f"the model has no input {name!r}; its inputs are {_listed(names)}."
                f"{did_you_mean(str(name), names)}"
            )
    if missing := [name for name in names if name not in data]:
        raise ArgumentError(f"data also needs {_listed(missing)}")
    arrays = {name: _converted(file.inputs[name], data[name]) for name in names}
    sizes: dict[str, tuple[str, int]] = {}
    for name, array in arrays.items():
        for free, size in zip(file.inputs[name].shape, array.shape, strict=True):
            if isinstance(free, str):
                other, before = sizes.setdefault(free, (name, size))
                if before != size:
                    raise ArgumentError(
                        f"the size {free!r} is {before} in input {other!r} and {size} "
                        f"in input {name!r}"
                    )
    return arrays


def sizes_of(file: OnnxFile, feeds: Mapping[str, Array]) -> dict[str, int]:
    """Numbers for the free sizes, as arrays have them."""
    return {
        free: size
        for name, each in file.inputs.items()
        for free, size in zip(each.shape, feeds[name].shape, strict=True)
        if isinstance(free, str)
    }


def _converted(wanted: Input, given: object) -> Array:
    array = np.asarray(given)
    label = f"input {wanted.name!r}"
    shape = f"{len(wanted.shape)} ({format_shape(wanted.shape)})"
    if array.ndim != len(wanted.shape):
        raise ArgumentError(
            f"{label} has rank {array.ndim} ({format_shape(array.shape)}), the model "
            f"wants rank {shape}"
        )
    pairs = zip(array.shape, wanted.shape, strict=True)
    if any(isinstance(want, int) and want != got for got, want in pairs):
        raise ArgumentError(
            f"{label} has shape {format_shape(array.shape)}, the model wants "
            f"{format_shape(wanted.shape)}"
        )
    text = array.dtype.kind in "OUST"
    if text != (wanted.dtype == dtypes.STRING):
        raise ArgumentError(
            f"{label} is {'text' if text else array.dtype.name}, the model wants "
            f"{wanted.dtype}"
        )
    return array.astype(np.dtype(object) if text else _numpy(wanted))


def _numpy(wanted: Input) -> np.dtype[np.generic]:
    if wanted.dtype not in dtypes.ALL:
        raise ArgumentError(f"input {wanted.name!r} is {wanted.dtype}, which no array "
                            "of NumPy can hold")  # fmt: skip
    return dtypes.to_numpy(wanted.dtype)


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
