"""Gradients of tables: only rows that a batch has are added, numbers stay Adam's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seqir as keras
from seqir import layers, ops, optimizers
from seqir.operators.gather import Scatter
from seqir.train import halves

ROWS, WIDTH, LENGTH = 700, 3, 5


def batches(count: int, samples: int = 4) -> list[tuple[Any, Any]]:
    """Places of a table, some of them several times, and targets."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, 40, (count, samples, LENGTH)).astype(np.int32)
    places[:, 0] = places[:, 0, :1]  # the same one throughout a sample
    targets = rng.normal(size=(count, samples, WIDTH)).astype(np.float32)
    return list(zip(places, targets, strict=True))


def made(optimizer: Any, rows: int = ROWS) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="int32"),
            layers.Embedding(rows, WIDTH, name="table"),
            layers.GlobalAveragePooling1D(),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def step_of(model: Any) -> Any:
    return list(model.compilation._steps.values())[-1]


def graph_of(model: Any) -> Any:
    return step_of(model).program.graph


def scattered(graph: Any) -> list[Any]:
    """What is added to, of operators that add slices."""
    producers = graph.producers()
    nodes = [n for n in graph.nodes if n.op == Scatter("add")]
    return [producers[n.operands[0]].op.name for n in nodes]


def adam(table: Any, given: list[tuple[Any, Any]], rate: float = 0.001) -> Any:
    """The table after Keras's Adam, in float64 and with the whole gradient."""
    w = table.astype(np.float64)
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, (places, targets) in enumerate(given, 1):
        error = w[places].mean(1) - targets
        g = np.zeros_like(w)
        share = 2 * error / error.size / LENGTH
        np.add.at(g, places, np.repeat(share[:, None], LENGTH, 1))
        m += (g - m) * (1 - 0.9)
        v += (g * g - v) * (1 - 0.999)
        alpha = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        w -= m * alpha / (np.sqrt(v) + 1e-7)
    return w


@pytest.mark.parametrize("worth", [0, 1 << 40], ids=["halves", "whole"])
def test_ten_steps_are_those_of_adam(
    worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halves, "_WORTH_IT", worth)
    model = made("adam")
    table = model.get_layer("table").get_weights()[0]
    given = batches(10) + batches(3, samples=6)  # another batch size
    for places, targets in given:
        model.train_on_batch(places, targets)
    step = step_of(model)
    assert (step.update is not None) == (worth == 0)
    assert scattered(step.program.graph) == ["fill_like", "mul", "mul"]
    found = model.get_layer("table").get_weights()[0]
    wanted = adam(table, given)
    assert np.abs(wanted - table).max() > 5e-3
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.Adam(0.01, amsgrad=True),
        lambda: optimizers.AdamW(0.01, weight_decay=0.1),
        lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5),
        lambda: optimizers.Nadam(0.01),
        lambda: optimizers.Lamb(0.01),
    ],
)
def test_rows_alone_give_what_the_whole_gradient_gives(
    make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []
    for whole in (False, True):
        model = made(make())
        if whole:
            monkeypatch.setattr(optimizers.adam, "rows_of", lambda gradient: None)
        for places, targets in batches(6):
            model.train_on_batch(places, targets)
        sums = scattered(graph_of(model))
        assert ("mul" in sums) == (not whole)
        found.append(model.get_layer("table").get_weights()[0])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.Adam(clipvalue=0.1),
        lambda: optimizers.Adam(global_clipnorm=0.1),
        lambda: optimizers.Adam(gradient_accumulation_steps=2),
        lambda: optimizers.SGD(momentum=0.9),
    ],
)
def test_what_changes_the_gradient_first_needs_all_of_it(
    make: Callable[[], Any],
) -> None:
    model = made(make())
    model.train_on_batch(*batches(1)[0])
    assert scattered(graph_of(model)) == ["fill_like"]


def test_of_a_small_table_the_whole_gradient_is_made() -> None:
    model = made("adam", rows=60)
    model.train_on_batch(*batches(1)[0])
    assert scattered(graph_of(model)) == ["fill_like"]


def test_a_table_that_is_read_twice_has_a_whole_gradient() -> None:
    table = layers.Embedding(ROWS, WIDTH)
    one, two = (keras.Input((LENGTH,), dtype="int32") for _ in range(2))
    both = ops.mean(table(one), 1) + ops.mean(table(two), 1)
    model = keras.Model([one, two], both)
    model.compile("adam", "mse")
    (a, targets), (b, _) = batches(2)
    before = table.get_weights()[0]
    model.train_on_batch([a, b], targets)
    changed = np.flatnonzero((table.get_weights()[0] != before).any(1))
    assert set(changed) == set(a.ravel()) | set(b.ravel())


def test_places_may_count_back_from_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minus one and the last are one row, whose gradients add up."""
    tables: list[Any] = []
    for last in (ROWS - 1, -1):
        model = made("adam")
        places = np.array([[0, ROWS - 1, last, 3, ROWS - 1]], np.int32)
        for _ in range(3):
            model.train_on_batch(places, np.ones((1, WIDTH), np.float32))
        tables.append(model.get_layer("table").get_weights()[0])
    np.testing.assert_array_equal(*tables)
