"""`Dataset`: elements one after another, and the steps that are made of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from seqir import dtypes
from seqir.arguments import integer
from seqir.data import elements as form
from seqir.data import walks
from seqir.data.prefetch import prefetch
from seqir.errors import ArgumentError, UnsupportedError
from seqir.narrow import is_list

AUTOTUNE: Final = walks.AUTOTUNE
INFINITE_CARDINALITY: Final = -1
UNKNOWN_CARDINALITY: Final = -2
_TURNS: Final = 1 << 32
"""Repetitions that an endless walk has for itself."""

_Walk = Callable[[int], Iterator[Any]]


class Dataset:
    """Elements that can be walked over again and again, with the methods of tf.data.

    An element is an array, or arrays in tuples and dicts; a list is an array. Each
    method gives a new dataset that keeps nothing, `cache` excepted: an element is made
    when it is asked for. Functions get NumPy arrays, the parts of a tuple as arguments,
    and may call layers and functions of `seqir.ops` on them.

    Each walk has a number, and what is shuffled is a function of the seed and that
    number; in `fit` it is the epoch, so that a training can be resumed.

    Source: ``tf.data.Dataset``.
    """

    varies: bool = False
    """Whether the first axis of the arrays is of batches that differ in size."""
    _walks = 0

    def elements(self, turn: int) -> Iterator[Any]:
        """The elements of walk number `turn`."""
        raise NotImplementedError(f"{type(self).__name__} has no elements")

    def cardinality(self) -> int:
        """How many elements there are; -1: no end, -2: unknown."""
        return UNKNOWN_CARDINALITY

    @property
    def element_spec(self) -> Any:
        """A `TensorSpec` for each array of an element; makes the first one."""
        for element in self.elements(0):
            specs = [form.spec_of(leaf, self.varies) for leaf in form.leaves(element)]
            return form.refilled(element, specs)
        raise ArgumentError("a dataset without elements has no element_spec")

    def __iter__(self) -> Iterator[Any]:
        return map(form.tensors, self.as_numpy_iterator())

    def __len__(self) -> int:
        count = self.cardinality()
        if count < 0:  # what Python and Keras take for: has no length
            found = "has no end" if count == INFINITE_CARDINALITY else "is not known"
            raise TypeError(f"the number of elements of this dataset {found}")
        return count

    def __bool__(self) -> bool:
        return True

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements of the next walk, as NumPy's own arrays."""
        turn = self._walks
        self._walks += 1
        return self.elements(turn)

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The rows of arrays, in tuples and dicts.

        Raises: ArgumentError or ShapeError unless they are arrays of one length.
        """
        arrays, count = form.rows(tensors, "from_tensor_slices")

        def walk(turn: int) -> Iterator[Any]:
            return (form.row(arrays, place) for place in range(count))

        return ChainedDataset(walk, count)

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element."""
        element = form.as_element(tensors)
        return ChainedDataset(lambda turn: iter([element]), 1)

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: tuple[Any, ...] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What a function's iterator gives; it is called anew for each walk.

        `output_signature` (or `output_types`) says which element types arrays get.

        Raises: ArgumentError if `generator` cannot be called.
        """
        if not callable(generator):
            raise ArgumentError(
                "from_generator takes a function that returns an iterator, got a "
                f"{type(generator).__name__}; pass the function without calling it"
            )
        kinds = output_types if output_signature is None else output_signature

        def walk(turn: int) -> Iterator[Any]:
            for given in generator(*(args or ())):
                # A generator may give its tuples as lists.
                pair = is_list(given) and isinstance(kinds, tuple)
                element = form.as_element(tuple(given) if pair else given)
                yield element if kinds is None else form.cast(element, kinds)

        return ChainedDataset(walk, UNKNOWN_CARDINALITY)

    @staticmethod
    def range(
        *bounds: int, output_type: Any = "int64", name: str | None = None
    ) -> Dataset:
        """Integers as `range` gives them."""
        numbers = range(*bounds)
        kind = dtypes.to_numpy(dtypes.canonical(output_type))
        return ChainedDataset(lambda turn: map(kind.type, numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any, name: str | None = None) -> Dataset:
        """Tuples (or dicts) of an element of each dataset, until the first one ends."""
        structure = datasets[0] if len(datasets) == 1 else datasets
        parts: list[Dataset] = form.leaves(structure)
        for part in parts:
            _check_dataset("zip", part)

        def walk(turn: int) -> Iterator[Any]:
            for each in zip(*(part.elements(turn) for part in parts), strict=False):
                yield form.refilled(structure, each)

        count = _least([part.cardinality() for part in parts])
        return ChainedDataset(walk, count, any(part.varies for part in parts))

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """What a function gives for each element, in their order.

        `num_parallel_calls` threads call it at once; with `AUTOTUNE` as many as there
        are processors.

        Raises: DTypeError for a result that is no array; ArgumentError for a wrong
            `num_parallel_calls`.
        """
        if num_parallel_calls is not None and num_parallel_calls != AUTOTUNE:
            integer("num_parallel_calls", num_parallel_calls, least=1)
        return self._then(
            lambda turn: walks.mapped(self.elements(turn), map_func, num_parallel_calls)
        )

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements of which a function gives true."""
        return self._then(
            lambda turn: (
                element
                for element in self.elements(turn)
                if walks.called(predicate, element)
            ),
            UNKNOWN_CARDINALITY,
        )

    def flat_map(
        self, map_func: Callable[..., Any], name: str | None = None
    ) -> Dataset:
        """The elements of the datasets that a function gives, one after another."""

        def walk(turn: int) -> Iterator[Any]:
            for element in self.elements(turn):
                inner = walks.called(map_func, element)
                _check_dataset("the function of flat_map", inner)
                yield from inner.elements(turn)

        return ChainedDataset(walk, UNKNOWN_CARDINALITY)

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Each `batch_size` elements as one, with an axis in front.

        Raises: ShapeError or ArgumentError for elements that are not alike.
        """
        return self._batched(batch_size, drop_remainder, form.stacked)

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """As `batch`, with arrays filled up at their ends to the longest of a batch.

        Raises: ShapeError for an array that is longer than `padded_shapes`.
        """
        return self._batched(
            batch_size,
            drop_remainder,
            lambda each: form.padded(each, padded_shapes, padding_values),
        )

    def _batched(
        self, batch_size: int, drop_remainder: bool, join: Callable[[Any], Any]
    ) -> Dataset:
        size = integer("batch_size", batch_size, least=1)
        count = self.cardinality()
        if count > 0:
            count = count // size if drop_remainder else -(-count // size)
        return self._then(
            lambda turn: walks.batched(self.elements(turn), size, drop_remainder, join),
            count,
            not drop_remainder,
        )

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of each element."""
        return ChainedDataset(
            lambda turn: walks.unbatched(self.elements(turn)), UNKNOWN_CARDINALITY
        )

    def rebatch(
        self, batch_size: int, drop_remainder: bool = False, name: str | None = None
    ) -> Dataset:
        """Batches of another size."""
        return self.unbatch().batch(batch_size, drop_remainder)

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Datasets of `size` elements, that begin `shift` elements apart."""
        size = integer("size", size, least=1)
        step = size if shift is None else integer("shift", shift, least=1)
        stride = integer("stride", stride, least=1)

        def walk(turn: int) -> Iterator[Any]:
            items = self.elements(turn)
            for held in walks.windows(items, size, step, stride, drop_remainder):
                yield form.over(_of_items, *held)

        return ChainedDataset(walk, UNKNOWN_CARDINALITY)

    def shuffle(
        self,
        buffer_size: int | None,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
        name: str | None = None,
    ) -> Dataset:
        """The elements in a random order, each one out of a buffer of the next ones.

        Without a seed, one is drawn from NumPy's random numbers (`set_random_seed`).

        Raises: ArgumentError for a `buffer_size` below 1; None holds all elements.
        """
        size = buffer_size and integer("buffer_size", buffer_size, least=1)
        key = int(np.random.randint(2**31)) if seed is None else integer("seed", seed)
        anew = reshuffle_each_iteration is not False
        return self._then(
            lambda turn: walks.shuffled(
                self.elements(turn), size, key, turn if anew else 0
            )
        )

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first `count` elements; -1: all."""
        count = integer("count", count, least=-1)
        if count < 0:
            return self
        return self._then(
            lambda turn: itertools.islice(self.elements(turn), count),
            _least([self.cardinality(), count]),
        )

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """All but the first `count` elements; -1: none."""
        count = integer("count", count, least=-1)
        known = self.cardinality()
        if count < 0:
            return self.take(0)
        return self._then(
            lambda turn: itertools.islice(self.elements(turn), count, None),
            known if known < 0 else max(0, known - count),
        )

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every element whose number leaves `index`, divided by `num_shards`."""
        shards = integer("num_shards", num_shards, least=1)
        first = integer("index", index, least=0, most=shards - 1)
        known = self.cardinality()
        return self._then(
            lambda turn: itertools.islice(self.elements(turn), first, None, shards),
            known if known < 0 else len(range(first, known, shards)),
        )

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """All elements again and again, `count` times or without end."""
        times = -1 if count is None else integer("count", count, least=-1)
        turns = range(_TURNS if times < 0 else times)

        def walk(turn: int) -> Iterator[Any]:
            for part in turns:
                ended = True
                for element in self.elements(turn * len(turns) + part):
                    ended = False
                    yield element
                if ended:
                    return

        known = self.cardinality()
        if known > 0:
            known = INFINITE_CARDINALITY if times < 0 else known * times
        elif known == UNKNOWN_CARDINALITY and times < 0:
            known = INFINITE_CARDINALITY
        return self._then(walk, known)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """These elements, and then those of another dataset."""
        _check_dataset("concatenate", dataset)
        counts = self.cardinality(), dataset.cardinality()
        # No end (-1) weighs more than unknown (-2).
        lost = max((count for count in counts if count < 0), default=None)
        return self._then(
            lambda turn: itertools.chain(self.elements(turn), dataset.elements(turn)),
            sum(counts) if lost is None else lost,
        )

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Pairs of a number and an element."""
        return self._then(
            lambda turn: (
                (np.int64(number), element)
                for number, element in enumerate(self.elements(turn), start)
            )
        )

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """The elements of the first walk, kept in memory once it has ended.

        Raises: UnsupportedError for a file.
        """
        if filename:
            raise UnsupportedError(
                "cache keeps elements in memory and writes no files: leave out "
                f"{filename!r}, or save arrays with numpy.save"
            )
        kept: list[Any] = []
        whole = False

        def walk(turn: int) -> Iterator[Any]:
            nonlocal kept, whole
            if whole:
                yield from kept
                return
            found: list[Any] = []
            for element in self.elements(0):
                found.append(element)
                yield element
            kept, whole = found, True

        return self._then(walk)

    def prefetch(
        self, buffer_size: int | None = AUTOTUNE, name: str | None = None
    ) -> Dataset:
        """The same elements; a thread makes the next `buffer_size` ones ahead."""
        given = integer("buffer_size", buffer_size or 0, least=-1)
        depth = given if given > 0 else 2
        if not given:
            return self

        def walk(turn: int) -> Iterator[Any]:
            with prefetch(self.elements(turn), depth) as ahead:
                yield from ahead

        return self._then(walk)

    def reduce(
        self,
        initial_state: Any,
        reduce_func: Callable[[Any, Any], Any],
        name: str | None = None,
    ) -> Any:
        """The last state: `reduce_func` makes it of the one before and an element."""
        state = form.as_element(initial_state)
        for element in self:
            state = form.as_element(reduce_func(state, element))
        return state

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element.

        Raises: ArgumentError unless there is exactly one.
        """
        found = list(itertools.islice(self, 2))
        if len(found) != 1:
            raise ArgumentError(
                "get_single_element needs a dataset of one element, this one has "
                f"{'none' if not found else 'more'}"
            )
        return found[0]

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What a function makes of this dataset."""
        return transformation_func(self)

    def with_options(self, options: object, name: str | None = None) -> Dataset:
        """The same: there is nothing to choose."""
        return self

    def _then(
        self, walk: _Walk, count: int | None = None, varies: bool | None = None
    ) -> Dataset:
        """A dataset made of this one, and like it where nothing else is said."""
        return ChainedDataset(
            walk,
            self.cardinality() if count is None else count,
            self.varies if varies is None else varies,
        )


