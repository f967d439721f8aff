"""Python's operators on tensors, each one a function of `seqir.ops`.

Tensors stand below the functions that compute with them, so the operators come from
above, once all functions are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from seqir.ops.tensor import KerasTensor, Result, Tensor, TensorLike, Traced
from seqir.ops.ufuncs import called, computed

_BINARY: Final = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
    "pow": "power", "matmul": "matmul", "mod": "mod", "floordiv": "floor_divide",
    "and": "logical_and", "or": "logical_or", "xor": "logical_xor",
}  # fmt: skip
_ORDERED: Final = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "getitem": "getitem",
}  # fmt: skip
_UNARY: Final = {"neg": "negative", "abs": "absolute", "invert": "logical_not"}

Function = Callable[..., Any]


def install(functions: Mapping[str, Function]) -> None:
    """Give `Tensor` Python's operators, and NumPy's functions, by these functions."""
    Tensor.astype = _method(functions["cast"])
    for python, name in {**_BINARY, **_ORDERED}.items():
        setattr(Tensor, f"__{python}__", _method(functions[name]))
    for python, name in _BINARY.items():
        setattr(Tensor, f"__r{python}__", _swapped(functions[name]))
    for python, name in _UNARY.items():
        setattr(Tensor, f"__{python}__", _method(functions[name]))
    equal, not_equal = functions["equal"], functions["not_equal"]

    def eq(self: Tensor, other: object) -> Result:
        return equal(self, other) if _compares(self, other) else NotImplemented

    def ne(self: Tensor, other: object) -> Result:
        # Nothing asks lists and dicts what is unequal: here Keras compares numbers.
        symbolic = isinstance(self, KerasTensor) and isinstance(other, KerasTensor)
        compares = symbolic or _compares(self, other)
        return not_equal(self, other) if compares else NotImplemented

    def round(self: Tensor, ndigits: int | None = None) -> Result:
        return functions["round"](self, ndigits or 0)

    def array_ufunc(
        self: Tensor, ufunc: np.ufunc, method: str, *inputs: TensorLike, **kwargs: Any
    ) -> Result:
        return computed(functions, ufunc, method, *inputs, **kwargs)

    def array_function(
        self: Tensor, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        return called(functions, function, args, kwargs)

    methods = {
        "eq": eq,
        "ne": ne,
        "round": round,
        "array_ufunc": array_ufunc,
        "array_function": array_function,
    }
    for python, method in methods.items():
        setattr(Tensor, f"__{python}__", method)


def _method(function: Function) -> Function:
    """The function as a method."""

    def method(self: Tensor, *others: Any) -> Result:
        return function(self, *others)

    return method


def _swapped(function: Function) -> Function:
    """A function of two as a method of the second."""

    def method(self: Tensor, other: Any) -> Result:
        return function(other, self)

    return method


def _compares(tensor: Tensor, other: Any) -> bool:
    """Whether ``tensor == other`` is a question about values, not about objects.

    Variables and tensors of a model are members of lists and keys of dicts, so they
    equal no other one of their kind.
    """
    if isinstance(other, Tensor):
        return type(tensor) is not type(other) or isinstance(tensor, Traced)
    return isinstance(other, int | float | list | tuple | np.ndarray | np.generic)
