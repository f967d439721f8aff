"""Applying an operator: to the graph under construction, or to arrays at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeGuard

import numpy as np

from seqir import dtypes, nest, shapes
from seqir.errors import DTypeError, GraphError, SeqirError, ShapeError
from seqir.ir import (
    Array,
    Builder,
    FrozenArray,
    Op,
    Value,
    computed,
    current_builder,
)
from seqir.narrow import is_sequence, is_tuple
from seqir.operators.constant import Constant
from seqir.operators.convert import Cast
from seqir.operators.movement import ExpandDims, Squeeze
from seqir.operators.pieces import Concat
from seqir.operators.sizes import Sizes
from seqir.ops.size import Size, is_size, size_formula
from seqir.ops.tensor import (
    KerasTensor,
    Result,
    Tensor,
    TensorLike,
    Traced,
    check_open,
    holds,
    value_in,
)
from seqir.ops.variable import Variable, read
from seqir.tensortype import TensorType, as_text, type_of


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
            op.typed(*map(type_of, arrays))
        except SeqirError as error:
            error.add_note(f"in {op}({', '.join(str(type_of(a)) for a in arrays)})")
            raise
        try:
            results: tuple[Any, ...] = computed(op, arrays)
        except IndexError as error:
            raise ShapeError(f"{op.name}: {error}") from None
    else:
        values = b.emit(op, *[value_of(b, x) for x in operands])
        results = tuple([Traced(b, v) for v in values])
    return results[0] if len(results) == 1 else results


def as_tuple(y: Any) -> tuple[Any, ...]:
    """What `apply` gives, of an operator with any number of results."""
    return y if is_tuple(y) else (y,)


def builder_of(operands: tuple[Any, ...]) -> Builder | None:
    """The builder that an operator on these operands belongs to, if any."""
    current = current_builder()
    found: Builder | None = None
    for x in operands:
        if isinstance(x, Traced):
            check_open(x)
            found = _inner(found, x.builder)
        elif isinstance(x, Size):
            found = _inner(found, builder_of(tuple(x.tensors)))
        elif isinstance(x, KerasTensor):
            _refuse_symbolic(x)
    if found is None or (current is not None and holds(found, current)):
        return current  # inside a body, also what is made of tensors around it
    return found


def _inner(a: Builder | None, b: Builder | None) -> Builder | None:
    """The one of two builders that lies deeper; the first of two as deep."""
    return b if a is None or (b is not None and b.depth > a.depth) else a


def _refuse_symbolic(x: KerasTensor) -> NoReturn:
    raise GraphError(
        f"{x!r} is a tensor of a model and cannot be used inside a layer's call, or in "
        "a function of a loop or a branch; pass it as an argument, or write a layer"
    )


def value_of(b: Builder, x: Any) -> Value:
    """The value of the graph for a traced value, weight, size or array."""
    if isinstance(x, Traced):
        return value_in(b, x)
    if isinstance(x, Variable):
        return read(b, x)
    if isinstance(x, Size):
        return value_of(b, coerce(x, x.dtype))
    if isinstance(x, KerasTensor):
        _refuse_symbolic(x)
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
    if array.dtype == object or array.dtype.kind in "USTMmVc":
        if dtypes_known(array):
            return array
        text = as_text(array)
        if text is not None:
            return text
        raise DTypeError(
            f"expected an array of numbers, got {type(x).__name__} of {array.dtype}"
        )
    narrow = _NARROW.get(array.dtype.name)
    listed = is_sequence(x) or is_scalar(x)
    if narrow and listed and _is_weak(x, narrow):
        fits = array.astype(narrow)
        return fits if narrow == "float32" or np.array_equal(fits, array) else array
    return array


_NARROW = {"float64": "float32", "int64": "int32"}


def _is_weak(x: Any, narrow: str) -> bool:
    """Whether the values of a (nested) list need no wider type than that."""
    leaves = nest.flatten(x)
    return not leaves or common_dtype(*leaves) == narrow


def dtypes_known(array: Array) -> bool:
    """Whether the element type is one of seqir's (ml_dtypes report kind V)."""
    return array.dtype.name in dtypes.ALL


