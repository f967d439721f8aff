"""Activation functions by name, with Keras's names and defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final, TypeVar

from seqir import ops
from seqir.ops.call import operation
from seqir.ops.tensor import Result, TensorLike
from seqir.registered import custom
from seqir.registry import Registry
from seqir.shapes import Axes

T = TypeVar("T")
Activation = Callable[..., Any]


@operation
def linear(x: T) -> T:
    """x itself. Source: ``keras.activations.linear``."""
    return x


@operation
def relu(
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Result:
    """max(x, 0); with a ceiling, a slope below the threshold, and that threshold.

    y = min(x, max_value) where x >= threshold, else negative_slope * (x - threshold).

    Source: ``keras.activations.relu``.
    """
    if threshold == 0 and max_value is None:
        return ops.leaky_relu(x, negative_slope) if negative_slope else ops.relu(x)
    if threshold == 0 and not negative_slope:
        return ops.clip(x, 0.0, float(max_value))  # pyright: ignore[reportArgumentType]
    below = negative_slope * (x - threshold) if negative_slope else 0.0 * x
    above = x if max_value is None else ops.minimum(x, float(max_value))
    # At the threshold itself Keras takes the lower branch unless the two meet there.
    holds = x > threshold if threshold else x >= threshold
    return ops.where(holds, above, below)


@operation
def gelu(x: TensorLike, approximate: bool = False) -> Result:
    """x * Phi(x), exact by default. Source: ``keras.activations.gelu``."""
    return ops.gelu(x, approximate)


@operation
def softmax(x: TensorLike, axis: Axes = -1) -> Result:
    """eˣ / sum(eˣ). Source: ``keras.activations.softmax``."""
    return ops.softmax(x, axis)


exponential = ops.exp
leaky_relu = ops.leaky_relu
relu6 = ops.relu6
elu = ops.elu
selu = ops.selu
celu = ops.celu
sigmoid = ops.sigmoid
hard_sigmoid = ops.hard_sigmoid
silu = swish = ops.silu
hard_silu = hard_swish = ops.hard_silu
tanh = ops.tanh
hard_tanh = ops.hard_tanh
tanh_shrink = ops.tanh_shrink
softplus = ops.softplus
softsign = ops.softsign
soft_shrink = ops.soft_shrink
hard_shrink = ops.hard_shrink
threshold = ops.threshold
mish = ops.mish
glu = ops.glu
squareplus = ops.squareplus
sparse_plus = ops.sparse_plus
sparse_sigmoid = ops.sparse_sigmoid
sparsemax = ops.sparsemax
log_sigmoid = ops.log_sigmoid
log_softmax = ops.log_softmax

# Activations are functions: there are no classes of them.
REGISTRY: Final = Registry(
    "activations",
    "activation",
    FunctionType,
    unknown="unknown {kind} {name!r}.",
    hint=": pass a name or a function",
)
REGISTRY.add(
    (
        celu, elu, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh,
        leaky_relu, linear, log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid,
        silu, soft_shrink, softmax, softplus, softsign, sparse_plus, sparse_sigmoid,
        sparsemax, squareplus, tanh, tanh_shrink, threshold,
    ),
    {"exponential": exponential, "hard_swish": hard_swish, "swish": swish},
)  # fmt: skip

NAMES = tuple(sorted(REGISTRY.names))
"""Every name that `get` knows."""


def get(identifier: object) -> Activation:
    """The function for a name, a dictionary, a function, or None (linear).

    Raises: ArgumentError for anything else, with the nearest known name.
    """
    return linear if identifier is None else REGISTRY.get(identifier)


def serialize(activation: Activation) -> str:
    """The name of an activation function."""
    for name, known in REGISTRY.names.items():
        if known is activation:
            return name
    return getattr(activation, "__name__", str(activation))


def deserialize(
    config: object, custom_objects: Mapping[str, Any] | None = None
) -> Activation:
    """The function of a name, or of the dictionary that Keras made of it."""
    return get(custom(config, custom_objects))


__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
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
    "tanh",
    "tanh_shrink",
    "threshold",
]
