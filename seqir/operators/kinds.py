"""Element types: which ones an operator takes, and what ONNX calls them."""

from __future__ import annotations

from typing import Final

from seqir import dtypes
from seqir.errors import DTypeError


def wide(dtype: str) -> str:
    """The type in which ONNX can add, multiply and order numbers of this type.

    Sums and products wrap around as they would have in the narrow type.
    """
    if dtypes.is_float(dtype):
        return dtype
    return "int64" if dtypes.itemsize(dtype) > 4 or dtype == "uint32" else "int32"


ONNX_CODE = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6,
    "int64": 7, "string": 8, "bool": 9, "float16": 10, "float64": 11,
    "uint32": 12, "uint64": 13, "bfloat16": 16,
}  # fmt: skip
"""``TensorProto.DataType`` of every element type."""


def check_kind(name: str, dtype: str, kinds: str) -> None:
    """DTypeError unless the element type is of the accepted kind.

    "wide" are the types that ONNX has sums and products of: floating point, int32
    and int64. The functions of `seqir.ops` compute the narrow ones in those.
    """
    accepted, wanted = _KINDS[kinds]
    if dtype not in accepted:
        raise DTypeError(f"{name} takes {wanted}, got {dtype}")


_KINDS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "any": (dtypes.ALL, "any type"),
    "number": (dtypes.ALL[1:], "numbers"),
    "signed": ((*dtypes.SIGNED, *dtypes.FLOATS), "signed numbers"),
    "integer": ((*dtypes.UNSIGNED, *dtypes.SIGNED), "integers"),
    "float": (dtypes.FLOATS, "floating-point numbers"),
    "wide": (("int32", "int64", *dtypes.FLOATS), "floating-point, int32 or int64"),
    "bool": (("bool",), "bool"),
}
