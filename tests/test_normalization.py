"""Normalization in training: numbers and moving statistics of Keras."""

from typing import Any

import keras
import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.ir import Trace, evaluate
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

SIX = (6, 5, 3)
RENORM = {"renorm": True, "renorm_clipping": {"rmax": 1.1, "rmin": 0.9, "dmax": 0.25}}


def noise(seed: int, *shape: int) -> Any:
    return (np.random.default_rng(seed).normal(size=shape) * 2 + 1).astype(np.float32)


def same(mine: Any, theirs: Any, **tolerance: float) -> None:
    assert len(mine.weights) == len(theirs.weights)
    for a, b in zip(mine.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(
            a.numpy(), np.asarray(b), err_msg=a.path, **(tolerance or {"rtol": 1e-5})
        )


def both(x: Any, **kwargs: Any) -> tuple[Any, Any]:
    """The same layer of both libraries, built, with the same random weights."""
    mine, theirs = (k.layers.BatchNormalization(**kwargs) for k in (seqir, keras))
    mine.build(x.shape)
    theirs.build(x.shape)
    rng = np.random.default_rng(7)
    weights = [rng.uniform(0.5, 2, w.shape).astype(np.float32) for w in mine.weights]
    mine.set_weights(weights)
    theirs.set_weights(weights)
    return mine, theirs


@pytest.mark.parametrize("shape", [(6, 3), SIX, (4, 5, 2, 3)])
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"momentum": 0.9, "epsilon": 0.1},
        {"axis": 1},
        {"center": False},
        {"scale": False},
        {"center": False, "scale": False},
        RENORM,
        {"renorm": True, "axis": 1, "scale": False, "renorm_momentum": 0.5},
    ],
    ids=str,
)
def test_a_step_of_batch_normalization(shape: Any, kwargs: Any) -> None:
    x = noise(1, *shape)
    mine, theirs = both(x, **kwargs)
    for _ in range(2):
        y = mine(x, training=True)
        wanted = np.asarray(theirs(x, training=True))
        np.testing.assert_allclose(y, wanted, rtol=2e-5, atol=2e-5)
        same(mine, theirs)
        x = x * 2 + 1
    wanted = np.asarray(theirs(x, training=False))
    np.testing.assert_allclose(mine(x), wanted, rtol=2e-5, atol=2e-5)
    same(mine, theirs)


@pytest.mark.parametrize("kwargs", [{}, RENORM], ids=["plain", "renorm"])
def test_a_masked_step(kwargs: Any) -> None:
    x = noise(2, *SIX)
    mask = np.random.default_rng(0).random((6, 5)) < 0.6
    mine, theirs = both(x, **kwargs)
    y = mine(x, training=True, mask=mask)
    wanted = np.asarray(theirs(x, training=True, mask=mask))
    np.testing.assert_allclose(y, wanted, rtol=2e-5, atol=2e-5)
    same(mine, theirs)


def test_a_mask_that_comes_with_the_input() -> None:
    def make(k: Any) -> Any:
        return k.Sequential(
            [
                k.Input((5,), dtype="int32"),
                k.layers.Embedding(9, 3, mask_zero=True),
                k.layers.BatchNormalization(),
            ]
        )

    mine, theirs = make(seqir), make(keras)
    mine.set_weights(theirs.get_weights())
    x = np.random.default_rng(0).integers(0, 3, (6, 5)).astype(np.int32)
    y, wanted = mine(x, training=True), np.asarray(theirs(x, training=True))
    np.testing.assert_allclose(y, wanted, rtol=2e-5, atol=2e-5)
    same(mine, theirs)


@pytest.mark.parametrize("dtype", ["float16", "float64", "mixed_float16"])
def test_other_types(dtype: str) -> None:
    x = noise(3, 6, 3)
    mine, theirs = both(x, dtype=dtype)
    y, wanted = mine(x, training=True), np.asarray(theirs(x, training=True))
    assert y.dtype == wanted.dtype
    close = {"rtol": 2e-3, "atol": 4e-3} if "16" in dtype else {"rtol": 2e-5}
    np.testing.assert_allclose(y, wanted, **close)
    same(mine, theirs, **close)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_renormalization_begins_at_the_first_moving_variance(dtype: str) -> None:
    layer = layers.BatchNormalization(
        renorm=True,
        moving_mean_initializer="ones",
        moving_variance_initializer=seqir.initializers.Constant(4.0),
        dtype=dtype,
    )
    layer.build((None, 3))
    found = {w.name: float(w.numpy()[0]) for w in layer.non_trainable_weights}
    moving = {"moving_mean": 1.0, "moving_variance": 4.0, "moving_stddev": 2.0}
    assert found == moving | {"renorm_mean": 1.0, "renorm_stddev": 2.0}
    assert {w.dtype for w in layer.weights} == {"float32"}


