"""What a name in a file means is said by the release of Keras that wrote the file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import UnsupportedError
from seqir.models import load_model, model_from_json

keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")
OLD = ("1.2.2", "2.2.4-tf", "2.15.0", "2.21.0")
KINDS = ("m.h5", "m.keras", "m.json")


def slow_sigmoid(x: Any) -> Any:
    """That of Keras 1 and 2."""
    return np.clip(np.float32(0.2) * x + np.float32(0.5), 0, 1)


def sigmoid_model() -> Any:
    """A model with the function in every place that it can be in."""
    inner = seqir.Sequential(
        [
            seqir.Input((6, 6, 2)),
            layers.Conv2D(3, 1, activation="hard_sigmoid", name="conv"),
        ],
        name="inner",
    )
    x = seqir.Input((6, 6, 2), name="x")
    y = layers.Activation("hard_sigmoid", name="act")(inner(x))
    y = layers.Flatten(name="flat")(y)
    y = layers.Dense(3, activation=layers.Activation("hard_sigmoid"), name="end")(y)
    return seqir.Model(x, y, name="model")


def written_by(version: str | None, kind: str, model: Any, folder: Path) -> Path:
    """A file of the model that says it is from that release; None: it says nothing."""
    path = folder / kind
    if kind == "m.json":
        found = json.loads(model.to_json())
        if version is not None:
            found["keras_version"] = version
        path.write_text(json.dumps(found))
    elif kind == "m.h5":
        model.save(path)
        with h5py.File(path, "r+") as file:
            del file.attrs["keras_version"]
            if version is not None:
                file.attrs["keras_version"] = version
    else:
        model.save(folder / "new.keras")
        with (
            zipfile.ZipFile(folder / "new.keras") as there,
            zipfile.ZipFile(path, "w") as here,
        ):
            for name in there.namelist():
                if name != "metadata.json":
                    here.writestr(name, there.read(name))
            if version is not None:
                here.writestr("metadata.json", json.dumps({"keras_version": version}))
    return path


def read(path: Path, model: Any, **how: Any) -> Any:
    """The model in a file, with the weights of the one that is given."""
    if path.suffix != ".json":
        return load_model(path, **how)
    found = model_from_json(path.read_text(), **how)
    found.set_weights(model.get_weights())
    return found


def wanted_of(model: Any, x: Any, function: Any) -> Any:
    kernel, bias, last, offset = model.get_weights()
    y = function(function(x @ kernel[0, 0] + bias))
    return function(y.reshape(len(x), -1) @ last + offset)


X = np.random.default_rng(0).normal(0, 3, (4, 6, 6, 2)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [*OLD, "3.0.1", "3.15.1"])
def test_hard_sigmoid_is_that_of_the_release(
    version: str, kind: str, tmp_path: Path
) -> None:
    model = sigmoid_model()
    path = written_by(version, kind, model, tmp_path)
    found = read(path, model)
    function = slow_sigmoid if version in OLD else lambda x: np.clip(x / 6 + 0.5, 0, 1)
    wanted = wanted_of(model, X, function)
    np.testing.assert_allclose(found(X), wanted, atol=1e-6)
    found.save(tmp_path / "again.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "again.keras")(X), found(X))
    theirs = keras.models.load_model(tmp_path / "again.keras")
    np.testing.assert_allclose(np.asarray(theirs(X)), wanted, atol=1e-6)


def test_files_that_name_no_release(tmp_path: Path) -> None:
    """HDF5 files have it since Keras 1.1, archives always; texts of Keras 3 do not."""
    model = sigmoid_model()
    old, new = (
        wanted_of(model, X, f)
        for f in (slow_sigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1))
    )
    for kind, wanted in {"m.h5": old, "m.keras": new, "m.json": new}.items():
        found = read(written_by(None, kind, model, tmp_path), model)
        np.testing.assert_allclose(found(X), wanted, atol=1e-6)
    entry = json.loads(model.to_json())
    text = json.dumps({key: entry[key] for key in ("class_name", "config")})
    found = model_from_json(text)
    found.set_weights(model.get_weights())
    np.testing.assert_allclose(found(X), old, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_of_the_caller_is_what_it_is(kind: str, tmp_path: Path) -> None:
    model = sigmoid_model()
    path = written_by("2.4.0", kind, model, tmp_path)
    found = read(path, model, custom_objects={"hard_sigmoid": seqir.ops.tanh})
    np.testing.assert_allclose(found(X), wanted_of(model, X, np.tanh), atol=1e-5)


def test_every_argument_that_is_an_activation(tmp_path: Path) -> None:
    """Also of layers of the caller's, and of layers inside of those."""

    class Gated(layers.Layer):
        def __init__(self, recurrent_activation: Any, layer: Any, **kwargs: Any):
            super().__init__(**kwargs)
            self.gate = seqir.activations.get(recurrent_activation)
            self.layer = layers.Activation.from_config(layer["config"])

        def call(self, x: Any) -> Any:
            return self.gate(x) + 10 * self.layer(x)

    inner = {"class_name": "Activation", "config": {"activation": "hard_sigmoid"}}
    own = {"recurrent_activation": "hard_sigmoid", "layer": inner, "name": "own"}
    text = json.dumps(
        {
            "class_name": "Sequential",
            "keras_version": "2.9.0",
            "config": {
                "name": "s",
                "layers": [
                    {
                        "class_name": "InputLayer",
                        "config": {"batch_input_shape": [None, 3], "name": "x"},
                    },
                    {"class_name": "Gated", "config": own},
                ],
            },
        }
    )
    x = X[:, 0, :3, 0]
    found = model_from_json(text, custom_objects={"Gated": Gated})
    np.testing.assert_allclose(found(x), 11 * slow_sigmoid(x), rtol=1e-6)


