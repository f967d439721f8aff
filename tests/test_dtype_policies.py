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
        seqir.DTypePolicy(3)
    with pytest.raises(ArgumentError, match="takes a policy or its name, got 3"):
        seqir.config.set_dtype_policy(3)
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


def table(library: Any, default: Any = "float32") -> Any:
    """A map of policies with a path, an expression, and one that is nowhere."""
    found = library.dtype_policies.DTypePolicyMap(default)
    found["stack/d"] = "mixed_float16"
    found["b.*"] = library.DTypePolicy("float16")
    found["nowhere"] = "float64"
    return found


def test_maps_of_policies_are_those_of_keras() -> None:
    mine, theirs = table(seqir), table(keras)
    assert isinstance(mine, seqir.DTypePolicy)
    for attribute in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
        assert getattr(mine, attribute) == getattr(theirs, attribute)
    assert list(mine) == list(theirs)
    assert len(mine) == 3
    for path in ("stack/d", "b", "bcd", "ab", "stack", "stack/d/e"):
        assert mine[path].name == theirs[path].name  # pyright: ignore[reportIndexIssue]
        assert (path in mine) == (path in theirs)  # pyright: ignore[reportOperatorIssue]
    assert mine.get_config() == theirs.get_config()
    stored = keras.dtype_policies.serialize(theirs)
    assert dtype_policies.serialize(mine) == stored
    assert seqir.saving.serialize_keras_object(mine) == stored
    for again in (
        dtype_policies.deserialize(stored),
        dtype_policies.get(theirs),
        seqir.saving.deserialize_keras_object(stored),
        type(mine).from_config(mine.get_config()),
    ):
        assert again == mine
    del mine["b.*"]  # pyright: ignore[reportIndexIssue]
    assert mine["b"].name == "float32"  # pyright: ignore[reportIndexIssue]
    assert mine != again
    assert repr(mine).startswith("<DTypePolicyMap default_policy=float32, mapping=[(")


def test_a_map_without_a_default_follows_the_policy_for_all() -> None:
    found = table(seqir, None)
    seqir.config.set_dtype_policy("mixed_bfloat16")
    assert (found["x"].name, found.name) == ("mixed_bfloat16", "map_mixed_bfloat16")
    assert found.get_config()["default_policy"] is None
    forgotten = {"class_name": "DTypePolicy", "config": {"name": None}}
    assert dtype_policies.get(forgotten).name == "mixed_bfloat16"  # as Keras writes it
    seqir.config.set_dtype_policy(table(seqir, "float16"))
    assert seqir.DTypePolicy().name == "float16"
    assert layers.Dense(1).compute_dtype == "float16"


def stack(library: Any, policies: Any) -> Any:
    """Layers at paths of a stack, and a model of two layers."""
    dense = library.layers.Dense
    inner = library.Sequential(
        [library.Input((3,)), dense(4, name="d", dtype=policies)], name="stack"
    )
    x = library.Input((3,))
    y = inner(x)
    y = library.layers.LayerNormalization(name="bn", dtype=policies)(y)
    y = dense(2, name="e", dtype=policies)(y)
    return library.Model(x, y)


def types(model: Any) -> list[Any]:
    found = [*model.layers[1].layers, *model.layers[2:]]
    return [(v.name, v.compute_dtype, v.variable_dtype) for v in found]


def test_layers_look_up_their_paths(tmp_path: Any) -> None:
    mine, theirs = stack(seqir, table(seqir)), stack(keras, table(keras))
    assert types(mine) == types(theirs)
    assert [t[1] for t in types(mine)] == ["float16", "float16", "float32"]
    assert [v.dtype for v in mine.weights] == [v.dtype for v in theirs.weights]
    mine.set_weights(theirs.get_weights())
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    wanted = np.asarray(theirs(x))
    np.testing.assert_allclose(mine(x), wanted, 2e-3, 2e-3)
    for library, model in ((keras, mine), (seqir, theirs), (seqir, mine)):
        path = tmp_path / "model.keras"
        model.save(path)
        again = library.saving.load_model(path)
        np.testing.assert_allclose(np.asarray(again(x)), wanted, 2e-3, 2e-3)
        assert list(again.layers[-1].dtype_policy) == ["stack/d", "b.*", "nowhere"]
        assert types(again)[1:] == types(theirs)[1:]
    mine.compile("sgd", "mse")
    assert np.isfinite(mine.fit(x, x[:, :2], verbose=0).history["loss"][0])
    mine.layers[-1].dtype_policy = "float16"
    assert mine.layers[-1].compute_dtype == "float16"


def test_what_maps_refuse() -> None:
    policies = table(seqir)
    policies["bn/.*"] = "float32"
    assert policies["bn"].name == "float16"
    with pytest.raises(
        ArgumentError, match=r"path 'bn/x' matches 2 keys .* 'b\.\*', 'bn/\.\*'; change"
    ):
        policies["bn/x"]
    with pytest.raises(ArgumentError, match="has 'nowhere' already, as 'float64': del"):
        policies["nowhere"] = "float16"
    with pytest.raises(ArgumentError, match=r"or a regular expression, got '\*': noth"):
        policies["*"] = "float16"
    with pytest.raises(DTypeError, match="'foo' is not a dtype policy"):
        policies["new"] = "foo"
    with pytest.raises(ArgumentError, match="default policy of a DTypePolicyMap is no"):
        dtype_policies.DTypePolicyMap(policies)
    with pytest.raises(ArgumentError, match="dictionary of paths and policies, got li"):
        dtype_policies.DTypePolicyMap("float32", ["float16"])
    with pytest.raises(UnsupportedError, match="is for quantized layers"):
        policies["new"] = "int8_from_float32"


def test_inputs_are_converted_as_by_keras() -> None:
    mine, theirs = (
        seqir.DTypePolicy("mixed_float16"),
        keras.DTypePolicy("mixed_float16"),
    )
    for x in (np.ones(2, "float32"), np.ones(2, "int32"), np.float16([1]), [1.0], None):
        for autocast in (True, False):
            found = mine.convert_input(x, autocast, "bfloat16")
            wanted = theirs.convert_input(x, autocast, "bfloat16")
            assert isinstance(found, np.ndarray) == hasattr(x, "dtype")
            assert str(getattr(found, "dtype", "")) == str(getattr(wanted, "dtype", ""))
    x = seqir.Input((2,))
    assert mine.convert_input(x, True, "float16").dtype == "float16"
    assert mine.convert_input(x, True, "float32") is x
    assert mine.convert_input(seqir.Variable([1.0]), True, "float16").dtype == "float16"
