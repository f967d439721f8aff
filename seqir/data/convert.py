"""Anything that holds numbers as a NumPy array; no framework is imported for it."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seqir import dtypes
from seqir.errors import ArgumentError, DTypeError, SeqirError, ShapeError
from seqir.tensortype import as_text

Array: TypeAlias = NDArray[Any]

_NOT_NUMBERS: Final = {
    "O": "Python objects (ragged rows, or no numbers)",
    "U": "strings",
    "S": "strings",
    "T": "strings",
    "M": "dates",
    "m": "time spans",
    "c": "complex numbers",
}


def offers_array(value: object) -> bool:
    """Whether `value` is one array or table, by what it offers."""
    offers = ("__array__", "__dlpack__", "numpy")
    found = any(hasattr(value, name) for name in offers)
    return found or _is_table(value) or is_sparse(value)


def content(array: Array) -> bytes | memoryview:
    """What an array holds, to be hashed."""
    if array.dtype == object:
        return repr(array.tolist()).encode()
    return np.ascontiguousarray(array).view(np.uint8).data


def is_sparse(value: object) -> bool:
    """Whether `value` is a sparse matrix of SciPy, which is not imported for it."""
    return hasattr(value, "tocsr") and hasattr(value, "toarray")


def to_array(value: object, name: str) -> Array:
    """What `numbers` gives, which must have a batch axis.

    Raises: what `numbers` raises, ShapeError for an array without a batch axis.
    """
    return _with_batch(numbers(value, name), name)


def to_rows(value: Any, name: str) -> Array:
    """An array with a batch axis, of numbers or of text.

    Raises: what `to_array` raises.
    """
    return (
        _with_batch(to_text(value), name)
        if holds_text(value)
        else to_array(value, name)
    )


def holds_text(value: Any) -> bool:
    """Whether `value` is an array of text, whatever library it is of."""
    dtype = getattr(value, "dtype", None)
    kind = getattr(dtype, "kind", "")
    if kind:
        return kind in "UST" or (kind == "O" and _text_in(value) is not None)
    return str(dtype) in _TEXT_ELSEWHERE and _text_in(value) is not None


def to_text(value: Any) -> Array:
    """The texts of an array that `holds_text`, as Python's strings."""
    found = _text_in(value)
    assert found is not None
    return found


def _text_in(value: Any) -> Array | None:
    array = np.asarray(value if hasattr(value, "__array__") else value.numpy())
    return as_text(array)


def _with_batch(array: Array, name: str) -> Array:
    if not array.ndim:
        raise ShapeError(f"{name} has the shape (), and needs a batch axis")
    return array


def numbers(value: Any, name: str) -> Array:
    """The value as an array of numbers; without a copy where there is a way.

    Takes NumPy, JAX, TensorFlow and PyTorch arrays (``__array__``, ``__dlpack__`` or
    ``.numpy()``), pandas Series, pyarrow arrays, sparse matrices of SciPy; and tables
    of pandas, pyarrow or polars, whose columns become the last axis. For columns by
    name, pass a dict: ``dict(frame)``. float16 and bfloat16 are kept.

    Shapes: a table of n rows and k columns gives ``(n, k)``.
    Raises: ArgumentError for what is not an array, DTypeError for one that holds no
        numbers, or has holes.
    """
    if value is None:
        raise ArgumentError(f"{name} is None where an array is needed")
    if isinstance(value, bool | int | float | complex | str | bytes):
        raise ArgumentError(
            f"{name} takes an array, got {value!r}; wrap a list of numbers in "
            "numpy.asarray"
        )
    if not offers_array(value):
        hint = ""
        if callable(value):
            hint = "; call it and pass what it returns"
        elif hasattr(value, "__getitem__"):
            hint = "; wrap a dataset of samples in a loader that makes batches"
        raise ArgumentError(
            f"{name} takes an array, got an object of class "
            f"{type(value).__name__}{hint}"
        )
    if is_sparse(value):
        value = value.toarray()
    array = _of_table(value, name) if _is_table(value) else foreign(value, name)
    if array.dtype.name not in dtypes.ALL:
        found = _NOT_NUMBERS.get(array.dtype.kind, array.dtype.name)
        raise DTypeError(f"{name} holds {found}; it takes one of {_ALLOWED}")
    return (
        array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    )


_TEXT_ELSEWHERE: Final = ("<dtype: 'string'>", "String", "string")
"""How TensorFlow, polars and pyarrow write their types of text."""

_ALLOWED: Final = "bool, integers of 8 to 64 bits, floats of 16 to 64 bits"


def foreign(value: Any, name: str) -> Array:
    """The array of another library as one of NumPy, whatever it holds.

    Raises: DTypeError for what cannot be one.
    """
    if hasattr(value, "filled") and np.any(value.mask):  # numpy.ma is not imported
        raise DTypeError(
            f"{name} is a masked array with holes; fill them with .filled(...)"
        )
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            if str(value.dtype) == "torch.bfloat16":  # PyTorch gives NumPy none
                return value.float().numpy().astype(dtypes.to_numpy("bfloat16"))
        if hasattr(value, "__array__"):
            return np.asarray(value)
        if hasattr(value, "__dlpack__"):
            return np.from_dlpack(value)
        return np.asarray(value.numpy())
    except SeqirError:
        raise
    except (ValueError, TypeError, RuntimeError, BufferError) as error:
        raise DTypeError(f"{name} is not an array of numbers: {error}") from error


def _is_table(value: object) -> bool:
    return hasattr(value, "columns") or hasattr(value, "column_names")


def _of_table(table: Any, name: str) -> Array:
    names = list(getattr(table, "column_names", None) or table.columns)
    if not names:
        raise ShapeError(f"{name} is a table without columns")
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise ArgumentError(f"{name} is a table with two columns {twice!r}")
    columns = [to_array(table[column], f"{name}[{column!r}]") for column in names]
    return np.column_stack(columns)
