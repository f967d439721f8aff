"""Element types by name: the names are NumPy's, ``bfloat16``, and ``string``.

An element type is a plain string everywhere in seqir (as in Keras), always one of
`ALL`, the types of numbers, or `STRING`. An array of text has Python's strings for
objects, so that a text is as long as it likes. This module is the only place that
knows widths, kinds and promotion.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np

from seqir.errors import ArgumentError, DTypeError, did_you_mean

DTypeLike: TypeAlias = str | np.dtype[Any] | type[Any]
"""What names an element type: its name, NumPy's type or scalar type."""

FLOATS: Final = ("float16", "bfloat16", "float32", "float64")
HALF: Final = ("float16", "bfloat16")
"""Half precision: two bytes."""
SIGNED: Final = ("int8", "int16", "int32", "int64")
UNSIGNED: Final = ("uint8", "uint16", "uint32", "uint64")
ALL: Final = ("bool", *UNSIGNED, *SIGNED, *FLOATS)
STRING: Final = "string"
"""Text: it is looked up, split and joined, and nothing is computed with it."""
OPAQUE: Final = "opaque"
"""What only a runtime knows: see `seqir.tensortype.OpaqueType`."""
_TEXT: Final = {"O", "U", "S", "T"}
"""Kinds of NumPy's types of text; objects are Python's strings."""

SHORT: Final = {
    "bool": "b1",
    "bfloat16": "bf16",
    "string": "str",
    "opaque": "?",
    **{name: name.replace("float", "f") for name in FLOATS if name[0] == "f"},
    **{name: name.replace("int", "i") for name in SIGNED},
    **{name: name.replace("uint", "u") for name in UNSIGNED},
}
"""Names as the IR's text form prints them: f32, i64, b1."""


_floatx = "float32"


def floatx() -> str:
    """The element type of weights and inputs that say nothing else."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the default element type.

    Raises: ArgumentError unless it is a floating-point type.
    """
    global _floatx
    name = named(value)
    if name not in FLOATS:
        raise ArgumentError(f"floatx must be one of {', '.join(FLOATS)}, got {value!r}")
    _floatx = name


@lru_cache(maxsize=256)
def canonical(dtype: Any) -> str:
    """The name of a dtype given as a name, a NumPy dtype or a scalar type.

    Raises: DTypeError if seqir has no such element type.
    """
    dtype = named(dtype)
    if isinstance(dtype, str) and (dtype in ALL or dtype in (STRING, "str")):
        return dtype if dtype in ALL else STRING
    if isinstance(dtype, type) and dtype in (float, int, bool):
        return {float: "float32", int: "int32", bool: "bool"}[dtype]
    if dtype in (str, bytes) or getattr(dtype, "kind", "") in _TEXT:
        return STRING
    name = dtype if isinstance(dtype, str) else "None" if dtype is None else None
    name = "int32" if name == "int" else name  # Keras has the word, not "float"
    if name is None:
        try:
            name = _numpy_name(dtype)
        except TypeError:
            name = str(dtype)
    if name not in ALL:
        raise DTypeError(
            f"{name!r} is not an element type of seqir; "
            f"use one of {', '.join(ALL)}.{did_you_mean(name, ALL)}"
        )
    return name


def _numpy_name(dtype: Any) -> str:
    return np.dtype(dtype).name


def named(dtype: Any) -> Any:
    """The name of an element type of TensorFlow or PyTorch; others as they are."""
    if hasattr(dtype, "as_numpy_dtype"):
        return dtype.name
    text = dtype if isinstance(dtype, str) else repr(dtype)
    return text.removeprefix("torch.") if text.startswith("torch.") else dtype


@lru_cache(maxsize=64)
def to_numpy(dtype: str) -> np.dtype[Any]:
    """The NumPy dtype of a name (bfloat16 comes from ml_dtypes)."""
    if dtype == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(object if dtype == STRING else dtype)


def is_float(dtype: str) -> bool:
    """Whether the type is floating-point."""
    return dtype in FLOATS


def is_integer(dtype: str) -> bool:
    """Whether the type is a signed or unsigned integer."""
    return dtype in SIGNED or dtype in UNSIGNED


def accumulator(dtype: str) -> str:
    """The type in which many numbers of a floating-point type are added up.

    Half precision has neither the range for squares nor the digits for sums.
    """
    return "float32" if dtype in HALF else dtype


def itemsize(dtype: str) -> int:
    """Bytes of one element."""
    return to_numpy(dtype).itemsize


def finfo(dtype: str) -> Any:
    """Limits of a floating-point type, with the names of ``numpy.finfo``."""
    import ml_dtypes

    return ml_dtypes.finfo(to_numpy(dtype))


@lru_cache(maxsize=1024)
def promote(*dtypes: str, weak: str | None = None) -> str:
    """The type that an operation on these types computes in (Keras's rule).

    Floats beat integers beat bool; two floats meet in the wider one (float16 with
    bfloat16 in float32); integers of different sign in the next wider signed one.
    `weak` is the kind ("bool", "int", "float") of Python scalars that take part:
    they decide only if they are of a higher kind than every array.

    Raises: DTypeError for text together with numbers.
    """
    if STRING in dtypes:
        if weak is not None or len(set(dtypes)) > 1:
            others = sorted({*dtypes} - {STRING}) or [f"a Python {weak}"]
            raise DTypeError(
                f"text and numbers do not mix: got {STRING} and {', '.join(others)}"
            )
        return STRING
    floats = [d for d in dtypes if is_float(d)]
    if floats:
        if len(set(floats)) == 1:
            return floats[0]
        if set(floats) == {"float16", "bfloat16"}:
            return "float32"
        return max(floats, key=itemsize)
    if weak == "float":
        return "float32"
    signed = [d for d in dtypes if d in SIGNED]
    unsigned = [d for d in dtypes if d in UNSIGNED]
    if signed and unsigned:
        wide = max(itemsize(d) for d in unsigned) * 2
        if wide > 8:
            return "float32"
        return f"int{8 * max(wide, *(itemsize(d) for d in signed))}"
    if signed or unsigned:
        return max(signed or unsigned, key=itemsize)
    return "int32" if weak == "int" else "bool"
