"""``seqir.backend``, as Keras has it: settings, questions about types, functions."""

from __future__ import annotations

from typing import NoReturn

from seqir import absent, dtypes, naming
from seqir.backend import functions, networks, variables
from seqir.backend.functions import *
from seqir.backend.networks import *
from seqir.backend.variables import *
from seqir.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from seqir.contexts import name_scope
from seqir.dtypes import DTypeLike
from seqir.ops.masks import get_keras_mask, set_keras_mask
from seqir.ops.tensor import KerasTensor
from seqir.utils import clear_session

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_keras_mask",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "name_scope",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_keras_mask",
    "standardize_dtype",
]
__all__ += functions.__all__
__all__ += networks.__all__
__all__ += variables.__all__


def standardize_dtype(dtype: DTypeLike | None) -> str:
    """The name of an element type; None is the default one.

    Raises: DTypeError for what is none.
    """
    return floatx() if dtype is None else dtypes.canonical(dtype)


def is_float_dtype(dtype: DTypeLike | None) -> bool:
    """Whether an element type is a floating-point one."""
    return dtypes.is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: DTypeLike | None) -> bool:
    """Whether an element type holds integers."""
    return dtypes.is_integer(standardize_dtype(dtype))


def is_keras_tensor(x: object) -> bool:
    """Whether this is a tensor of a model: an `Input`, or the output of a layer."""
    return isinstance(x, KerasTensor)


def result_type(*dtypes_: DTypeLike | None) -> str:
    """The element type of an operation on these."""
    return dtypes.promote(*map(standardize_dtype, dtypes_))


def get_uid(prefix: str = "") -> int:
    """The next number for a prefix, from 1 on."""
    return naming.number(prefix)


def __getattr__(name: str) -> NoReturn:
    absent.refuse("backend", name)
