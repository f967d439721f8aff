"""Arguments that all layers share: element types, input shapes, activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqir import activations
from seqir.errors import ArgumentError
from seqir.layer import checks
from seqir.layer.families import LAYERS
from seqir.layer.state import Stateful
from seqir.narrow import is_dict, is_mapping, is_sequence
from seqir.ops.tensor import KerasTensor, Tensor
from seqir.plain import is_numpy_scalar, python
from seqir.stored import unstore


def legacy_input_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """The batch shape that a first layer was given instead of an `Input`."""
    kwargs = python(kwargs)
    full = kwargs.get("batch_input_shape") or kwargs.get("batch_shape")
    if full is not None:
        return tuple(full)
    shape = kwargs.get("input_shape")
    if shape is None and kwargs.get("input_dim") is not None:
        shape = (kwargs["input_dim"],)
    if shape is None:
        return None
    return (kwargs.get("batch_size"), *sizes("input_shape", shape))


def sizes(name: str, shape: Any) -> tuple[Any, ...]:
    """The shape as a tuple; one size stands for a shape of one axis.

    Raises: ArgumentError if it is not a list or tuple.
    """
    shape = python(shape)
    if isinstance(shape, int | str):
        return (shape,)
    if not is_sequence(shape):
        raise ArgumentError(f"{name} must be a tuple of sizes, got {shape!r}")
    return tuple(shape)


def activation(identifier: object) -> Any:
    """The activation function of a layer.

    Raises: ArgumentError if it is unknown, or needs more than its input.
    """
    if is_mapping(identifier):
        return _stored_activation(identifier)
    if identifier in ("threshold", activations.threshold):
        raise ArgumentError(
            "activation 'threshold' needs two more arguments: pass a function such as "
            "lambda x: ops.threshold(x, 0.5, 0.0)"
        )
    return activations.get(identifier)


def _stored_activation(found: Mapping[str, object]) -> Any:
    """The activation that a dictionary stands for: a layer, or a function of seqir."""
    if found.get("class_name") == "function":
        return activation(found.get("config"))
    name, config = unstore(found, "layers")
    cls = LAYERS.get(name)
    if cls is None:
        raise ArgumentError(f"activation {name!r} is not a layer of seqir")
    return cls.from_config(config)


def with_training(
    layer: Stateful,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    outer: bool | None,
) -> tuple[tuple[object, ...], dict[str, object], bool | None]:
    """Arguments with `training` filled in, and what it is for layers inside.

    Where nobody has said what it is, not even what is `outer`, the default of the
    layer's `call` counts.

    Raises: ArgumentError if it is neither true nor false.
    """
    names = checks.call_arguments(layer)
    place = names.index("training") if "training" in names else len(args)
    given = args[place] if place < len(args) else kwargs.get("training")
    given = given.item() if is_numpy_scalar(given) else given
    if not isinstance(given, bool | int | None):
        shown = "a tensor" if isinstance(given, Tensor) else repr(given)
        raise ArgumentError(
            f"training of layer {layer.name!r} must be True or False, got {shown}; "
            "several inputs go into one list"
        )
    training = outer if given is None else bool(given)
    if training is None:
        training = checks.default_training(layer)
    if place < len(args):
        return (*args[:place], training, *args[place + 1 :]), kwargs, training
    kwargs = {k: v for k, v in kwargs.items() if k != "training"}
    if "training" in names:
        kwargs["training"] = training
    return args, kwargs, training


def stand_ins(shape: object, dtype: str) -> Any:
    """Symbolic tensors of a shape or of a structure of shapes.

    Raises: ArgumentError if it is not a shape.
    """
    if is_dict(shape):
        return {k: stand_ins(v, dtype) for k, v in shape.items()}
    if not is_sequence(shape):
        raise ArgumentError(f"input_shape must be a tuple of sizes, got {shape!r}")
    if shape and all(is_sequence(s) for s in shape):
        return [stand_ins(s, dtype) for s in shape]
    return KerasTensor(shape, dtype, name="input")
