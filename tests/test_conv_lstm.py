"""ConvLSTM: masks, dropout, states."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from seqir import layers

X = np.random.default_rng(0).normal(size=(3, 4, 5, 4, 2)).astype("float32")
MASK = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [1, 1, 1, 1]], bool)


def test_masked_steps_leave_the_states() -> None:
    """Where Keras cannot broadcast the mask to images."""
    layer = layers.ConvLSTM2D(2, 2, return_sequences=True)
    found = layer(X, mask=MASK)
    assert_allclose(found[0, :2], layer(X[:1, :2])[0], 1e-5, 1e-6)
    assert_array_equal(found[0, 2:], found[0, [1, 1]])
    assert_allclose(found[1, [0, 2, 3]], layer(X[1:2, [0, 2, 3]])[0], 1e-5, 1e-6)


@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5)])
def test_only_training_drops(rates: Any) -> None:
    layer = layers.ConvLSTM2D(2, 2, dropout=rates[0], recurrent_dropout=rates[1])
    still = layer(X)
    assert_array_equal(layer(X), still)
    noisy = [layer(X, training=True) for _ in range(2)]
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-4


def test_states_stay_and_go_both_ways() -> None:
    layer = layers.ConvLSTM1D(2, 2, stateful=True)
    x = X[:, :, :, 0]
    first, second = layer(x), layer(x)
    assert np.abs(first - second).max() > 1e-4
    layer.reset_state()
    assert_allclose(layer(x), first, 1e-6)
    both = layers.Bidirectional(layers.ConvLSTM1D(2, 2, return_sequences=True))
    ahead, back = both.forward_layer, both.backward_layer
    assert_array_equal(both(x)[..., :2], ahead(x))
    assert_array_equal(both(x)[..., 2:], back(x)[:, ::-1])
