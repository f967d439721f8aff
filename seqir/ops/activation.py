"""Activation functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array, Emit, Node, Op
from seqir.ops.apply import (
    apply,
    coerce,
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
    logical_and,
    maximum,
    minimum,
    multiply,
    square,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.elementwise import Unary
from seqir.ops.unary import absolute, erf, erf_array, exp, expm1, sqrt, tanh
from seqir.tensortype import TensorType

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@dataclass(frozen=True)
class Relu(Unary):
    """y = max(x, 0). Source: ONNX ``Relu`` (opset 14)."""

    name: ClassVar[str] = "relu"
    monotone: ClassVar[bool] = True
    onnx: ClassVar[str] = "Relu"

    def compute(self, x: Array) -> Array:
        return np.maximum(x, np.zeros((), x.dtype))

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (g * _flag(y > 0.0, g),)


@dataclass(frozen=True)
class Sigmoid(Unary):
    """y = 1 / (1 + e⁻ˣ). Source: ONNX ``Sigmoid`` (opset 13)."""

    name: ClassVar[str] = "sigmoid"
    monotone: ClassVar[bool] = True
    onnx: ClassVar[str] = "Sigmoid"

    def compute(self, x: Array) -> Array:
        return (1 + np.tanh(x / 2)) / 2  # e⁻ˣ overflows for large -x

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (g * (y * (1.0 - y)),)


@dataclass(frozen=True)
class LeakyRelu(Unary):
    """y = x where x >= 0, else alpha * x. Source: ONNX ``LeakyRelu`` (opset 16)."""

    name: ClassVar[str] = "leaky_relu"
    onnx: ClassVar[str] = "LeakyRelu"
    alpha: float = 0.01

    def attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha}

    def compute(self, x: Array) -> Array:
        return np.where(x >= 0, x, x * self.alpha)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (g * (_flag(x >= 0.0, g) * (1.0 - self.alpha) + self.alpha),)


@dataclass(frozen=True)
class Elu(Unary):
    """y = x where x >= 0, else alpha * (eˣ - 1). Source: ONNX ``Elu`` (opset 6)."""

    name: ClassVar[str] = "elu"
    onnx: ClassVar[str] = "Elu"
    alpha: float = 1.0

    def attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha}

    def compute(self, x: Array) -> Array:
        return np.where(x >= 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (g * _elu_slope(x, self.alpha),)


@dataclass(frozen=True)
class Selu(Unary):
    """y = scale * elu(x, alpha). Source: ONNX ``Selu`` (opset 6)."""

    name: ClassVar[str] = "selu"
    onnx: ClassVar[str] = "Selu"
    alpha: float = SELU_ALPHA
    gamma: float = SELU_SCALE

    def attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "gamma": self.gamma}

    def compute(self, x: Array) -> Array:
        negative = self.alpha * np.expm1(np.minimum(x, 0))
        return self.gamma * np.where(x >= 0, x, negative)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (g * (_elu_slope(x, self.alpha) * self.gamma),)


@dataclass(frozen=True)
class HardSigmoid(Unary):
    """y = clip(alpha * x + beta, 0, 1). Source: ONNX ``HardSigmoid`` (opset 6)."""

    name: ClassVar[str] = "hard_sigmoid"
    onnx: ClassVar[str] = "HardSigmoid"
    alpha: float = 1 / 6
    beta: float = 0.5

    def attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "beta": self.beta}

    def compute(self, x: Array) -> Array:
        return np.clip(self.alpha * x + self.beta, 0, 1)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (g * (_inside(y, 0.0, 1.0) * self.alpha),)


@dataclass(frozen=True)
class Softplus(Unary):
    """y = log(1 + eˣ). Source: ONNX ``Softplus`` (opset 1)."""

    name: ClassVar[str] = "softplus"
    onnx: ClassVar[str] = "Softplus"

    def compute(self, x: Array) -> Array:
        return np.logaddexp(x, np.zeros((), x.dtype))

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (g * sigmoid(x),)


@dataclass(frozen=True)
class Softsign(Unary):
    """y = x / (1 + |x|). Source: ONNX ``Softsign`` (opset 1)."""

    name: ClassVar[str] = "softsign"
    onnx: ClassVar[str] = "Softsign"

    def compute(self, x: Array) -> Array:
        return x / (1 + np.abs(x))

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        size = absolute(x) + 1.0
        return (g / (size * size),)


@dataclass(frozen=True)
class Gelu(Unary):
    """y = x * Phi(x), Phi the normal distribution, or its tanh approximation.

    Source: ONNX ``Gelu`` (opset 20); before, its definition by ``Erf`` or ``Tanh``.
    """

    name: ClassVar[str] = "gelu"
    approximate: bool = False

    def compute(self, x: Array) -> Array:
        if self.approximate:
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            return 0.5 * x * (1 + np.tanh(inner))
        return 0.5 * x * (1 + erf_array(x / math.sqrt(2)))

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        (x,) = operands
        if emit.opset >= 20:
            kind = "tanh" if self.approximate else "none"
            return (emit("Gelu", x, approximate=kind),)

        def number(v: float) -> str:
            return emit.scalar(v, node.operands[0].type.dtype)

        if self.approximate:
            cube = emit("Mul", emit("Mul", x, x), x)
            inner = emit("Add", x, emit("Mul", cube, number(0.044715)))
            bell = emit("Tanh", emit("Mul", inner, number(math.sqrt(2 / math.pi))))
        else:
            bell = emit("Erf", emit("Mul", x, number(1 / math.sqrt(2))))
        half = emit("Mul", x, number(0.5))
        return (emit("Mul", half, emit("Add", bell, number(1.0))),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        if self.approximate:
            root = math.sqrt(2 / math.pi)
            t = tanh((x * x * 0.044715 + 1.0) * x * root)
            inner = (x * x * (3 * 0.044715) + 1.0) * root
            return (g * ((t + 1.0 + x * (1.0 - t * t) * inner) * 0.5),)
        share = (erf(x * math.sqrt(0.5)) + 1.0) * 0.5
        density = exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
        return (g * (share + x * density),)


@dataclass(frozen=True)
class Mish(Unary):
    """y = x * tanh(log(1 + eˣ)). Source: ONNX ``Mish`` (opset 18)."""

    name: ClassVar[str] = "mish"

    def compute(self, x: Array) -> Array:
        return x * np.tanh(np.logaddexp(x, np.zeros((), x.dtype)))

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        (x,) = operands
        if emit.opset >= 18:
            return (emit("Mish", x),)
        return (emit("Mul", x, emit("Tanh", emit("Softplus", x))),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        t = tanh(softplus(x))
        return (g * (t + x * (1.0 - t * t) * sigmoid(x)),)


@dataclass(frozen=True)
class HardSwish(Unary):
    """y = x * clip(x / 6 + 1/2, 0, 1). Source: ONNX ``HardSwish`` (opset 14)."""

    name: ClassVar[str] = "hard_swish"
    onnx: ClassVar[str] = "HardSwish"

    def compute(self, x: Array) -> Array:
        return x * np.clip(x / 6 + 0.5, 0, 1)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        gate = hard_sigmoid(x)
        return (g * (gate + x * _inside(gate, 0.0, 1.0) * (1 / 6)),)


@dataclass(frozen=True)
class Clip(Unary):
    """y = min(max(x, low), high); no gradient at the bounds, as in JAX's relu6.

    Source: ONNX ``Clip`` (opset 13).
    """

    name: ClassVar[str] = "clip"
    monotone: ClassVar[bool] = True
    kinds: ClassVar[str] = "number"
    low: float = -math.inf
    high: float = math.inf

    def bounds(self, dtype: str) -> tuple[float, float]:
        """Both bounds as numbers that the element type has."""
        if dtypes.is_float(dtype):
            return self.low, self.high
        own = np.iinfo(dtypes.to_numpy(dtype))
        low, high = (min(max(v, own.min), own.max) for v in (self.low, self.high))
        return int(low), int(high)

    def compute(self, x: Array) -> Array:
        low, high = self.bounds(dtypes.canonical(x.dtype))
        return np.minimum(np.maximum(x, x.dtype.type(low)), x.dtype.type(high))

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        (x,), dtype = operands, node.operands[0].type.dtype
        bounds = [
            "" if math.isinf(v) else emit.scalar(v, dtype) for v in self.bounds(dtype)
        ]
        while bounds and not bounds[-1]:
            bounds.pop()
        return (emit("Clip", x, *bounds),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (g * _inside(y, self.low, self.high),)


@dataclass(frozen=True)
class PRelu(Unary):
    """y = x where x >= 0, else slope * x; the slope broadcasts to x.

    Source: ONNX ``PRelu`` (opset 16).
    """

    name: ClassVar[str] = "prelu"
    onnx: ClassVar[str] = "PRelu"
    kinds: ClassVar[str] = "float"

    def infer(self, *operands: TensorType) -> tuple[TensorType]:
        x, slope = operands
        (y,) = super().infer(x, slope)
        if y.shape != x.shape:
            raise ShapeError(f"the slope {slope} does not broadcast to {x}")
        return (y,)

    def evaluate(self, x: Array, slope: Array) -> tuple[Array]:
        return (np.where(x >= 0, x, x * slope),)

    def vjp(self, g: Any, y: Any, x: Any, slope: Any) -> tuple[Any, ...]:
        negative = _flag(x < 0.0, g)
        return g * (negative * (slope - 1.0) + 1.0), g * (negative * x)


def _flag(condition: Any, g: Any) -> Any:
    """1 where the condition holds, else 0: faster to multiply by than to choose."""
    return coerce(condition, g.dtype)


def _inside(y: Any, low: float, high: float) -> Any:
    """1 where y lies between the bounds, else 0."""
    return _flag(logical_and(y > low, y < high), y)


def _elu_slope(x: Any, alpha: float) -> Any:
    """1 where x is positive, else alpha * eˣ."""
    return exp(minimum(x, 0.0)) * alpha + _flag(x > 0.0, x) * (1.0 - alpha)


def _floating(op: Op, x: Any) -> Any:
    return apply(op, floating(x))


@operation
def relu(x: Any) -> Any:
    """max(x, 0). Source: ``keras.ops.relu``."""
    if not is_floating(x):
        return maximum(x, 0)
    return apply(Relu(), floating(x))


@operation
def relu6(x: Any) -> Any:
    """min(max(x, 0), 6). Source: ``keras.ops.relu6``."""
    return _floating(Clip(0.0, 6.0), x)


@operation
def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ). Source: ``keras.ops.sigmoid``."""
    return _floating(Sigmoid(), x)


