"""Arrays out of nothing, constants of the graph that uses them; facts of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import dtypes
from seqir.errors import ShapeError
from seqir.ir import Array
from seqir.ops.apply import as_array, common_dtype, type_of_operand
from seqir.ops.tensor import Size, Tensor


def _kind(dtype: Any) -> np.dtype[Any]:
    return dtypes.to_numpy(dtypes.canonical(dtype or "float32"))


def _sizes(shape: Any) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    for n in sizes:
        if isinstance(n, Size) or n is None:
            raise ShapeError(
                f"an array cannot have the unknown size {n!r}; "
                "use ops.full_like of a tensor that has it"
            )
    return sizes


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Array:
    """Every element `fill_value`. Source: ``keras.ops.full``."""
    return np.full(_sizes(shape), fill_value, _kind(dtype))


def zeros(shape: Any, dtype: Any = None) -> Array:
    """Zeros. Source: ``keras.ops.zeros``."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Array:
    """Ones. Source: ``keras.ops.ones``."""
    return full(shape, 1, dtype)


def empty(shape: Any, dtype: Any = None) -> Array:
    """Zeros, as good as anything. Source: ``keras.ops.empty``."""
    return full(shape, 0, dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:  # noqa: N803
    """Ones on a diagonal. Source: ``keras.ops.eye``."""
    return np.eye(N, M, k, _kind(dtype))


def identity(n: int, dtype: Any = None) -> Array:
    """The unit matrix. Source: ``keras.ops.identity``."""
    return np.eye(n, dtype=_kind(dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:  # noqa: N803
    """Ones on and below a diagonal. Source: ``keras.ops.tri``."""
    return np.tri(N, M, k, _kind(dtype))


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Array:
    """Numbers from start to before stop. Source: ``keras.ops.arange``."""
    given = [v for v in (start, stop, step) if v is not None]
    _sizes(given)
    kind = _kind(dtype or common_dtype(*given))
    begin, end = (0, start) if stop is None else (start, stop)
    return np.arange(begin, end, 1 if step is None else step, kind)  # pyright: ignore[reportCallIssue]


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Evenly spaced numbers. Source: ``keras.ops.linspace``."""
    kind = _kind(dtype or common_dtype(start, stop, floating=True))
    return np.linspace(start, stop, num, endpoint, retstep, kind, axis)  # pyright: ignore[reportCallIssue, reportArgumentType]


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """Powers of the base, evenly spaced. Source: ``keras.ops.logspace``."""
    kind = _kind(dtype or common_dtype(start, stop, floating=True))
    return np.logspace(start, stop, num, endpoint, base, kind, axis=axis)


def array(x: Any, dtype: Any = None) -> Array:
    """Numbers as an array. Source: ``keras.ops.array``."""
    found = as_array(x)
    return found if dtype is None else found.astype(_kind(dtype))


def convert_to_numpy(x: Any) -> Array:
    """The numbers of an array or variable. Source: ``keras.ops.convert_to_numpy``."""
    return np.array(as_array(x))


def is_tensor(x: Any) -> bool:
    """Whether x is an array or a tensor. Source: ``keras.ops.is_tensor``."""
    return isinstance(x, Tensor | np.ndarray)


def ndim(x: Any) -> int:
    """Number of axes. Source: ``keras.ops.ndim``."""
    return type_of_operand(x).rank


def size(x: Any) -> Any:
    """Number of elements, as `shape` gives sizes. Source: ``keras.ops.size``."""
    return Size.of(type_of_operand(x).size)


def dtype(x: Any) -> str:
    """Name of the element type. Source: ``keras.ops.dtype``."""
    return type_of_operand(x).dtype


FUNCTIONS = (
    arange, array, convert_to_numpy, dtype, empty, eye, full, identity, is_tensor,
    linspace, logspace, ndim, ones, size, tri, zeros,
)  # fmt: skip
"""Functions for users; their results are known at once: no call is recorded."""
