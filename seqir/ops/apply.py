"""Applying an operator: to the graph under construction, or to arrays at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from seqir import dtypes, nest
from seqir.errors import DTypeError, GraphError, SeqirError, ShapeError
from seqir.ir import (
    Array,
    Builder,
    FrozenArray,
    Op,
    Region,
    Trace,
    Value,
    current_builder,
)
from seqir.ops.constant import Constant
from seqir.ops.size import Size
from seqir.ops.tensor import KerasTensor, Result, Tensor, Traced, Variable
from seqir.tensortype import TensorType, type_of


def apply(op: Op, *operands: Any) -> Any:
    """The result of the operator on operands of one kind or mixed.

    With a traced operand (or while a layer is being traced) a node is appended to
    the graph and a `Traced` comes back; on arrays alone the NumPy reference runs.
    Operators with several results give a tuple.
    """
    b = builder_of(operands)
    if b is None:
        arrays = tuple(map(as_array, operands))
        try:
            op.infer(*map(type_of, arrays))
        except SeqirError as error:
            error.add_note(f"in {op}({', '.join(str(type_of(a)) for a in arrays)})")
            raise
        try:
            with np.errstate(all="ignore"):  # infinities and NaN are results as others
                results: tuple[Any, ...] = op.evaluate(*arrays)
        except IndexError as error:
            raise ShapeError(f"{op.name}: {error}") from None
    else:
        values = b.emit(op, *(value_of(b, x) for x in operands))
        results = tuple(Traced(b, v) for v in values)
    return results[0] if len(results) == 1 else results


def as_tuple(y: Any) -> tuple[Any, ...]:
    """What `apply` gives, of an operator with any number of results."""
    return y if isinstance(y, tuple) else (y,)


def builder_of(operands: tuple[Any, ...]) -> Builder | None:
    """The builder that an operator on these operands belongs to, if any."""
    current = current_builder()
    found: Builder | None = None
    for x in operands:
        if isinstance(x, Traced):
            _check_open(x)
            found = _inner(found, x.builder)
        elif isinstance(x, Size):
            found = _inner(found, builder_of(tuple(x.tensors)))
        elif isinstance(x, KerasTensor):
            raise GraphError(
                f"{x!r} is a tensor of a model and cannot be used inside a layer's "
                "call; pass it to the layer as an argument"
            )
    if found is None or (current is not None and _holds(found, current)):
        return current  # inside a body, also what is made of tensors around it
    return found


def _check_open(x: Traced) -> None:
    """Refuse a tensor of a body that is complete."""
    if isinstance(x.builder, Region) and x.builder.closed:
        raise GraphError(
            f"{x!r} was computed inside a loop or a branch, which is over: return it "
            "from the function that computes it"
        )


def _inner(a: Builder | None, b: Builder | None) -> Builder | None:
    """The one of two builders that lies deeper; the first of two as deep."""
    return b if a is None or (b is not None and b.depth > a.depth) else a


def _holds(outer: Builder, inner: Builder | None) -> bool:
    """Whether a builder is another, or lies around it."""
    while inner is not None and inner is not outer:
        inner = inner.outer
    return inner is outer


def value_of(b: Builder, x: Any) -> Value:
    """The value of the graph for a traced value, weight, size or array."""
    if isinstance(x, Traced):
        if x.builder is b:
            return x.value
        if isinstance(b, Region) and _holds(x.builder, b.around):
            return b.capture(value_of(b.around, x))
        _check_open(x)
        raise GraphError(f"{x!r} belongs to another graph than the one being built")
    if isinstance(x, Variable):
        value = _trace(b, x).read(x, _name(b, x), x.stored_type)
        if value.type.dtype == x.type.dtype:
            return value
        from seqir.ops.convert import Cast

        return b(Cast(x.type.dtype), value)
    if isinstance(x, Size):
        return value_of(b, coerce(x, x.dtype))
    return b(Constant(FrozenArray(as_array(x))))


def traced(b: Builder, x: Any) -> Traced:
    """A weight, a size, an array or a number as a value of the graph."""
    return x if isinstance(x, Traced) else Traced(b, value_of(b, x))


def as_array(x: Any) -> Array:
    """The operand as an array; Python numbers become float32, int32 or bool.

    Those in a list with NumPy's numbers follow them.

    Raises: DTypeError if it is not an array of numbers.
    """
    try:
        array = x.array if isinstance(x, Variable) else np.asarray(x)
    except SeqirError:
        raise
    except ValueError:
        raise DTypeError(
            "expected an array of numbers, got nested lists of unequal lengths"
        ) from None
    if array.dtype == object or array.dtype.kind in "USMmVc":
        if dtypes_known(array):
            return array
        raise DTypeError(
            f"expected an array of numbers, got {type(x).__name__} of {array.dtype}"
        )
    narrow = _NARROW.get(array.dtype.name)
    listed = isinstance(x, list | tuple) or is_scalar(x)
    if narrow and listed and _is_weak(x, narrow):
        fits = array.astype(narrow)
        return fits if narrow == "float32" or np.array_equal(fits, array) else array
    return array


_NARROW = {"float64": "float32", "int64": "int32"}


def _is_weak(x: Any, narrow: str) -> bool:
    """Whether the numbers of a (nested) list need no wider type than that."""
    leaves = nest.flatten(x)
    return not leaves or common_dtype(*leaves) == narrow


def dtypes_known(array: Array) -> bool:
    """Whether the element type is one of seqir's (ml_dtypes report kind V)."""
    return array.dtype.name in dtypes.ALL