@operation
def softplus(x: Any) -> Any:
    """log(1 + eˣ). Source: ``keras.ops.softplus``."""
    return _floating(Softplus(), x)


@operation
def softsign(x: Any) -> Any:
    """X / (1 + |x|). Source: ``keras.ops.softsign``."""
    return _floating(Softsign(), x)


@operation
def silu(x: Any) -> Any:
    """X * sigmoid(x). Source: ``keras.ops.silu``."""
    x = floating(x)
    return multiply(x, sigmoid(x))


swish = silu


@operation
def log_sigmoid(x: Any) -> Any:
    """-log(1 + e⁻ˣ). Source: ``keras.ops.log_sigmoid``."""
    x = floating(x)
    return -softplus(-x)


@operation
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """X where x >= 0, else slope * x. Source: ``keras.ops.leaky_relu``."""
    return _floating(LeakyRelu(float(negative_slope)), x)


@operation
def hard_sigmoid(x: Any) -> Any:
    """clip(x / 6 + 1/2, 0, 1). Source: ``keras.ops.hard_sigmoid``."""
    return _floating(HardSigmoid(), x)


@operation
def hard_silu(x: Any) -> Any:
    """X * hard_sigmoid(x). Source: ``keras.ops.hard_silu``."""
    return _floating(HardSwish(), x)


