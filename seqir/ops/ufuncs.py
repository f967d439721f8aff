"""NumPy's functions of tensors: ``np.exp(x)``, ``np.mean(x, 1)``, ``array + x``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from seqir import nest
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
        return getattr(ufunc, method)(*map(_array, inputs), **kwargs)
    name = _NAMES.get(ufunc.__name__, ufunc.__name__)
    if method == "__call__" and not kwargs and name in functions:
        return functions[name](*inputs)
    shown = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    raise _cannot(shown, next(x for x in given if _is_tensor(x)))


def called(
    functions: Mapping[str, Callable[..., Any]],
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """What another function of NumPy makes of its arguments, a tensor among them.

    Raises: UnsupportedError where `seqir.ops` has none of its name and arguments.
    """
    tensors = [x for x in nest.flatten((args, kwargs)) if _is_tensor(x)]
    if current_builder() is None and all(isinstance(x, Variable) for x in tensors):
        args, kwargs = nest.map_structure(_array, (args, kwargs))
        return function(*args, **kwargs)
    name = function.__name__
    own = functions.get(name)
    if own is None or function.__module__ not in ("numpy", "numpy.linalg"):
        raise _cannot(name, tensors[0])
    try:
        inspect.signature(own).bind(*args, **kwargs)
    except TypeError as error:
        raise UnsupportedError(
            f"NumPy's function np.{name} of {tensors[0]!r} is ops.{name}, which has "
            f"other arguments: {error}"
        ) from error
    return own(*args, **kwargs)


def _cannot(name: str, tensor: Any) -> UnsupportedError:
    return UnsupportedError(
        f"NumPy's function np.{name} cannot compute with {tensor!r}, which has no "
        "numbers before the model runs; use a function of seqir.ops"
    )


def _array(x: Any) -> Any:
    return x.array if isinstance(x, Variable) else x


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Tensor)
