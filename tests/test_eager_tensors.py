"""What calls on arrays give: NumPy arrays that have `numpy()`."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, ops
from seqir.data import Dataset
from seqir.ops.eager import EagerTensor

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def network() -> Any:
    return seqir.Sequential([seqir.Input((3,)), layers.Dense(2, "relu")])


def metric() -> Any:
    mean = seqir.metrics.Mean()
    mean.update_state(X)
    return mean.result()


def element() -> Any:
    return next(iter(Dataset.from_tensor_slices({"x": X}).take(1)))["x"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(2)(X),
        lambda: layers.Embedding(9, 2, mask_zero=True)(X),
        lambda: layers.BatchNormalization()(X, training=True),
        lambda: network()(X),
        lambda: ops.mean(X),
        lambda: ops.split(X, 3, axis=1)[0],
        lambda: ops.convert_to_tensor([1, 2]),
        lambda: ops.argmax(X, axis=-1)[0],
        lambda: ops.cond(True, lambda: ops.exp(X), lambda: X),
        lambda: seqir.losses.MeanSquaredError()(X, X),
        lambda: seqir.losses.binary_crossentropy(X > 0, X),
        lambda: seqir.activations.relu(X),
        lambda: seqir.random.normal((2, 2), seed=1),
        metric,
        element,
    ],
)
def test_results_have_numpy(make: Callable[[], Any]) -> None:
    found = make()
    assert isinstance(found, EagerTensor)
    plain = found.numpy()
    assert type(plain) is (np.ndarray if found.ndim else found.dtype.type)
    np.testing.assert_array_equal(plain, found)
    first = found[0] if found.ndim else found + 1
    assert isinstance(first.numpy(), np.ndarray | np.generic)  # pyright: ignore[reportAttributeAccessIssue]


def test_what_asks_for_numpy_gets_it() -> None:
    model = network()
    for found in (model.predict(X, verbose=0), ops.convert_to_numpy(ops.exp(X)),
                  model.get_weights()[0], model.layers[0].kernel.numpy(),
                  next(Dataset.from_tensors(X).as_numpy_iterator())):  # fmt: skip
        assert type(found) is np.ndarray


def test_it_is_an_array_in_all_it_does() -> None:
    y = ops.exp(X)
    plain = np.exp(X)
    assert repr(y) == repr(y.numpy())  # pyright: ignore[reportAttributeAccessIssue]
    assert repr(y[0, 0]) == "array(1., dtype=float32)"
    assert str(y[0, 0]) == "1.0"
    assert f"{y[0, 1]:.2f}" == "2.72"
    assert round(y[0, 1], 1) == pytest.approx(2.7)
    assert round(y[0, 1]) == 3
    assert ["a", "b", "c"][ops.argmax(y[0])] == "c"
    assert {3: "three"}[ops.convert_to_tensor(3)] == "three"
    assert ops.convert_to_tensor(3) in {1, 2, 3}
    with pytest.raises(TypeError, match="unhashable"):
        hash(y)
    assert [float(n) for n in y[0]] == pytest.approx(plain[0].tolist())
    assert json.dumps(y.tolist()) == json.dumps(y.numpy().tolist())  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(np.concatenate([y, y]), np.ndarray)
    np.testing.assert_allclose(y @ y.T, plain @ plain.T, rtol=1e-6)  # pyright: ignore[reportAttributeAccessIssue]
    y[0, 0] = 5  # pyright: ignore[reportIndexIssue]
    assert y.numpy()[0, 0] == 5  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies(copied: Callable[[Any], Any]) -> None:
    y = ops.exp(X)
    np.testing.assert_array_equal(copied(y), y)
    assert type(pickle.loads(pickle.dumps(y))) is np.ndarray  # read without seqir


def test_a_mask_is_not_of_what_is_computed() -> None:
    y = layers.Embedding(9, 2, mask_zero=True)(X)
    assert seqir.backend.get_keras_mask(y).tolist() == (X != 0).tolist()
    assert seqir.backend.get_keras_mask(y + 1) is None
    assert seqir.backend.get_keras_mask(y[0]) is None
