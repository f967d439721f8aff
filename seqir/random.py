"""``seqir.random``: random tensors, inside models and of arrays at once.

`seed` says what the numbers are a function of:

===============  ====================================================================
None             the run's seed and step: other numbers at every step and every call
`SeedGenerator`  the same, with a seed of its own if it was given one
an integer       that integer alone: always the same numbers
===============  ====================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, TypeAlias

import numpy as np

from seqir import absent, config, dtypes, ops
from seqir.arguments import number
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError
from seqir.initializers.base import check_seed, float_name
from seqir.initializers.seeds import SeedGenerator, int64
from seqir.ir import current_trace
from seqir.ops import random as numbers
from seqir.ops.call import operation
from seqir.ops.random import Key
from seqir.ops.size import Size, SizeLike, dim_of
from seqir.ops.tensor import Result, Tensor, TensorLike
from seqir.shapes import Shape, format_shape

RandomShape: TypeAlias = Sequence[SizeLike] | Result
"""A shape, or a tensor that has it."""


def key(seed: SeedGenerator | int | None) -> Key:
    """What the next random tensor with this `seed` argument is a function of."""
    if seed is not None and not isinstance(seed, SeedGenerator):
        return Key(int64(check_seed(seed)), int64(0), 0)
    b = current_trace()
    if b is None:
        return Key(*(seed or SeedGenerator()).next(), 0)
    run_seed, step = numbers.run_key(b)
    if seed is None or seed.seed is None:
        return Key(run_seed, step, b.draw(None))
    return Key(int64(seed.seed), step, b.draw(seed))


@operation
def uniform(
    shape: RandomShape,
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: SeedGenerator | int | None = None,
) -> Result:
    """Uniform numbers in [minval, maxval).

    Shapes: `shape` is a shape, with sizes of ``ops.shape(x)`` too, or a tensor of it.
    Source: ``keras.random.uniform``.
    """
    u = numbers.uniform(key(seed), _like(shape), _floating("uniform", dtype))
    return u if (minval, maxval) == (0, 1) else u * (maxval - minval) + minval


@operation
def normal(
    shape: RandomShape,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: SeedGenerator | int | None = None,
) -> Result:
    """Normal numbers of this mean and standard deviation.

    Shapes: `shape` is a shape, with sizes of ``ops.shape(x)`` too, or a tensor of it.
    Source: ``keras.random.normal``.
    """
    z = numbers.normal(key(seed), _like(shape), _floating("normal", dtype))
    return z * stddev + mean


@operation
def bernoulli(
    shape: RandomShape,
    probability: float = 0.5,
    dtype: DTypeLike | None = None,
    seed: SeedGenerator | int | None = None,
) -> Result:
    """1 with this probability and 0 otherwise.

    Shapes: `shape` is a shape, with sizes of ``ops.shape(x)`` too, or a tensor of it.
    Raises: ArgumentError unless the probability is from 0 to 1.
    """
    share = check_share("probability", probability)
    name = dtypes.canonical(dtype or "float32")
    return numbers.bernoulli(key(seed), _like(shape), share, name)


@operation
def dropout(
    inputs: TensorLike,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: SeedGenerator | int | None = None,
) -> Result:
    """x with a share `rate` of it set to 0 and the rest divided by 1 - rate.

    Shapes: where `noise_shape` has a 1, an axis is kept or dropped as a whole.
    Units: rate: fraction of elements dropped.
    Raises: ArgumentError unless the rate is from 0 to 1; ShapeError for a noise shape
        that does not broadcast to x.
    Source: ``keras.random.dropout``.
    """
    x = ops.convert_to_tensor(inputs)
    if not check_share("rate", rate):
        return x
    if rate == 1:
        return ops.zeros_like(x)
    kept = numbers.bernoulli(key(seed), noise(x, noise_shape), 1.0 - rate, x.dtype)
    return x * (kept * (1.0 / (1.0 - rate)))


def randint(
    shape: RandomShape,
    minval: int,
    maxval: int,
    dtype: DTypeLike = "int32",
    seed: SeedGenerator | int | None = None,
) -> Result:
    """Integers from minval up to maxval - 1, all as likely.

    Raises: ArgumentError unless `dtype` is an integer type, and there is a number
        between the two.
    Source: ``keras.random.randint``.
    """
    wanted = dtypes.canonical(dtype)
    if not dtypes.is_integer(wanted):
        raise ArgumentError(f"random.randint gives integers, not {wanted}")
    low, high = int(minval), int(maxval)
    if low >= high:
        raise ArgumentError(f"there is no integer from {low} up to {high} - 1")
    # 24 bits of a uniform number are exact; more of a range needs more of them.
    drawn = uniform(shape, 0.0, 1.0, "float64", seed)
    return ops.cast(ops.floor(drawn * float(high - low)), wanted) + low


def categorical(
    logits: TensorLike,
    num_samples: int,
    dtype: DTypeLike = "int32",
    seed: SeedGenerator | int | None = None,
) -> Result:
    """Classes, drawn with the probabilities softmax(logits): argmax(logits + Gumbel).

    Shapes: (n, classes) -> (n, num_samples).
    Raises: ShapeError unless the logits have rank 2.
    Source: ``keras.random.categorical``; Gumbel 1954.
    """
    x = ops.convert_to_tensor(logits)
    if len(x.shape) != 2:
        raise ShapeError(
            f"logits must be (n, classes), got {format_shape(tuple(x.shape))}"
        )
    apart = ops.repeat(ops.expand_dims(x, 1), int(num_samples), 1)
    drawn = numbers.uniform(key(seed), apart, "float32")
    gumbel = -ops.log(-ops.log(ops.maximum(drawn, 1e-20)))
    return ops.cast(ops.argmax(apart + ops.cast(gumbel, apart.dtype), -1), dtype)


def shuffle(
    x: TensorLike, axis: int = 0, seed: SeedGenerator | int | None = None
) -> Result:
    """The parts of x along an axis in a random order.

    Source: ``keras.random.shuffle``.
    """
    x = ops.convert_to_tensor(x)
    first = ops.moveaxis(x, axis, 0)
    line = first[(slice(None), *[0] * (len(x.shape) - 1))]
    order = ops.argsort(numbers.uniform(key(seed), line, "float32"))
    return ops.moveaxis(ops.take(first, order, axis=0), 0, axis)


def noise(x: Result, noise_shape: Sequence[int | None] | None) -> Result:
    """A tensor of the shape of the noise for x: x, of size 1 where `noise_shape` is.

    Raises: ShapeError for a noise shape that does not broadcast to x.
    """
    if noise_shape is None:
        return x
    wanted = tuple(noise_shape)
    fits = len(wanted) == len(x.shape) and all(
        n in (None, 1, d) or d is None for n, d in zip(wanted, x.shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"noise_shape {wanted} does not broadcast to {format_shape(x.shape)}: each "
            "size must be 1, None or that of the input"
        )
    return x[tuple(slice(1) if n == 1 else slice(None) for n in wanted)]


def check_share(name: str, value: object) -> float:
    """The value if it is a number from 0 to 1.

    Raises: ArgumentError otherwise.
    """
    return number(name, value, least=0, most=1)


def _floating(function: str, dtype: DTypeLike | None) -> str:
    return float_name(f"random.{function}", dtype or config.floatx())


def _like(shape: RandomShape) -> Result | Shape:
    """What `seqir.ops.random` takes for a shape: sizes, or a tensor that has them."""
    if isinstance(shape, Tensor | np.ndarray):
        return shape
    sizes = tuple(shape)
    if any(isinstance(n, Size) for n in sizes):
        return ops.zeros(sizes, "bool")
    return tuple(map(dim_of, sizes))


__all__ = [
    "SeedGenerator",
    "bernoulli",
    "categorical",
    "dropout",
    "normal",
    "randint",
    "shuffle",
    "uniform",
]


def __getattr__(name: str) -> NoReturn:
    absent.refuse("random", name)
