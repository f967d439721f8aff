"""Functions of the bits of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqir import dtypes
from seqir.errors import DTypeError
from seqir.ir import Emit, Node
from seqir.ops.apply import apply, coerce, common_dtype, numeric
from seqir.ops.arith import (
    Binary,
    floor_divide,
    less,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    multiply,
    not_equal,
    subtract,
    where,
)
from seqir.ops.call import operation
from seqir.ops.convert import ONNX_CODE
from seqir.ops.gather import take


@dataclass(frozen=True)
class Bitwise(Binary):
    """y = a and b, a or b, a xor b for each bit of integers.

    Source: ONNX ``BitwiseAnd``, ``BitwiseOr``, ``BitwiseXor`` (opset 18). Before, the
    bits are divided out, and ``a + b = (a xor b) + 2 (a and b)`` gives the others.
    """

    name: ClassVar[str] = "bitwise"
    kinds: ClassVar[str] = "integer"
    f: str

    TABLE: ClassVar[dict[str, tuple[str, Any, int]]] = {
        "and": ("BitwiseAnd", np.bitwise_and, 0),
        "or": ("BitwiseOr", np.bitwise_or, 1),
        "xor": ("BitwiseXor", np.bitwise_xor, 2),
    }
    """ONNX name, NumPy function, and how often ``a and b`` is less than ``a + b``."""

    @property
    def compute(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.TABLE[self.f][1]

    def lower(self, emit: Emit, node: Node, a: str, b: str) -> tuple[str]:
        onnx, _, times = self.TABLE[self.f]
        if emit.opset >= 18:
            return (emit(onnx, a, b),)
        a, b = (emit("Cast", v, to=ONNX_CODE["int64"]) for v in (a, b))
        common = emit("Mul", _bits(emit, a), _bits(emit, b))
        weights = emit.constant(1 << np.arange(64, dtype=np.uint64).astype(np.int64))
        # ONNX Runtime's sums of int64 lose bits, its products of matrices do not.
        y = emit("MatMul", common, weights)
        if times:
            y = emit("Mul", y, emit.scalar(times, "int64"))
            y = emit("Sub", emit("Add", a, b), y)
        return (emit("Cast", y, to=ONNX_CODE[node.results[0].type.dtype]),)

    def __str__(self) -> str:
        return f"bitwise_{self.f}"


def _bits(emit: Emit, x: str) -> str:
    """The 64 bits of int64 numbers as 0 and 1 along a new last axis."""
    powers = emit.constant(1 << np.arange(63, dtype=np.int64))
    x = emit("Unsqueeze", x, emit.ints(-1))
    whole = emit("Div", emit("Sub", x, emit("Mod", x, powers)), powers)
    low = emit("Mod", whole, emit.scalar(2, "int64"))
    sign = emit("Cast", emit("Less", x, emit.scalar(0, "int64")), to=ONNX_CODE["int64"])
    return emit("Concat", low, sign, axis=-1)


def _bitwise(f: str, logical: Any, x: Any, y: Any) -> Any:
    dtype = _integers(f"bitwise_{f}", x, y)
    if dtype == "bool":
        return logical(x, y)
    return apply(Bitwise(f), coerce(x, dtype), coerce(y, dtype))


def _integers(name: str, *operands: Any) -> str:
    dtype = common_dtype(*operands)
    if dtypes.is_float(dtype):
        raise DTypeError(f"{name} takes integers, got {dtype}; cast them first")
    return dtype


@operation
def bitwise_and(x: Any, y: Any) -> Any:
    """The bits that both have. Source: ``keras.ops.bitwise_and``."""
    return _bitwise("and", logical_and, x, y)


@operation
def bitwise_or(x: Any, y: Any) -> Any:
    """The bits that one of them has. Source: ``keras.ops.bitwise_or``."""
    return _bitwise("or", logical_or, x, y)


@operation
def bitwise_xor(x: Any, y: Any) -> Any:
    """The bits that exactly one has. Source: ``keras.ops.bitwise_xor``."""
    return _bitwise("xor", logical_xor, x, y)


@operation
def bitwise_invert(x: Any) -> Any:
    """The bits that x does not have. Source: ``keras.ops.bitwise_invert``."""
    dtype = _integers("bitwise_invert", x)
    if dtype == "bool":
        return logical_not(x)
    ones = np.invert(np.zeros((), dtypes.to_numpy(dtype)))
    return subtract(ones, numeric(x))


@operation
def bitwise_not(x: Any) -> Any:
    """The bits that x does not have. Source: ``keras.ops.bitwise_not``."""
    return bitwise_invert(x)


@operation
def bitwise_left_shift(x: Any, y: Any) -> Any:
    """X times 2ʸ, without the bits that leave. Source: ``keras.ops``."""
    dtype, size = _shifted("bitwise_left_shift", x, y)
    powers = np.ones(size, dtypes.to_numpy(dtype)) << np.arange(size, dtype=dtype)
    inside, places = _places(y, size)
    return where(inside, multiply(coerce(x, dtype), take(powers, places)), 0)


@operation
def left_shift(x: Any, y: Any) -> Any:
    """X times 2ʸ, without the bits that leave. Source: ``keras.ops.left_shift``."""
    return bitwise_left_shift(x, y)


@operation
def bitwise_right_shift(x: Any, y: Any) -> Any:
    """floor(x / 2ʸ). Source: ``keras.ops.bitwise_right_shift``."""
    dtype, size = _shifted("bitwise_right_shift", x, y)
    size -= dtype in dtypes.SIGNED  # the sign is not a bit to shift
    powers = np.ones(size, dtypes.to_numpy(dtype)) << np.arange(size, dtype=dtype)
    x = coerce(x, dtype)
    inside, places = _places(y, size)
    nothing = np.zeros((), dtypes.to_numpy(dtype))
    if dtype in dtypes.SIGNED:
        nothing = subtract(nothing, coerce(less(x, 0), dtype))
    return where(inside, floor_divide(x, take(powers, places)), nothing)


@operation
def right_shift(x: Any, y: Any) -> Any:
    """floor(x / 2ʸ). Source: ``keras.ops.right_shift``."""
    return bitwise_right_shift(x, y)


def _shifted(name: str, x: Any, y: Any) -> tuple[str, int]:
    """The type of a shift and how many bits it has."""
    dtype = _integers(name, x, y)
    dtype = "int32" if dtype == "bool" else dtype
    return dtype, 8 * dtypes.itemsize(dtype)


def _places(y: Any, size: int) -> tuple[Any, Any]:
    """Where a shift leaves bits over, and the number of places there, else 0."""
    wide = coerce(y, "int64")
    inside = logical_and(not_equal(less(wide, 0), True), less(wide, size))
    return inside, where(inside, wide, np.int64(0))
