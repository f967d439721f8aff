"""`seqir.data.Dataset`: its steps, what they give, and training on it."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import seqir
from seqir import layers, ops
from seqir.data import AUTOTUNE, Dataset, TensorSpec
from seqir.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError


def values(dataset: Dataset) -> list[Any]:
    return [plain(element) for element in dataset.as_numpy_iterator()]


def plain(element: Any) -> Any:
    if isinstance(element, dict):
        return {key: plain(value) for key, value in element.items()}
    if isinstance(element, tuple):
        return tuple(plain(value) for value in element)
    return np.asarray(element).tolist()


FIVE = Dataset.range(5)


@pytest.mark.parametrize(
    ("dataset", "wanted"),
    [
        (Dataset.range(2, 9, 3), [2, 5, 8]),
        (Dataset.from_tensor_slices([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (
            Dataset.from_tensor_slices(({"a": [1, 2]}, ["x", "y"])),
            [({"a": 1}, "x"), ({"a": 2}, "y")],
        ),
        (Dataset.from_tensors(([1, 2], 3.0)), [([1, 2], 3.0)]),
        (Dataset.from_generator(lambda: iter([1, 2])), [1, 2]),
        (Dataset.from_generator(lambda n: iter(range(n)), args=(3,)), [0, 1, 2]),
        (FIVE.map(lambda x: x * 2), [0, 2, 4, 6, 8]),
        (FIVE.map(lambda x: x * 2, num_parallel_calls=3), [0, 2, 4, 6, 8]),
        (FIVE.map(lambda x: x * 2, num_parallel_calls=AUTOTUNE), [0, 2, 4, 6, 8]),
        (FIVE.map(lambda x: (x, -x)).map(lambda x, y: x - y), [0, 2, 4, 6, 8]),
        (FIVE.map(lambda x: {"x": x}).map(lambda d: d["x"]), [0, 1, 2, 3, 4]),
        (FIVE.map(lambda x: [x, x]).take(1), [[0, 0]]),
        (FIVE.filter(lambda x: x % 2 == 1), [1, 3]),
        (FIVE.batch(2), [[0, 1], [2, 3], [4]]),
        (FIVE.batch(2, drop_remainder=True), [[0, 1], [2, 3]]),
        (FIVE.batch(2).unbatch(), [0, 1, 2, 3, 4]),
        (FIVE.batch(2).rebatch(3), [[0, 1, 2], [3, 4]]),
        (FIVE.take(2), [0, 1]),
        (FIVE.take(-1), [0, 1, 2, 3, 4]),
        (FIVE.take(9), [0, 1, 2, 3, 4]),
        (FIVE.skip(3), [3, 4]),
        (FIVE.skip(9), []),
        (FIVE.skip(-1), []),
        (FIVE.shard(2, 1), [1, 3]),
        (FIVE.take(2).repeat(2), [0, 1, 0, 1]),
        (FIVE.take(2).repeat().take(5), [0, 1, 0, 1, 0]),
        (FIVE.take(0).repeat(), []),
        (FIVE.take(2).concatenate(FIVE.skip(4)), [0, 1, 4]),
        (FIVE.take(2).enumerate(start=7), [(7, 0), (8, 1)]),
        (Dataset.zip(FIVE, FIVE.skip(3)), [(0, 3), (1, 4)]),
        (Dataset.zip((FIVE.take(1), FIVE)), [(0, 0)]),
        (Dataset.zip({"a": FIVE.take(1), "b": FIVE}), [{"a": 0, "b": 0}]),
        (FIVE.cache().prefetch(2).prefetch(AUTOTUNE).prefetch(0), [0, 1, 2, 3, 4]),
        (FIVE.apply(lambda d: d.take(1)).with_options(object()), [0]),
        (FIVE.take(4).flat_map(lambda x: Dataset.range(int(x))), [0, 0, 1, 0, 1, 2]),
    ],
)  # fmt: skip
def test_what_steps_give(dataset: Dataset, wanted: list[Any]) -> None:
    assert values(dataset) == wanted
    assert values(dataset) == wanted
    if dataset.cardinality() >= 0:
        assert len(dataset) == len(wanted)
    assert dataset


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("shift", [1, 2, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("drop", [False, True])
def test_windows(size: int, shift: int, stride: int, drop: bool) -> None:
    found = Dataset.range(7).window(size, shift, stride, drop_remainder=drop)
    wanted = []
    for begin in range(0, 7, shift):
        window = [n for n in range(begin, begin + size * stride, stride) if n < 7]
        span = begin + (size - 1) * stride
        if span < 7 or not drop:
            wanted.append(window)
    assert [values(window) for window in found] == wanted


def test_a_series_by_windows_as_in_tutorials() -> None:
    dataset = Dataset.range(6).window(4, shift=1, drop_remainder=True)
    dataset = dataset.flat_map(lambda window: window.batch(4))
    dataset = dataset.map(lambda window: (window[:-1], window[-1]))
    assert values(dataset.batch(2)) == [([[0, 1, 2], [1, 2, 3]], [3, 4]),
                                        ([[2, 3, 4]], [5])]  # fmt: skip


def test_windows_of_pairs() -> None:
    pairs = Dataset.zip(Dataset.range(3), Dataset.range(10, 13))
    both = pairs.window(2).flat_map(lambda x, y: Dataset.zip(x.batch(2), y.batch(2)))
    assert values(both) == [([0, 1], [10, 11]), ([2], [12])]


@pytest.mark.parametrize("buffer", [1, 3, 100, None])
def test_shuffled_elements(buffer: int | None) -> None:
    dataset = Dataset.range(50).shuffle(buffer, seed=3)
    first, second = values(dataset), values(dataset)
    assert sorted(first) == sorted(second) == list(range(50))
    assert (first == list(range(50))) == (buffer == 1)
    assert (first == second) == (buffer == 1)
    again = Dataset.range(50).shuffle(buffer, seed=3)
    assert [values(again), values(again)] == [first, second]
    if buffer is not None:
        assert all(place + buffer > number for place, number in enumerate(first))


def test_the_same_order_at_each_walk() -> None:
    dataset = FIVE.repeat(4).shuffle(20, reshuffle_each_iteration=False)
    assert values(dataset) == values(dataset)


def test_repetitions_have_orders_of_their_own() -> None:
    found = values(Dataset.range(9).shuffle(9, seed=1).repeat(2).batch(9))
    assert sorted(found[0]) == sorted(found[1])
    assert found[0] != found[1]


def test_without_a_seed_the_order_follows_set_random_seed() -> None:
    orders = []
    for seed in (1, 1, 2):
        seqir.utils.set_random_seed(seed)
        orders.append(values(Dataset.range(30).shuffle(30)))
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(
    ("dataset", "count"),
    [
        (FIVE.repeat(), -1),
        (FIVE.filter(bool), -2),
        (FIVE.filter(bool).repeat(), -1),
        (FIVE.repeat().take(3), 3),
        (FIVE.repeat().batch(2), -1),
        (FIVE.concatenate(FIVE.repeat()), -1),
        (FIVE.filter(bool).concatenate(FIVE.repeat()), -1),
        (FIVE.filter(bool).concatenate(FIVE), -2),
        (Dataset.zip(FIVE.repeat(), FIVE), 5),
        (Dataset.zip(FIVE.filter(bool), FIVE), -2),
        (FIVE.batch(2).unbatch(), -2),
        (FIVE.take(0).repeat(), 0),
    ],
)
def test_how_many_elements_there_are(dataset: Dataset, count: int) -> None:
    assert dataset.cardinality() == count
    if count < 0:
        wanted = "has no end" if count == -1 else "is not known"
        with pytest.raises(TypeError, match=f"number of elements .* {wanted}"):
            len(dataset)
    words = {-1: "endless", -2: "unknown many"}
    assert repr(dataset) == f"<Dataset of {words.get(count, count)} elements>"


class Pair(NamedTuple):
    left: Any
    right: Any


def test_structures_and_types_are_kept() -> None:
    rows = Pair(np.zeros((4, 2), np.float64), {"b": [True] * 4, "a": np.arange(4)})
    dataset = Dataset.from_tensor_slices(rows).batch(3)
    first = next(iter(dataset))
    assert isinstance(first, Pair)
    assert list(first.right) == ["b", "a"]
    assert dataset.element_spec == Pair(
        TensorSpec((None, 2), "float64"),
        {"b": TensorSpec([None], bool), "a": TensorSpec([None], np.int64)},
    )
    whole = dataset.unbatch().batch(2, drop_remainder=True)
    assert whole.element_spec.left == TensorSpec((2, 2), "float64")
    assert dataset.map(lambda x, y: x + 1).element_spec.shape == (None, 2)
    text = Dataset.from_tensor_slices(["one", "three"]).batch(2)
    assert text.element_spec == TensorSpec((None,), str)
    assert Dataset.from_tensor_slices([1.5, 2]).element_spec == TensorSpec(())
    assert Dataset.from_tensor_slices([1, 2]).element_spec.dtype == "int32"
    assert Dataset.from_tensor_slices([1 << 40]).element_spec.dtype == "int64"


class Framework:
    """A tensor of another library."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def numpy(self) -> Any:
        return self.array


