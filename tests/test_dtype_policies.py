"""Policies of element types: objects, names, configurations, and the one for all."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import dtype_policies, layers
from seqir.errors import ArgumentError, DTypeError, UnsupportedError

keras = pytest.importorskip("keras")
NAMES = ["float16", "float32", "float64", "mixed_float16", "mixed_bfloat16", "int32"]


@pytest.fixture(autouse=True)
def usual_policy() -> Iterator[None]:
    yield
    seqir.utils.clear_session()
    seqir.config.set_floatx("float32")


@pytest.mark.parametrize("name", NAMES)
def test_policies_are_those_of_keras(name: str) -> None:
    mine, theirs = seqir.DTypePolicy(name), keras.DTypePolicy(name)
    for attribute in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
        assert getattr(mine, attribute) == getattr(theirs, attribute)
    assert repr(mine) == repr(theirs)
    assert mine.get_config() == theirs.get_config()
    stored = keras.dtype_policies.serialize(theirs)
    assert dtype_policies.serialize(mine) == stored
    assert dtype_policies.deserialize(stored) == mine
    assert seqir.DTypePolicy.from_config(mine.get_config()) == mine
    assert hash(mine) == hash(dtype_policies.get(name))
    assert mine != seqir.DTypePolicy("bfloat16")


@pytest.mark.parametrize("name", ["float16", "mixed_float16"])
def test_a_layer_takes_every_form_of_a_policy(name: str) -> None:
    policy = seqir.DTypePolicy(name)
    stored = dtype_policies.serialize(policy)
    wanted = keras.layers.Dense(2, dtype=name, name="d")
    for form in (policy, name, stored, keras.DTypePolicy(name)):
        layer = layers.Dense(2, dtype=form, name="d")
        assert layer.dtype_policy == policy
        for attribute in ("dtype", "compute_dtype", "variable_dtype"):
            assert getattr(layer, attribute) == getattr(wanted, attribute)
        assert layer.get_config()["dtype"] == wanted.get_config()["dtype"]
        again = layers.Dense.from_config(layer.get_config())
        assert again.dtype_policy == policy
    assert layers.Dense(2, dtype=np.dtype("float16")).compute_dtype == "float16"
    assert seqir.losses.MeanSquaredError(dtype=policy).dtype == "float16"
    assert seqir.losses.MeanSquaredError(dtype=name).dtype == "float16"
    assert seqir.metrics.Mean(dtype=policy).dtype == "float16"
    assert seqir.metrics.Mean(dtype=name).dtype == "float16"


def test_a_policy_set_later() -> None:
    layer = layers.Dense(2)
    layer.dtype_policy = "mixed_float16"
    assert (layer.compute_dtype, layer.variable_dtype) == ("float16", "float32")
    y = layer(np.ones((1, 2), np.float32))
    assert y.dtype == np.float16
    layer.dtype_policy = seqir.DTypePolicy("float32")
    assert layer(np.ones((1, 2), np.float32)).dtype == np.float32


def test_the_policy_for_all() -> None:
    assert seqir.config.dtype_policy() == seqir.DTypePolicy("float32")
    seqir.config.set_floatx("float16")
    assert seqir.config.dtype_policy().name == "float16"
    seqir.config.set_floatx("float32")
    for policy in ("mixed_float16", seqir.DTypePolicy("mixed_float16")):
        seqir.config.set_dtype_policy(policy)
        assert seqir.DTypePolicy().name == "mixed_float16"
        layer = layers.Dense(2)
        assert (layer.compute_dtype, layer.dtype) == ("float16", "float32")
        assert layers.Dense(2, dtype="float32").compute_dtype == "float32"
        assert seqir.Input((2,)).dtype == "float32"
        assert seqir.losses.MeanSquaredError().dtype == "float32"
        seqir.utils.clear_session()
        assert layers.Dense(2).compute_dtype == "float32"


def test_models_under_a_mixed_policy_are_those_of_keras() -> None:
    """A functional model leaves its inputs to its layers."""

    def define(library: Any) -> Any:
        library.config.set_dtype_policy("mixed_float16")
        inputs = library.Input((3,))
        y = library.layers.LayerNormalization()(inputs)
        y = library.layers.Dense(4, activation="relu")(y)
        y = library.layers.Dense(2, dtype="float32")(y)
        model = library.Model(inputs, y)
        library.config.set_dtype_policy("float32")
        return model

    mine, theirs = define(seqir), define(keras)
    mine.set_weights(theirs.get_weights())
    x = np.float32([[70000, 1, -90000], [1, 2, 3]])
    wanted = np.asarray(theirs(x))
    for found in (
        mine(x),
        mine.predict(x, verbose=0),
        seqir.Sequential([seqir.Input((3,)), mine])(x),
    ):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=5e-3, atol=5e-3)
    mine.compile("sgd", "mse")
    assert np.isfinite(mine.fit(x, np.ones((2, 2)), verbose=0).history["loss"][0])


def test_what_is_no_policy() -> None:
    for wrong in ("foo", "mixed_float32"):
        with pytest.raises(
            DTypeError, match=f"'{wrong}' is not a dtype policy: it is the"
        ):
            seqir.DTypePolicy(wrong)
    with pytest.raises(DTypeError, match="the name of a dtype policy is a text, got 3"):
        seqir.DTypePolicy(3)  # pyright: ignore
    with pytest.raises(ArgumentError, match="takes a policy or its name, got 3"):
        seqir.config.set_dtype_policy(3)  # pyright: ignore
    quantized = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}
    with pytest.raises(
        UnsupportedError, match="the dtype policy 'QuantizedDTypePolicy'"
    ):
        dtype_policies.get(quantized)


@pytest.mark.parametrize(
    "name",
    ["int8_from_float32", "float8_from_mixed_bfloat16", "gptq/4/128_from_float32"],
)
def test_policies_of_quantized_layers_are_refused_in_words(name: str) -> None:
    source = name.partition("_from_")[2]
    theirs = keras.dtype_policies.get(name)
    for refused in (
        lambda: seqir.DTypePolicy(name),
        lambda: layers.Dense(2, dtype=name),
        lambda: layers.Dense(2, dtype=theirs),
        lambda: seqir.config.set_dtype_policy(name),
    ):
        with pytest.raises(
            UnsupportedError, match=f"is for quantized layers.*use '{source}', and"
        ):
            refused()


def test_maps_of_policies_are_refused_in_words() -> None:
    theirs = keras.dtype_policies.DTypePolicyMap()
    with pytest.raises(UnsupportedError, match="is a map of layers, which seqir does"):
        dtype_policies.get(theirs)
    with pytest.raises(UnsupportedError, match="the dtype policy 'DTypePolicyMap'"):
        dtype_policies.get(keras.dtype_policies.serialize(theirs))
    with pytest.raises(AttributeError, match="give each layer its own dtype"):
        _ = dtype_policies.DTypePolicyMap