def type_of_operand(x: Any) -> TensorType:
    """The type of anything that can be an operand."""
    if isinstance(x, Variable):
        return x.type.with_dtype(x.dtype)
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
    arrays: list[str] = []
    kinds: list[str] = []
    for x in operands:
        if isinstance(x, Traced):  # nearly always
            arrays.append(x.value.type.dtype)
        elif is_scalar(x):
            kinds.append("int" if isinstance(x, Size) else type(x).__name__)
        else:
            arrays.append(type_of_operand(x).dtype)
    weak = next((k for k in ("float", "int", "bool") if k in kinds), None)
    dtype = dtypes.promote(*arrays, weak=weak)
    return "float32" if floating and not dtypes.is_float(dtype) else dtype


def numeric(x: TensorLike) -> Result:
    """The operand as something with a type: a tensor or an array."""
    return coerce(x, common_dtype(x))


def floating(x: Any) -> Result:
    """The operand in the floating-point type that functions of it compute in."""
    return coerce(x, common_dtype(x, floating=True))


def precise(*operands: Any) -> tuple[str, tuple[Result, ...]]:
    """The floating-point type of a result, and the operands in its accumulator type.

    For functions of several steps that are computed without rounding in between.
    """
    dtype = common_dtype(*operands, floating=True)
    inner = dtypes.accumulator(dtype)
    return dtype, tuple(coerce(x, inner) for x in operands)


def is_floating(x: Any) -> bool:
    """Whether the operand is floating-point."""
    return dtypes.is_float(common_dtype(x))


def coerce(x: Any, dtype: str) -> Result:
    """The operand in that element type."""
    if isinstance(x, Traced):
        return x if x.value.type.dtype == dtype else apply(Cast(dtype), x)
    if isinstance(x, Tensor) and not (isinstance(x, Variable) and not _tracing()):
        x = number(x) if isinstance(x, Size) else x
        return x if x.dtype == dtype else apply(Cast(dtype), x)
    if holds_tensors(x):
        return coerce(_stacked(x), dtype)
    wanted = dtypes.to_numpy(dtype)
    if is_scalar(x) and dtypes.is_float(dtype):
        return np.asarray(x, wanted)  # as precise as the type is
    array = as_array(x)
    if array.dtype == wanted:
        return array
    if object in (array.dtype, wanted):
        text = array.dtype == object
        given, needed = ("text", "numbers are") if text else (array.dtype, "text is")
        raise DTypeError(f"got {given} where {needed} needed")
    with np.errstate(all="ignore"):
        return array.astype(wanted)


def _stacked(items: Sequence[Any]) -> Any:
    """Tensors, sizes and numbers as one tensor, along a new first axis."""
    parts = [apply(ExpandDims((0,)), operand(x)) for x in items]
    dtype = common_dtype(*parts)
    return apply(Concat(0), *(coerce(x, dtype) for x in parts))


def holds_tensors(x: Any) -> TypeGuard[Sequence[Any]]:
    """Whether x is a list of tensors and sizes, which make one tensor."""
    return is_sequence(x) and any(isinstance(v, Tensor) for v in x)


def _tracing() -> bool:
    return current_builder() is not None


def operand(x: Any) -> Any:
    """A tensor as it is, anything else as an array."""
    return x if isinstance(x, Tensor) else as_array(x)


def vector(*sizes: Any) -> Any:
    """Sizes, integers and computed ones as an int64 vector; constant if all are."""
    if any(isinstance(size, Tensor) and not isinstance(size, Size) for size in sizes):
        parts = (
            vector(size)
            if is_size(size)
            else apply(ExpandDims((0,)), coerce(size, "int64"))
            for size in sizes
        )
        return apply(Concat(0), *parts)
    if not any(isinstance(size, Size) for size in sizes):
        return np.array(sizes, np.int64)
    tensors: dict[int, Any] = {}
    names: dict[str, str] = {}
    places: dict[str, tuple[str, int, int]] = {}
    for size in sizes:
        if not isinstance(size, Size):
            continue
        for label, (x, axis) in size.places.items():
            kept = id(getattr(x, "value", x))
            tensors.setdefault(kept, x)
            if label not in names:
                name = _free(names.values()) if label.startswith("_") else label
                names[label] = name
                places[name] = (name, list(tensors).index(kept), axis)
    dims = tuple(shapes.rename(size_formula(size), names) for size in sizes)
    return apply(Sizes(dims, tuple(places.values())), *tensors.values())


def _free(taken: Iterable[str]) -> str:
    """A name for a size whose axis has none but an expression."""
    used = set(taken)
    return next(n for n in map("size_{}".format, itertools.count()) if n not in used)


def number(size: Size) -> Any:
    """A size as an int64 scalar."""
    return apply(Squeeze((0,)), vector(size))