def test_functions_may_give_tensors_of_any_library() -> None:
    dataset = FIVE.map(lambda x: Framework(np.float32([x, 1])))
    assert values(dataset.batch(5))[0][4] == [4.0, 1.0]
    frame = {"age": np.array([1, 2]), "name": np.array(["a", "bc"], object)}
    assert values(Dataset.from_tensor_slices(frame)) == [
        {"age": 1, "name": "a"},
        {"age": 2, "name": "bc"},
    ]


def test_functions_may_call_layers_and_ops() -> None:
    scale = layers.Rescaling(0.5)
    dataset = Dataset.from_tensor_slices((np.ones((4, 3), np.uint8), [0, 1, 2, 1]))
    dataset = dataset.batch(2).map(lambda x, y: (scale(x), ops.one_hot(y, 3)))
    x, y = next(iter(dataset))
    np.testing.assert_array_equal(x, np.full((2, 3), 0.5))
    np.testing.assert_array_equal(y, np.eye(3)[:2])


def test_generators_say_their_types() -> None:
    signature = (TensorSpec((2,), "float64"), TensorSpec((), seqir.Variable(1.0).dtype))
    dataset = Dataset.from_generator(lambda: iter([[[1, 2], 3]]), None, None, None,
                                     signature)  # fmt: skip
    x, y = next(iter(dataset))
    assert (x.dtype, y.dtype) == (np.float64, np.float32)
    dataset = Dataset.from_generator(
        lambda: iter([("a", 1)]), output_types=("string", "int64")
    )
    text, number = next(iter(dataset))
    assert text == "a"
    assert number.dtype == np.int64