hard_swish = hard_silu


@operation
def hard_tanh(x: Any) -> Any:
    """clip(x, -1, 1). Source: ``keras.ops.hard_tanh``."""
    return clip(x, -1, 1)


@operation
def elu(x: Any, alpha: float = 1.0) -> Any:
    """X where x >= 0, else alpha * (eˣ - 1). Source: ``keras.ops.elu``."""
    return _floating(Elu(float(alpha)), x)


@operation
def selu(x: Any) -> Any:
    """Self-normalizing elu. Source: ``keras.ops.selu``; arXiv:1706.02515."""
    return _floating(Selu(), x)


@operation
def celu(x: Any, alpha: float = 1.0) -> Any:
    """max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1). Source: ``keras.ops.celu``."""
    x, alpha = floating(x), float(alpha)
    bent = expm1(multiply(minimum(x, 0.0), 1 / alpha))
    return add(maximum(x, 0.0), multiply(bent, alpha))


@operation
def gelu(x: Any, approximate: bool = True) -> Any:
    """X * Phi(x). Source: ``keras.ops.gelu`` (approximate by default there)."""
    return _floating(Gelu(approximate), x)


@operation
def mish(x: Any) -> Any:
    """X * tanh(softplus(x)). Source: ``keras.activations.mish``."""
    return _floating(Mish(), x)


