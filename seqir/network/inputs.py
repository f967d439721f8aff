"""What a model accepts: arrays in the structure, dtype and rank of its inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

import numpy as np

from seqir import data, dtypes, nest
from seqir.errors import ArgumentError, DTypeError, ShapeError
from seqir.ir import Array
from seqir.layers.core import InputLayer
from seqir.narrow import is_dict, is_sequence, is_structure
from seqir.ops.tensor import KerasTensor
from seqir.shapes import format_shape

Sizes: TypeAlias = tuple[tuple[int, ...], ...]
"""Of each input of a model, without the batch."""


class Entered(Protocol):
    """What arrays enter: named inputs in some structure."""

    @property
    def name(self) -> str: ...
    @property
    def input_names(self) -> list[str]: ...
    @property
    def input_structure(self) -> Any: ...


def standardize(model: Entered, x: object) -> dict[str, Array]:
    """The arrays for each input name, converted to what the inputs are.

    Raises: what `admit` raises.
    """
    return converted(admit(model, x), element_types(model))


def admit(model: Entered, x: object, *, any_batch: bool = False) -> dict[str, Array]:
    """The arrays for each input name, of any element type that can be converted.

    `any_batch`: also another number of samples than the only one that a model takes.

    Raises: ArgumentError for a wrong structure, DTypeError for arrays that hold no
        numbers, ShapeError for a shape that does not fit.
    """
    names = model.input_names
    return {
        name: _admit(leaf, tensor, name, model.name, any_batch)
        for name, tensor, leaf in zip(
            names, nest.flatten(model.input_structure), arrange(model, x), strict=True
        )
    }


def element_types(model: Entered) -> dict[str, Any]:
    """NumPy's element type of each input."""
    kinds = (
        dtypes.to_numpy(tensor.dtype) for tensor in nest.flatten(model.input_structure)
    )
    return dict(zip(model.input_names, kinds, strict=True))


def converted(feeds: dict[str, Array], types: dict[str, str]) -> dict[str, Array]:
    """The arrays with these element types; what has them already is not copied."""
    if all([array.dtype == types[name] for name, array in feeds.items()]):
        return feeds
    with np.errstate(over="ignore"):  # float16 has infinity for what is too large
        return {name: np.asarray(a, types[name]) for name, a in feeds.items()}


def arrange(model: Entered, x: object) -> list[Any]:
    """What a structure of arrays (or tensors) gives for each input of the model.

    Keys find the inputs of a model with a dict, keys or the names of its inputs those
    of a list. What has no keys is taken in order, where the model's inputs have one.

    Raises: ArgumentError if it is not clear what is meant for which input.
    """
    names = model.input_names
    named = nest.pack(model.input_structure, names)
    if is_dict(x) and not is_dict(named):
        _check_keys(names, x, model.name)
        named, x = names, [x[name] for name in names]
    paired = _paired(named, x, model.name)
    return _in_order(named, x, model.name) if paired is None else paired


def _paired(named: object, x: object, model: str) -> list[object] | None:
    """Leaves of `x` where it is made as the inputs are; None if it is made otherwise.

    `named` has the names of the inputs in their places.
    """
    if is_dict(named):
        if not is_dict(x):
            return None
        _check_keys(list(named), x, model)
        pairs = [(named[key], x[key]) for key in sorted(named)]
    elif is_sequence(named):
        if not is_sequence(x) or len(x) != len(named):
            return None
        pairs = list(zip(named, x, strict=True))
    else:
        single = not is_structure(x) or not _holds_arrays(x)
        return [_checked(x, model)] if single else None
    found: list[object] = []
    for inner, value in pairs:
        leaves = _paired(inner, value, model)
        if leaves is None:
            return None
        found += leaves
    return found


def _check_keys(keys: list[str], x: dict[str, object], model: str) -> None:
    known = ", ".join(map(repr, keys))
    if missing := [k for k in keys if k not in x]:
        raise ArgumentError(
            f"model {model!r} has the inputs {known}; the given dict lacks "
            f"{', '.join(map(repr, missing))}"
        )
    if unknown := [k for k in x if k not in keys]:
        raise ArgumentError(
            f"model {model!r} has no input named {', '.join(map(repr, unknown))}; "
            f"it has {known}"
        )


def _in_order(named: object, x: object, model: str) -> list[object]:
    """Leaves of `x` one after the other, for inputs that have an order."""
    names = nest.flatten(named)
    listed = ", ".join(names)
    given = nest.flatten(x)
    if not is_structure(x) and len(names) > 1:
        raise ArgumentError(
            f"model {model!r} has {len(names)} inputs ({listed}), got one array; pass "
            "a list or a dict"
        )
    if len(given) != len(names):
        raise ArgumentError(
            f"model {model!r} has {len(names)} inputs ({listed}), got a "
            f"{type(x).__name__} of {len(given)} arrays"
        )
    if is_dict(x) or _holds_dict(x):
        raise ArgumentError(
            f"model {model!r} has its inputs as {_shown(named)}, and was given "
            f"{_shown(x)}; pass them in the structure that the model was made with"
        )
    if not _has_order(named):
        raise ArgumentError(
            f"model {model!r} finds its inputs by key, as {_shown(named)}; a "
            f"{type(x).__name__} does not say which array is which: pass a dict with "
            "these keys"
        )
    return [_checked(value, model) for value in given]


def _has_order(named: object) -> bool:
    """Whether the keys of all dicts stand sorted, so that a list has an order."""
    if is_dict(named):
        ordered = list(named) == sorted(named)
        return ordered and all(map(_has_order, named.values()))
    return not is_sequence(named) or all(map(_has_order, named))


def _holds_dict(x: object) -> bool:
    return is_dict(x) or (is_sequence(x) and any(map(_holds_dict, x)))


