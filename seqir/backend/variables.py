"""Variables as ``keras.backend`` of Keras 2 made and changed them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import ops
from seqir.backend.functions import makes_array
from seqir.backend.networks import random_normal, random_uniform
from seqir.config import floatx
from seqir.dtypes import DTypeLike
from seqir.ir import Array
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.variable import Variable


def constant(
    value: Any,
    dtype: DTypeLike | None = None,
    shape: Sequence[int] | None = None,
    name: str | None = None,
) -> Result:
    """Known values, of the default element type."""
    array = ops.convert_to_tensor(value, dtype or floatx())
    return array if shape is None else ops.broadcast_to(array, shape)


def count_params(x: Any) -> int:
    """How many numbers a tensor or variable has."""
    return math.prod(x.shape)


def eval(x: Any) -> Any:
    """The values of a variable or array."""
    return ops.convert_to_numpy(x)


def get_value(x: Any) -> Any:
    """The values of a variable or array; what is neither comes back."""
    return ops.convert_to_numpy(x) if isinstance(x, Variable) or makes_array(x) else x


def set_value(x: Variable, value: Any) -> None:
    """Assign values to a variable."""
    x.assign(np.asarray(value))


def batch_get_value(tensors: Sequence[Any]) -> list[Array]:
    """The values of variables."""
    return [get_value(x) for x in tensors]


def batch_set_value(tuples: Sequence[tuple[Variable, Any]]) -> None:
    """Assign values to variables: pairs of both."""
    for variable, value in tuples:
        set_value(variable, value)


def moving_average_update(x: Variable, value: TensorLike, momentum: float) -> Result:
    """Assign momentum * x + (1 - momentum) * value."""
    kept = ops.multiply(x, momentum)
    return x.assign(ops.add(kept, ops.multiply(value, 1.0 - momentum)))


def random_normal_variable(
    shape: Sequence[int],
    mean: float,
    scale: float,
    dtype: DTypeLike | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Variable:
    """A variable of normal numbers."""
    return variable(random_normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform_variable(
    shape: Sequence[int],
    low: float,
    high: float,
    dtype: DTypeLike | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Variable:
    """A variable of uniform numbers."""
    return variable(random_uniform(shape, low, high, dtype, seed), dtype, name)


def update(x: Variable, new_x: TensorLike) -> Result:
    """Assign."""
    return x.assign(new_x)


def update_add(x: Variable, increment: TensorLike) -> Result:
    """Assign x + increment."""
    return x.assign_add(increment)


def update_sub(x: Variable, decrement: TensorLike) -> Result:
    """Assign x - decrement."""
    return x.assign_sub(decrement)


def variable(
    value: Any,
    dtype: DTypeLike | None = None,
    name: str | None = None,
    constraint: Any = None,
) -> Variable:
    """A `Variable` of these values."""
    return Variable(np.asarray(value), dtype=dtype or floatx(), name=name)


__all__ = [
    "batch_get_value",
    "batch_set_value",
    "constant",
    "count_params",
    "eval",
    "get_value",
    "moving_average_update",
    "random_normal_variable",
    "random_uniform_variable",
    "set_value",
    "update",
    "update_add",
    "update_sub",
    "variable",
]