@operation
def glu(x: Any, axis: int = -1) -> Any:
    """First half times the sigmoid of the second. Source: ``keras.ops.glu``."""
    from seqir.ops.parts import split

    axis = shapes.normalize_axis(axis, rank_of(x))
    size = type_of_operand(x).shape[axis]
    if not isinstance(size, int) or size % 2:
        raise ArgumentError(f"glu halves axis {axis}, its size {size} is not even")
    a, b = split(floating(x), 2, axis)
    return multiply(a, sigmoid(b))


@operation
def tanh_shrink(x: Any) -> Any:
    """X - tanh(x). Source: ``keras.ops.tanh_shrink``."""
    x = floating(x)
    return x - tanh(x)


@operation
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """X moved towards 0 by the threshold. Source: ``keras.ops.soft_shrink``."""
    x, by = floating(x), float(threshold)
    below = where(x < -by, add(x, by), 0.0)
    return where(x > by, subtract(x, by), below)


@operation
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """X where |x| > threshold, else 0. Source: ``keras.ops.hard_shrink``."""
    x = floating(x)
    return where(absolute(x) > float(threshold), x, 0.0)


@operation
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """X where x > threshold, else the default. Source: ``keras.ops.threshold``."""
    return where(greater(x, threshold), numeric(x), default_value)


@operation
def squareplus(x: Any, b: float = 4) -> Any:
    """(x + √(x² + b)) / 2. Source: ``keras.ops.squareplus``."""
    x = floating(x)
    return multiply(add(x, sqrt(add(square(x), float(b)))), 0.5)


@operation
def sparse_plus(x: Any) -> Any:
    """0 below -1, (x + 1)² / 4 up to 1, x above. Source: ``keras.ops.sparse_plus``."""
    x = floating(x)
    bent = multiply(square(add(x, 1.0)), 0.25)
    return where(x <= -1.0, 0.0, where(x < 1.0, bent, x))


@operation
def sparse_sigmoid(x: Any) -> Any:
    """clip((x + 1) / 2, 0, 1). Source: ``keras.ops.sparse_sigmoid``."""
    return _floating(HardSigmoid(0.5, 0.5), x)
