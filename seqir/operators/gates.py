"""The activations of recurrent operators, by ONNX's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from seqir import dtypes
from seqir.errors import ArgumentError
from seqir.ir import Array, Node, Op, Take, Value
from seqir.operators.activation import (
    Clip,
    Elu,
    HardSigmoid,
    LeakyRelu,
    Relu,
    Sigmoid,
    Softplus,
    Softsign,
)
from seqir.operators.convert import Cast
from seqir.operators.unary import Function

NUMBERS: Final[dict[str, tuple[float, ...]]] = {
    "Affine": (1.0, 0.0),
    "Elu": (1.0,),
    "HardSigmoid": (0.2, 0.5),
    "LeakyRelu": (0.01,),
    "Relu": (),
    "ScaledTanh": (1.0, 1.0),
    "Sigmoid": (),
    "Softplus": (),
    "Softsign": (),
    "Tanh": (),
    "ThresholdedRelu": (1.0,),
}
"""The activations that ONNX knows, and what alpha and beta of each are by default."""

_OPERATORS: Final[dict[str, type[Op]]] = {
    "Elu": Elu,
    "HardSigmoid": HardSigmoid,
    "LeakyRelu": LeakyRelu,
    "Relu": Relu,
    "Sigmoid": Sigmoid,
    "Softplus": Softplus,
    "Softsign": Softsign,
}
"""Those that are an operator with these numbers."""

Apply = Callable[..., Any]
"""The result of an operator on operands: on arrays, or in a graph."""


@dataclass(frozen=True)
class Activation:
    """A function of a recurrent operator, by ONNX's name, with its alpha and beta."""

    name: str
    numbers: tuple[float, ...] = ()

    @property
    def known(self) -> tuple[float, ...]:
        """Alpha and beta, as far as the function has them."""
        return (*self.numbers, *NUMBERS[self.name][len(self.numbers) :])

    def __call__(self, apply: Apply, x: Any) -> Any:
        """The function of an array or a tensor."""
        match self.name, self.known:
            case "Affine", (a, b):
                return x * a + b
            case "ScaledTanh", (a, b):
                return apply(Function("tanh"), x * b) * a
            case "ThresholdedRelu", (a,):
                return x * apply(Cast(_dtype(x)), x > a)
            case "Tanh", _:
                return apply(Function("tanh"), x)
            case name, numbers:
                return apply(_OPERATORS[name](*numbers), x)

    def slope(self, apply: Apply, y: Any) -> Any:
        """The slope in terms of the result, for the backward steps."""

        def flag(condition: Any) -> Any:
            return apply(Cast(_dtype(y)), condition)

        match self.name, self.known:
            case "Affine", (a, _):
                return y * 0.0 + a
            case "Elu", (a,):  # a eˣ, which is y + a, where x < 0
                return flag(y > 0.0) + flag(y <= 0.0) * (y + a)
            case "HardSigmoid", (a, _):
                return flag(y > 0.0) * flag(y < 1.0) * a
            case "LeakyRelu", (a,):
                return flag(y >= 0.0) * (1.0 - a) + a
            case "Relu", _:
                return flag(y > 0.0)
            case "ScaledTanh", (a, b):
                return y * y * (-b / a if a else 0.0) + a * b
            case "Sigmoid", _:
                return y * (1.0 - y)
            case "Softplus", _:
                return 1.0 - apply(Function("exp"), -y)
            case "Softsign", _:
                away = 1.0 - apply(Function("abs"), y)
                return away * away
            case "ThresholdedRelu", _:
                return flag(y != 0.0)
            case _:
                return 1.0 - y * y

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.numbers))})"


def read_activations(take: Take, directions: int) -> tuple[Activation, ...] | None:
    """Those of an ONNX node, of one direction; none where it says nothing.

    None if an operator has no such functions, or others in each direction.
    """
    names = take.attribute("activations", ())
    alphas = iter(take.attribute("activation_alpha", ()))
    betas = iter(take.attribute("activation_beta", ()))
    known = {name.lower(): name for name in NUMBERS}
    found: list[Activation] = []
    for text in names:
        name = known.get(text.lower())
        if name is None:
            return None
        pairs = zip((alphas, betas), NUMBERS[name], strict=False)
        found.append(Activation(name, tuple(next(n, usual) for n, usual in pairs)))
    first = found[: len(found) // directions]
    return tuple(first) if found == first * directions else None


def activation_of(x: Value, y: Value, nodes: Sequence[Node]) -> Activation | None:
    """The activation that the nodes compute of x[N, C]; None if ONNX has none.

    One is found as a single operator, as a scale and a shift, or as these and a limit
    behind them, the sigmoid of Keras 2 that is hard.
    """
    scale, shift, last = 1.0, 0.0, x
    constants: dict[Value, Array] = {}
    for node in nodes:
        if node.op.constant is not None:
            constants[node.result] = node.op.constant.array
            continue
        arrays = [constants.get(v) for v in node.operands]
        if last not in node.operands or sum(a is None for a in arrays) != 1:
            return None
        affine = node.op.channelwise(2, 1, *arrays)
        if affine is None:
            found = _named(node.op, scale, shift)
            return found if node is nodes[-1] and node.result is y else None
        if any(part.size != 1 for part in affine):
            return None
        factor, summand = (float(part.item()) for part in affine)
        scale, shift, last = scale * factor, shift * factor + summand, node.result
    return Activation("Affine", (scale, shift)) if last is y else None


def _named(op: Op, scale: float, shift: float) -> Activation | None:
    """The activation that an operator is behind a scale and a shift."""
    if op == Clip(0.0, 1.0):
        return Activation("HardSigmoid", (scale, shift))
    if (scale, shift) != (1, 0):
        return None
    if op == Function("tanh"):
        return Activation("Tanh")
    for name, kind in _OPERATORS.items():
        if type(op) is kind and not (isinstance(op, Elu | LeakyRelu) and op.alpha < 0):
            return Activation(name, astuple(op))  # pyright: ignore[reportArgumentType]
    return None


def _dtype(x: Any) -> str:
    return dtypes.canonical(x.dtype)


def check_activation(name: str, activation: Activation) -> None:
    """Raise ArgumentError unless ONNX has the activation, with numbers for a slope."""
    if activation.name not in NUMBERS:
        raise ArgumentError(
            f"{name} knows the activations {', '.join(NUMBERS)}, "
            f"not {activation.name!r}"
        )
    if len(activation.numbers) > len(NUMBERS[activation.name]):
        raise ArgumentError(f"{name} got too many numbers for {activation}")
    if activation.name in ("Elu", "LeakyRelu") and activation.known[0] < 0:
        raise ArgumentError(f"{name} needs a function that never falls, {activation}")
