"""Activation functions."""

from __future__ import annotations

import numpy as np

from seqir import shapes
from seqir.errors import ArgumentError
from seqir.ir import Op
from seqir.operators.activation import (
    Clip,
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Mish,
    Relu,
    Selu,
    Sigmoid,
    Softplus,
    Softsign,
)
from seqir.operators.softmax import LogSoftmax, Softmax
from seqir.ops.apply import (
    apply,
    floating,
    is_floating,
    numeric,
    rank_of,
    type_of_operand,
)
from seqir.ops.arith import (
    add,
    clip,
    greater,
    maximum,
    minimum,
    multiply,
    square,
    subtract,
    true_divide,
    where,
)
from seqir.ops.call import operation
from seqir.ops.movement import moveaxis
from seqir.ops.parts import split
from seqir.ops.reduce import axes_of, cumsum, logsumexp
from seqir.ops.reduce import max as max_
from seqir.ops.reduce import sum as sum_
from seqir.ops.sorting import falling
from seqir.ops.tensor import Result, TensorLike
from seqir.ops.unary import absolute, exp, expm1, sqrt, tanh
from seqir.shapes import Axes


def _floating(op: Op, x: TensorLike) -> Result:
    return apply(op, floating(x))


@operation
def relu(x: TensorLike) -> Result:
    """max(x, 0). Source: ``keras.ops.relu``."""
    if not is_floating(x):
        return maximum(x, 0)
    return apply(Relu(), floating(x))


@operation
def relu6(x: TensorLike) -> Result:
    """min(max(x, 0), 6). Source: ``keras.ops.relu6``."""
    return _floating(Clip(0.0, 6.0), x)


@operation
def sigmoid(x: TensorLike) -> Result:
    """1 / (1 + e⁻ˣ). Source: ``keras.ops.sigmoid``."""
    return _floating(Sigmoid(), x)


@operation
def softplus(x: TensorLike) -> Result:
    """log(1 + eˣ). Source: ``keras.ops.softplus``."""
    return _floating(Softplus(), x)


@operation
def softsign(x: TensorLike) -> Result:
    """x / (1 + |x|). Source: ``keras.ops.softsign``."""
    return _floating(Softsign(), x)


@operation
def silu(x: TensorLike) -> Result:
    """x * sigmoid(x). Source: ``keras.ops.silu``."""
    x = floating(x)
    return multiply(x, sigmoid(x))


swish = silu


@operation
def log_sigmoid(x: TensorLike) -> Result:
    """-log(1 + e⁻ˣ). Source: ``keras.ops.log_sigmoid``."""
    x = floating(x)
    return -softplus(-x)


@operation
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Result:
    """x where x >= 0, else slope * x. Source: ``keras.ops.leaky_relu``."""
    return _floating(LeakyRelu(float(negative_slope)), x)


@operation
def hard_sigmoid(x: TensorLike) -> Result:
    """clip(x / 6 + 1/2, 0, 1). Source: ``keras.ops.hard_sigmoid``."""
    return _floating(HardSigmoid(), x)


@operation
def hard_silu(x: TensorLike) -> Result:
    """x * hard_sigmoid(x). Source: ``keras.ops.hard_silu``."""
    return _floating(HardSwish(), x)


hard_swish = hard_silu


@operation
def hard_tanh(x: TensorLike) -> Result:
    """clip(x, -1, 1). Source: ``keras.ops.hard_tanh``."""
    return clip(x, -1, 1)


@operation
def elu(x: TensorLike, alpha: float = 1.0) -> Result:
    """x where x >= 0, else alpha * (eˣ - 1). Source: ``keras.ops.elu``."""
    return _floating(Elu(float(alpha)), x)


@operation
def selu(x: TensorLike) -> Result:
    """Self-normalizing elu. Source: ``keras.ops.selu``; arXiv:1706.02515."""
    return _floating(Selu(), x)


@operation
def celu(x: TensorLike, alpha: float = 1.0) -> Result:
    """max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1). Source: ``keras.ops.celu``."""
    x, alpha = floating(x), float(alpha)
    bent = expm1(multiply(minimum(x, 0.0), 1 / alpha))
    return add(maximum(x, 0.0), multiply(bent, alpha))


@operation
def gelu(x: TensorLike, approximate: bool = True) -> Result:
    """x * Phi(x). Source: ``keras.ops.gelu`` (approximate by default there)."""
    return _floating(Gelu(approximate), x)


@operation
def mish(x: TensorLike) -> Result:
    """x * tanh(softplus(x)). Source: ``keras.activations.mish``."""
    return _floating(Mish(), x)


