"""What a model accepts: arrays in the structure, dtype and rank of its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqir import dtypes, nest
from seqir.errors import ArgumentError, DTypeError, SeqirError, ShapeError
from seqir.ir import Array
from seqir.layers.core import InputLayer
from seqir.ops.tensor import KerasTensor
from seqir.shapes import format_shape

if TYPE_CHECKING:
    from seqir.model.base import Model


def standardize(model: Model, x: Any) -> dict[str, Array]:
    """The arrays for each input name, converted to what the inputs are.

    Raises: ArgumentError for a wrong structure, DTypeError for arrays that hold no
        numbers, ShapeError for a shape that does not fit.
    """
    names = model.input_names
    tensors = model.inputs
    leaves = _match(model, x, names)
    return {
        name: _convert(leaf, tensor, name, model.name)
        for name, tensor, leaf in zip(names, tensors, leaves, strict=True)
    }


def _match(model: Model, x: Any, names: list[str]) -> list[Any]:
    """One leaf for each input, by the structure given."""
    structure = model.input_structure
    if isinstance(x, dict):
        keys = sorted(structure) if isinstance(structure, dict) else names
        missing = [k for k in keys if k not in x]
        if missing:
            raise ArgumentError(
                f"model {model.name!r} has the inputs {', '.join(map(repr, keys))}; "
                f"the given dict lacks {', '.join(map(repr, missing))}"
            )
        if unknown := [k for k in x if k not in keys]:
            raise ArgumentError(
                f"model {model.name!r} has no input named "
                f"{', '.join(map(repr, unknown))}; it has {', '.join(map(repr, keys))}"
            )
        return [x[k] for k in keys]
    if isinstance(x, list | tuple):
        flat = nest.flatten(x)
        if any(isinstance(v, int | float | str | bool) for v in flat[:1]):
            raise ArgumentError(
                f"model {model.name!r} takes arrays, got a Python {type(x).__name__}; "
                "wrap it in numpy.asarray"
            )
        if len(flat) != len(names):
            raise ArgumentError(
                f"model {model.name!r} has {len(names)} inputs "
                f"({', '.join(names)}), got a {type(x).__name__} of {len(flat)} arrays"
            )
        return flat
    if len(names) != 1:
        raise ArgumentError(
            f"model {model.name!r} has {len(names)} inputs ({', '.join(names)}), "
            "got one array; pass a list or a dict"
        )
    if x is None or isinstance(x, int | float | str | bool):
        raise ArgumentError(f"model {model.name!r} takes an array, got {x!r}")
    return [x]


def _convert(x: Any, tensor: KerasTensor, name: str, model: str) -> Array:
    array = _as_array(x, name, model)
    if array.dtype == object or array.dtype.kind in "USMm":
        raise DTypeError(
            f"input {name!r} of model {model!r} takes {tensor.dtype}, got an array of "
            f"{array.dtype} (ragged or not numeric)"
        )
    wanted = dtypes.to_numpy(tensor.dtype)
    if array.dtype != wanted:
        if array.dtype.kind == "c":
            raise DTypeError(f"input {name!r} of model {model!r} cannot be complex")
        array = array.astype(wanted)
    return _fit(array, tensor, name, model)


def _as_array(x: Any, name: str, model: str) -> Array:
    try:
        if hasattr(x, "__dlpack__") and not isinstance(x, np.ndarray):
            try:
                return np.from_dlpack(x)
            except (BufferError, TypeError, RuntimeError):
                return np.asarray(x)
        return np.asarray(x)
    except SeqirError:
        raise
    except (ValueError, TypeError) as error:
        raise DTypeError(
            f"input {name!r} of model {model!r} is no array of numbers: {error}"
        ) from error


def _fit(array: Array, tensor: KerasTensor, name: str, model: str) -> Array:
    """The array, with a last axis of size 1 added or dropped if that makes it fit."""
    shape = tensor.shape
    if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    elif array.ndim == len(shape) - 1 and shape and shape[-1] == 1:
        array = array[..., None]
    layer = tensor.call.target if tensor.call else None
    free = isinstance(layer, InputLayer)
    fits = array.ndim == len(shape) and all(
        wanted is None or wanted == found or (axis == 0 and free)
        for axis, (wanted, found) in enumerate(zip(shape, array.shape, strict=False))
    )
    if not fits:
        shown = (None, *shape[1:]) if shape and free else shape
        raise ShapeError(
            f"Invalid input shape for input {name!r} of model {model!r}. "
            f"Expected shape {format_shape(shown)}, but input has incompatible "
            f"shape {format_shape(array.shape)}"
        )
    return array
