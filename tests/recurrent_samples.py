"""Samples of recurrent operators and of their gradients, and what they must refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from operands import BATCH, BadSample, Operand, Sample, x

from seqir.errors import ArgumentError, DTypeError
from seqir.ir import Trace
from seqir.operators.gates import NUMBERS, Activation
from seqir.operators.recurrent import (
    DIRECTIONS,
    Gru,
    Lstm,
    Recurrent,
    Rnn,
)
from seqir.ops.recurrences import recurrent_gradient
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

UNITS, FEATURES = 3, 2
EVERY = ("bias", "lengths", "h", "c")
FUNCTIONS = {
    "Affine": (0.6, 0.1),
    "Elu": (0.7,),
    "HardSigmoid": (0.3, 0.4),
    "LeakyRelu": (0.2,),
    "ScaledTanh": (1.2, 0.7),
    "ThresholdedRelu": (0.1,),
}
"""Numbers that are not the ones by default."""


def operands(
    op: Recurrent, steps: int, batch: int, dtype: str = "float32"
) -> tuple[Operand, ...]:
    """What a recurrent operator takes, with sequences of several lengths."""
    d, gates = len(DIRECTIONS[op.direction]), op.gates * UNITS

    def part(*shape: int) -> Operand:
        return x(*shape, dtype=dtype, low=-1, high=1)

    lengths = np.arange(batch) * 3 % (steps + 1)
    optional = {
        "bias": part(d, 2 * gates),
        "lengths": x(batch, dtype="int32", values=tuple(lengths.tolist())),
        "h": part(d, batch, UNITS),
        "c": part(d, batch, UNITS),
    }
    own = part(steps, batch, FEATURES), part(d, gates, FEATURES), part(d, gates, UNITS)
    return (*own, *(optional[name] for name in op.given))


def networks() -> Iterator[tuple[Recurrent, int, int]]:
    """Operators, with a number of steps and a size of the batch."""
    after = Gru(linear_before_reset=True, given=("bias",))
    yield from ((op, BATCH, 2) for op in (Lstm(), Gru(), Rnn()))
    yield from ((op, 2, BATCH) for op in (Lstm(given=("lengths",)), after))
    for kind in (Lstm, Gru, Rnn):
        given = tuple(n for n in EVERY if n != "c" or kind is Lstm)
        for direction in DIRECTIONS:
            yield kind(direction=direction, given=given), 4, BATCH
    yield Lstm(given=("h", "c")), 3, 2
    yield Lstm(given=("bias", "c"), direction="reverse"), 3, 2
    yield (
        Gru(linear_before_reset=True, given=EVERY[:3], direction="bidirectional"),
        4,
        BATCH,
    )
    yield Rnn(given=("h",), wanted=("h",)), 3, 2
    yield Lstm(given=("bias",), wanted=("y", "c")), 3, 2
    for name in NUMBERS:
        yield Rnn((Activation(name, FUNCTIONS.get(name, ())),)), 3, 2
    mixed = (Activation("HardSigmoid", (0.3, 0.4)), Activation("Softsign"))
    yield Gru(mixed, direction="bidirectional", given=("bias",)), 3, 2
    yield Lstm((*mixed, Activation("ScaledTanh", (1.2, 0.7)))), 3, 2


def recurrent() -> Iterator[Sample]:
    for op, steps, batch in networks():
        yield Sample(op, operands(op, steps, batch))
    for dtype in ("float64", "float16"):
        for op in (Lstm(given=("bias",)), Gru(), Rnn()):
            yield Sample(op, operands(op, 3, 2, dtype))


def gradient_of(op: Recurrent, steps: int, batch: int, dtype: str) -> Sample:
    """The gradient of an operator, and what it takes."""
    d = len(DIRECTIONS[op.direction])
    state = x(d, batch, UNITS, dtype=dtype)
    every = {"y": x(steps, d, batch, UNITS, dtype=dtype), "h": state, "c": state}
    seeds = {n: every[n] for n in (op.wanted if len(op.given) != 1 else op.wanted[1:])}
    own = operands(op, steps, batch, dtype)
    b = Trace("sample")
    given = {n: Traced(b, b.input(n, o.type)) for n, o in op.named(own).items()}
    ends = {n: Traced(b, b.input(f"d{n}", o.type)) for n, o in seeds.items()}
    recurrent_gradient(op, given, ends)
    return Sample(b.nodes[-1].op, (*own, *seeds.values()))


def gradients(dtype: str) -> Iterator[Sample]:
    for op, steps, batch in networks():
        if op.wanted == ("y", *op.states) and not op.activations:
            yield gradient_of(op, min(steps, 4), min(batch, 4), dtype)


RECURRENT = tuple(recurrent())
RECURRENT_GRADIENTS = tuple(gradients("float32"))


def bad_recurrent() -> Iterator[BadSample]:
    def types(*shapes: tuple[int, ...], dtype: str = "float32") -> tuple[Any, ...]:
        return tuple(TensorType(dtype, shape) for shape in shapes)

    argument: Any = {"error": ArgumentError}
    fine = types((4, 2, 2), (1, 3, 2), (1, 3, 3))
    many = types((4, 2, 2), (1, 12, 2), (1, 12, 3), (2, 24))
    yield BadSample(Rnn(), types((4, 2), *(t.shape for t in fine[1:])), "takes x[time")
    yield BadSample(Lstm(given=("bias",)), many, "f32[1, 24] for bias, got f32[2, 24]")
    yield BadSample(
        Rnn(), types(*(t.shape for t in fine), dtype="int32"), "rnn takes", DTypeError
    )
    yield BadSample(Rnn(direction="back"), fine, "rnn goes forward", **argument)
    for f, match in (
        (Activation("Swish"), "rnn knows the activations"),
        (Activation("Relu", (0.1,)), "too many numbers for Relu(0.1)"),
        (Activation("LeakyRelu", (-0.1,)), "never falls, LeakyRelu(-0.1)"),
    ):
        yield BadSample(Rnn((f,)), fine, match, **argument)
    two = (Activation("Relu"), Activation("Tanh"))
    yield BadSample(Rnn(two), fine, "rnn has 1 activations", **argument)


BAD_RECURRENT = tuple(bad_recurrent())
