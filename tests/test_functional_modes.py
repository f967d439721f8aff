"""Masks and training mode in functional models."""

from typing import Any

import numpy as np
import pytest
from test_functional import random

import seqir
from seqir import layers
from seqir.layers import Input

keras = pytest.importorskip("keras")


# Masks.


def test_the_mask_of_an_embedding_reaches_the_pooling() -> None:
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [4, 5, 6, 1]], np.int32)

    def make(k: Any) -> Any:
        x = k.Input((4,), dtype="int32")
        y = k.layers.Embedding(7, 3, mask_zero=True)(x)
        y = k.layers.Dense(2, activation="tanh")(y)
        y = k.layers.Dropout(0.3)(k.layers.LayerNormalization()(y))
        return k.Model(x, k.layers.GlobalAveragePooling1D()(y))

    mine, wanted = make(seqir), make(keras)
    rng = np.random.default_rng(0)
    for w in mine.weights:
        w.assign(rng.normal(0, 0.5, w.shape))  # tanh far from its ends
    wanted.set_weights(mine.get_weights())
    np.testing.assert_allclose(mine(ids), np.asarray(wanted(ids)), rtol=1e-5, atol=1e-6)
    stack = seqir.Sequential(
        [
            Input((4,), dtype="int32"),
            layers.Embedding(7, 3, mask_zero=True),
            layers.GlobalAveragePooling1D(),
        ]
    )
    table = stack.get_weights()[0]
    np.testing.assert_allclose(stack(ids)[1], table[3], rtol=1e-5)


@pytest.mark.parametrize("masked", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize(
    ("how", "given"),
    [("Add", {}), ("Multiply", {}), ("Concatenate", {}), ("Concatenate", {"axis": 1})],
)
def test_masks_through_merging_layers(
    how: str, given: dict[str, Any], masked: tuple[bool, bool]
) -> None:
    def make(k: Any) -> Any:
        a, b = k.Input((4,), dtype="int32"), k.Input((4,), dtype="int32")
        first = k.layers.Embedding(7, 3, mask_zero=masked[0])(a)
        second = k.layers.Embedding(7, 3, mask_zero=masked[1])(b)
        y = getattr(k.layers, how)(**given)([first, second])
        return k.Model([a, b], k.layers.GlobalAveragePooling1D()(y))

    keras.utils.clear_session(free_memory=False)
    mine, wanted = make(seqir), make(keras)
    for name in ("embedding", "embedding_1"):
        # By name: Keras puts the operations that make masks into the order of layers.
        wanted.get_layer(name).set_weights(mine.get_layer(name).get_weights())
    ids = [
        np.array([[1, 2, 0, 0], [3, 4, 1, 0]], np.int32),
        np.array([[1, 0, 0, 2], [3, 4, 0, 1]], np.int32),
    ]
    np.testing.assert_allclose(mine(ids), np.asarray(wanted(ids)), rtol=1e-5, atol=1e-6)


def test_a_mask_as_an_argument() -> None:
    x = random(2, 4, 3)
    mask = np.array([[1, 1, 0, 0], [1, 0, 0, 1]], bool)
    mine = layers.GlobalAveragePooling1D()(x, mask=mask)
    wanted = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
    np.testing.assert_allclose(mine, np.asarray(wanted), rtol=1e-5)
    scores = random(3, 4)
    for some in (mask, mask.astype(np.float32), np.zeros_like(mask)):
        some = np.concatenate([some, np.ones_like(some[:1])])
        mine = layers.Softmax()(scores, mask=some)
        wanted = keras.layers.Softmax()(scores, mask=some)
        np.testing.assert_allclose(mine, np.asarray(wanted), rtol=1e-5, atol=1e-7)


# Training mode.


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("flags", [{}, {"center": False}, {"scale": False}])
def test_batch_normalization_in_training(
    axis: int, trainable: bool, flags: dict[str, Any]
) -> None:
    x = random(6, 3, 4)
    mine = layers.BatchNormalization(axis, momentum=0.9, **flags)
    wanted = keras.layers.BatchNormalization(axis, momentum=0.9, **flags)
    mine.build(x.shape)
    wanted.build(x.shape)
    mine.trainable = wanted.trainable = trainable
    for _ in range(2):
        found = mine(x, training=True)
        expected = np.asarray(wanted(x, training=True))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert [w.name for w in mine.weights] == [w.name for w in wanted.weights]
    for w, v in zip(mine.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-6)
    moved = bool(np.any(mine.moving_mean.numpy()))
    assert moved == trainable
    np.testing.assert_allclose(mine(x), np.asarray(wanted(x)), rtol=1e-4, atol=1e-5)


def test_batch_normalization_in_training_counts_masked_steps_out() -> None:
    x = random(4, 5, 3)
    mask = np.arange(5) < np.array([[5], [3], [1], [2]])
    mine, wanted = layers.BatchNormalization(), keras.layers.BatchNormalization()
    found = mine(x, training=True, mask=mask)
    expected = np.asarray(wanted(x, training=True, mask=mask))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for w, v in zip(mine.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-6)


def test_batch_normalization_in_training_with_mixed_precision() -> None:
    x = random(8, 3) + 5
    mine = layers.BatchNormalization(dtype="mixed_float16")
    wanted = keras.layers.BatchNormalization(dtype="mixed_float16")
    found, expected = mine(x, training=True), np.asarray(wanted(x, training=True))
    assert found.dtype == expected.dtype == np.float16
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=5e-3)
    for w, v in zip(mine.get_weights(), wanted.get_weights(), strict=True):
        assert w.dtype == np.float32
        np.testing.assert_allclose(w, v, rtol=2e-3, atol=1e-3)


def test_freezing_after_a_training_call_counts() -> None:
    layer = layers.BatchNormalization()
    x = random(4, 3)
    trained = layer(x, training=True)
    layer.trainable = False
    frozen = layer(x, training=True)
    assert not np.allclose(trained, frozen)
    np.testing.assert_allclose(frozen, layer(x), rtol=1e-6)


def test_training_fixed_when_the_model_is_made() -> None:
    x = Input((3,))
    layer = layers.BatchNormalization()
    model = seqir.Model(x, layer(x, training=True))
    value = random(8, 3)
    np.testing.assert_allclose(model(value).mean(0), np.zeros(3), atol=1e-5)


def test_training_reaches_layers_inside_custom_layers() -> None:
    class Block(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.norm = layers.BatchNormalization()

        def call(self, x: Any, training: bool = False) -> Any:
            return self.norm(x)

    block = Block()
    value = random(8, 3) + 3
    np.testing.assert_allclose(block(value, training=True).mean(0), 0, atol=1e-5)
    assert np.any(block.norm.moving_mean.numpy())
    assert abs(block(value).mean()) > 1