def test_lists_of_different_lengths_are_filled_up() -> None:
    rows = [[1, 2, 3], [4], [5, 6]]
    dataset = Dataset.from_generator(lambda: iter(rows))
    assert values(dataset.padded_batch(2)) == [[[1, 2, 3], [4, 0, 0]], [[5, 6]]]
    longer = dataset.padded_batch(3, padded_shapes=[4], padding_values=-1)
    assert values(longer)[0][1] == [4, -1, -1, -1]
    pairs = dataset.map(lambda x: (x, len(x)))
    found = values(pairs.padded_batch(2, ([None], []), (9, 0), drop_remainder=True))
    assert found == [([[1, 2, 3], [4, 9, 9]], [3, 1])]
    by_name = pairs.map(lambda x, n: {"n": n, "x": x})
    padded = by_name.padded_batch(2, {"x": (3,), "n": ()})
    assert values(padded)[1] == {"n": [2], "x": [[5, 6, 0]]}
    words = Dataset.from_generator(lambda: iter([["a"], ["b", "cd"]])).padded_batch(2)
    assert values(words) == [[["a", ""], ["b", "cd"]]]


def test_reductions() -> None:
    assert FIVE.reduce(np.int64(0), lambda state, x: state + x) == 10
    assert FIVE.take(1).get_single_element() == 0


