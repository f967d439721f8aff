"""Activation functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import dtypes
from seqir.errors import ShapeError
from seqir.ir import Array, Cotangents, Emit, Functions, Node, Op, Operand, Take
from seqir.operators.elementwise import Unary
from seqir.operators.unary import erf_array
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

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g * _flag(ops, y > 0.0, g),)


@dataclass(frozen=True)
class Sigmoid(Unary):
    """y = 1 / (1 + e⁻ˣ). Source: ONNX ``Sigmoid`` (opset 13)."""

    name: ClassVar[str] = "sigmoid"
    monotone: ClassVar[bool] = True
    onnx: ClassVar[str] = "Sigmoid"

    def compute(self, x: Array) -> Array:
        return (1 + np.tanh(x / 2)) / 2  # e⁻ˣ overflows for large -x

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g * (y * (1.0 - y)),)


@dataclass(frozen=True)
class LeakyRelu(Unary):
    """y = x where x >= 0, else alpha * x. Source: ONNX ``LeakyRelu`` (opset 16)."""

    name: ClassVar[str] = "leaky_relu"
    onnx: ClassVar[str] = "LeakyRelu"
    alpha: float = 0.01

    @classmethod
    def taken(cls, take: Take) -> LeakyRelu:
        return cls(take.attribute("alpha", 0.01))

    def attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha}

    def compute(self, x: Array) -> Array:
        return np.where(x >= 0, x, x * self.alpha)

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        return ops.where(x >= 0.0, x, x * self.alpha)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g * (_flag(ops, x >= 0.0, g) * (1.0 - self.alpha) + self.alpha),)


@dataclass(frozen=True)
class Elu(Unary):
    """y = x where x >= 0, else alpha * (eˣ - 1). Source: ONNX ``Elu`` (opset 6)."""

    name: ClassVar[str] = "elu"
    onnx: ClassVar[str] = "Elu"
    alpha: float = 1.0

    @classmethod
    def taken(cls, take: Take) -> Elu:
        return cls(take.attribute("alpha", 1.0))

    def attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha}

    def compute(self, x: Array) -> Array:
        return np.where(x >= 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        return ops.where(x >= 0.0, x, _below(ops, x) * self.alpha)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g * _elu_slope(ops, x, self.alpha),)


@dataclass(frozen=True)
class Selu(Unary):
    """y = scale * elu(x, alpha). Source: ONNX ``Selu`` (opset 6)."""

    name: ClassVar[str] = "selu"
    onnx: ClassVar[str] = "Selu"
    alpha: float = SELU_ALPHA
    gamma: float = SELU_SCALE

    @classmethod
    def taken(cls, take: Take) -> Selu:
        return cls(
            take.attribute("alpha", SELU_ALPHA), take.attribute("gamma", SELU_SCALE)
        )

    def attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "gamma": self.gamma}

    def compute(self, x: Array) -> Array:
        negative = self.alpha * np.expm1(np.minimum(x, 0))
        return self.gamma * np.where(x >= 0, x, negative)

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        y = ops.where(x >= 0.0, x, _below(ops, x) * self.alpha)
        return y * self.gamma

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g * (_elu_slope(ops, x, self.alpha) * self.gamma),)


@dataclass(frozen=True)
class HardSigmoid(Unary):
    """y = clip(alpha * x + beta, 0, 1). Source: ONNX ``HardSigmoid`` (opset 6)."""

    name: ClassVar[str] = "hard_sigmoid"
    onnx: ClassVar[str] = "HardSigmoid"
    alpha: float = 1 / 6
    beta: float = 0.5

    @classmethod
    def taken(cls, take: Take) -> HardSigmoid:
        return cls(take.attribute("alpha", 0.2), take.attribute("beta", 0.5))

    def attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "beta": self.beta}

    def compute(self, x: Array) -> Array:
        return np.clip(self.alpha * x + self.beta, 0, 1)

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        return ops.clip(x * self.alpha + self.beta, 0.0, 1.0)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g * (_inside(ops, y, 0.0, 1.0) * self.alpha),)


@dataclass(frozen=True)
class Softplus(Unary):
    """y = log(1 + eˣ). Source: ONNX ``Softplus`` (opset 1)."""

    name: ClassVar[str] = "softplus"
    onnx: ClassVar[str] = "Softplus"

    def compute(self, x: Array) -> Array:
        return np.logaddexp(x, np.zeros((), x.dtype))

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        tail = ops.log(ops.exp(-ops.absolute(x)) + 1.0)
        return ops.maximum(x, 0.0) + tail

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g * ops.sigmoid(x),)


@dataclass(frozen=True)
class Softsign(Unary):
    """y = x / (1 + |x|). Source: ONNX ``Softsign`` (opset 1)."""

    name: ClassVar[str] = "softsign"
    onnx: ClassVar[str] = "Softsign"

    def compute(self, x: Array) -> Array:
        return x / (1 + np.abs(x))

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        return x / (ops.absolute(x) + 1.0)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        size = ops.absolute(x) + 1.0
        return (g / (size * size),)


@dataclass(frozen=True)
class Gelu(Unary):
    """y = x * Phi(x), Phi the normal distribution, or its tanh approximation.

    Source: ONNX ``Gelu`` (opset 20); before, its definition by ``Erf`` or ``Tanh``.
    """

    name: ClassVar[str] = "gelu"
    reads: ClassVar[tuple[str, ...]] = ("Gelu",)
    approximate: bool = False

    @classmethod
    def taken(cls, take: Take) -> Gelu:
        return cls(take.attribute("approximate", "none") == "tanh")

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

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        if self.approximate:
            return None
        return x * 0.5 * (ops.erf(x * math.sqrt(0.5)) + 1.0)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        if self.approximate:
            root = math.sqrt(2 / math.pi)
            t = ops.tanh((x * x * 0.044715 + 1.0) * x * root)
            inner = (x * x * (3 * 0.044715) + 1.0) * root
            return (g * ((t + 1.0 + x * (1.0 - t * t) * inner) * 0.5),)
        share = (ops.erf(x * math.sqrt(0.5)) + 1.0) * 0.5
        density = ops.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
        return (g * (share + x * density),)


@dataclass(frozen=True)
class Mish(Unary):
    """y = x * tanh(log(1 + eˣ)). Source: ONNX ``Mish`` (opset 18)."""

    name: ClassVar[str] = "mish"
    reads: ClassVar[tuple[str, ...]] = ("Mish",)

    def compute(self, x: Array) -> Array:
        return x * np.tanh(np.logaddexp(x, np.zeros((), x.dtype)))

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str]:
        (x,) = operands
        if emit.opset >= 18:
            return (emit("Mish", x),)
        return (emit("Mul", x, emit("Tanh", emit("Softplus", x))),)

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        return x * ops.tanh(ops.softplus(x))

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        t = ops.tanh(ops.softplus(x))
        return (g * (t + x * (1.0 - t * t) * ops.sigmoid(x)),)


@dataclass(frozen=True)
class HardSwish(Unary):
    """y = x * clip(x / 6 + 1/2, 0, 1). Source: ONNX ``HardSwish`` (opset 14)."""

    name: ClassVar[str] = "hard_swish"
    onnx: ClassVar[str] = "HardSwish"

    def compute(self, x: Array) -> Array:
        return x * np.clip(x / 6 + 0.5, 0, 1)

    def plain(self, ops: Functions, x: Operand) -> Operand | None:
        return x * ops.clip(x * (1 / 6) + 0.5, 0.0, 1.0)

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        gate = ops.hard_sigmoid(x)
        return (g * (gate + x * _inside(ops, gate, 0.0, 1.0) * (1 / 6)),)


@dataclass(frozen=True)
class Clip(Unary):
    """y = min(max(x, low), high); no gradient at the bounds, as in JAX's relu6.

    Source: ONNX ``Clip`` (opset 13).
    """

    name: ClassVar[str] = "clip"
    monotone: ClassVar[bool] = True
    kinds: ClassVar[str] = "number"
    reads: ClassVar[tuple[str, ...]] = ("Clip",)
    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def read(cls, take: Take) -> tuple[Op, tuple[int, ...]] | None:
        bounds: list[float] = [-math.inf, math.inf]
        for place in (1, 2):
            found = take.constant(place)
            if found is not None and found.size == 1:
                bounds[place - 1] = found.item()
            elif take.given(place):
                return None
        return cls(*bounds), (0,)

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

    def vjp(self, ops: Functions, g: Operand, y: Operand, x: Operand) -> Cotangents:
        return (g * _inside(ops, y, self.low, self.high),)


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

    def stacked(self, flags: Sequence[bool], *operands: TensorType) -> Op | None:
        return self if flags[0] else None  # the slope is no larger than x

    def evaluate(self, x: Array, slope: Array) -> tuple[Array]:
        return (np.where(x >= 0, x, x * slope),)

    def expanded(
        self, ops: Functions, target: str, *operands: Operand, shared: bool
    ) -> Operand | None:
        x, slope = operands
        return ops.where(x >= 0.0, x, x * slope) if target == "plain" else None

    def vjp(
        self, ops: Functions, g: Operand, y: Operand, x: Operand, slope: Operand
    ) -> Cotangents:
        negative = _flag(ops, x < 0.0, g)
        return g * (negative * (slope - 1.0) + 1.0), g * (negative * x)


def _flag(ops: Functions, condition: Operand, g: Operand) -> Operand:
    """1 where the condition holds, else 0: faster to multiply by than to choose."""
    return ops.coerce(condition, g.dtype)


def _inside(ops: Functions, y: Operand, low: float, high: float) -> Operand:
    """1 where y lies between the bounds, else 0."""
    return _flag(ops, ops.logical_and(y > low, y < high), y)


def _below(ops: Functions, x: Operand) -> Operand:
    """eˣ - 1 where x is negative, else 0."""
    return ops.exp(ops.minimum(x, 0.0)) - 1.0


def _elu_slope(ops: Functions, x: Operand, alpha: float) -> Operand:
    """1 where x is positive, else alpha * eˣ."""
    return ops.exp(ops.minimum(x, 0.0)) * alpha + _flag(ops, x > 0.0, x) * (1.0 - alpha)


OPERATORS = (
    Relu,
    Sigmoid,
    LeakyRelu,
    Elu,
    Selu,
    HardSigmoid,
    Softplus,
    Softsign,
    Gelu,
    Mish,
    HardSwish,
    Clip,
    PRelu,
)
