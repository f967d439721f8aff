"""Changing the element type."""

from __future__ import annotations

import numpy as np

from seqir import dtypes
from seqir.dtypes import DTypeLike
from seqir.operators.convert import FillLike
from seqir.ops.apply import (
    apply,
    as_array,
    coerce,
    common_dtype,
    holds_tensors,
    type_of_operand,
)
from seqir.ops.arith import maximum, minimum
from seqir.ops.call import operation
from seqir.ops.like import expand_like
from seqir.ops.size import Size
from seqir.ops.tensor import Result, Tensor, TensorLike


@operation
def cast(x: TensorLike, dtype: DTypeLike) -> Result:
    """x in another element type. Source: ``keras.ops.cast``."""
    return coerce(x, dtypes.canonical(dtype))


@operation
def convert_to_tensor(x: TensorLike, dtype: DTypeLike | None = None) -> Result:
    """x as something the other functions take. Source: ``keras.ops``."""
    if holds_tensors(x):
        x = coerce(x, dtypes.canonical(dtype or common_dtype(*x)))
    x = x if isinstance(x, Tensor) else as_array(x)
    if dtype is None and not isinstance(x, Size):
        return x
    return coerce(x, dtypes.canonical(dtype or x.dtype))


@operation
def saturate_cast(x: TensorLike, dtype: DTypeLike) -> Result:
    """x in another element type, values out of its range cut off at the ends.

    Source: ``keras.ops.saturate_cast``.
    """
    name, found = dtypes.canonical(dtype), type_of_operand(x).dtype
    if found == "bool" or name == "bool" or dtypes.is_float(name):
        return coerce(x, name)
    to = np.iinfo(dtypes.to_numpy(name))
    low, high = float(to.min), float(to.max)
    if dtypes.is_integer(found):
        own = np.iinfo(dtypes.to_numpy(found))
        low, high = max(int(to.min), int(own.min)), min(int(to.max), int(own.max))
    kind = dtypes.to_numpy(found)
    return coerce(minimum(maximum(x, np.array(low, kind)), np.array(high, kind)), name)


@operation
def full_like(
    x: TensorLike, fill_value: TensorLike, dtype: DTypeLike | None = None
) -> Result:
    """A tensor of x's shape with every element `fill_value`, or it broadcast."""
    name = dtypes.canonical(dtype or type_of_operand(x).dtype)
    x = x if isinstance(x, Tensor) else as_array(x)
    if not isinstance(fill_value, Tensor) and not np.ndim(fill_value):
        value = np.asarray(fill_value).astype(dtypes.to_numpy(name))
        return apply(FillLike(value.item(), name), x)

    return expand_like(coerce(fill_value, name), x)


@operation
def zeros_like(x: TensorLike, dtype: DTypeLike | None = None) -> Result:
    """Zeros of x's shape. Source: ``keras.ops.zeros_like``."""
    return full_like(x, 0, dtype)


@operation
def ones_like(x: TensorLike, dtype: DTypeLike | None = None) -> Result:
    """Ones of x's shape. Source: ``keras.ops.ones_like``."""
    return full_like(x, 1, dtype)


__all__ = [
    "cast",
    "convert_to_tensor",
    "full_like",
    "ones_like",
    "saturate_cast",
    "zeros_like",
]
