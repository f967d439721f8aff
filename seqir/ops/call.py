"""Calls: how the tensors of a model are connected, one record per layer call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from seqir import naming, nest, plain
from seqir.errors import ArgumentError, SeqirError
from seqir.ir import Trace, current_builder, current_trace
from seqir.ops.apply import value_of
from seqir.ops.eager import eager
from seqir.ops.masks import get_keras_mask, masked
from seqir.ops.size import tensors_in, with_tensors
from seqir.ops.tensor import Call, KerasTensor, Traced

P = ParamSpec("P")
R = TypeVar("R")


def is_symbolic(leaf: Any) -> bool:
    """Whether a leaf is a tensor of a model, or holds one: a size, a slice."""
    return bool(tensors_in((leaf,)))


def substitute(fn: Callable[[Any], Any], structure: Any) -> Any:
    """The structure with each tensor in it replaced, also those that sizes hold."""
    return nest.map_structure(lambda leaf: with_tensors(fn, leaf), structure)


def traced_alone(target: Any, args: Any, kwargs: Any) -> tuple[Trace, Any]:
    """A trace of one call and what it gives: the tensors of a model are inputs."""
    b = Trace("call")

    def enter(tensor: KerasTensor) -> Traced:
        return Traced(b, b.input(f"input_{len(b.inputs) + 1}", tensor.type))

    def stand_in(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        x, mask = enter(leaf), get_keras_mask(leaf)
        return masked(x, enter(mask) if isinstance(mask, KerasTensor) else mask)

    with b.active():
        traced_args, traced_kwargs = substitute(stand_in, (args, kwargs))
        return b, target.trace(*traced_args, **traced_kwargs)


def record(target: Any, args: Any, kwargs: Any) -> Any:
    """Record a call of `target` and return its symbolic outputs.

    ``target.trace(*args, **kwargs)`` runs on traced stand-ins in a scratch builder:
    the operators' own type rules give the output types.
    """
    _, result = traced_alone(target, args, kwargs)
    outputs = nest.map_structure(_symbol, result)
    inputs = tensors_in(nest.flatten((args, kwargs)))
    call = Call(target, args, kwargs, inputs, outputs)
    target._called(call)
    target.connect_masks(args, kwargs, outputs)
    return outputs


def _computed(b: Trace, y: Any) -> Any:
    """A result as a value of the graph, also where it is a size or a known array."""
    return y if y is None or isinstance(y, Traced) else Traced(b, value_of(b, y))


def _symbol(y: Any) -> KerasTensor | None:
    """A tensor of the model for a result; None stays, as ops.scan may give it."""
    return None if y is None else KerasTensor(y.type)


class FunctionCall:
    """What stands in a model for a function of `seqir.ops` called on its tensors."""

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.name = name or naming.auto_name(function.__name__)
        self.class_name = "".join(w.title() for w in function.__name__.split("_"))
        self.calls: list[Call] = []

    def trace(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the function to traced values."""
        b = current_trace()
        assert b is not None, "a function is traced inside Trace.active()"
        with b.source(self.name, self.class_name):
            y = self.function(*args, **kwargs)
            return nest.map_structure(lambda leaf: _computed(b, leaf), y)

    def _called(self, call: Call) -> None:
        self.calls.append(call)

    def connect_masks(self, args: Any, kwargs: Any, outputs: Any) -> None:
        """Nothing: what a function computes has no mask."""


def repeat(target: Any, args: Any, kwargs: Any, *, name: str | None = None) -> Any:
    """Call a layer, or the function that a `FunctionCall` stands for, once more.

    Inside of a trace it is traced, on tensors of a model recorded; `name` is that of
    the new `FunctionCall` then, for each stands for one call.
    """
    if current_builder() is not None:
        return target.trace(*args, **kwargs)
    if isinstance(target, FunctionCall):
        target = FunctionCall(target.function, name)
    return record(target, args, kwargs)


def operation(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function record a call when it gets tensors of a model.

    On traced values and on arrays the function itself runs.
    """
    settings = plain.settings(cast(Any, function))

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        given: tuple[object, ...] = args
        named: dict[str, object] = kwargs
        if settings:
            given = tuple(
                [plain.python(a) if i in settings else a for i, a in enumerate(args)]
            )
            named = {
                k: plain.python(a) if k in settings else a for k, a in kwargs.items()
            }
        tracing = current_builder() is not None
        if not tracing and any(map(is_symbolic, nest.flatten((given, named)))):
            return cast(R, record(FunctionCall(wrapper), given, named))
        try:
            result = cast(Any, function)(*given, **named)
            return result if tracing else eager(result)
        except SeqirError as error:
            note = f"in ops.{function.__name__}"
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
            raise
        except (ArithmeticError, IndexError, ValueError) as error:
            if any(map(callable, nest.flatten((given, named)))):
                raise  # it may come from the user's own function
            raise ArgumentError(
                f"ops.{function.__name__} cannot take these arguments: {error}"
            ) from error

    return wrapper
