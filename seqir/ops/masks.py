"""Masks: which steps of a tensor count, carried by the tensor itself."""

from __future__ import annotations

import weakref
from typing import Any, Final

from seqir.ir import Array
from seqir.ops.apply import traced
from seqir.ops.eager import eager
from seqir.ops.tensor import Result, TensorLike, Traced
from seqir.plain import is_array

_of_arrays: Final[dict[int, tuple[weakref.ref[Any], Any]]] = {}
"""Masks of arrays that take no attributes, by identity."""


def get_keras_mask(x: object) -> Any:
    """The mask of a tensor or an array, None if it has none.

    Source: ``keras.src.backend.get_keras_mask``.
    """
    if isinstance(x, Traced):
        return x.mask
    mask = getattr(x, "_keras_mask", None)
    if mask is None and _of_arrays and is_array(x):
        owner, found = _of_arrays.get(id(x), (None, None))
        return found if owner is not None and owner() is x else None
    return mask


def set_keras_mask(x: Any, mask: TensorLike | None) -> None:
    """Give a tensor or an array a mask; None takes it away.

    Source: ``keras.src.backend.set_keras_mask``.
    """
    try:
        x._keras_mask = mask
    except AttributeError:
        key = id(x)
        if mask is None:
            _of_arrays.pop(key, None)
        else:
            gone = weakref.ref(x, lambda _: _of_arrays.pop(key, None))
            _of_arrays[key] = (gone, mask)


def masked(x: Result, mask: TensorLike | None) -> Result:
    """A traced value with that mask in place of its own; None changes nothing."""
    if mask is None or not isinstance(x, Traced):
        return x
    return Traced(x.builder, x.value, traced(x.builder, mask))


def unmasked(x: Result) -> Result:
    """A traced value without its mask."""
    if isinstance(x, Traced) and x.mask is not None:
        return Traced(x.builder, x.value)
    return x


def with_masks(results: list[Array], carriers: list[int]) -> list[Array]:
    """The arrays before the last ones, which are masks of those at these places."""
    if not carriers:
        return results
    arrays = results[: -len(carriers)]
    for place, mask in zip(carriers, results[-len(carriers) :], strict=True):
        arrays[place] = eager(arrays[place])
        set_keras_mask(arrays[place], mask)
    return arrays
