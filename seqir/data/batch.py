"""One batch: its arrays, what they must fulfil, and its signature."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqir import nest
from seqir.data.convert import Array, is_sparse, to_array, to_rows
from seqir.data.labels import ClassWeights
from seqir.data.sparse import SparseRows
from seqir.errors import ArgumentError, DTypeError, SeqirError, ShapeError
from seqir.narrow import is_dict, is_sequence
from seqir.shapes import format_shape


class Batch(NamedTuple):
    """Arrays of `size` samples each, in lists, tuples and dicts as the user gave them.

    `y` and `sample_weight` are None where there are none.
    """

    x: Any
    y: Any
    sample_weight: Any
    size: int


@dataclass(frozen=True)
class Spec:
    """Element type and shape of an array, the batch axis left out."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """The structure of a batch with a `Spec` for each array; a key for tables."""

    x: Any
    y: Any
    sample_weight: Any

    def __hash__(self) -> int:
        leaves = nest.flatten([self.x, self.y, self.sample_weight])
        return hash(tuple(leaves))


def signature_of(batch: Batch) -> Signature:
    """Structure, element types and shapes of a batch, without its size."""

    def spec(leaf: Any) -> Spec | None:
        if leaf is None:
            return None
        return Spec(leaf.dtype.name, tuple(leaf.shape[1:]))

    return Signature(*(nest.map_structure(spec, part) for part in batch[:3]))


def unpack(item: Any) -> tuple[Any, Any, Any]:
    """``x``, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)`` as three, None for none.

    Raises: ArgumentError for a list or tuple of another length.
    """
    if not is_sequence(item):
        return item, None, None
    if not 1 <= len(item) <= 3:
        raise ArgumentError(
            "a batch is x, (x,), (x, y) or (x, y, sample_weight), "
            f"found a {type(item).__name__} of {len(item)}"
        )
    x, y, sample_weight = (*item, None, None)[:3]
    return x, y, sample_weight


def make_batch(
    x: Any,
    y: object = None,
    sample_weight: object = None,
    class_weight: ClassWeights | None = None,
) -> Batch:
    """The batch of what a user passed: converted, complete, of one length.

    One `sample_weight` for several `y` counts for each of them; `class_weight`
    becomes the sample weight.

    Raises: ArgumentError, DTypeError or ShapeError, naming the array.
    """
    if is_sparse(x):  # one kind of them is a dict as well
        x = x.tocsr()
    x = _arrays(x, "x", optional=False)
    if sample_weight is not None:
        if class_weight is not None:
            raise ArgumentError(
                "both class_weight and sample_weight are given; multiply them into "
                "one sample_weight"
            )
        if y is None:
            raise ArgumentError("sample_weight is given without the y that it weighs")
        sample_weight = _arrays(sample_weight, "sample_weight", optional=True)
    if y is not None:
        y = _arrays(y, "y", optional=True)
    if class_weight is not None:
        sample_weight = class_weight.of(y)
    if sample_weight is not None:
        sample_weight = _aligned(sample_weight, y)
    return Batch(x, y, sample_weight, _size(x, y, sample_weight))


def take(batch: Batch, index: slice | Array) -> Batch:
    """The samples of a slice (views) or of an array of positions (copies)."""
    parts = [nest.map_structure(lambda a: _rows(a, index), part) for part in batch[:3]]
    return Batch(*parts, size=len(next(leaf for _, leaf in named(parts[0], "x"))))


class Reader:
    """Makes batches of items, and holds each of them against the first."""

    def __init__(self, class_weight: ClassWeights | None) -> None:
        self.class_weight = class_weight
        self.first: Signature | None = None

    def read(self, item: object) -> Batch:
        """The batch of an item (see `unpack`).

        Raises: what `make_batch` raises, and ArgumentError, DTypeError or ShapeError
            if structure, element type or rank are not those of the first batch.
        """
        batch = make_batch(*unpack(item), self.class_weight)
        found = signature_of(batch)
        if self.first is None:
            self.first = found
        if found != self.first:
            _check_alike(found, self.first)
        return batch


@contextmanager
def noting(where: str) -> Generator[None]:
    """Errors that leave the block say where they come from."""
    try:
        yield
    except SeqirError as error:
        error.add_note(where)
        raise


def named(structure: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Leaves that are not None with names as ``x['image'][0]``, in nest's order."""
    if is_dict(structure):
        for key in sorted(structure):
            yield from named(structure[key], f"{name}[{key!r}]")
    elif is_sequence(structure):
        for index, item in enumerate(structure):
            yield from named(item, f"{name}[{index}]")
    elif structure is not None:
        yield name, structure


