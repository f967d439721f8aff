"""``preprocessing.sequence``: windows and pairs of words are those of Keras."""

import itertools
import random
from typing import Any

import numpy as np
import pytest
from keras.src.legacy.preprocessing import sequence as theirs

import seqir
from seqir import layers
from seqir.errors import ArgumentError
from seqir.preprocessing import sequence

KERAS: Any = theirs
DATA = np.arange(100.0).reshape(50, 2)
TARGETS = np.arange(50)


@pytest.mark.parametrize(
    "options",
    [
        {"length": 5},
        {"length": 6, "sampling_rate": 2, "stride": 3, "batch_size": 4},
        {"length": 3, "start_index": 7, "end_index": 30, "reverse": True,
         "batch_size": 8},
        {"length": 4, "shuffle": True, "batch_size": 10},
    ],
)  # fmt: skip
@pytest.mark.parametrize("data", [DATA, DATA[:, 0].tolist()], ids=["array", "list"])
def test_windows_are_keras_s(data: Any, options: dict[str, Any]) -> None:
    mine = sequence.TimeseriesGenerator(data, TARGETS, **options)
    other = KERAS.TimeseriesGenerator(data, TARGETS, **options)
    assert len(mine) == len(other)
    for index in range(len(mine)):
        pairs: list[Any] = []
        for one in (mine, other):
            np.random.seed(3)
            pairs.append(one[index])
        np.testing.assert_equal(*pairs)


def test_a_model_learns_from_windows() -> None:
    series = np.sin(np.arange(120) / 5)[:, None].astype(np.float32)
    windows = sequence.TimeseriesGenerator(series, series, length=8, batch_size=16)
    model = seqir.Sequential([seqir.Input((8, 1)), layers.LSTM(8), layers.Dense(1)])
    model.compile(seqir.optimizers.Adam(0.02), "mse")
    losses = model.fit(windows, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.3 * losses[0]
    assert model.predict(windows, verbose=0).shape == (112, 1)


def test_pairs_of_words_are_keras_s() -> None:
    for size, factor in ((1, 1e-5), (20, 1e-5), (500, 1e-3)):
        table = sequence.make_sampling_table(size, factor)
        np.testing.assert_allclose(table, KERAS.make_sampling_table(size, factor))
    words = [0, 3, 1, 4, 1, 5, 0, 9, 2, 6, 5]
    table = sequence.make_sampling_table(10, 0.5)
    for negative, shuffle, categorical, sampling in itertools.product(
        (0.0, 0.5, 2.0), (True, False), (True, False), (None, table)
    ):
        results: list[Any] = []
        for module in (sequence, KERAS):
            random.seed(5)
            results.append(
                module.skipgrams(
                    words, 10, 2, negative, shuffle, categorical, sampling, seed=7
                )
            )
        assert results[0] == results[1]
    assert sequence.skipgrams([0, 3], 5) == ([], [])


def test_wrong_calls() -> None:
    make = sequence.TimeseriesGenerator
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: make(DATA, TARGETS[:9], 3), ArgumentError, "must have one length"),
        (lambda: make(DATA, TARGETS, 50), ArgumentError, "no window of length 50 ends"),
        (lambda: make(DATA, TARGETS, 0), ArgumentError, "length must be an integer"),
        (lambda: make(DATA, TARGETS, 3)[1], IndexError, "batch 1 of 1"),
        (lambda: sequence.skipgrams([1, 2], 5, negative_samples=-1), ArgumentError,
         "negative_samples must be a number >= 0"),
    ]  # fmt: skip
    for use, error, text in cases:
        with pytest.raises(error, match=text):
            use()