class ChainedDataset(Dataset):
    """A dataset whose elements a function gives for the number of a walk."""

    def __init__(self, walk: _Walk, count: int, varies: bool = False) -> None:
        self._walk = walk
        self._count = count
        self.varies = varies

    def elements(self, turn: int) -> Iterator[Any]:
        return self._walk(turn)

    def cardinality(self) -> int:
        return self._count

    def __repr__(self) -> str:
        words = {INFINITE_CARDINALITY: "endless", UNKNOWN_CARDINALITY: "unknown many"}
        return f"<Dataset of {words.get(self._count, self._count)} elements>"


def _of_items(*items: Any) -> Dataset:
    return ChainedDataset(lambda turn: iter(items), len(items))


def _least(counts: list[int]) -> int:
    """How many elements there are until the first of several datasets ends."""
    if UNKNOWN_CARDINALITY in counts:
        return UNKNOWN_CARDINALITY
    known = [count for count in counts if count >= 0]
    return min(known, default=INFINITE_CARDINALITY)


def _check_dataset(what: str, given: object) -> None:
    if not isinstance(given, Dataset):
        raise ArgumentError(
            f"{what} takes a seqir.data.Dataset, got a {type(given).__name__}; "
            "from_tensor_slices makes one of arrays, from_generator of a function"
        )
