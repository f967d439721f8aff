"""Making the weights of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqir import dtypes, initializers
from seqir.arguments import one_of
from seqir.errors import ShapeError
from seqir.layers import scope
from seqir.ops.roles import ROLES, Role
from seqir.ops.variable import Variable
from seqir.shapes import format_shape

if TYPE_CHECKING:
    from seqir.layers.base import Layer


def make(
    layer: Layer, name: str, shape: Any, initializer: Any, dtype: Any, role: Role
) -> Variable:
    """A variable of that role, with the values that the initializer makes.

    Raises: ShapeError if a size is not known, ArgumentError for an unknown role.
    """
    one_of("role", role, ROLES)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(d is None for d in shape):
        raise ShapeError(
            f"weight {name!r} of layer {layer.name!r} would have shape "
            f"{format_shape(shape)}: the input must have a known size there"
        )
    dtype = dtypes.canonical(dtype)
    if initializer is None:
        initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
    values: Any = initializers.get(initializer)
    zero = np.zeros((), dtypes.to_numpy(dtype))
    array = zero if scope.empty() else values(shape, dtype)
    variable = Variable(array, name=name, trainable=role == "weight", dtype=dtype)
    if scope.empty():
        variable._array = np.broadcast_to(zero, shape)  # takes no memory
    variable.role = role
    variable.initial = None if role == "weight" else values
    variable.path = f"{layer.path}/{name}"
    return variable
