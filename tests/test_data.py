"""Batches of arrays: order, steps, weights, splitting, labels."""

import warnings
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from data_samples import Loader, Numbers, rows, seen
from hypothesis import given
from hypothesis import strategies as st

from seqir import data
from seqir.errors import ArgumentError

# Arrays.


@given(
    n=st.integers(1, 40),
    size=st.integers(1, 45),
    shuffle=st.sampled_from([False, True, "batch"]),
    epoch=st.integers(0, 3),
    seed=st.integers(-3, 2**70),
)
def test_each_sample_once_per_epoch(
    n: int, size: int, shuffle: Any, epoch: int, seed: int
) -> None:
    x, y = rows(n, 2), np.arange(n)
    batches = data.adapt(x, y, batch_size=size, shuffle=shuffle, seed=seed)
    found = list(batches.epoch(epoch))
    assert len(found) == batches.count == -(-n // size)
    assert [b.size for b in found[:-1]] == [size] * (len(found) - 1)
    for batch in found:
        assert len(batch.x) == len(batch.y) == batch.size
        np.testing.assert_array_equal(batch.x[:, 0], 2 * batch.y)
    assert sorted(np.concatenate([b.y for b in found])) == list(range(n))


@given(
    n=st.integers(1, 30),
    size=st.integers(1, 8),
    shuffle=st.sampled_from([False, True, "batch"]),
    steps=st.none() | st.integers(1, 9),
    epoch=st.integers(0, 5),
    start=st.integers(0, 12),
)
@pytest.mark.filterwarnings("ignore:the data ended")
def test_an_epoch_can_be_entered_anywhere(
    n: int, size: int, shuffle: Any, steps: int | None, epoch: int, start: int
) -> None:
    def batches() -> data.Batches:
        return data.adapt(rows(n), batch_size=size, shuffle=shuffle, steps=steps)

    assert batches().replayable
    assert seen(batches(), epoch, start) == seen(batches(), epoch)[start:]


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    x = rows(50)
    one, two = (data.adapt(x, shuffle=True, seed=7) for _ in range(2))
    seen(one, 0)
    assert seen(one, 1) == seen(two, 1)
    assert seen(one, 1) != seen(one, 0)
    assert seen(one, 1) != seen(data.adapt(x, shuffle=True, seed=8), 1)


def test_shuffle_batch_stays_within_batches() -> None:
    found = seen(data.adapt(rows(100), batch_size=50, shuffle="batch"))
    assert [sorted(b) for b in found] == [
        list(map(float, range(50))),
        list(map(float, range(50, 100))),
    ]
    assert found[0] != sorted(found[0])
    assert [v + 50 for v in found[0]] != found[1]


def test_batches_in_order_are_views() -> None:
    x, y = rows(10, 3), np.arange(10)
    batches = data.adapt({"a": [x]}, y, batch_size=4)
    for batch in batches.epoch(0):
        assert np.shares_memory(batch.x["a"][0], x)
        assert np.shares_memory(batch.y, y)
    assert batches.ready
    shuffled = data.adapt(x, batch_size=4, shuffle=True)
    assert not any(np.shares_memory(b.x, x) for b in shuffled.epoch(0))
    assert not shuffled.ready


def test_arrays_whose_memory_is_not_in_order() -> None:
    x = np.asfortranarray(rows(9, 4))
    x.flags.writeable = False
    found = np.concatenate([b.x for b in data.adapt(x, shuffle=True).epoch(0)])
    np.testing.assert_array_equal(np.sort(found, axis=0), x)


def test_structures_are_kept() -> None:
    x = {"b": rows(4), "a": (rows(4, 2), [rows(4, 3)])}
    (batch,) = data.adapt(x, [rows(4), None], batch_size=8).epoch(0)
    assert list(batch.x) == ["b", "a"]
    assert isinstance(batch.x["a"], tuple)
    assert isinstance(batch.x["a"][1], list)
    assert batch.y[1] is None
    assert batch.size == 4


def test_signature() -> None:
    x = {"b": np.zeros((4, 2), ml_dtypes.bfloat16), "a": [rows(4)]}
    batches = data.adapt(x, np.zeros((4, 1), np.int64), batch_size=3)
    signature = batches.signature
    assert signature.x == {
        "b": data.Spec("bfloat16", (2,)),
        "a": [data.Spec("float32", ())],
    }
    assert signature.y == data.Spec("int64", (1,))
    assert signature.sample_weight is None
    last = list(batches.epoch(0))[-1]
    assert data.signature_of(last) == signature
    assert hash(data.signature_of(last)) == hash(signature)
    assert data.adapt(rows(4)).signature != signature


def test_batch_sizes() -> None:
    assert data.adapt(rows(100)).batch_size == 32
    batches = data.adapt(rows(100), steps=7)
    assert (batches.batch_size, batches.count, batches.samples) == (15, 7, 100)
    assert data.adapt(rows(100), steps=7, batch_size=10).batch_size == 10


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "uint8", "bool"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_element_types_are_kept(dtype: Any, shuffle: bool) -> None:
    x = rows(5).astype(dtype)
    (batch,) = data.adapt(x, shuffle=shuffle).epoch(0)
    assert batch.x.dtype == x.dtype
    assert sorted(batch.x.astype(float)) == sorted(x.astype(float))


def test_foreign_byte_order_becomes_native() -> None:
    (batch,) = data.adapt(rows(5).astype(">f4")).epoch(0)
    assert batch.x.dtype.isnative
    np.testing.assert_array_equal(batch.x, rows(5))


# Steps: epochs within passes, as Keras has them.


@pytest.mark.parametrize(("length", "steps"), [(6, 3), (5, 3), (5, 5), (3, 5), (7, 2)])
@pytest.mark.parametrize("kind", ["arrays", "dataset", "loader"])
def test_steps_are_those_of_keras(length: int, steps: int, kind: str) -> None:
    from keras.src.trainers.epoch_iterator import EpochIterator

    x = rows(2 * length)
    oracle = EpochIterator(x, batch_size=2, steps_per_epoch=steps)
    source: Any = {
        "arrays": x,
        "dataset": Numbers(length),
        "loader": Loader(*np.split(x, length)),
    }[kind]
    size = 2 if kind == "arrays" else None
    batches = data.adapt(source, steps=steps, batch_size=size)
    for epoch in range(5):
        with warnings.catch_warnings(record=True) as expected:
            warnings.simplefilter("always")
            wanted = []
            for _, _, items in oracle.enumerate_epoch():
                wanted += [np.ravel(i[0] if isinstance(i, tuple) else i) for i in items]
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            got = seen(batches, epoch)
        assert got == [w.tolist() for w in wanted]
        assert bool(found) == bool(expected)
    if kind != "loader":
        assert batches.count == min(length, steps)


def test_the_warning_of_a_short_epoch() -> None:
    with pytest.warns(UserWarning, match="ended after 2 of 3 steps of an epoch"):
        seen(data.adapt(rows(4), batch_size=2, steps=3))


# Weights.


def test_class_weights_are_those_of_keras() -> None:
    from keras.src.trainers.data_adapters import data_adapter_utils as oracle

    rng = np.random.default_rng(0)
    weights = {0: 0.5, 2: 3}
    one_hot = np.eye(4)[rng.integers(0, 4, 20)]
    for y in (
        rng.integers(0, 4, 20),
        rng.integers(0, 4, (20, 1)).astype(np.float32) + 0.2,
        one_hot,
    ):
        (batch,) = data.adapt(rows(20), y, class_weight=weights).epoch(0)
        wanted = oracle.class_weight_to_sample_weights(y, weights)
        np.testing.assert_array_equal(batch.sample_weight, wanted)
        assert batch.sample_weight.dtype == np.float32


def test_class_weights_of_generators_and_datasets() -> None:
    for source in (iter([(rows(2), np.array([0, 1]))]), Numbers(1)):
        (batch,) = data.adapt(source, class_weight={1: 5.0}).epoch(0)
        assert batch.sample_weight.tolist() == [1, 5]


def test_one_sample_weight_for_several_outputs() -> None:
    weight = np.array([1.0, 2.0])
    y = {"p": rows(2), "q": [rows(2), None]}
    (batch,) = data.adapt(rows(2), y, weight).epoch(0)
    assert batch.sample_weight["p"].tolist() == [1, 2]
    assert batch.sample_weight["q"][0].tolist() == [1, 2]
    assert batch.sample_weight["q"][1] is None
    (batch,) = data.adapt(rows(2), y, {"p": weight, "q": [weight, None]}).epoch(0)
    assert batch.sample_weight["q"][1] is None


# Splitting, labels.


@pytest.mark.parametrize(
    ("n", "fraction", "first"),
    [(10, 0.25, 7), (10, 0.05, 9), (10, 0.1, 9), (3, 0.5, 1)],
)
def test_split_takes_the_last_samples(n: int, fraction: float, first: int) -> None:
    x, y, w = {"a": rows(n, 2)}, np.arange(n), np.ones(n)
    training, validation = data.split(x, y, w, fraction)
    assert training[1].tolist() == list(range(first))
    assert validation[1].tolist() == list(range(first, n))
    assert np.shares_memory(training[0]["a"], x["a"])
    assert len(training[2]) == first
    assert data.split(rows(4), None, None, 0.5)[1][1:] == (None, None)


def test_good_labels() -> None:
    data.check_labels(np.array([[0], [9]], np.uint8), 10)
    data.check_labels(np.array([0.0, 9.0]), 10)
    data.check_labels(np.array([0, 255, -1][:2]), 10, ignore_class=255)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 10], r"y holds the label 10 at y\[1\]; 10 classes have the labels 0 to 9"),
        ([[0], [-1]], r"the label -1 at y\[1, 0\]"),
        ([0.5, 1.0], r"the label 0.5 at y\[0\]"),
        ([0.0, float("nan")], r"the label nan at y\[1\]"),
    ],
)
def test_wrong_labels(labels: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        data.check_labels(np.array(labels), 10)
