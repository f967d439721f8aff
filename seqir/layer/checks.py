"""Checks of call arguments, with readable errors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np

from seqir import constraints, initializers, nest, regularizers
from seqir.errors import ArgumentError, GraphError, SeqirError, ShapeError
from seqir.layer.specs import check_spec, incompatible
from seqir.layer.state import Stateful
from seqir.narrow import is_structure
from seqir.ops.tensor import Tensor

_GETTERS: dict[str, Callable[[object], object]] = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}


def add_note(error: SeqirError, note: str) -> None:
    """Say more about where an error lies, once."""
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def check_getters(values: dict[str, object]) -> None:
    """ArgumentError for names of initializers, regularizers, constraints unknown."""
    for name, value in values.items():
        before, _, ending = name.rpartition("_")
        if before and ending in _GETTERS:
            _GETTERS[ending](value)


def check_arrays(
    layer: Stateful, args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    """ArgumentError unless a layer that is called outside of models got arrays."""
    who = f"{'model' if hasattr(layer, 'predict') else 'layer'} {layer.name!r}"
    inputs = nest.flatten(args[:1])
    lists = bool(args) and is_structure(args[0])
    if lists and any(isinstance(x, int | float) for x in inputs):
        raise ArgumentError(
            f"{who} takes arrays, got numbers in a Python "
            f"{type(args[0]).__name__}: wrap it in numpy.asarray"
        )
    for x in inputs if lists else ():
        if x is not None and not _is_array(x):
            raise ArgumentError(f"{who} takes arrays, got {x!r} among its inputs")
    if any(map(_is_array, nest.flatten((args, kwargs)))):
        return
    given = f"got {args[0]!r}" if args else "but was called without an input"
    if not lists:
        raise ArgumentError(f"{who} takes an array, {given}")


def _is_array(x: object) -> bool:
    return hasattr(x, "shape") or hasattr(x, "__array__") or hasattr(x, "__dlpack__")


def refuse_weight(layer: Stateful, name: str | None) -> NoReturn:
    """GraphError for a weight that comes too late."""
    raise GraphError(
        f"layer {layer.name!r} is built, so it cannot get the weight "
        f"{name or 'variable'!r} any more: make it in build, or in "
        f"{type(layer).__name__}.__init__"
    )


def check_positional(layer: Stateful, args: tuple[object, ...]) -> None:
    """ArgumentError if a setting of a call is given by its place."""
    for place, arg in enumerate(args[1:], 1):
        if isinstance(arg, bool | int | float | str | np.bool_):
            names = call_arguments(layer)
            name = names[place] if place < len(names) else "training"
            raise ArgumentError(
                f"only tensors are given to layer {layer.name!r} by their place, got "
                f"{arg!r}: write {name}={arg!r}"
            )


def bind_call(
    layer: Stateful, args: tuple[object, ...], kwargs: dict[str, object]
) -> inspect.BoundArguments:
    """The arguments of the layer's `call` by name; the layer itself comes first.

    Raises: ArgumentError unless they are those that it takes.
    """
    signature = _signature(type(layer).call)
    try:
        return signature.bind(layer, *args, **kwargs)
    except TypeError as error:
        names = ", ".join([*signature.parameters][1:])
        raise ArgumentError(
            f"layer {layer.name!r} was called with the wrong arguments: {error}; its "
            f"call takes ({names})"
        ) from None


@functools.lru_cache(maxsize=1024)
def _signature(call: Callable[..., object]) -> inspect.Signature:
    return inspect.signature(call)


def call_arguments(layer: Stateful) -> tuple[str, ...]:
    """Names of what the layer's `call` takes."""
    return tuple(_signature(type(layer).call).parameters)[1:]


def default_training(layer: Stateful) -> bool | None:
    """What `training` is for the layer's `call` if nobody says so; None for no one."""
    found = _signature(type(layer).call).parameters.get("training")
    return found.default if found and isinstance(found.default, bool) else None


def trains_unless_told(layers: Iterable[Stateful]) -> bool:
    """Whether one of the layers is called for training if nobody says so."""
    return any(map(default_training, layers))


def build_shapes(
    layer: Stateful,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    method: str = "build",
) -> dict[str, object] | None:
    """For a ``build(a_shape, b_shape)``, shapes of the arguments of ``call(a, b)``.

    None for a `method` that takes one shape.
    """
    _, *parameters = _signature(getattr(type(layer), method)).parameters.values()
    if len(parameters) < 2:
        return None
    given = bind_call(layer, args, kwargs).arguments
    called = {f"{name}_shape": value for name, value in given.items()}
    if not all(p.name in called or p.default is not p.empty for p in parameters):
        return None
    names = [p.name for p in parameters if p.name in called]
    return {name: shapes_of(called[name]) for name in names}


def shapes_of(tensors: object) -> Any:
    """The shapes of a structure of tensors, None for what has none."""
    return nest.map_structure(lambda x: getattr(x, "shape", None), tensors)


def required_inputs(layer: Stateful) -> int:
    """How many arguments the layer's `call` cannot do without."""
    parameters = [*_signature(type(layer).call).parameters.values()][1:]
    return sum(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in parameters
    )


def check_inputs(layer: Stateful, args: tuple[object, ...]) -> None:
    """ShapeError unless the input is one tensor, of a rank that the layer takes."""
    if not args:
        return
    if layer.single_input and is_structure(args[0]):
        count = len(nest.flatten(args[0]))
        raise ShapeError(
            f'Layer "{layer.name}" expects 1 input(s), but it received {count} '
            "input tensors. Only the functional Model(inputs, outputs) can "
            "connect several tensors."
        )
    if layer.input_spec is not None:
        check_spec(layer.name, layer.input_spec, nest.flatten(args[0]))
    if layer.ndim is None and layer.min_ndim is None:
        return
    for x in nest.flatten(args[0]):
        if not isinstance(x, Tensor):
            continue
        if layer.ndim is not None and x.ndim != layer.ndim:
            wanted = f"ndim={layer.ndim}"
        elif layer.min_ndim is not None and x.ndim < layer.min_ndim:
            wanted = f"min_ndim={layer.min_ndim}"
        else:
            continue
        raise incompatible(layer.name, 0, wanted, x)