def _arrays(structure: object, name: str, *, optional: bool) -> Any:
    leaves = nest.flatten(structure)
    if all(leaf is None for leaf in leaves):
        raise ArgumentError(f"{name} holds no array, got {structure!r}")
    if not optional and any(leaf is None for leaf in leaves):
        raise ArgumentError(f"a part of {name} is None where an array is needed")
    convert = to_array if optional else _rows_of
    converted = (convert(leaf, path) for path, leaf in named(structure, name))
    return nest.map_structure(
        lambda leaf: None if leaf is None else next(converted), structure
    )


def _rows_of(leaf: Any, name: str) -> Array | SparseRows:
    """An array, or the rows of a sparse matrix."""
    sparse = is_sparse(leaf) and len(leaf.shape) == 2
    return SparseRows(leaf, name) if sparse else to_rows(leaf, name)


def part(batch: Batch, rows: slice) -> tuple[Any, Any, Any]:
    """x, y and sample_weight of some samples: views, and sparse what is sparse."""

    def some(array: Any) -> Any:
        if isinstance(array, SparseRows):
            return array.tocsr()[rows]
        return None if array is None else array[rows]

    x, y, weight = (nest.map_structure(some, each) for each in batch[:3])
    return x, y, weight


def _rows(array: Array | None, index: slice | Array) -> Array | None:
    # ndarray.take is faster, but first copies an array whose memory is not in order.
    if (
        array is None
        or isinstance(index, slice)
        or isinstance(array, SparseRows)
        or not array.flags.c_contiguous
    ):
        return None if array is None else array[index]
    return array.take(index, axis=0)


def _aligned(sample_weight: Any, y: Any) -> Any:
    """The weights in the structure of y."""
    wanted = [path for path, _ in named(y, "")]
    found = [path for path, _ in named(sample_weight, "")]
    if found == [""] and wanted != [""]:
        if sample_weight.ndim > 1 and sample_weight.shape[1:] != (1,):
            raise ShapeError(
                "one sample_weight for several y has the shape (None,), found "
                f"{format_shape((None, *sample_weight.shape[1:]))}; "
                "give one array for each y"
            )
        return nest.map_structure(lambda a: None if a is None else sample_weight, y)
    if not set(found) <= set(wanted):
        raise ArgumentError(
            "sample_weight has to be one array or have the structure of y; expected "
            f"{_paths('y', wanted)}, found {_paths('sample_weight', found)}"
        )
    return sample_weight


def _paths(name: str, paths: list[str]) -> str:
    return ", ".join(name + path for path in paths)


def _size(x: Any, y: Any, sample_weight: Any) -> int:
    arrays = {
        **dict(named(x, "x")),
        **dict(named(y, "y")),
        **dict(named(sample_weight, "sample_weight")),
    }
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{size} in {name}" for name, size in sizes.items())
        raise ShapeError(f"the numbers of samples differ: {found}")
    size = next(iter(sizes.values()))
    if not size:
        name, array = next(iter(arrays.items()))
        raise ShapeError(f"{name} has no samples, its shape is {array.shape}")
    return size


def _check_alike(found: Signature, first: Signature) -> None:
    old, new = _specs(first), _specs(found)
    if old.keys() != new.keys():
        raise ArgumentError(
            f"a batch has to consist of {', '.join(old)} as the first one, "
            f"found {', '.join(new)}"
        )
    for name, spec in new.items():
        if spec.dtype != old[name].dtype:
            raise DTypeError(
                f"{name} has to be {old[name].dtype} as in the first batch, "
                f"found {spec.dtype}"
            )
        if len(spec.shape) != len(old[name].shape):
            raise ShapeError(
                f"{name} has to have as many axes as in the first batch, "
                f"{format_shape((None, *old[name].shape))}, "
                f"found {format_shape((None, *spec.shape))}"
            )


def _specs(signature: Signature) -> dict[str, Spec]:
    return {
        name: spec
        for part in ("x", "y", "sample_weight")
        for name, spec in named(getattr(signature, part), part)
    }
