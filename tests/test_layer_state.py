"""What a layer knows of itself is one object; its attributes are the user's."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, ops
from seqir.layer.scope import Snapshot

X = np.arange(6, dtype="float32").reshape(2, 3)


class Scale(layers.Layer):
    factor: float = 2.0

    def build(self, input_shape: Any) -> None:
        self.gain = self.add_weight((input_shape[-1],), "ones", name="gain")
        self.inner = [layers.Dense(2, kernel_initializer="ones")]

    def call(self, x: Any) -> Any:
        return self.inner[0](x * self.gain * self.factor)


def test_the_attributes_of_a_layer_are_those_that_were_set() -> None:
    layer = Scale(3.0, name="scale", dtype="float32", activity_regularizer="l2")
    assert vars(layer).keys() == {"_layer_state", "factor"}
    layer(X)
    layer.note = "mine"
    assert vars(layer).keys() == {"_layer_state", "factor", "gain", "inner", "note"}


# Names that the state has, and names that Keras users give to private attributes.
NAMES = (
    *("_layers", "_losses", "_keys", "_sessions", "_building", "_locked", "_state"),
    *("_own_variables", "_holding", "_build_shapes", "_handed_on", "_made_with"),
    *("_trainable", "revision", "variables_", "_name", "_built", "_calls"),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("early", [True, False])
def test_private_attributes_of_the_user_are_in_nobodys_way(
    name: str, early: bool
) -> None:
    class Mine(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            if early:
                setattr(self, name, 7)
            super().__init__(**kwargs)
            setattr(self, name, 7)
            self.dense = layers.Dense(2, kernel_initializer="ones")

        def call(self, x: Any) -> Any:
            return self.dense(x) + getattr(self, name)

    layer = Mine(name="mine")
    expected = X.sum(1, keepdims=True).repeat(2, 1) + 7
    np.testing.assert_array_equal(layer(X), expected)
    setattr(layer, name, 8)  # a session that knew the 7 is of no use any more
    np.testing.assert_array_equal(layer(X), expected + 1)
    assert layer.compute_output_shape((None, 3)) == (None, 2)
    again = pickle.loads(pickle.dumps(layer.dense))
    np.testing.assert_array_equal(again(X), X.sum(1, keepdims=True).repeat(2, 1))
    assert len(layer.weights) == 2
    model = seqir.Sequential([seqir.Input((3,)), layer])
    np.testing.assert_array_equal(model(X), expected + 1)
    layer.trainable = False
    assert layer.trainable_weights == []


def ways() -> dict[str, Callable[[Any], Any]]:
    return {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": _pickled}


def _pickled(layer: Any) -> Any:
    return pickle.loads(pickle.dumps(layer))


@pytest.mark.parametrize("way", ways())
def test_a_copy_has_a_state_of_its_own(way: str) -> None:
    layer = layers.Dense(2, name="dense")
    expected = layer(X)
    twin = ways()[way](layer)
    twin._layer_state.name = "twin"
    twin.extra = layers.Dense(1)
    twin.extra(X)
    assert (layer.name, twin.name) == ("dense", "twin")
    assert len(layer.weights) == 2
    assert len(twin.weights) == 4
    np.testing.assert_array_equal(twin(X), expected)
    twin.trainable = False
    assert layer.trainable


def test_a_snapshot_puts_state_and_attributes_back() -> None:
    layer = Scale(name="scale")
    before = Snapshot(layer)
    layer(X)
    layer.note = "gone"
    before.restore()
    assert vars(layer).keys() == {"_layer_state", "factor"}
    assert not layer.built
    assert layer.weights == []
    np.testing.assert_array_equal(layer(X), (2 * X.sum(1, keepdims=True)).repeat(2, 1))
    assert len(layer.weights) == 3


def test_settings_of_a_built_layer_take_effect_in_its_next_call() -> None:
    layer = layers.Activation("linear", name="plain")
    half = X.astype("float16")
    assert layer(half).dtype == "float32"
    layer.autocast = False
    assert layer(half).dtype == "float16"
    layer.activity_regularizer = seqir.regularizers.get("l2")
    layer(X)
    assert len(layer.losses) == 1


def test_without_super_init_a_layer_says_so() -> None:
    class Forgot(layers.Layer):
        def __init__(self) -> None:
            self.dense = layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    with pytest.raises(seqir.errors.ArgumentError, match=r"call super\(\).__init__"):
        Forgot()(X)


def test_threads_build_one_layer_once() -> None:
    layer = Scale(name="shared")
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(layer(X))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(layer.weights) == 3
    assert all((y == found[0]).all() for y in found)


def test_a_layer_can_be_an_argument_by_its_dictionary() -> None:
    stored = seqir.layers.serialize(layers.LeakyReLU(0.5, name="leaky"))
    layer = layers.Activation(stored)
    x = np.array([[-2.0, 4.0]], "float32")
    np.testing.assert_array_equal(layer(x), [[-1, 4]])
    unknown = {**stored, "class_name": "_Pool", "registered_name": "_Pool"}
    with pytest.raises(seqir.errors.ArgumentError, match="is not a layer of seqir"):
        layers.Activation(unknown)
    assert ops.shape(layer(x)) == (1, 2)
