"""Arguments that all layers share: element types, input shapes, configurations."""

from __future__ import annotations

from typing import Any

from seqir import activations, config, dtypes
from seqir.ops.tensor import KerasTensor
from seqir.tensortype import TensorType


def policy(dtype: Any) -> tuple[str, str]:
    """Element types of weights and of computation."""
    if dtype is None:
        return config.floatx(), config.floatx()
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", dtype)
    if isinstance(name, str) and name.startswith("mixed_"):
        return "float32", dtypes.canonical(name.removeprefix("mixed_"))
    name = dtypes.canonical(name)
    return name, name


def legacy_input_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """The batch shape that a first layer was given instead of an `Input`."""
    full = kwargs.get("batch_input_shape") or kwargs.get("batch_shape")
    if full is not None:
        return tuple(full)
    shape = kwargs.get("input_shape")
    if shape is None and kwargs.get("input_dim") is not None:
        shape = (kwargs["input_dim"],)
    if shape is None:
        return None
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return (kwargs.get("batch_size"), *shape)


def stand_ins(shape: Any, dtype: str) -> Any:
    """Symbolic tensors of a shape or of a structure of shapes."""
    if isinstance(shape, dict):
        return {k: stand_ins(v, dtype) for k, v in shape.items()}
    if shape and all(isinstance(s, list | tuple) for s in shape):
        return [stand_ins(s, dtype) for s in shape]
    dims = tuple(f"size_{i}" if d is None else d for i, d in enumerate(shape))
    return KerasTensor(TensorType(dtype, dims), "input")


def plain(value: Any) -> Any:
    """A field as get_config has it: names instead of functions."""
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if callable(value):
        return activations.serialize(value)
    return list(value) if isinstance(value, tuple) else value
