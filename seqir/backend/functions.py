"""Functions of arrays that ``keras.backend`` had in Keras 2, by `seqir.ops`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqir import ops
from seqir.config import floatx
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.layers import Dot
from seqir.ops.apply import rank_of
from seqir.ops.call import operation
from seqir.ops.tensor import Result, TensorLike

# What has the same arguments in seqir.ops.
abs = ops.absolute
all = ops.all
any = ops.any
arange = ops.arange
argmax = ops.argmax
argmin = ops.argmin
cast = ops.cast
cos = ops.cos
cumprod = ops.cumprod
cumsum = ops.cumsum
dot = ops.dot
equal = ops.equal
exp = ops.exp
greater = ops.greater
greater_equal = ops.greater_equal
less = ops.less
less_equal = ops.less_equal
log = ops.log
max = ops.max
maximum = ops.maximum
mean = ops.mean
min = ops.min
minimum = ops.minimum
not_equal = ops.not_equal
one_hot = ops.one_hot
permute_dimensions = ops.transpose
pow = ops.power
prod = ops.prod
repeat_elements = ops.repeat
reshape = ops.reshape
reverse = ops.flip
round = ops.round
shape = ops.shape
sign = ops.sign
sin = ops.sin
square = ops.square
squeeze = ops.squeeze
stack = ops.stack
std = ops.std
stop_gradient = ops.stop_gradient
sum = ops.sum
tile = ops.tile
transpose = ops.transpose
var = ops.var


@operation
def batch_dot(
    x: TensorLike, y: TensorLike, axes: int | Sequence[int] | None = None
) -> Result:
    """Products of each sample of x with that of y, summed over an axis of both.

    Shapes: x[batch, *a], y[batch, *b] -> [batch, *a, *b] without the axes summed over;
    by default the last one of x and the one before the last of y.
    """
    ranks = rank_of(x), rank_of(y)
    if axes is None:
        axes = (ranks[0] - 1, 1 if ranks[1] == 2 else ranks[1] - 2)
    both = (axes, axes) if isinstance(axes, int) else tuple(axes)
    operands = [ops.convert_to_tensor(x), ops.convert_to_tensor(y)]
    return Dot(both, name="batch_dot").call(operands)


@operation
def batch_flatten(x: TensorLike) -> Result:
    """x[batch, ...] as [batch, n]."""
    sizes = ops.shape(x)
    return ops.reshape(x, (sizes[0], math.prod(sizes[1:])))


def cast_to_floatx(x: Any) -> Any:
    """x in the default element type; NumPy's arrays stay such."""
    return np.asarray(x, floatx()) if makes_array(x) else ops.cast(x, floatx())


@operation
def clip(
    x: TensorLike,
    min_value: float | TensorLike | None,
    max_value: float | TensorLike | None,
) -> Result:
    """min(max(x, min_value), max_value); None is no bound."""
    y = ops.convert_to_tensor(x)
    y = y if min_value is None else ops.maximum(y, min_value)
    return y if max_value is None else ops.minimum(y, max_value)


def concatenate(tensors: Sequence[TensorLike], axis: int = -1) -> Result:
    """Tensors, one behind the other along the last axis."""
    return ops.concatenate(tensors, axis)


def dtype(x: TensorLike) -> str:
    """The name of the element type."""
    return ops.dtype(x)


def expand_dims(x: TensorLike, axis: int = -1) -> Result:
    """x with one axis more, of size 1."""
    return ops.expand_dims(x, axis)


def eye(size: int, dtype: DTypeLike | None = None, name: str | None = None) -> Result:
    """The unit matrix."""
    return ops.eye(size, dtype=dtype or floatx())


def flatten(x: TensorLike) -> Result:
    """All values along one axis."""
    return ops.reshape(x, (-1,))


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: TensorLike,
    initializer: Any = None,
    name: str | None = None,
) -> Any:
    """fn(...fn(fn(initializer, elems[0]), elems[1])..., elems[-1]).

    Without an `initializer` it begins with the first element.
    """
    if initializer is None:
        rows = ops.convert_to_tensor(elems)
        initializer, elems = rows[0], rows[1:]
    return ops.scan(lambda carry, x: (fn(carry, x), ()), initializer, elems)[0]


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: TensorLike,
    initializer: Any = None,
    name: str | None = None,
) -> Any:
    """As `foldl`, from the last element to the first."""
    return foldl(fn, ops.flip(elems, 0), initializer)


