"""Layers in half precision: what is large for them must not become NaN or infinite."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.layers import Input

keras = pytest.importorskip("keras")

LARGE = (70000 * np.random.default_rng(0).normal(size=(3, 5, 8))).astype(np.float32)
HALF = (60000 * np.random.default_rng(1).uniform(-1, 1, (3, 5, 8))).astype(np.float16)

NORMALIZATIONS: list[tuple[str, dict[str, Any]]] = [
    ("LayerNormalization", {}),
    ("LayerNormalization", {"axis": 1}),
    ("LayerNormalization", {"axis": [1, 2], "center": False}),
    ("LayerNormalization", {"scale": False}),
    ("LayerNormalization", {"rms_scaling": True}),
    ("GroupNormalization", {"groups": 4}),
    ("GroupNormalization", {"groups": -1, "scale": False}),
    ("GroupNormalization", {"groups": 5, "axis": 1}),
    ("BatchNormalization", {}),
    ("BatchNormalization", {"axis": 1, "center": False}),
]


def pair(name: str, arguments: Any, policy: str) -> Any:
    """The layer here and in Keras, with the same weights."""
    mine = getattr(layers, name)(**arguments, dtype=policy)
    theirs = getattr(keras.layers, name)(**arguments, dtype=policy)
    mine.build(LARGE.shape)
    theirs.build(LARGE.shape)
    rng = np.random.default_rng(2)
    for w in mine.weights:
        large = w.name in ("moving_mean", "moving_variance")
        value = rng.uniform(0.5, 2, w.shape) * (1e9 if large else 1)
        w.assign(np.sqrt(value) if w.name == "moving_mean" else value)
    theirs.set_weights(mine.get_weights())
    return mine, theirs


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
@pytest.mark.parametrize(("name", "arguments"), NORMALIZATIONS)
@pytest.mark.parametrize("policy", ["mixed_float16", "float32"])
def test_normalization_is_that_of_keras(name: str, arguments: Any, policy: str) -> None:
    mine, theirs = pair(name, arguments, policy)
    inputs = [HALF] if name == "BatchNormalization" else [LARGE, HALF]
    for x in inputs:
        wanted = np.asarray(theirs(x))
        assert np.isfinite(wanted).all()
        found = mine(x)
        assert found.dtype == wanted.dtype
        tolerance = 2e-3 if found.dtype == np.float16 else 2e-5
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
        model = seqir.Sequential([Input(x.shape[1:], dtype=str(x.dtype)), mine])
        np.testing.assert_array_equal(model.predict(x, verbose=0), found)


def test_training_of_large_numbers_stays_finite() -> None:
    model = seqir.Sequential(
        [
            Input((6,)),
            layers.LayerNormalization(dtype="mixed_float16"),
            layers.Dense(4, dtype="mixed_float16"),
            layers.BatchNormalization(dtype="mixed_float16"),
            layers.GroupNormalization(2, dtype="mixed_float16"),
            layers.Dense(1, dtype="float32"),
        ]
    )
    model.compile("sgd", "mse")
    x = (70000 * np.random.default_rng(0).normal(size=(16, 6))).astype(np.float32)
    history = model.fit(x, np.ones((16, 1)), epochs=2, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.filterwarnings("error")
def test_what_is_too_large_becomes_infinite_without_a_warning() -> None:
    x = np.array([[1e5, -1e5]])
    policy = "mixed_float16"
    for array in (x, x.astype("float32")):
        stack = seqir.Sequential([layers.Activation("linear", dtype=policy)])
        np.testing.assert_array_equal(stack(array), [[np.inf, -np.inf]])
        stack = seqir.Sequential([layers.Activation("linear", dtype=policy)])
        found = stack.predict(array, verbose=0)
        np.testing.assert_array_equal(found, [[np.inf, -np.inf]])
        layer = layers.Activation("linear", dtype=policy)
        np.testing.assert_array_equal(layer(array), [[np.inf, -np.inf]])
