"""The type of a value: an element type and a shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.errors import DTypeError
from seqir.shapes import Dim, Shape, volume


@dataclass(frozen=True, slots=True)
class TensorType:
    """Element type and shape; prints as ``f32[batch, 28, 28, 1]``."""

    dtype: str
    shape: Shape

    @property
    def rank(self) -> int:
        """Number of axes; always known."""
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """Number of elements."""
        return volume(self.shape)

    @property
    def nbytes(self) -> int | None:
        """Bytes of a value of this type; None while a size is unknown."""
        size = self.size
        return size * dtypes.itemsize(self.dtype) if isinstance(size, int) else None

    def with_shape(self, shape: Shape) -> TensorType:
        """The same element type with another shape."""
        return TensorType(self.dtype, shape)

    def with_dtype(self, dtype: str) -> TensorType:
        """The same shape with another element type."""
        return TensorType(dtype, self.shape)

    def __str__(self) -> str:
        return f"{dtypes.SHORT[self.dtype]}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class OpaqueType(TensorType):
    """What only a runtime knows: a sequence, an optional, a tensor of unknown rank.

    It prints as ``?[seq(tensor(float))]``.
    """

    onnx: bytes = b""
    """The type as an ONNX file has it; empty where nothing is known."""
    text: str = ""

    @property
    def nbytes(self) -> None:
        """Not known."""
        return None

    def __str__(self) -> str:
        return f"?[{self.text}]"


def opaque(onnx: bytes = b"", text: str = "") -> OpaqueType:
    """The type of what only a runtime knows."""
    return OpaqueType(dtypes.OPAQUE, (), onnx, text)


def type_of(array: np.ndarray[Any, Any]) -> TensorType:
    """The type of an array."""
    return TensorType(dtypes.canonical(array.dtype), array.shape)


def as_text(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """An array of text as Python's strings, of bytes in UTF-8. None if it is none.

    Raises: DTypeError for bytes that are no UTF-8.
    """
    if array.dtype.kind not in "USTO":
        return None
    if array.dtype.kind in "UT":
        return array.astype(object)
    found = array.astype(object)
    if not found.size:
        return found if array.dtype.kind == "S" else None
    kinds = set(map(type, found.flat))
    if kinds <= {str}:
        return found
    if not all(issubclass(kind, str | bytes) for kind in kinds):
        return None
    try:
        texts = [x.decode() if isinstance(x, bytes) else str(x) for x in found.flat]
    except UnicodeDecodeError as error:
        raise DTypeError(
            f"bytes are taken for text in UTF-8, which {error.object!r} is not: decode "
            "them yourself"
        ) from None
    decoded: np.ndarray[Any, Any] = np.empty(len(texts), object)
    decoded[:] = texts
    return decoded.reshape(found.shape)
