"""NumPy's universal functions of tensors: ``np.exp(x)``, and ``array + x``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from seqir.errors import UnsupportedError
from seqir.ir import current_builder
from seqir.ops.tensor import Tensor
from seqir.ops.variable import Variable

_NAMES: Final = {"remainder": "mod", "invert": "bitwise_invert"}
"""Functions of `seqir.ops` that have another name: Python's operators need them."""


def computed(
    functions: Mapping[str, Callable[..., Any]],
    ufunc: np.ufunc,
    method: str,
    *inputs: Any,
    **kwargs: Any,
) -> Any:
    """What a universal function makes of its inputs, one of which is a tensor.

    Variables outside of a trace are arrays, and NumPy computes. Everything else is
    computed by the function of that name.

    Raises: UnsupportedError where there is none, and for arguments of NumPy.
    """
    written = kwargs.get("out", ())
    traced = current_builder() is not None
    given = (*inputs, *written)
    if not traced and all(isinstance(x, Variable) for x in given if _is_tensor(x)):
        if any(map(_is_tensor, written)):
            raise UnsupportedError(
                f"np.{ufunc.__name__} cannot write to {written[0]!r}; use "
                "variable.assign(value)"
            )
        arrays = (x.array if isinstance(x, Variable) else x for x in inputs)
        return getattr(ufunc, method)(*arrays, **kwargs)
    name = _NAMES.get(ufunc.__name__, ufunc.__name__)
    if method == "__call__" and not kwargs and name in functions:
        return functions[name](*inputs)
    tensor = next(x for x in given if _is_tensor(x))
    called = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    raise UnsupportedError(
        f"NumPy's function np.{called} cannot compute with {tensor!r}, which has no "
        "numbers before the model runs; use a function of seqir.ops"
    )


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Tensor)
