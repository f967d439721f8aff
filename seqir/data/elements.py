"""Elements of a `Dataset`: arrays, in tuples and dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from seqir import dtypes
from seqir.data.convert import Array, foreign, offers_array
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, DTypeError, SeqirError, ShapeError
from seqir.narrow import is_dict, is_tuple
from seqir.ops.eager import eager
from seqir.plain import is_array, is_numpy_scalar

_TEXT: Final = "string"


@dataclass(frozen=True, init=False)
class TensorSpec:
    """Shape and element type of an array; a size that varies is None."""

    shape: tuple[int | None, ...]
    dtype: str
    name: str | None

    def __init__(
        self,
        shape: Sequence[int | None] = (),
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        """Raises: DTypeError for an unknown element type."""
        text = dtype in (str, bytes, _TEXT) or getattr(dtype, "name", "") == _TEXT
        object.__setattr__(self, "shape", tuple(shape))
        object.__setattr__(self, "dtype", _TEXT if text else dtypes.canonical(dtype))
        object.__setattr__(self, "name", name)


def over(fn: Callable[..., Any], *structures: Any) -> Any:
    """`fn` of the leaves of structures of one form: tuples and dicts."""
    first = structures[0]
    if is_dict(first):
        return {key: over(fn, *(each[key] for each in structures)) for key in first}
    if is_tuple(first):
        items = [over(fn, *each) for each in zip(*structures, strict=True)]
        return type(first)(*items) if hasattr(first, "_fields") else tuple(items)
    return fn(*structures)


def leaves(structure: Any) -> list[Any]:
    """The leaves of tuples and dicts."""
    found: list[Any] = []
    over(found.append, structure)
    return found


def tensors(element: Any) -> Any:
    """The arrays of an element as tensors with `numpy()`."""
    return over(eager, element)


def refilled(structure: Any, each: Iterable[Any]) -> Any:
    """The structure with other leaves."""
    following = iter(each)

    def one(leaf: Any) -> Any:
        return next(following)

    return over(one, structure)


def row(structure: Any, place: int) -> Any:
    """A row of each array."""

    def one(leaf: Any) -> Any:
        return leaf[place]

    return over(one, structure)


def as_element(value: Any) -> Any:
    """What a user's function gives, as an element: lists become arrays.

    Raises: DTypeError for what is no array of numbers or strings.
    """
    return over(as_leaf, value)


def as_leaf(value: Any) -> Any:
    """A leaf as an array; Python's own numbers become int32 and float32, as in Keras.

    Raises: DTypeError for what is no array of numbers or strings.
    """
    if value is None or is_array(value) or is_numpy_scalar(value):
        return value
    if hasattr(value, "elements"):  # a window is a dataset
        return value
    if offers_array(value):
        array = foreign(value, "an element of a dataset")
    else:
        try:
            array = np.asarray(value)
        except ValueError:
            array = np.empty((), object)
        if array.dtype.kind in "if":
            array = array.astype(_own_type(array))
    if array.dtype.kind == "O":
        return _as_text(array, value)
    return array


def _own_type(array: Array) -> Any:
    """The element type of numbers that came without one."""
    if array.dtype.kind == "f":
        return dtypes.to_numpy(dtypes.floatx())
    limits = np.iinfo(np.int32)
    small = not array.size or (array.min() >= limits.min and array.max() <= limits.max)
    return np.int32 if small else np.int64


def _as_text(array: Array, value: Any) -> Array:
    if array.size and all(isinstance(one, str) for one in array.flat):
        return array.astype(str)
    raise DTypeError(
        "elements of a dataset are arrays of numbers or strings in tuples and dicts, "
        f"got {value!r:.60} of class {type(value).__name__}"
    )


def rows(structure: Any, what: str) -> tuple[Any, int]:
    """Arrays in tuples and dicts, and how many rows each of them has.

    Raises: ArgumentError if there is none, ShapeError if they differ in length.
    """
    arrays = as_element(structure)
    lengths = [np.shape(leaf)[:1] for leaf in leaves(arrays)]
    if not lengths:
        raise ArgumentError(f"{what} takes arrays, got {structure!r}")
    if lengths[0] == () or any(length != lengths[0] for length in lengths):
        shapes = ", ".join(str(np.shape(leaf)) for leaf in leaves(arrays))
        raise ShapeError(f"{what} takes arrays of one length, got the shapes {shapes}")
    return arrays, lengths[0][0]


def stacked(elements: Sequence[Any]) -> Any:
    """Elements as one, with an axis in front.

    Raises: ShapeError if their arrays, ArgumentError if their structures differ.
    """
    return _joined(lambda *each: np.stack(_alike(each)), elements)


def padded(elements: Sequence[Any], shapes: Any, values: Any) -> Any:
    """Elements as one, their arrays filled up at their ends to one shape.

    `shapes` and `values` have the structure of an element, or are None; a value may
    also stand for all.

    Raises: ShapeError for an array that is larger than its shape, or has other axes.
    """
    first = elements[0]
    count = len(leaves(first))
    wanted = [None] * count if shapes is None else _each(shapes, first)
    fills = [values] * count
    if isinstance(values, dict | tuple):
        fills = _each(values, first)
    columns = zip(*map(leaves, elements), strict=True)
    return refilled(first, map(_filled, columns, wanted, fills))


def _each(given: Any, element: Any) -> list[Any]:
    """What is given for each leaf of an element; shapes are tuples themselves."""
    if is_dict(element):
        return [one for key in element for one in _each(given[key], element[key])]
    if is_tuple(element):
        pairs = zip(given, element, strict=True)
        return [one for part, inner in pairs for one in _each(part, inner)]
    return [given]


def _filled(arrays: Sequence[Any], wanted: Any, value: Any) -> Array:
    if len({np.ndim(array) for array in arrays}) > 1:
        raise _unlike(arrays)
    largest = [max(sizes) for sizes in zip(*map(np.shape, arrays), strict=True)]
    sizes = [w or n for w, n in zip(wanted or largest, largest, strict=True)]
    if any(n > size for n, size in zip(largest, sizes, strict=True)):
        raise ShapeError(
            f"padded_batch fills up arrays to the shape {tuple(sizes)}, and found "
            f"{tuple(largest)}"
        )
    kind = np.result_type(*arrays)
    if value is None:
        value = "" if kind.kind == "U" else 0
    filled = np.full((len(arrays), *sizes), value, kind)
    for place, array in enumerate(arrays):
        filled[(place, *map(slice, np.shape(array)))] = array
    return filled


def spec_of(leaf: Any, varies: bool) -> TensorSpec:
    """Shape and element type of an array; with `varies` its first size is None."""
    kind = np.asarray(leaf).dtype
    shape: tuple[int | None, ...] = np.shape(leaf)
    if varies and shape:
        shape = (None, *shape[1:])
    return TensorSpec(shape, _TEXT if kind.kind in "USO" else kind)


def cast(element: Any, kinds: Any) -> Any:
    """An element with the types of a structure of `TensorSpec` or element types.

    Raises: ArgumentError if the structures differ.
    """

    def one(kind: Any, leaf: Any) -> Any:
        said = kind if isinstance(kind, type) else getattr(kind, "dtype", kind)
        wanted = TensorSpec((), said).dtype
        return leaf if wanted == _TEXT else np.asarray(leaf, dtypes.to_numpy(wanted))

    return _joined(one, [kinds, element])


def _joined(fn: Callable[..., Any], elements: Sequence[Any]) -> Any:
    try:
        return over(fn, *elements)
    except SeqirError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise ArgumentError(
            "elements of one dataset have one structure, and arrays that go together: "
            f"{error}"
        ) from error


def _alike(arrays: Sequence[Any]) -> Sequence[Any]:
    if any(np.shape(array) != np.shape(arrays[0]) for array in arrays):
        raise _unlike(arrays)
    return arrays


def _unlike(arrays: Sequence[Any]) -> ShapeError:
    found = sorted({str(np.shape(array)) for array in arrays})
    return ShapeError(
        f"a batch is made of arrays of one shape, got {', '.join(found[:3])}; "
        "padded_batch fills up what is shorter"
    )
