"""Batches of generators, loaders, datasets, and arrays of other libraries."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from data_samples import (
    Dying,
    Endless,
    Frame,
    Loader,
    Numbers,
    SizedLoader,
    Slow,
    generator,
    rows,
    seen,
)

import seqir
from seqir import data
from seqir.errors import ArgumentError, DTypeError, UnsupportedError

# Generators, loaders, iterables.


def test_a_generator_of_each_form() -> None:
    x, y, w = rows(2), rows(2), np.ones(2)
    for item, parts in (
        (x, 1), ((x,), 1), ((x, y), 2), ([x, y], 2), ((x, y, w), 3), ({"a": x}, 1),
    ):  # fmt: skip
        (batch,) = data.adapt(iter([item])).epoch(0)
        assert sum(part is not None for part in batch[:3]) == parts
        assert batch.size == 2


def test_looking_at_the_first_batch_does_not_lose_it() -> None:
    for source in (generator(3), Loader(*generator(3))):
        batches = data.adapt(source)
        assert batches.signature == batches.signature
        assert batches.signature.x == data.Spec("float32", (1,))
        assert [b[0] for b in seen(batches)] == [0, 1, 2]
    loader = Loader(*generator(3))
    batches = data.adapt(loader)
    assert batches.signature
    seen(batches, 0)
    assert loader.started == 1
    assert [b[0] for b in seen(batches, 1)] == [0, 1, 2]
    assert loader.started == 2


def test_a_generator_goes_on_where_it_is() -> None:
    batches = data.adapt(generator(6), steps=2)
    assert (batches.count, batches.replayable) == (2, False)
    found = [[b[0] for b in seen(batches, e)] for e in range(3)]
    assert found == [[0, 1], [2, 3], [4, 5]]
    for epoch in (3, 4):
        with pytest.warns(UserWarning, match="of fit has ended.* first 2 batches are"):
            assert [b[0] for b in seen(batches, epoch)] == [0, 1]


def test_a_generator_that_ends_within_an_epoch() -> None:
    batches = data.adapt(generator(3), steps=2)
    seen(batches, 0)
    with pytest.warns(UserWarning, match="ended after 1 of 2 steps"):
        assert len(seen(batches, 1)) == 1
    whole = data.adapt(generator(3), what="the validation")
    assert [b[0] for b in seen(whole)] == [0, 1, 2]
    with pytest.warns(UserWarning, match="of the validation has ended"):
        assert [b[0] for b in seen(whole, 1)] == [0, 1]
    ended = data.adapt(iter([]), what="evaluate")
    with pytest.raises(ArgumentError, match=r"no batch for evaluate; it is empty, or "):
        seen(ended)


def test_a_stream_is_entered_by_dropping() -> None:
    assert [b[0] for b in seen(data.adapt(generator(4)), 0, 2)] == [2, 3]
    batches = data.adapt(generator(9), steps=3)
    assert [b[0] for b in seen(batches, 0, 2)] == [2]
    assert [b[0] for b in seen(batches, 1)] == [3, 4, 5]


def test_the_count_of_streams() -> None:
    assert data.adapt(Loader(rows(2))).count is None
    assert data.adapt(SizedLoader(rows(2), rows(2))).count == 2
    assert data.adapt(SizedLoader(rows(2), rows(2)), steps=5).count == 2
    assert data.adapt(Loader(rows(2))).replayable
    assert not data.adapt(Loader(rows(2)), steps=1).replayable


def test_lengths_may_vary_along_other_axes() -> None:
    batches = data.adapt(iter([np.ones((2, 3)), np.ones((2, 5))]))
    found = [data.signature_of(b).x.shape for b in batches.epoch(0)]
    assert found == [(3,), (5,)]


# PyDataset.


def test_a_dataset_and_its_hooks() -> None:
    dataset = Numbers(3)
    batches = data.adapt(dataset)
    assert (batches.count, batches.samples, batches.batch_size) == (3, None, None)
    assert seen(batches) == [[0, 1], [2, 3], [4, 5]]
    assert dataset.calls == ["begin", 0, 1, 2, "end"]
    assert seen(batches, 1, start=2) == [[4, 5]]
    assert dataset.calls[5:] == ["begin", 2, "end"]  # nothing before is computed
    assert batches.signature.y == data.Spec("int64", ())


def test_looking_at_a_dataset() -> None:
    batches = data.adapt(Numbers(2))
    assert batches.signature.x == data.Spec("float32", ())
    assert seen(batches) == [[0, 1], [2, 3]]


def test_a_shuffled_dataset() -> None:
    one, two = (data.adapt(Numbers(20), shuffle=True, seed=3) for _ in range(2))
    order = seen(one, 1)
    assert sorted(order) == seen(data.adapt(Numbers(20)))
    assert order != sorted(order)
    assert order == seen(two, 1)
    assert order != seen(one, 0)
    assert seen(two, 1, start=5) == order[5:]


def test_an_endless_dataset() -> None:
    batches = data.adapt(Endless(0), steps=2, shuffle=True)
    assert batches.count == 2
    assert seen(batches, 3) == [[12, 13], [14, 15]]
    assert len(list(itertools.islice(iter(Endless(0)), 4))) == 4
    assert len(list(Numbers(3))) == 3


def test_workers_keep_the_order() -> None:
    dataset = Slow(8, workers=2, max_queue_size=3)
    assert seen(data.adapt(dataset)) == seen(data.adapt(Numbers(8)))
    assert len(dataset.threads) == 2
    assert threading.get_ident() not in dataset.threads


def test_workers_make_no_more_than_fit_the_queue() -> None:
    dataset = Numbers(50, workers=2, max_queue_size=4)
    epoch = data.adapt(dataset).epoch(0)
    next(epoch)
    epoch.close()
    assert len([c for c in dataset.calls if c != "begin"]) <= 4
    assert "end" not in dataset.calls
    assert not [t for t in threading.enumerate() if t.name.startswith("seqir-data")]


def test_worker_processes() -> None:
    dataset = Numbers(3, workers=1, use_multiprocessing=True)
    assert seen(data.adapt(dataset)) == [[0, 1], [2, 3], [4, 5]]
    assert dataset.calls == ["begin", "end"]  # the batches were made elsewhere


def test_a_worker_process_that_dies() -> None:
    batches = data.adapt(Dying(1, workers=1, use_multiprocessing=True))
    with pytest.raises(UnsupportedError, match="a process of the Dying ended before"):
        seen(batches)


def test_a_dataset_of_keras_itself() -> None:
    import keras

    class Theirs(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            return rows(2) + index

    assert seen(data.adapt(Theirs(workers=2))) == [[0, 1], [1, 2]]


def test_a_dataset_whose_class_has_another_init() -> None:
    class Plain(data.PyDataset):
        def __init__(self) -> None:
            pass

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> Any:
            return rows(2)

    assert seen(data.adapt(Plain())) == [[0, 1]]


# Other libraries, by what they offer.


class ByNumpy:
    def numpy(self) -> Any:
        return rows(3)


class ByDlpack:
    def __init__(self) -> None:
        self.array = rows(3)

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def test_tables_become_their_columns() -> None:
    frame = Frame(b=np.array([1, 2]), a=np.array([0.5, 1.5]), c=np.array([True, False]))
    (batch,) = data.adapt(frame, np.array([0, 1])).epoch(0)
    assert batch.x.tolist() == [[1, 0.5, 1], [2, 1.5, 0]]
    assert batch.x.dtype == np.float64
    (batch,) = data.adapt(dict(frame)).epoch(0)
    assert batch.x["b"].tolist() == [1, 2]


@pytest.mark.parametrize("value", [ByNumpy(), ByDlpack()])
def test_tensors_by_what_they_offer(value: Any) -> None:
    (batch,) = data.adapt(value).epoch(0)
    assert batch.x.tolist() == [0, 1, 2]


def test_jax() -> None:
    jnp = pytest.importorskip("jax.numpy")
    (batch,) = data.adapt(jnp.ones((2, 3), jnp.bfloat16)).epoch(0)
    assert batch.x.dtype == ml_dtypes.bfloat16


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    x = torch.arange(6.0).reshape(6, 1)
    (batch,) = data.adapt(x.requires_grad_(), shuffle=False).epoch(0)
    assert batch.x.tolist() == x.tolist()
    assert np.shares_memory(batch.x, x.detach().numpy())
    (batch,) = data.adapt(torch.tensor([1.5, -2.0], dtype=torch.bfloat16)).epoch(0)
    assert (batch.x.dtype, batch.x.tolist()) == (ml_dtypes.bfloat16, [1.5, -2.0])
    tensors = torch.utils.data.TensorDataset(x.detach(), torch.arange(6))
    loader = torch.utils.data.DataLoader(tensors, batch_size=4)
    batches = data.adapt(loader)
    assert batches.count == 2
    assert batches.signature.y == data.Spec("int64", ())
    for epoch in range(2):
        assert [b.y.tolist() for b in batches.epoch(epoch)] == [[0, 1, 2, 3], [4, 5]]
    with pytest.raises(ArgumentError, match="class TensorDataset; wrap a data"):
        data.adapt(tensors)


def test_pandas() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"n": [1, 2, 3], "f": [0.5, 1.5, 2.5], "b": [True] * 3})
    (batch,) = data.adapt(frame, frame["n"]).epoch(0)
    assert batch.x.tolist() == [[1, 0.5, 1], [2, 1.5, 1], [3, 2.5, 1]]
    assert batch.y.tolist() == [1, 2, 3]
    (batch,) = data.adapt(dict(frame)).epoch(0)
    assert batch.x["f"].tolist() == [0.5, 1.5, 2.5]
    training, validation = data.split(frame, frame["n"], None, 0.4)
    assert (len(training[0]), validation[1].tolist()) == (1, [2, 3])
    with pytest.raises(DTypeError, match=r"x\['s'\] holds (strings|Python objects)"):
        data.adapt(pd.DataFrame({"n": [1], "s": ["a"]}))


def test_pyarrow() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"n": [1, 2], "f": [0.5, 1.5]})
    (batch,) = data.adapt(table, table["n"]).epoch(0)
    assert batch.x.tolist() == [[1, 0.5], [2, 1.5]]
    assert batch.y.tolist() == [1, 2]
    (batch,) = data.adapt(pa.array([1.0, 2.0])).epoch(0)
    assert batch.x.tolist() == [1, 2]


def test_polars() -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"n": [1, 2], "f": [0.5, 1.5]})
    (batch,) = data.adapt(frame, frame["n"]).epoch(0)
    assert batch.x.tolist() == [[1, 0.5], [2, 1.5]]


@pytest.mark.parametrize("options", [{}, {"workers": 0}, {"workers": 2}])
def test_a_dataset_is_told_of_an_epoch_before_it_makes_a_batch(options: Any) -> None:
    class Told(data.PyDataset):
        calls: list[Any]

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            self.calls.append("item")
            return np.ones((4, 1), np.float32), np.ones((4, 1), np.float32)

        def on_epoch_begin(self) -> None:
            self.calls.append("begin")

        def on_epoch_end(self) -> None:
            self.calls.append("end")

    told = Told(max_queue_size=0, **options)
    told.calls = []
    batches = data.adapt(told)
    assert batches.signature.x == data.Spec("float32", (1,))
    assert len(list(batches.epoch(0))) == 2
    assert told.calls == ["begin", "item", "end", "begin", "item", "item", "end"]


@pytest.mark.parametrize(
    ("steps", "sums"),
    [(1, [1, 1, 1]), (2, [3, 3, 3]), (3, [6, 7, 8]), (5, [15, 24, 33])],
)
@pytest.mark.parametrize("end", [None, 100])
def test_validation_by_a_generator_begins_anew_as_keras_does(
    steps: int, sums: list[int], end: int | None
) -> None:
    """Its first two batches come each time; the sums are those of Keras 3.15."""

    def batches() -> Iterator[Any]:
        for number in itertools.islice(itertools.count(1), end):
            yield np.full((4, 1), number, np.float32), np.zeros((4, 1), np.float32)

    dense = seqir.layers.Dense(1, kernel_initializer="ones")
    model = seqir.Sequential([seqir.Input((1,)), dense])
    model.compile(seqir.optimizers.SGD(0.0), "mae")
    one = np.ones((4, 1), np.float32)
    found = model.fit(
        one, one, epochs=3, validation_data=batches(), validation_steps=steps, verbose=0
    ).history["val_loss"]
    np.testing.assert_allclose(np.array(found) * steps, sums, rtol=1e-6)