@operation
def glu(x: TensorLike, axis: int = -1) -> Result:
    """First half times the sigmoid of the second. Source: ``keras.ops.glu``."""
    axis = shapes.normalize_axis(axis, rank_of(x))
    size = type_of_operand(x).shape[axis]
    if not isinstance(size, int) or size % 2:
        raise ArgumentError(f"glu halves axis {axis}, its size {size} is not even")
    a, b = split(floating(x), 2, axis)
    return multiply(a, sigmoid(b))


@operation
def tanh_shrink(x: TensorLike) -> Result:
    """x - tanh(x). Source: ``keras.ops.tanh_shrink``."""
    x = floating(x)
    return x - tanh(x)


@operation
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Result:
    """x moved towards 0 by the threshold. Source: ``keras.ops.soft_shrink``."""
    x, by = floating(x), float(threshold)
    below = where(x < -by, add(x, by), 0.0)
    return where(x > by, subtract(x, by), below)


@operation
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Result:
    """x where |x| > threshold, else 0. Source: ``keras.ops.hard_shrink``."""
    x = floating(x)
    return where(absolute(x) > float(threshold), x, 0.0)


@operation
def threshold(x: TensorLike, threshold: float, default_value: float) -> Result:
    """x where x > threshold, else the default. Source: ``keras.ops.threshold``."""
    return where(greater(x, threshold), numeric(x), default_value)


@operation
def squareplus(x: TensorLike, b: float = 4) -> Result:
    """(x + √(x² + b)) / 2. Source: ``keras.ops.squareplus``."""
    x = floating(x)
    return multiply(add(x, sqrt(add(square(x), float(b)))), 0.5)


@operation
def sparse_plus(x: TensorLike) -> Result:
    """0 below -1, (x + 1)² / 4 up to 1, x above. Source: ``keras.ops.sparse_plus``."""
    x = floating(x)
    bent = multiply(square(add(x, 1.0)), 0.25)
    return where(x <= -1.0, 0.0, where(x < 1.0, bent, x))


@operation
def sparse_sigmoid(x: TensorLike) -> Result:
    """clip((x + 1) / 2, 0, 1). Source: ``keras.ops.sparse_sigmoid``."""
    return _floating(HardSigmoid(0.5, 0.5), x)


@operation
def softmax(x: TensorLike, axis: Axes = -1) -> Result:
    """eˣ / sum(eˣ) along one axis or several. Source: ``keras.ops.softmax``."""
    x, axes = floating(x), axes_of(x, axis)
    if len(axes) == 1:
        return apply(Softmax(_from_end(axes[0], rank_of(x))), x)
    e = exp(_below_largest(x, axes))
    return true_divide(e, sum_(e, axes, keepdims=True))


@operation
def log_softmax(x: TensorLike, axis: Axes = -1) -> Result:
    """x - log(sum(eˣ)). Source: ``keras.ops.log_softmax``."""
    x, axes = floating(x), axes_of(x, axis)
    if len(axes) == 1:
        return apply(LogSoftmax(_from_end(axes[0], rank_of(x))), x)
    below = _below_largest(x, axes)
    return subtract(below, logsumexp(below, axes, keepdims=True))


def _from_end(axis: int, rank: int) -> int:
    """The last axis as -1, as its default is."""
    return -1 if axis == rank - 1 else axis


def _below_largest(x: TensorLike, axes: tuple[int, ...]) -> Result:
    """x less its largest values along the axes: no exponential overflows."""
    return subtract(x, max_(x, axes, keepdims=True))


@operation
def sparsemax(x: TensorLike, axis: int = -1) -> Result:
    """max(x - tau, 0) with Keras's tau: many outputs are exactly 0.

    Keras (on all its backends) sums the cumulative sums of the support where the
    paper sums its numbers, so rows do not sum to 1; models trained with it need the
    same numbers.

    Source: ``keras.ops.sparsemax``, after arXiv:1602.02068.
    """
    x, rank = floating(x), rank_of(x)
    z = moveaxis(x, axis, -1) if axis not in (-1, rank - 1) else x
    size = z.shape[-1]
    if size is None:
        raise ArgumentError("sparsemax needs an axis of known size")
    ordered = falling(z)
    sums = cumsum(ordered, axis=-1)
    k = np.arange(1, size + 1, dtype=np.float32)
    support = where(ordered * k + 1.0 > sums, 1.0, 0.0)
    count = sum_(support, -1, keepdims=True)
    tau = (sum_(sums * support, -1, keepdims=True) - 1.0) / count
    y = maximum(z - tau, 0.0)
    return moveaxis(y, -1, axis) if axis not in (-1, rank - 1) else y


__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]