def test_element_types_stay_in_the_function(tmp_path: Path) -> None:
    model = seqir.Sequential(
        [
            seqir.Input((4,)),
            layers.Dense(3, activation="hard_sigmoid", dtype="mixed_float16"),
        ]
    )
    found = read(written_by("2.9.0", "m.keras", model, tmp_path), model)
    assert found(np.ones((1, 4), np.float32)).dtype == np.float16


def test_names_of_functions_of_tensorflow(tmp_path: Path) -> None:
    """``Dense(activation=tf.nn.softmax)`` is stored as ``softmax_v2``."""
    model = seqir.Sequential([seqir.Input((4,)), layers.Dense(3, activation="softmax")])
    entry = json.loads(model.to_json())
    x = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    for name, wanted in {
        "softmax_v2": model(x),
        "log_softmax_v2": np.log(model(x)),
    }.items():
        for stored in (name, {"class_name": "function", "config": name}):
            entry["config"]["layers"][1]["config"]["activation"] = stored
            found = model_from_json(json.dumps({**entry, "keras_version": "2.4.0"}))
            found.set_weights(model.get_weights())
            np.testing.assert_allclose(found(x), wanted, rtol=1e-5)


def load(kind: str, **config: Any) -> Any:
    """A model of one layer of Keras 2, on three numbers."""
    named = {"class_name": kind, "config": {"name": "it", **config}}
    shape = {"name": "x", "batch_input_shape": [None, 3]}
    first = {"class_name": "InputLayer", "config": shape}
    whole = {"name": "s", "layers": [first, named]}
    entry = {"class_name": "Sequential", "config": whole, "keras_version": "2.3.1"}
    return model_from_json(json.dumps(entry))


def test_layers_that_keras_3_has_under_another_name() -> None:
    x = np.array([[-1, 0.5, 2], [0.3, 0.7, 1]], np.float32)
    wanted = np.where(x > 0.5, x, 0)
    np.testing.assert_array_equal(load("ThresholdedReLU", theta=0.5)(x), wanted)
    for kind in ("BatchNormalizationV1", "BatchNormalizationV2"):
        norm = load(kind, axis=[1], momentum=0.9, epsilon=0.01)
        np.testing.assert_allclose(norm(x), x / np.sqrt(np.float32(1.01)), rtol=1e-6)


def test_arguments_that_change_no_number() -> None:
    embedding = load("Embedding", input_dim=5, output_dim=2, input_length=3)
    assert embedding.output_shape == (None, 3, 2)
    assert "input_length" not in embedding.layers[0].get_config()
    for kind in ("BatchNormalization", "BatchNormalizationV1"):
        settings = {"renorm": False, "fused": True, "virtual_batch_size": None}
        assert load(kind, axis=[1], **settings).count_params() == 12
    old = {"unroll": False, "stateful": False, "time_major": False, "implementation": 0}
    assert load("Dense", units=2, **old).count_params() == 8


@pytest.mark.parametrize(
    ("kind", "config", "sign"),
    [
        ("Convolution2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 3}, "Convolution2D"),
        ("Dense", {"output_dim": 4, "W_regularizer": None}, "W_regularizer"),
        ("Merge", {"mode": "concat"}, "Merge"),
        ("MaxPooling2D", {"border_mode": "valid", "pool_size": [2, 2]}, "border_mode"),
    ],
)
def test_layers_of_keras_1_are_called_so(
    kind: str, config: dict[str, Any], sign: str
) -> None:
    with pytest.raises(UnsupportedError, match=f"a layer of Keras 1, which '{sign}'"):
        load(kind, **config)


def test_a_text_in_a_text() -> None:
    """``json.dump(model.to_json(), file)``."""
    model = sigmoid_model()
    found = model_from_json(json.dumps(model.to_json()))
    assert [x.name for x in found.layers] == [x.name for x in model.layers]
    with pytest.raises(seqir.errors.CorruptFileError, match="is not JSON"):
        model_from_json(json.dumps("no JSON"))
