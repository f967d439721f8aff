"""Functions whose gradient the user writes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from seqir import nest
from seqir.errors import ArgumentError
from seqir.ir import Region, Value
from seqir.narrow import is_tuple
from seqir.operators.custom import CustomGradient
from seqir.ops.apply import builder_of, numeric, value_of
from seqir.ops.call import operation
from seqir.ops.tensor import Result, Traced


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a gradient of its own: f gives its result and that gradient.

    The gradient is a function of the cotangents of the results, and gives one cotangent
    for each argument. It may read whatever f has computed.

    Raises: ArgumentError if f gives anything else, or the gradient a wrong number.
    Source: ``keras.ops.custom_gradient``.
    """

    @functools.wraps(f)
    def function(*args: Any, **kwargs: Any) -> Result:
        found = f(*args, **kwargs)
        if not is_tuple(found) or len(found) != 2 or not callable(found[1]):
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


__all__ = ["custom_gradient"]
