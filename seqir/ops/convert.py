"""Changing the element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import dtypes, shapes
from seqir.ir import Array, Emit, Node, Value
from seqir.ops.apply import apply, as_array, coerce
from seqir.ops.call import operation
from seqir.ops.elementwise import Elementwise
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


@operation
def cast(x: Any, dtype: Any) -> Any:
    """X in another element type. Source: ``keras.ops.cast``."""
    return coerce(x, dtypes.canonical(dtype))


@operation
def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """X as something the other functions take. Source: ``keras.ops``."""
    if isinstance(x, Tensor):
        return x if dtype is None else coerce(x, dtypes.canonical(dtype))
    array = as_array(x)
    if dtype is None and array.dtype == np.float64:
        dtype = "float32" if not isinstance(x, np.ndarray) else None
    return array if dtype is None else coerce(array, dtypes.canonical(dtype))


@operation
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A tensor of x's shape with every element `fill_value`."""
    name = dtypes.canonical(dtype or x.dtype)
    value = np.asarray(fill_value, dtypes.to_numpy(name))
    if isinstance(x, Tensor) and not all(isinstance(d, int) for d in x.type.shape):
        return apply(FillLike(value.item(), name), x)
    shape = x.type.shape if isinstance(x, Tensor) else x.shape
    return np.full(shape, value)


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
        return (emit("ConstantOfShape", emit("Shape", x), value=value),)


def known_shape(shape: shapes.Shape) -> tuple[int, ...] | None:
    """The shape if every size is known."""
    sizes = tuple(d for d in shape if isinstance(d, int))
    return sizes if len(sizes) == len(shape) else None
