"""``seqir.random``: random tensors, inside models and of arrays at once.

`seed` says what the numbers are a function of:

===============  ====================================================================
None             the run's seed and step: other numbers at every step and every call
`SeedGenerator`  the same, with a seed of its own if it was given one
an integer       that integer alone: always the same numbers
===============  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NoReturn, TypeAlias

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


@operation
def truncated_normal(
    shape: RandomShape,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: SeedGenerator | int | None = None,
) -> Result:
    """Normal numbers that lie within two standard deviations of the mean.

    They are the quantiles of uniform numbers: ``√2 erfinv((2u - 1) erf(√2))``.
    Shapes: `shape` is a shape, with sizes of ``ops.shape(x)`` too, or a tensor of it.
    Source: ``keras.random.truncated_normal``.
    """
    name = _floating("truncated_normal", dtype)
    u = numbers.uniform(key(seed), _like(shape), _wide(name))
    z = ops.erfinv((u * 2.0 - 1.0) * math.erf(math.sqrt(2.0))) * math.sqrt(2.0)
    return ops.cast(ops.clip(z, -2.0, 2.0), name) * stddev + mean


@operation
def gamma(
    shape: RandomShape,
    alpha: TensorLike,
    dtype: DTypeLike | None = None,
    seed: SeedGenerator | int | None = None,
) -> Result:
    """Numbers of the gamma distribution of shape parameter `alpha` and scale 1.

    Shapes: `alpha` broadcasts to `shape`.
    Raises: ArgumentError for a number `alpha` that is not above 0.
    Source: ``keras.random.gamma``.
    """
    name = _floating("gamma", dtype)
    drawn = _log_gamma(key(seed), _sizes(shape), _above_0("alpha", alpha), _wide(name))
    return ops.cast(ops.exp(drawn), name)


@operation
def beta(
    shape: RandomShape,
    alpha: TensorLike,
    beta: TensorLike,
    dtype: DTypeLike | None = None,
    seed: SeedGenerator | int | None = None,
) -> Result:
    """Numbers of the beta distribution: ``a / (a + b)`` of two gamma numbers.

    Shapes: `alpha` and `beta` broadcast to `shape`.
    Raises: ArgumentError for parameters that are numbers and not above 0.
    Source: ``keras.random.beta``.
    """
    name = _floating("beta", dtype)
    a, b = _above_0("alpha", alpha), _above_0("beta", beta)
    return ops.cast(_beta(key(seed), _sizes(shape), a, b, _wide(name)), name)


@operation
def binomial(
    shape: RandomShape,
    counts: TensorLike,
    probabilities: TensorLike,
    dtype: DTypeLike | None = None,
    seed: SeedGenerator | int | None = None,
) -> Result:
    """How many of so many trials succeed, each with this probability.

    Many trials are halved: the middle one of n uniform numbers in order is a beta
    number, and tells how many are left on which side of the probability.

    Shapes: `counts` and `probabilities` broadcast to `shape`.
    Raises: ArgumentError for counts that are no numbers from 0 on, or that the graph
        computes.
    Source: ``keras.random.binomial``; Relles 1972, "A simple algorithm for
        generating binomial random variables when N is large".
    """
    name = _floating("binomial", dtype)
    if isinstance(counts, Tensor):
        raise ArgumentError(
            "counts of random.binomial must be numbers, got a tensor that the graph "
            "computes: how often they are halved depends on them"
        )
    most = np.asarray(counts, np.float64)
    if not (most >= 0).all():
        raise ArgumentError(f"counts of random.binomial must be >= 0, got {counts!r}")
    sizes, drawn = _sizes(shape), key(seed)
    zero = ops.zeros(sizes, "float32")
    left = zero + ops.convert_to_tensor(np.floor(most).astype(np.float32))
    p = zero + ops.cast(probabilities, "float32")
    found, largest = zero, int(most.max(initial=0))
    while largest > _FEW:
        middle = ops.floor(left * 0.5) + 1.0
        at = _beta(drawn, sizes, middle, left + 1.0 - middle, "float32")
        many, below = left > _FEW, at <= p
        found = found + ops.where(many & below, middle, 0.0)
        rest = ops.where(below, (p - at) / (1.0 - at), p / at)
        p = ops.where(many, rest, p)
        left = ops.where(many, ops.where(below, left - middle, middle - 1.0), left)
        largest, drawn = largest // 2, drawn.next(_OF_BETA)
    u = numbers.uniform(drawn, _like((_FEW, *sizes)), "float32")
    trial = ops.reshape(np.arange(_FEW, dtype=np.float32), (-1, *(1,) * len(sizes)))
    succeeds = (trial < left) & (u < p)
    return ops.cast(found + ops.sum(ops.cast(succeeds, "float32"), 0), name)


_TRIES: Final = 8
"""Draws for a gamma number: all are refused once in 10**10 times at most."""
_OF_GAMMA: Final = 3
_OF_BETA: Final = 2 * _OF_GAMMA
"""How many keys such a number takes."""
_FEW: Final = 16
"""So many trials are made one by one."""


def _log_gamma(key: Key, sizes: Sequence[Any], alpha: Any, dtype: str) -> Result:
    """Logarithms of gamma numbers; that of ``alpha`` is that of ``alpha + 1`` times
    ``u ** (1 / alpha)``, and small ones do not become 0 so.

    Source: Marsaglia and Tsang 2000, "A simple method for generating gamma variables".
    """
    several = _like((_TRIES, *sizes))
    d = ops.cast(alpha, dtype) + 2.0 / 3.0
    z = numbers.normal(key, several, dtype)
    v = 1.0 + z / ops.sqrt(d * 9.0)
    positive = v > 0.0
    log_v = ops.log(ops.where(positive, v, 1.0)) * 3.0
    log_u = ops.log(1.0 - numbers.uniform(key.next(1), several, dtype))
    taken = positive & (log_u < z * z * 0.5 + d - d * ops.exp(log_v) + d * log_v)
    first = ops.argmax(ops.cast(taken, "int32"), 0, keepdims=True)
    log_v = ops.squeeze(ops.take_along_axis(log_v, first, 0), 0)
    boost = ops.log(1.0 - numbers.uniform(key.next(2), _like(sizes), dtype))
    return log_v + ops.log(d) + boost / ops.cast(alpha, dtype)


def _beta(key: Key, sizes: Sequence[Any], a: Any, b: Any, dtype: str) -> Result:
    first = _log_gamma(key, sizes, a, dtype)
    return ops.sigmoid(first - _log_gamma(key.next(_OF_GAMMA), sizes, b, dtype))


def _wide(dtype: str) -> str:
    """What is computed in."""
    return dtype if dtype == "float64" else "float32"


def _above_0(name: str, value: TensorLike) -> TensorLike:
    known = not isinstance(value, Tensor) and np.ndim(value) == 0
    return number(name, value, above=0) if known else value


def _sizes(shape: RandomShape) -> tuple[Any, ...]:
    """The sizes of a shape, or of a tensor that has it."""
    return ops.shape(shape) if isinstance(shape, Tensor | np.ndarray) else tuple(shape)


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
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


def __getattr__(name: str) -> NoReturn:
    absent.refuse("random", name)