def gather(reference: TensorLike, indices: TensorLike) -> Result:
    """Rows of a tensor."""
    return ops.take(reference, indices, axis=0)


def in_top_k(predictions: TensorLike, targets: TensorLike, k: int) -> Result:
    """Whether the class of each row is one of its k most likely ones."""
    return ops.in_top_k(targets, predictions, k)


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape, None for a size that is not known."""
    return tuple(x.shape)


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    name: str | None = None,
    dtype: DTypeLike | None = None,
) -> Any:
    """fn of each row."""
    return ops.map(fn, elems)


def ndim(x: TensorLike) -> int:
    """The number of axes."""
    return rank_of(x)


def ones(shape: Any, dtype: DTypeLike | None = None, name: str | None = None) -> Result:
    """Ones."""
    return ops.ones(shape, dtype or floatx())


def ones_like(
    x: TensorLike, dtype: DTypeLike | None = None, name: str | None = None
) -> Result:
    """Ones in the shape of x."""
    return ops.ones_like(x, dtype)


def zeros(
    shape: Any, dtype: DTypeLike | None = None, name: str | None = None
) -> Result:
    """Zeros."""
    return ops.zeros(shape, dtype or floatx())


def zeros_like(
    x: TensorLike, dtype: DTypeLike | None = None, name: str | None = None
) -> Result:
    """Zeros in the shape of x."""
    return ops.zeros_like(x, dtype)


def repeat(x: TensorLike, n: int) -> Result:
    """x[batch, k] n times: [batch, n, k].

    Raises: ShapeError for another number of axes.
    """
    if rank_of(x) != 2:
        raise ShapeError(f"repeat takes x[batch, k], got {rank_of(x)} axes")
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


@operation
def sqrt(x: TensorLike) -> Result:
    """The square root, 0 for what is negative."""
    return ops.sqrt(ops.maximum(x, 0.0))


@operation
def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two tensors, or what one of two functions gives.

    A condition with fewer axes than the tensors chooses rows.

    Raises: ArgumentError for a condition with more axes.
    """
    choices = then_expression, else_expression
    chosen = ops.cast(condition, "bool")
    if not rank_of(chosen) and callable(choices[0]) and callable(choices[1]):
        return ops.cond(chosen, *choices)
    then: Any = choices[0]() if callable(choices[0]) else choices[0]
    other: Any = choices[1]() if callable(choices[1]) else choices[1]
    more = rank_of(then) - rank_of(chosen)
    if more < 0:
        raise ArgumentError(
            f"switch chooses with a condition of {rank_of(chosen)} axes between "
            f"tensors of {rank_of(then)}: it must not have more"
        )
    for _ in range(more if rank_of(chosen) else 0):
        chosen = ops.expand_dims(chosen, -1)
    return ops.where(chosen, then, other)


def to_dense(tensor: Any) -> Any:
    """A sparse matrix of SciPy as an array; else what it is."""
    return tensor.toarray() if is_sparse(tensor) else tensor


def is_sparse(tensor: Any) -> bool:
    """Whether it is a sparse matrix of SciPy."""
    return hasattr(tensor, "tocsr")


def makes_array(x: Any) -> bool:
    """Whether NumPy makes an array of it."""
    return isinstance(x, np.ndarray | np.generic | list | tuple | int | float)


__all__ = [
    "abs",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "batch_dot",
    "batch_flatten",
    "cast",
    "cast_to_floatx",
    "clip",
    "concatenate",
    "cos",
    "cumprod",
    "cumsum",
    "dot",
    "dtype",
    "equal",
    "exp",
    "expand_dims",
    "eye",
    "flatten",
    "foldl",
    "foldr",
    "gather",
    "greater",
    "greater_equal",
    "in_top_k",
    "int_shape",
    "is_sparse",
    "less",
    "less_equal",
    "log",
    "map_fn",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "ndim",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "permute_dimensions",
    "pow",
    "prod",
    "repeat",
    "repeat_elements",
    "reshape",
    "reverse",
    "round",
    "shape",
    "sign",
    "sin",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "sum",
    "switch",
    "tile",
    "to_dense",
    "transpose",
    "var",
    "zeros",
    "zeros_like",
]
