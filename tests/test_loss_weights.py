"""Weights, masks and reductions of losses against Keras."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from loss_cases import (
    both,
    close,
    integers,
    keras_says,
    normal,
    run,
    simplex,
    trace,
    uniform,
)

from seqir import autodiff, losses
from seqir.ir import evaluate
from seqir.ops.tensor import Traced

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")


@pytest.mark.parametrize("reduction", [*REDUCTIONS, None])
@pytest.mark.parametrize("shape", [None, (5,), (5, 1), (5, 3)])
def test_weights_and_reductions(reduction: str | None, shape: Any) -> None:
    y_true, y_pred = normal(5, 3, 2), normal(5, 3, 2)
    weight = None if shape is None else uniform(*shape)
    own, other = both("MeanSquaredError", reduction=reduction)
    # Keras has no weights (5,) for losses (5, 3): they weight samples all the same.
    column = weight[:, None] if shape == (5,) else weight  # pyright: ignore[reportOptionalSubscript]
    wanted = np.asarray(other(y_true, y_pred, column))
    close(own(y_true, y_pred, weight), wanted)
    arrays = (y_true, y_pred) if weight is None else (y_true, y_pred, weight)
    close(run(own, *arrays), wanted)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rank", [1, 2])
def test_weights_of_flat_losses(reduction: str, weighted: bool, rank: int) -> None:
    y_true, y_pred = normal(5, 3), normal(5, 3)
    weight = uniform(5) if rank == 1 else uniform(5, 1)
    own, other = both("MeanAbsoluteError", reduction=reduction)
    arrays = (y_true, y_pred, weight) if weighted else (y_true, y_pred)
    wanted = np.asarray(other(*arrays))
    close(own(*arrays), wanted)
    close(run(own, *arrays), wanted)


def test_a_mean_divides_by_the_number_of_values() -> None:
    x = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
    weight = np.array([0.0, 0.0, 2.0, 1.0], np.float32)
    assert losses.MeanSquaredError()(x * 0, x, weight) == 8.5
    by_weight = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert by_weight(x * 0, x, weight) == pytest.approx(34 / 3)
    assert by_weight(x * 0, x, weight * 0) == 0
    # The size of the batch is what it is at the run.
    feeds = {"y": x * 0, "p": x}
    b, y = trace(losses.MeanSquaredError(), feeds)
    graph = b.finish({"y": y.value})
    for n in (1, 4):
        found = evaluate(graph, {name: a[:n] for name, a in feeds.items()})["y"]
        assert found == np.mean(np.square(x[:n]))


def masked(loss: Any, *, weighted: bool) -> Callable[..., Any]:
    """The loss of predictions that carry a mask; weights come last."""

    def call(y: Any, p: Any, mask: Any, *weight: Any) -> Any:
        if isinstance(p, Traced):
            p = Traced(p.builder, p.value, mask)
        else:
            keras.src.backend.set_keras_mask(p, mask)
        return loss(y, p, *weight[: int(weighted)])

    return call


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("holds", ["some", "none of them"])
def test_masks(reduction: str, weighted: bool, holds: str) -> None:
    y_true, y_pred = normal(4, 3, 2), normal(4, 3, 2)
    mask = integers(4, 3, high=2) > (0 if holds == "some" else 2)
    own, other = both("MeanSquaredError", reduction=reduction)
    arrays = (y_true, y_pred, mask, uniform(4, 3))
    wanted = keras_says(masked(other, weighted=weighted), *arrays)
    close(run(masked(own, weighted=weighted), *arrays), wanted)


def test_masks_meet_ignored_classes_and_weights_of_samples() -> None:
    y_true, y_pred = integers(4, 3, high=3), simplex(4, 3, 3)
    mask = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 1]], bool)
    weight = uniform(4)
    own, other = both("SparseCategoricalCrossentropy", ignore_class=1)
    spread = np.repeat(weight[:, None], 3, axis=1)
    wanted = keras_says(masked(other, weighted=True), y_true, y_pred, mask, spread)
    close(run(masked(own, weighted=True), y_true, y_pred, mask, weight), wanted)


def test_a_mask_without_any_step_gives_no_gradient() -> None:
    y_true, y_pred = normal(4, 3, 2), normal(4, 3, 2)
    own = masked(losses.MeanSquaredError(), weighted=False)

    def slope(y: Any, p: Any, mask: Any) -> Any:
        return autodiff.gradient(own(y, p, mask), [p])[0]

    found = run(slope, y_true, y_pred, np.zeros((4, 3), bool))
    assert not found.any()


def test_a_mask_of_a_loss_over_everything() -> None:
    y_true, y_pred = normal(4, 3, 2), uniform(4, 3, 2)
    mask = np.ones((4, 3), bool)
    own = losses.Dice()
    close(run(masked(own, weighted=False), y_true, y_pred, mask), own(y_true, y_pred))
