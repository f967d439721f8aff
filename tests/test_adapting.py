"""Layers that learn from data before training: what they learn is what Keras learns."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(500, 3)).astype(np.float32)


def adapt(layer: Any, *batches: Any) -> None:
    """What Keras's `adapt` does, which asks for TensorFlow first."""
    layer.reset_state()
    for batch in batches:
        layer.update_state(batch)
    layer.finalize_state()


@pytest.mark.parametrize(
    "data",
    [
        WIDE,
        WIDE[:2],
        (WIDE * 100).astype("int32"),
        [[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]],
        np.repeat(np.float32([1, 2, 2, 5]), 9),
    ],
    ids=["floats", "few", "integers", "list", "ties"],
)
@pytest.mark.parametrize("num_bins", [1, 3, 10])
@pytest.mark.parametrize("epsilon", [0.01, 0.2])
def test_bins_are_those_of_keras(data: Any, num_bins: int, epsilon: float) -> None:
    mine = layers.Discretization(num_bins=num_bins, epsilon=epsilon)
    wanted = keras.layers.Discretization(num_bins=num_bins, epsilon=epsilon)
    mine.adapt(data)
    adapt(wanted, np.asarray(data))
    np.testing.assert_allclose(mine.bin_boundaries, wanted.bin_boundaries, rtol=1e-6)
    x = WIDE[:20]
    np.testing.assert_array_equal(mine(x), np.asarray(wanted(x)))


@pytest.mark.parametrize("steps", [None, 2])
@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_bins_of_batches_are_those_of_keras(steps: int | None, epsilon: float) -> None:
    parts = [WIDE[:7], WIDE[7:200], WIDE[200:201], WIDE[201:]]
    mine = layers.Discretization(num_bins=6, epsilon=epsilon)
    wanted = keras.layers.Discretization(num_bins=6, epsilon=epsilon)
    mine.adapt(iter(parts), steps=steps)
    adapt(wanted, *parts[:steps])
    np.testing.assert_allclose(mine.bin_boundaries, wanted.bin_boundaries, rtol=1e-6)
    pairs = layers.Discretization(num_bins=6, epsilon=epsilon)
    pairs.adapt([(part, np.zeros(len(part))) for part in parts], steps)
    assert pairs.bin_boundaries == mine.bin_boundaries
    pairs.adapt(WIDE)  # forgets what was before
    again = keras.layers.Discretization(num_bins=6, epsilon=epsilon)
    adapt(again, WIDE)
    np.testing.assert_allclose(pairs.bin_boundaries, again.bin_boundaries, rtol=1e-6)


def test_learned_bins_are_in_the_configuration_and_in_files(tmp_path: Any) -> None:
    layer = layers.Discretization(num_bins=4, output_mode="one_hot", name="bins")
    layer.adapt(WIDE)
    again = layers.Discretization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    theirs = keras.layers.Discretization.from_config(layer.get_config())
    assert theirs.bin_boundaries == layer.bin_boundaries
    model = seqir.Sequential([seqir.Input((1,)), layer, layers.Dense(2)])
    for ending in (".keras", ".h5"):
        path = tmp_path / f"model{ending}"
        model.save(path)
        opened = seqir.models.load_model(path)
        np.testing.assert_array_equal(opened(WIDE[:5, :1]), model(WIDE[:5, :1]))
    there = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        there(WIDE[:5, :1]), model(WIDE[:5, :1]), rtol=1e-5, atol=1e-6
    )


def test_adapt_again_reaches_a_model_that_has_run() -> None:
    layer = layers.Discretization(num_bins=3)
    layer.adapt(WIDE)
    model = seqir.Sequential([seqir.Input((3,)), layer])
    before = model(WIDE)
    layer.adapt(WIDE * 10)
    after = model(WIDE)
    assert (before != after).any()
    np.testing.assert_array_equal(after, np.digitize(WIDE, layer.bin_boundaries))


def test_bins_and_categories_are_exported(tmp_path: Any) -> None:
    x = seqir.Input((3,))
    bins = layers.Discretization([-1.0, 0.0, 0.5])(x)
    counts = layers.CategoryEncoding(4, "count")(bins)
    model = seqir.Model(x, layers.Dense(2)(counts))
    model.export(tmp_path / "bins.onnx")


def test_lists_and_numbers_are_arrays() -> None:
    hot = layers.CategoryEncoding(4, output_mode="one_hot")
    np.testing.assert_array_equal(hot([3, 2, 0, 1]), np.eye(4)[[3, 2, 0, 1]])
    np.testing.assert_array_equal(hot(2), np.eye(4)[2:3])
    several = layers.CategoryEncoding(4)
    np.testing.assert_array_equal(
        several([[0, 1], [0, 0]]), [[1, 1, 0, 0], [1, 0, 0, 0]]
    )
    bins = layers.Discretization([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(
        bins([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]]),
        [[0, 2, 3, 1], [1, 3, 2, 1]],
    )


@pytest.mark.parametrize("dtype", [None, "float16", "mixed_float16"])
def test_counts_may_have_weights(dtype: str | None) -> None:
    x = np.int32([[0, 1], [0, 0], [1, 2], [3, 1]])
    weights = np.float32([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3], [0.4, 0.2]])
    found = layers.CategoryEncoding(4, "count", dtype=dtype)(x, count_weights=weights)
    layer = keras.layers.CategoryEncoding(4, output_mode="count", dtype=dtype)
    wanted = np.asarray(layer(x, count_weights=weights))
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-3)
    ids, heavy = seqir.Input((2,), dtype="int32"), seqir.Input((2,))
    counted = layers.CategoryEncoding(4, "count", dtype=dtype)(ids, heavy)
    model = seqir.Model([ids, heavy], counted)
    np.testing.assert_array_equal(model([x, weights]), found)