def _holds_arrays(x: object) -> bool:
    """Whether a structure is one of arrays, and not of Python's numbers."""
    return not all(isinstance(v, int | float | str) for v in nest.flatten(x)[:1])


def _shown(structure: object) -> str:
    """A structure of inputs: ``{'zeta': zeta, 'pair': [left, right]}``."""
    if is_dict(structure):
        items = (f"{key!r}: {_shown(v)}" for key, v in structure.items())
        return f"{{{', '.join(items)}}}"
    if is_sequence(structure):
        return f"[{', '.join(map(_shown, structure))}]"
    return structure if isinstance(structure, str) else "array"


def _checked(x: object, model: str) -> object:
    """The leaf, unless it is a plain Python value."""
    if is_sequence(x):
        raise ArgumentError(
            f"model {model!r} takes arrays, got a Python {type(x).__name__}; wrap it "
            "in numpy.asarray"
        )
    if x is None or isinstance(x, int | float | str | bool):
        raise ArgumentError(f"model {model!r} takes an array, got {x!r}")
    return x


def _admit(
    x: Any, tensor: KerasTensor, name: str, model: str, any_batch: bool
) -> Array:
    what = f"input {name!r} of model {model!r}"
    if data.holds_text(x) or tensor.dtype == dtypes.STRING:
        return _fit(_text(x, tensor, what), tensor, name, model, any_batch)
    array = x if type(x) in (np.ndarray, np.memmap) else data.numbers(x, what)
    if array.dtype == object or array.dtype.kind in "USMm":
        raise DTypeError(
            f"input {name!r} of model {model!r} takes {tensor.dtype}, got an array of "
            f"{array.dtype} (ragged or not numeric)"
        )
    if array.dtype.kind == "c" and dtypes.to_numpy(tensor.dtype).kind != "c":
        raise DTypeError(f"input {name!r} of model {model!r} cannot be complex")
    return _fit(array, tensor, name, model, any_batch)


def _text(x: Any, tensor: KerasTensor, what: str) -> Array:
    """The texts of an array for an input that takes them.

    Raises: DTypeError if the array or the input is one of numbers.
    """
    if tensor.dtype != dtypes.STRING:
        raise DTypeError(
            f"{what} takes {tensor.dtype}, got text: make the Input with "
            "dtype='string', and numbers of the text with StringLookup, Hashing or "
            "TextVectorization"
        )
    if not data.holds_text(x):
        raise DTypeError(f"{what} takes text, got {data.numbers(x, what).dtype}")
    return data.to_text(x)


def fitting_rank(x: Any, shape: tuple[int | None, ...]) -> Any:
    """The array, with a last axis of size 1 added or dropped if that makes it fit."""
    if x.ndim == len(shape) + 1 and x.shape[-1] == 1:
        return x[..., 0]
    if x.ndim == len(shape) - 1 and shape[-1] == 1:
        return x[..., None]
    return x


def fixed_batch(tensors: Iterable[KerasTensor]) -> int | None:
    """The only batch size that input tensors take, if all are of files that fix it."""
    free = ((not t.shape or _batch_is_free(t), t) for t in tensors)
    firsts = {None if any_ else t.shape[0] for any_, t in free}
    return (firsts.pop() or None) if len(firsts) == 1 else None


def _batch_is_free(tensor: KerasTensor) -> bool:
    """Whether an input takes other numbers of samples than the one it may have."""
    layer = tensor.call.target if tensor.call else None
    return isinstance(layer, InputLayer) and not layer.keeps_names


def _fit(
    given: Array, tensor: KerasTensor, name: str, model: str, any_batch: bool
) -> Array:
    """The array with the rank of the input.

    Raises: ShapeError for a size or a rank that does not fit.
    """
    shape = tensor.shape
    array = fitting_rank(given, shape)
    layer = tensor.call.target if tensor.call else None
    free = isinstance(layer, InputLayer) and (any_batch or not layer.keeps_names)
    same_rank = array.ndim == len(shape)
    fits = same_rank and all(
        wanted is None or wanted == found or (axis == 0 and free)
        for axis, (wanted, found) in enumerate(zip(shape, array.shape, strict=False))
    )
    if fits or (isinstance(layer, InputLayer) and layer.learned and same_rank):
        return array
    hint = "; for one sample, pass x[None]" if _is_sample(given, shape) else ""
    raise ShapeError(misfit(tensor, name, model, given.shape) + hint)


def misfit(
    tensor: KerasTensor, name: str, model: str, found: tuple[int | None, ...]
) -> str:
    """That an array has another shape than the input takes."""
    shape = tensor.shape
    shown = (None, *shape[1:]) if shape and _batch_is_free(tensor) else shape
    return (
        f"Invalid input shape for input {name!r} of model {model!r}. Expected shape "
        f"{format_shape(shown)}, but input has incompatible shape {format_shape(found)}"
    )


def other_sizes(model: Entered, feeds: dict[str, Array]) -> Sizes | None:
    """The sizes behind the batch, if not those that the model was built for.

    Only inputs that were not declared, by an `Input` or ``input_shape=``, take them.
    """
    found = tuple(array.shape[1:] for array in feeds.values())
    pairs = zip(nest.flatten(model.input_structure), found, strict=True)
    known = all(
        own is None or own == size
        for tensor, sizes in pairs
        for own, size in zip(tensor.shape[1:], sizes, strict=True)
    )
    return None if known else found


def _is_sample(array: Array, shape: tuple[int | None, ...]) -> bool:
    """Whether the array is one sample of what the model takes, without a batch axis."""
    return array.ndim == len(shape) - 1 and all(
        wanted in (None, found)
        for wanted, found in zip(shape[1:], array.shape, strict=True)
    )