def test_one_process_is_synchronized_as_it_is() -> None:
    x = noise(5, 6, 3)
    alone = layers.BatchNormalization()
    several = layers.BatchNormalization(synchronized=True)
    np.testing.assert_array_equal(alone(x, training=True), several(x, training=True))
    assert several.get_config()["synchronized"] is True


def test_a_frozen_layer_runs_as_it_is_used() -> None:
    x = noise(4, 6, 3)
    mine, theirs = both(x)
    mine.trainable = theirs.trainable = False
    before = mine.get_weights()
    y, wanted = mine(x, training=True), np.asarray(theirs(x, training=True))
    np.testing.assert_allclose(y, wanted, rtol=2e-5, atol=2e-5)
    for a, b in zip(before, mine.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    mine.trainable = theirs.trainable = True
    mine(x, training=True)
    theirs(x, training=True)
    same(mine, theirs)


def nested(k: Any) -> Any:
    """A shared layer that is called twice, one that is fixed, and a model inside."""
    x = k.Input((4,))
    inner = k.Sequential([k.Input((4,)), k.layers.BatchNormalization(momentum=0.5)])
    shared = k.layers.BatchNormalization(momentum=0.8)
    # Keras forgets a training=False that a call was given; frozen layers keep theirs.
    fixed = k.layers.BatchNormalization(trainable=k is seqir)
    y = k.layers.Add()([shared(x), shared(k.layers.Dense(4)(x))])
    y = fixed(inner(y), training=False)
    return k.Model(x, k.layers.Dense(2)(inner(y)))


def test_shared_layers_and_models_inside() -> None:
    mine, theirs = nested(seqir), nested(keras)
    mine.set_weights(theirs.get_weights())
    for seed in range(3):
        x = noise(seed, 6, 4)
        y, wanted = mine(x, training=True), np.asarray(theirs(x, training=True))
        np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-4)
        same(mine, theirs, rtol=2e-5, atol=1e-5)
    x = noise(9, 6, 4)
    np.testing.assert_allclose(mine(x), np.asarray(theirs(x)), rtol=1e-4, atol=1e-4)


def test_a_graph_updates_a_shared_layer_once_more_for_each_call() -> None:
    layer = layers.BatchNormalization(momentum=0.5)
    layer.build((None, 3))
    b = Trace("g", training=True)
    with b.active():
        x = Traced(b, b.input("x", TensorType("float32", ("batch", 3))))
        layer(layer(x) * 2.0 + 3.0)
    graph = b.finish({})
    assert len(graph.updates) == 2
    arrays = {name: v.array for v, name in b.bindings.items()}
    found = evaluate(graph, {"x": noise(1, 50, 3)}, arrays)
    first = noise(1, 50, 3).mean(0) * 0.5
    np.testing.assert_allclose(
        found[b.bindings[layer.moving_mean]], first * 0.5 + 1.5, rtol=1e-5
    )


def test_groups_of_images_of_any_size() -> None:
    x = seqir.Input((None, None, 6))
    model = seqir.Model(x, layers.GroupNormalization(3)(x))
    theirs = keras.layers.GroupNormalization(3)
    for size in (4, 7):
        image = noise(size, 2, size, size + 1, 6)
        wanted = np.asarray(theirs(image))
        np.testing.assert_allclose(model(image), wanted, rtol=1e-5, atol=1e-5)


def test_root_mean_squares_along_any_axis() -> None:
    x = noise(5, 2, 3, 4)
    y = layers.RMSNormalization(1, epsilon=0.1)(x)
    wanted = x / np.sqrt((x**2).mean(1, keepdims=True) + 0.1)
    np.testing.assert_allclose(y, wanted, rtol=1e-5)