def test_elements_are_made_when_they_are_asked_for() -> None:
    made: list[int] = []

    def note(x: Any) -> Any:
        made.append(int(x))
        return x

    dataset = Dataset.range(100).map(note)
    assert not made
    assert values(dataset.batch(2).take(2)) == [[0, 1], [2, 3]]
    assert made == [0, 1, 2, 3]
    cached = dataset.take(3).cache()
    made.clear()
    assert next(iter(cached)) == 0  # not to the end: nothing is kept
    assert values(cached) == values(cached) == [0, 1, 2]
    assert made == [0, 0, 1, 2]


def test_nothing_is_kept() -> None:
    alive: list[weakref.ref[Any]] = []

    def large(x: Any) -> Any:
        array = np.zeros(1000)
        alive.append(weakref.ref(array))
        return array

    dataset = Dataset.range(20).map(large).shuffle(3).repeat(2).take(35)
    assert sum(1 for _ in dataset) == 35
    gc.collect()
    assert not [ref for ref in alive if ref() is not None]


def test_walks_beside_each_other() -> None:
    dataset = Dataset.range(200).shuffle(50, seed=0).map(lambda x: x, 2).prefetch(3)
    wanted = [[plain(e) for e in dataset.elements(turn)] for turn in range(4)]
    found: dict[int, Any] = {}

    def walk(turn: int) -> None:
        found[turn] = [plain(element) for element in dataset.elements(turn)]

    threads = [threading.Thread(target=walk, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[turn] for turn in range(4)] == wanted


def test_threads_end_with_the_walk() -> None:
    before = threading.active_count()
    walk = iter(Dataset.range(1000).map(lambda x: x, 2).prefetch(3))
    assert next(walk) == 0
    assert threading.active_count() > before
    del walk
    gc.collect()
    assert threading.active_count() == before


def test_errors_of_functions_are_their_own() -> None:
    def fail(x: Any) -> Any:
        raise KeyError("mine")

    for parallel in (None, 2):
        with pytest.raises(KeyError, match="mine"):
            values(FIVE.map(fail, parallel).prefetch(2))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Dataset.from_tensor_slices(3), ShapeError,
         r"takes arrays of one length, got the shapes \(\)"),
        (lambda: Dataset.from_tensor_slices(([1, 2], [1])), ShapeError,
         r"takes arrays of one length, got the shapes \(2,\), \(1,\)"),
        (lambda: Dataset.from_tensor_slices(()), ArgumentError,
         r"from_tensor_slices takes arrays, got \(\)"),
        (lambda: Dataset.from_tensor_slices([[1], [1, 2]]), DTypeError,
         r"arrays of numbers or strings .*, got \[\[1\], \[1, 2\]\] of class list"),
        (lambda: Dataset.from_generator(iter([1])), ArgumentError,
         "from_generator takes a function that returns an iterator, got a list_iter"),
        (lambda: values(FIVE.map(lambda x: object())), DTypeError,
         "elements of a dataset are arrays of numbers or strings in tuples and dicts"),
        (lambda: FIVE.batch(0), ArgumentError, "batch_size must be an integer >= 1"),
        (lambda: FIVE.shuffle(-1), ArgumentError, "buffer_size must be an integer >="),
        (lambda: FIVE.take(-2), ArgumentError, "count must be an integer >= -1"),
        (lambda: FIVE.map(abs, 0), ArgumentError, "num_parallel_calls must be an int"),
        (lambda: FIVE.shard(2, 2), ArgumentError, "index must be an integer from 0 to"),
        (lambda: FIVE.cache("file"), UnsupportedError,
         "cache keeps elements in memory and writes no files: leave out 'file'"),
        (lambda: Dataset.zip(FIVE, [1]), ArgumentError,
         "zip takes a seqir.data.Dataset, got a list; from_tensor_slices makes"),
        (lambda: FIVE.concatenate(3), ArgumentError,
         "concatenate takes a seqir.data.Dataset, got a int"),
        (lambda: values(FIVE.flat_map(lambda x: [x])), ArgumentError,
         "the function of flat_map takes a seqir.data.Dataset, got a list"),
        (lambda: values(FIVE.map(lambda x: np.zeros(int(x))).batch(2)), ShapeError,
         r"a batch is made of arrays of one shape, got \(0,\), \(1,\); padded_batch"),
        (lambda: values(FIVE.map(lambda x: np.zeros([1] * int(x))).padded_batch(2)),
         ShapeError, "a batch is made of arrays of one shape"),
        (lambda: values(FIVE.map(lambda x: np.zeros(int(x))).padded_batch(5, [2])),
         ShapeError, r"fills up arrays to the shape \(2,\), and found \(4,\)"),
        (lambda: values(FIVE.map(lambda x: {str(x): x}).batch(2)), ArgumentError,
         "elements of one dataset have one structure, and arrays that go together"),
        (lambda: FIVE.take(0).element_spec, ArgumentError,
         "a dataset without elements has no element_spec"),
        (FIVE.get_single_element, ArgumentError, "needs .* one element, .* has more"),
        (FIVE.take(0).get_single_element, ArgumentError, "this one has none"),
        (lambda: TensorSpec((), "text"), DTypeError, "'text' is not an element type"),
        (lambda: Dataset().elements(0), NotImplementedError, "Dataset has no elements"),
    ],
)  # fmt: skip
def test_wrong_steps(
    make: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()


# ------------------------------------------------------------------ models


def model() -> Any:
    seqir.utils.set_random_seed(0)
    made = seqir.Sequential([seqir.Input((3,)), layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def data(n: int = 20) -> Dataset:
    x = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    return Dataset.from_tensor_slices((x, x.sum(1, keepdims=True)))


def test_a_model_is_trained_as_on_arrays() -> None:
    x, y = next(iter(data().batch(20)))
    one, two = model(), model()
    one.fit(x, y, batch_size=6, epochs=3, shuffle=False, verbose=0)
    history = two.fit(data().batch(6).prefetch(AUTOTUNE), epochs=3, verbose=0,
                      validation_data=data().batch(6).cache())  # fmt: skip
    np.testing.assert_array_equal(one.get_weights()[0], two.get_weights()[0])
    assert len(history.history["val_loss"]) == 3
    assert two.evaluate(data().batch(5), verbose=0) == pytest.approx(
        two.evaluate(x, y, verbose=0), rel=1e-5
    )
    np.testing.assert_allclose(
        two.predict(data().batch(7), verbose=0), two.predict(x, verbose=0), rtol=1e-6
    )
    only_x = data().batch(7).map(lambda x, y: x)
    np.testing.assert_allclose(
        two.predict(only_x, verbose=0), two.predict(x, verbose=0)
    )


def test_an_endless_dataset_needs_steps() -> None:
    endless = data().shuffle(20, seed=2).batch(5).repeat()
    with pytest.raises(ArgumentError, match="ChainedDataset has no end: pass the num"):
        model().fit(endless, verbose=0)
    one, two = model(), model()
    one.fit(endless, steps_per_epoch=4, epochs=2, verbose=0)
    # The walk of an endless dataset is one: its repetitions are the epochs' orders.
    for batch in itertools.islice(endless.elements(0), 8):
        two.train_on_batch(*batch)
    np.testing.assert_allclose(one.get_weights()[0], two.get_weights()[0], rtol=1e-6)


def test_epochs_are_walks_whatever_was_walked_before(tmp_path: Any) -> None:
    dataset = data().shuffle(20, seed=5).batch(4)
    one, two = model(), model()
    one.fit(dataset, epochs=4, verbose=0)
    values(dataset)
    folder = tmp_path / "state"
    two.fit(dataset, epochs=2, verbose=0, resume=folder)
    resumed = model()
    resumed.fit(dataset, epochs=4, verbose=0, resume=folder)
    np.testing.assert_array_equal(one.get_weights()[0], resumed.get_weights()[0])


def test_a_dataset_is_split() -> None:
    left, right = seqir.utils.split_dataset(Dataset.range(10), left_size=0.7)
    assert (values(left), values(right)) == (list(range(7)), [7, 8, 9])
    left, right = seqir.utils.split_dataset(Dataset.range(10), 3, 4, shuffle=True)
    parts = [values(left), values(right)]
    assert [values(left), values(right)] == parts
    assert len({*parts[0], *parts[1]}) == 7
    with pytest.raises(ArgumentError, match="8 and 3 samples are more than 10"):
        seqir.utils.split_dataset(Dataset.range(10), 8, 3)


def test_layers_adapt_to_a_dataset() -> None:
    layer = layers.Normalization()
    layer.adapt(data().batch(6).map(lambda x, y: x))
    x, _ = next(iter(data().batch(20)))
    np.testing.assert_allclose(layer.mean.ravel(), x.mean(0), rtol=1e-4, atol=1e-6)


def test_series_and_folders_chain() -> None:
    series = seqir.utils.timeseries_dataset_from_array(
        np.arange(20.0), np.arange(20.0), 3, batch_size=4, shuffle=True, seed=1
    )
    assert len(series) == 5
    assert [len(y) for _, y in series.take(2)] == [4, 4]
    assert series.element_spec[0] == TensorSpec((None, 3), "float64")
    first, second = (np.concatenate([y for _, y in walk]) for walk in (series, series))
    assert sorted(first) == sorted(second)
    assert list(first) != list(second)
    doubled = series.map(lambda x, y: (x * 2, y))
    for x, y in doubled:
        np.testing.assert_array_equal(x[:, 0], y * 2)
    single = seqir.utils.timeseries_dataset_from_array(
        np.arange(6.0), None, 3, batch_size=None
    )
    assert values(single.batch(2)) == [[[0, 1, 2], [1, 2, 3]], [[2, 3, 4], [3, 4, 5]]]


# ------------------------------------------------- datasets of other libraries


class Tensor:
    """What TensorFlow's and PyTorch's tensors have in common with nothing else."""

    def __init__(self, array: Any) -> None:
        self._array = np.asarray(array)
        self.shape = self._array.shape

    def numpy(self) -> Any:
        return self._array


class TensorFlowDataset:
    """A look-alike of ``tf.data.Dataset``."""

    def __init__(self, batches: int, cardinality: int) -> None:
        self.batches, self._cardinality = batches, cardinality

    def __iter__(self) -> Any:
        found = data(4 * self.batches).batch(4)
        return ((Tensor(x), Tensor(y)) for x, y in found)

    def __len__(self) -> int:
        if self._cardinality < 0:
            raise TypeError("The dataset is infinite.")
        return self._cardinality

    def cardinality(self) -> Any:
        return np.int64(self._cardinality)

    @property
    def element_spec(self) -> Any:
        return ()


class TorchLoader:
    """A look-alike of ``torch.utils.data.DataLoader``: batches are lists."""

    batch_size = 4

    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Any:
        return ([Tensor(x), Tensor(y)] for x, y in data().batch(4))


@pytest.mark.parametrize(
    "source", [TensorFlowDataset(5, 5), TensorFlowDataset(5, -2), TorchLoader()]
)
def test_datasets_of_other_libraries(source: Any) -> None:
    one, two = model(), model()
    one.fit(data().batch(4), epochs=2, verbose=0)
    two.fit(source, epochs=2, verbose=0, validation_data=source)
    np.testing.assert_array_equal(one.get_weights()[0], two.get_weights()[0])
    assert two.predict(source, verbose=0).shape == (20, 1)
    assert two.evaluate(source, verbose=0) == one.evaluate(data().batch(4), verbose=0)


def test_an_endless_dataset_of_another_library() -> None:
    with pytest.raises(ArgumentError, match="TensorFlowDataset has no end: pass the"):
        model().fit(TensorFlowDataset(5, -1), verbose=0)
    history = model().fit(TensorFlowDataset(5, -1), steps_per_epoch=2, verbose=0)
    assert len(history.history["loss"]) == 1
