"""Arrays in and out of onnxruntime's own values."""

from __future__ import annotations

import ctypes
import math
from types import ModuleType
from typing import Any, Final

import numpy as np

from seqir.dtypes import to_numpy

_BFLOAT16: Final = 16
"""ONNX's number of the only element type that onnxruntime has and NumPy has not."""


def to_ort(ort: ModuleType, array: np.ndarray) -> Any:
    """An OrtValue on the memory of the array, or of a copy if its layout is odd."""
    array = np.asarray(array, array.dtype.newbyteorder("="), order="C")
    if array.dtype.name == "bfloat16":
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(array, _BFLOAT16)
    return ort.OrtValue.ortvalue_from_numpy(array)


def to_array(value: Any) -> np.ndarray:
    """A copy of an OrtValue in host memory."""
    if value.element_type() != _BFLOAT16:
        return np.array(value.numpy())
    dtype, shape = to_numpy("bfloat16"), tuple[int, ...](value.shape())
    size = math.prod(shape) * dtype.itemsize
    if not size:
        return np.empty(shape, dtype)
    memory: Any = (ctypes.c_char * size).from_address(value.data_ptr())
    return np.frombuffer(memory, dtype).reshape(shape).copy()
