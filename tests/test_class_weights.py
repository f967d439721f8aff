"""class_weight: the weight of each label, for labels of any form."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import seqir
from seqir import data, layers, losses, ops
from seqir.errors import ArgumentError

RNG = np.random.default_rng(0)
WEIGHTS = {0: 0.5, 1: 2.0, 2: 5.0}
TABLE = np.array([0.5, 2.0, 5.0], np.float32)


def model_for(loss: Any, *shape: int, units: int = 3) -> Any:
    """Softmax over the last axis of inputs of this shape."""
    seqir.utils.set_random_seed(0)
    last = "sigmoid" if units == 1 else "softmax"
    model = seqir.Sequential([seqir.Input(shape), layers.Dense(units, last)])
    model.compile(seqir.optimizers.SGD(0.0), loss)
    return model


def own_sparse(y_true: Any, y_pred: Any) -> Any:
    return losses.sparse_categorical_crossentropy(y_true, y_pred)


@pytest.mark.parametrize("axis", [(), (1,)], ids=["", "last axis of size 1"])
@pytest.mark.parametrize("sizes", [(), (4,), (4, 5)], ids=["one", "steps", "image"])
@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.float32])
@pytest.mark.parametrize("by", ["fit", "train_on_batch", "generator"])
def test_every_class_number_has_its_weight(
    axis: Any, sizes: Any, kind: Any, by: str
) -> None:
    x = RNG.normal(size=(6, *sizes, 2)).astype(np.float32)
    classes = RNG.integers(0, 3, (6, *sizes))
    y = classes.reshape(*classes.shape, *axis).astype(kind)
    loss = losses.SparseCategoricalCrossentropy()
    model = model_for(loss, *sizes, 2)
    p = np.take_along_axis(model.predict(x, verbose=0), classes[..., None], -1)
    wanted = np.mean(-np.log(p[..., 0]) * TABLE[classes])
    if by == "fit":
        history = model.fit(x, y, class_weight=WEIGHTS, batch_size=6, verbose=0)
        found = history.history["loss"][0]
    elif by == "generator":
        history = model.fit(iter([(x, y)]), class_weight=WEIGHTS, verbose=0)
        found = history.history["loss"][0]
    else:
        found = model.train_on_batch(x, y, class_weight=WEIGHTS)
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("loss", ["crossentropy", "sparse_categorical_crossentropy"])
def test_class_numbers_of_images_by_the_name_of_the_loss(loss: str) -> None:
    x = RNG.normal(size=(6, 4, 2)).astype(np.float32)
    y = RNG.integers(0, 3, (6, 4))
    model = model_for(loss, 4, 2)
    first = model.test_on_batch(x, y, sample_weight=TABLE[y])
    assert model.train_on_batch(x, y, class_weight=WEIGHTS) == pytest.approx(first)


def test_masks_of_images_have_two_classes() -> None:
    x = RNG.normal(size=(6, 4, 4, 2)).astype(np.float32)
    y = RNG.integers(0, 2, (6, 4, 4, 1)).astype(np.float32)
    model = model_for("binary_crossentropy", 4, 4, 2, units=1)
    p = model.predict(x, verbose=0)
    values = -np.where(y > 0, np.log(p), np.log(1 - p)) * TABLE[y.astype(int)]
    found = model.train_on_batch(x, y, class_weight=WEIGHTS)
    assert found == pytest.approx(values.mean(), rel=1e-5)


@pytest.mark.parametrize("sizes", [(), (4,)])
def test_one_hot_rows_have_the_weight_of_their_class(sizes: Any) -> None:
    classes = RNG.integers(0, 3, (6, *sizes))
    rows = np.eye(3, dtype=np.float32)[classes]
    found = [
        data.ClassWeights(WEIGHTS).of(y)
        for y in (rows, rows.astype(bool), rows * 0.9 + 0.1 / 3, rows * 2 - 1)
    ]
    for weights in found:
        np.testing.assert_array_equal(weights, TABLE[classes])


@pytest.mark.parametrize("given", [{0.0: 0.5, 1.0: 2.0}, {np.float32(1): 2, 0: 0.5}])
def test_class_numbers_may_be_floats(given: Any) -> None:
    y = np.array([0, 1, 2, 1])
    found = data.ClassWeights(given).of(y)
    assert found.tolist() == [0.5, 2, 1, 2]
    oracle = keras.src.trainers.data_adapters.data_adapter_utils
    np.testing.assert_array_equal(
        found, oracle.class_weight_to_sample_weights(y, given)
    )


@pytest.mark.parametrize(
    "y",
    [
        np.array([[1, 0, 0], [1, 0, 1]]),
        np.array([[1, 0, 0], [0, 0, 0]]),
        np.array([[1.0, 0, 0], [0.7, 0.7, 0]]),
        np.array([[0, 1], [2, 1]]),
    ],
)
def test_rows_of_no_single_class_are_refused(y: Any) -> None:
    with pytest.raises(ArgumentError, match=r"one-hot rows as y, found y\[1\] = \["):
        data.ClassWeights(WEIGHTS).of(y)
    units = y.shape[-1]
    model = model_for("binary_crossentropy", 2, units=units)
    with pytest.raises(ArgumentError, match="which is not of one class"):
        model.train_on_batch(np.ones((2, 2)), y, class_weight=WEIGHTS)


def test_a_loss_that_says_nothing_needs_a_last_axis() -> None:
    x = RNG.normal(size=(6, 4, 2)).astype(np.float32)
    y = RNG.integers(0, 3, (6, 4))
    model = model_for(lambda t, p: own_sparse(ops.squeeze(t, -1), p), 4, 2)
    with pytest.raises(ArgumentError, match="give y a last axis of size 1"):
        model.train_on_batch(x, y, class_weight=WEIGHTS)
    found = model.train_on_batch(x, y[..., None], class_weight=WEIGHTS)
    plain = model_for("sparse_categorical_crossentropy", 4, 2)
    assert found == pytest.approx(plain.train_on_batch(x, y, class_weight=WEIGHTS))


@pytest.mark.parametrize("given", [{0.5: 1.0}, {"0": 1.0}, [1.0], {0: None}])
def test_what_is_no_class_weight_is_refused(given: Any) -> None:
    with pytest.raises(ArgumentError, match="a dict from class numbers to finite"):
        data.ClassWeights(given)


@pytest.mark.parametrize("shuffle", [0, 1, np.bool_(True), np.int64(0)])
def test_shuffle_may_be_a_number(shuffle: Any) -> None:
    x = np.arange(64, dtype=np.float32)[:, None]
    found = [np.array(b.x) for b in data.adapt(x, shuffle=shuffle).epoch(0)]
    assert np.array_equal(np.concatenate(found), x) == (not shuffle)
    with pytest.raises(ArgumentError, match="must be True, False or 'batch', got 2"):
        data.adapt(x, shuffle=2)
