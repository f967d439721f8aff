"""Samples of operators that hold graphs, and operands that they must refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from operands import BATCH, BadSample, Sample, x

from seqir.errors import DTypeError, GraphError, ShapeError
from seqir.ir import Builder, FrozenArray, Graph, Value
from seqir.operators.activation import Sigmoid
from seqir.operators.arith import Add, Less, Mul, Sub
from seqir.operators.constant import Constant
from seqir.operators.control import Cond, Scan, While
from seqir.operators.custom import CustomGradient
from seqir.operators.linalg import MatMul
from seqir.operators.reduce import Reduce
from seqir.operators.unary import Function
from seqir.tensortype import TensorType

F = TensorType("float32", (2, 3))
W = TensorType("float32", (3, 3))
ROW = TensorType("float32", (3,))
ONE = TensorType("float32", ())
TRUTH = TensorType("bool", ())


def body(
    types: Sequence[TensorType], f: Callable[..., Sequence[Value]], captured: int = 0
) -> Graph:
    """The graph of a function of values, the last of which it captures."""
    b = Builder("body")
    own = len(types) - captured
    names = [f"input_{i}" for i in range(own)]
    names += [f"captured_{i}" for i in range(captured)]
    given = [b.input(name, type) for name, type in zip(names, types, strict=True)]
    return b.finish({f"output_{i}": v for i, v in enumerate(f(b, *given))})


def number(b: Builder, value: float) -> Value:
    return b(Constant(FrozenArray(np.float32(value))))


def recurrent(b: Builder, h: Value, s: Value, w: Value) -> list[Value]:
    """A cell of Elman's kind, and what it gives out."""
    new = b(Function("tanh"), b(Add(), b(MatMul(), h, w), s))
    return [new, b(Mul(), new, s)]


def products(b: Builder, total: Value, s: Value, t: Value) -> list[Value]:
    product = b(Mul(), s, t)
    return [b(Add(), total, product), product, s]


def below(limit: float) -> Callable[..., list[Value]]:
    """Whether all numbers together are less than a limit."""

    def condition(b: Builder, z: Value, *_: Value) -> list[Value]:
        total = b(Reduce("sum", (0, 1)), b(Mul(), z, z))
        return [b(Less(), total, number(b, limit))]

    return condition


def grown(b: Builder, z: Value, w: Value) -> list[Value]:
    return [b(Add(), z, b(Mul(), b(MatMul(), z, w), number(b, 0.5)))]


def nested(b: Builder, h: Value, s: Value, w: Value) -> list[Value]:
    """A loop and a branch inside of a loop."""
    inner = Scan(body((F, ROW), lambda b, z, r: [b(Add(), b(Sigmoid(), z), r)]), 1, 1)
    z = b(inner, h, w)
    positive = b(Less(), number(b, 0), b(Reduce("sum", (0, 1)), s))
    chosen = Cond(
        body((F, F), lambda b, z, s: [b(Mul(), z, s)], 2),
        body((F, F), lambda b, z, s: [b(Function("sin"), b(Sub(), z, s))], 2),
    )
    return [b(chosen, positive, z, s)]


CELL = body((F, F, W), recurrent, 1)
PRODUCTS = body((F, F, F), products)
GROWN = body((F, W), grown, 1)
BELOW = body((F, W), below(40), 1)


def either(type: TensorType) -> Cond:
    return Cond(
        body((type, type), lambda b, p, q: [b(Mul(), p, q), b(Sigmoid(), p)], 2),
        body((type, type), lambda b, p, q: [b(Sub(), p, q), q], 2),
    )


def regions() -> Iterator[Sample]:
    state, weight = x(2, 3), x(3, 3, low=-1, high=1)
    for reverse in (False, True):
        yield Sample(Scan(CELL, 1, 1, reverse), (state, x(BATCH, 2, 3), weight))
        yield Sample(
            Scan(PRODUCTS, 1, 2, reverse), (state, x(BATCH, 2, 3), x(BATCH, 2, 3))
        )
    yield Sample(Scan(body((F, F, W), nested, 1), 1, 1), (state, x(3, 2, 3), weight))
    no_carry = body((ROW,), lambda b, s: [b(Mul(), s, s)])
    yield Sample(Scan(no_carry, 0, 1), (x(BATCH, 3),))
    yield Sample(either(F), (x(dtype="bool", values=(True,)), state, x(2, 3)))
    yield Sample(either(ROW), (x(dtype="bool", values=(False,)), x(3), x(3)))
    for limit in (None, 3, 50):
        yield Sample(While(BELOW, GROWN, 1, limit), (x(2, 3, low=0.5), weight))


def custom() -> Iterator[Sample]:
    """Results with gradients of their own: here not the slopes of any values."""
    one = body((F, F), lambda b, g, p: [b(Mul(), g, p), b(Add(), g, p)], 1)
    yield Sample(CustomGradient(one, 1, 2), (x(2, 3), x(2, 3), x(2, 3), x(2, 3)))
    two = body((F, ROW), lambda b, g, h: [b(Add(), g, h)])
    yield Sample(CustomGradient(two, 2, 1), (x(2, 3), x(3), x(2, 3)))


def bad_regions() -> Iterator[BadSample]:
    loop: Any = {"error": ShapeError}
    kind: Any = {"error": DTypeError}
    taken: Any = {"error": GraphError}
    many = F.with_shape((5, 2, 3))
    yield BadSample(Scan(CELL, 1, 1), (F, many, F), "a body of scan takes", **taken)
    yield BadSample(Scan(CELL, 1, 0), (F, F, W), "needs one such operand", **loop)
    yield BadSample(Scan(CELL, 1, 1), (F, ONE, W), "along the first axis", **loop)
    other = F.with_shape((4, 2, 3))
    yield BadSample(Scan(PRODUCTS, 1, 2), (F, many, other), "several sizes", **loop)
    widening = body((F, F), lambda b, h, s: [b(Reduce("sum", (0,)), h)])
    yield BadSample(Scan(widening, 1, 1), (F, many), "a step hands on", **loop)
    yield BadSample(either(F), (ONE, F, F), "cond needs one truth value", **kind)
    branches = (either(F).then, body((F, F), lambda b, p, q: [p, q, p], 2))
    yield BadSample(Cond(*branches), (TRUTH, F, F), "the branches of cond give", **loop)
    yield BadSample(While(GROWN, GROWN, 1), (F, W), "one truth value", **kind)


REGIONS = (*regions(), *custom())
BAD_REGIONS = tuple(bad_regions())