def assign(variable: Variable, value: Traced) -> Traced:
    """Give a variable a new value after the traced graph has run."""
    b = builder_of((value,))
    assert b is not None
    stored = variable.stored_type
    new: Any = coerce(value, stored.dtype)
    if new.type != stored:
        raise GraphError(
            f"variable {variable.path!r} is {stored}, its new value is {new.type}"
        )
    trace = _trace(b, variable)
    trace.write(variable, _name(b, variable), value_of(b, new))
    if variable.role == "statistic" and not trace.training:
        variable.role = "state"  # nobody has to say so: the code does
    return new


def _trace(b: Builder, variable: Variable) -> Trace:
    """The builder as one that knows variables."""
    if not isinstance(b, Trace):
        raise GraphError(f"{variable!r} is read in a graph that is traced already")
    return b


def _name(b: Builder, variable: Variable) -> str:
    """The name of the parameter that stands for a variable."""
    return f"{b.path}/{variable.name}" if b.path else variable.path


def type_of_operand(x: Any) -> TensorType:
    """The type of anything that can be an operand."""
    return x.type if isinstance(x, Tensor) else type_of(as_array(x))


def rank_of(x: Any) -> int:
    """Number of axes of anything that can be an operand."""
    return type_of_operand(x).rank


def is_scalar(x: Any) -> bool:
    """Whether x is a Python number or a size: it takes the type of what it meets."""
    return isinstance(x, Size) or (
        isinstance(x, bool | int | float) and not isinstance(x, np.generic)
    )


def common_dtype(*operands: Any, floating: bool = False) -> str:
    """The type that the operands meet in; Python numbers follow arrays."""
    arrays = [type_of_operand(x).dtype for x in operands if not is_scalar(x)]
    kinds = [
        "int" if isinstance(x, Size) else type(x).__name__
        for x in operands
        if is_scalar(x)
    ]
    weak = next((k for k in ("float", "int", "bool") if k in kinds), None)
    dtype = dtypes.promote(*arrays, weak=weak)
    return "float32" if floating and not dtypes.is_float(dtype) else dtype


def numeric(x: Any) -> Any:
    """The operand as something with a type: a tensor or an array."""
    return coerce(x, common_dtype(x))


def floating(x: Any) -> Result:
    """The operand in the floating-point type that functions of it compute in."""
    return coerce(x, common_dtype(x, floating=True))


def wide(dtype: str) -> str:
    """The type in which ONNX can add, multiply and order numbers of this type.

    Sums and products wrap around as they would have in the narrow type.
    """
    if dtypes.is_float(dtype):
        return dtype
    return "int64" if dtypes.itemsize(dtype) > 4 or dtype == "uint32" else "int32"


def is_floating(x: Any) -> bool:
    """Whether the operand is floating-point."""
    return dtypes.is_float(common_dtype(x))


def products(equation: str, *arrays: Array) -> Array:
    """``np.einsum``, in float32 for the types of half that size, as runtimes do it.

    NumPy has no such sums of bfloat16.
    """
    short = {a.dtype for a in arrays if dtypes.is_float(a.dtype.name)}
    if any(dtype.itemsize < 4 for dtype in short):
        arrays = tuple(a.astype(np.float32) for a in arrays)
    return np.einsum(equation, *arrays, optimize=True)


def coerce(x: Any, dtype: str) -> Result:
    """The operand in that element type."""
    if isinstance(x, Tensor) and not (isinstance(x, Variable) and not _tracing()):
        if isinstance(x, Size):
            from seqir.ops.sizes import number

            x = number(x)
        if x.dtype == dtype:
            return x
        from seqir.ops.convert import Cast

        return apply(Cast(dtype), x)
    if holds_tensors(x):
        from seqir.ops.parts import stack

        return coerce(stack(x), dtype)
    wanted = dtypes.to_numpy(dtype)
    if is_scalar(x) and dtypes.is_float(dtype):
        return np.asarray(x, wanted)  # as precise as the type is
    array = as_array(x)
    if array.dtype == wanted:
        return array
    with np.errstate(all="ignore"):
        return array.astype(wanted)


def holds_tensors(x: Any) -> TypeGuard[Sequence[Any]]:
    """Whether x is a list of tensors and sizes, which make one tensor."""
    return isinstance(x, list | tuple) and any(isinstance(v, Tensor) for v in x)


def _tracing() -> bool:
    return current_builder() is not None
