"""Changing the element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import dtypes, shapes
from seqir.ir import Array, Emit, Node, Value
from seqir.ops.apply import (
    apply,
    as_array,
    coerce,
    common_dtype,
    holds_tensors,
    type_of_operand,
)
from seqir.ops.call import operation
from seqir.ops.elementwise import Elementwise
from seqir.ops.size import Size
from seqir.ops.tensor import Tensor
from seqir.tensortype import TensorType

ONNX_CODE = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6,
    "int64": 7, "bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13,
    "bfloat16": 16,
}  # fmt: skip
"""``TensorProto.DataType`` of every element type."""


@dataclass(frozen=True)
class Cast(Elementwise):
    """y = x in another element type (floats are cut off to integers).

    Source: ONNX ``Cast`` (opset 13).
    """

    name: ClassVar[str] = "cast"
    moves: ClassVar[bool] = True
    kinds: ClassVar[str] = "any"
    to: str

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (x.with_dtype(self.to),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (x.astype(dtypes.to_numpy(self.to)),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        return (emit("Cast", x, to=ONNX_CODE[self.to]),)

    def simplified(self, x: Value) -> Value | None:
        return x if x.type.dtype == self.to else None

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (coerce(g, x.dtype),)


@operation
def cast(x: Any, dtype: Any) -> Any:
    """X in another element type. Source: ``keras.ops.cast``."""
    return coerce(x, dtypes.canonical(dtype))


@operation
def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """X as something the other functions take. Source: ``keras.ops``."""
    if holds_tensors(x):
        x = coerce(x, dtypes.canonical(dtype or common_dtype(*x)))
    x = x if isinstance(x, Tensor) else as_array(x)
    if dtype is None and not isinstance(x, Size):
        return x
    return coerce(x, dtypes.canonical(dtype or x.dtype))


@operation
def saturate_cast(x: Any, dtype: Any) -> Any:
    """X in another element type, numbers out of its range cut off at the ends.

    Source: ``keras.ops.saturate_cast``.
    """
    from seqir.ops.arith import maximum, minimum

    name, found = dtypes.canonical(dtype), type_of_operand(x).dtype
    if found == "bool" or name == "bool" or dtypes.is_float(name):
        return coerce(x, name)
    to = np.iinfo(dtypes.to_numpy(name))
    low, high = float(to.min), float(to.max)
    if dtypes.is_integer(found):
        own = np.iinfo(dtypes.to_numpy(found))
        low, high = max(int(to.min), int(own.min)), min(int(to.max), int(own.max))
    kind = dtypes.to_numpy(found)
    return coerce(minimum(maximum(x, np.array(low, kind)), np.array(high, kind)), name)


@operation
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A tensor of x's shape with every element `fill_value`, or it broadcast."""
    name = dtypes.canonical(dtype or type_of_operand(x).dtype)
    x = x if isinstance(x, Tensor) else as_array(x)
    if not isinstance(fill_value, Tensor) and not np.ndim(fill_value):
        value = np.asarray(fill_value).astype(dtypes.to_numpy(name))
        return apply(FillLike(value.item(), name), x)
    from seqir.ops.like import expand_like

    return expand_like(coerce(fill_value, name), x)


@operation
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros of x's shape. Source: ``keras.ops.zeros_like``."""
    return full_like(x, 0, dtype)


@operation
def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones of x's shape. Source: ``keras.ops.ones_like``."""
    return full_like(x, 1, dtype)


@dataclass(frozen=True)
class FillLike(Elementwise):
    """y has x's shape and every element is `value`.

    Source: ONNX ``Shape`` and ``ConstantOfShape`` (opset 9).
    """

    name: ClassVar[str] = "fill_like"
    kinds: ClassVar[str] = "any"
    value: float
    dtype: str

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (x.with_dtype(self.dtype),)

    def evaluate(self, x: Array) -> tuple[Array]:
        return (np.full(x.shape, self.value, dtypes.to_numpy(self.dtype)),)

    def lower(self, emit: Emit, node: Node, x: str) -> tuple[str]:
        value = np.full((1,), self.value, dtypes.to_numpy(self.dtype))
        sizes = known_shape(node.operands[0].type.shape)
        if sizes is not None:
            return (emit("ConstantOfShape", emit.ints(*sizes), value=value),)
        return (emit("ConstantOfShape", emit("Shape", x), value=value),)

    def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
        return (None,)


def known_shape(shape: shapes.Shape) -> tuple[int, ...] | None:
    """The shape if every size is known."""
    sizes = tuple(d for d in shape if isinstance(d, int))
    return sizes if len(sizes) == len(shape) else None
