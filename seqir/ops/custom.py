"""Functions whose gradient the user writes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from seqir import nest
from seqir.errors import ArgumentError
from seqir.ir import Array, Emit, Graph, Node, Op, Region, Value
from seqir.ops.apply import builder_of, numeric, value_of
from seqir.ops.call import operation
from seqir.ops.convert import zeros_like
from seqir.ops.loops import inline
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType


@dataclass(frozen=True)
class CustomGradient(Op):
    """The first operands as they are, with a gradient by a body instead of their own.

    The operands are the results of a function, its arguments, and what its gradient
    captures; the body maps cotangents of the results to cotangents of the arguments.

    Source: ``keras.ops.custom_gradient``; in ONNX it is nothing.
    """

    name: ClassVar[str] = "custom_gradient"
    gradient: Graph
    results: int
    arguments: int

    @property
    def own_operands(self) -> int:
        return self.results + self.arguments

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return (self.gradient,)

    def with_bodies(self, bodies: Sequence[Graph]) -> CustomGradient:
        (gradient,) = bodies
        return CustomGradient(gradient, self.results, self.arguments)

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        return operands[: self.results]

    def evaluate(self, *operands: Array) -> tuple[Array, ...]:
        return operands[: self.results]

    def lower(self, emit: Emit, node: Node, *operands: str) -> tuple[str, ...]:
        return operands[: self.results]

    def simplified(self, *operands: Value) -> Value | tuple[Value, ...]:
        return operands[0] if self.results == 1 else operands[: self.results]

    def vjp(self, g: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
        gs, ys = (v if isinstance(v, tuple) else (v,) for v in (g, y))
        b = ys[0].builder
        pairs = zip(gs, ys, strict=True)
        seeds = [zeros_like(like) if seed is None else seed for seed, like in pairs]
        given = [x.value for x in (*seeds, *operands[self.own_operands :])]
        found = inline(b, self.gradient, given)
        cotangents = (Traced(b, found[v]) for v in self.gradient.outputs.values())
        captured = len(operands) - self.own_operands
        return (*(None,) * self.results, *cotangents, *(None,) * captured)

    def __str__(self) -> str:
        return f"custom_gradient(arguments={self.arguments})"


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a gradient of its own: f gives its result and that gradient.

    The gradient is a function of the cotangents of the results, and gives one cotangent
    for each argument. It may read whatever f has computed.

    Raises: ArgumentError if f gives anything else, or the gradient a wrong number.
    Source: ``keras.ops.custom_gradient``.
    """

    @functools.wraps(f)
    def function(*args: Any, **kwargs: Any) -> Any:
        found = f(*args, **kwargs)
        if not isinstance(found, tuple) or len(found) != 2 or not callable(found[1]):
            raise ArgumentError(
                f"ops.custom_gradient: {f.__name__} gives its result and the function "
                f"that is its gradient, got {found!r}"
            )
        result, gradient = found
        if builder_of(tuple(nest.flatten((args, result)))) is None:
            return result
        return nest.pack(result, _attached(f.__name__, result, args, gradient))

    return operation(function)


def _attached(
    name: str, result: Any, args: Any, gradient: Callable[..., Any]
) -> list[Traced]:
    """The results, as those of an operator that has this gradient."""
    results = [numeric(y) for y in nest.flatten(result)]
    arguments = [numeric(x) for x in nest.flatten(args)]
    b = builder_of((*results, *arguments))
    assert b is not None
    ys = [value_of(b, y) for y in results]
    xs = [value_of(b, x) for x in arguments]
    region = Region(b)
    seeds = [Value(y.type) for y in ys]
    with region.active():
        given = gradient(*(Traced(region, seed) for seed in seeds))
        cotangents = nest.flatten(given)
        if len(cotangents) != len(xs):
            raise ArgumentError(
                f"ops.custom_gradient: the gradient of {name} gives {len(cotangents)} "
                f"cotangents for {len(xs)} arguments; give one for each"
            )
        found = [value_of(region, g) for g in cotangents]
    for x, g in zip(xs, found, strict=True):
        if x.type != g.type:
            raise ArgumentError(
                f"ops.custom_gradient: the gradient of {name} gives {g.type} for an "
                f"argument {x.type}; the types must be equal"
            )
    captured = [*region.captured]
    body = region.close(seeds, found, captured)
    op = CustomGradient(body, len(ys), len(xs))
    return [Traced(b, v) for v in b.emit(op, *ys, *xs, *captured)]
