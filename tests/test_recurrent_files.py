"""Files of Keras 2 with recurrent layers, made by hand in its forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import seqir

pytestmark = pytest.mark.filterwarnings(  # of Keras on NumPy, and of old arguments
    "ignore::RuntimeWarning", "ignore::UserWarning"
)

NAMES = ("kernel", "recurrent_kernel", "bias")


def initializer(name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": name, "config": config}


def recurrent(kind: str, name: str, units: int, **more: Any) -> dict[str, Any]:
    """A recurrent layer as Keras 2 writes it."""
    config: dict[str, Any] = {
        "name": name, "trainable": True, "dtype": "float32", "units": units,
        "return_sequences": False, "return_state": False, "go_backwards": False,
        "stateful": False, "unroll": False, "time_major": False, "activation": "tanh",
        "use_bias": True, "implementation": 2, "dropout": 0.0,
        "recurrent_dropout": 0.2, "bias_constraint": None, "kernel_constraint": None,
        "kernel_initializer": initializer("GlorotUniform", seed=None),
        "recurrent_initializer": initializer("Orthogonal", gain=1.0, seed=None),
        "bias_initializer": initializer("Zeros"), "kernel_regularizer": None,
        "recurrent_regularizer": None, "bias_regularizer": None,
        "activity_regularizer": None, "recurrent_constraint": None,
    }  # fmt: skip
    if kind != "SimpleRNN":
        config["recurrent_activation"] = "sigmoid"
    if kind == "LSTM":
        config["unit_forget_bias"] = True
    if kind == "GRU":
        config["reset_after"] = True
    return {"class_name": kind, "config": {**config, **more}}


def entered(name: str, *shape: int | None) -> dict[str, Any]:
    config = {"batch_input_shape": [None, *shape], "dtype": "float32", "name": name}
    return {
        "class_name": "InputLayer",
        "config": {**config, "sparse": False, "ragged": False},
    }


def words(name: str) -> dict[str, Any]:
    config = {
        "name": name, "trainable": True, "dtype": "float32", "input_dim": 5,
        "output_dim": 3, "mask_zero": True,
        "embeddings_initializer": initializer("RandomUniform", seed=None),
        "embeddings_regularizer": None, "activity_regularizer": None,
        "embeddings_constraint": None, "input_length": None,
    }  # fmt: skip
    return {"class_name": "Embedding", "config": config}


def wrapped(inner: dict[str, Any], name: str, mode: str | None) -> dict[str, Any]:
    config = {"name": name, "trainable": True, "dtype": "float32", "layer": inner}
    return {"class_name": "Bidirectional", "config": {**config, "merge_mode": mode}}


def write(path: Path, config: Any, weights: dict[str, dict[str, Any]]) -> None:
    """The file of a model, with the paths and arrays of each layer's weights."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.11.0"
        file.attrs["backend"] = "tensorflow"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        group.attrs["keras_version"] = "2.11.0"
        group.attrs["backend"] = "tensorflow"
        for name, arrays in weights.items():
            own = group.create_group(name)
            own.attrs["weight_names"] = [f"{path}:0".encode() for path in arrays]
            for weight, array in arrays.items():
                own.create_dataset(f"{weight}:0", data=array)


def arrays(prefix: str, *shapes: tuple[int, ...], seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    pairs = zip(NAMES, shapes, strict=False)
    return {
        f"{prefix}/{name}": rng.normal(0, 0.5, shape).astype("float32")
        for name, shape in pairs
    }


def stack(gate: str) -> tuple[Any, dict[str, dict[str, Any]]]:
    long = recurrent("LSTM", "lstm", 4, return_sequences=True)
    long["config"] |= {"recurrent_activation": gate, "activation": "relu"}
    inner = recurrent("GRU", "gru", 3, return_sequences=True)
    layers = [
        entered("words", None),
        words("table"),
        long,
        wrapped(inner, "both", "concat"),
        recurrent("SimpleRNN", "last", 2, go_backwards=True),
    ]
    weights = {
        "table": {"table/embeddings": arrays("", (5, 3))["/kernel"]},
        "lstm": arrays("lstm/lstm_cell_1", (3, 16), (4, 16), (16,)),
        "both": arrays("both/forward_gru/gru_cell_2", (4, 9), (3, 9), (2, 9))
        | arrays("both/backward_gru/gru_cell_3", (4, 9), (3, 9), (2, 9), seed=1),
        "last": arrays("last/simple_rnn_cell", (6, 2), (2, 2), (2,)),
    }
    config = {"name": "sequential", "layers": layers}
    return {"class_name": "Sequential", "config": config}, weights


def test_a_stack_is_that_of_keras(tmp_path: Path) -> None:
    write(tmp_path / "old.h5", *stack("sigmoid"))
    mine = seqir.models.load_model(tmp_path / "old.h5")
    own = keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((None,)),
            own.Embedding(5, 3, mask_zero=True),
            own.LSTM(4, "relu", return_sequences=True),
            own.Bidirectional(own.GRU(3, return_sequences=True)),
            own.SimpleRNN(2, go_backwards=True),
        ]
    )
    theirs.set_weights(
        [a for layer in stack("sigmoid")[1].values() for a in layer.values()]
    )
    x = np.array([[1, 2, 0, 3], [4, 0, 0, 0], [0, 1, 2, 2]], np.int32)
    wanted = np.asarray(theirs(x))
    assert_allclose(mine.predict(x, verbose=0), wanted, 1e-5, 1e-5)
    mine.save(tmp_path / "new.h5")
    again = keras.saving.load_model(tmp_path / "new.h5", compile=False)
    assert_allclose(np.asarray(again(x)), wanted, 1e-5, 1e-5)
    mine.save_weights(tmp_path / "new.weights.h5")
    theirs.set_weights([np.zeros(w.shape) for w in theirs.weights])
    theirs.load_weights(tmp_path / "new.weights.h5")
    assert_allclose(np.asarray(theirs(x)), wanted, 1e-5, 1e-5)


def test_its_hard_sigmoid_is_its_own(tmp_path: Path) -> None:
    write(tmp_path / "old.h5", *stack("hard_sigmoid"))
    model = seqir.models.load_model(tmp_path / "old.h5")
    x = np.array([[1, 2, 4, 3]], np.int32)
    found = seqir.Model(model.inputs, model.layers[1].output)(x)
    table, kernel, again, bias = (w.numpy() for w in model.weights[:4])
    h = c = np.zeros((1, 4))
    for t in range(4):
        z = table[x[:, t]] @ kernel + h @ again + bias
        i, keep, new, out = np.split(z, 4, -1)
        i, keep, out = (np.clip(0.2 * a + 0.5, 0, 1) for a in (i, keep, out))
        c = keep * c + i * np.maximum(new, 0)
        h = out * np.maximum(c, 0)
        assert_allclose(found[:, t], h, 1e-5, 1e-5)
    assert model.export(tmp_path / "model.onnx").nodes["LSTM"] == 1


@pytest.mark.parametrize("form", ["list", "keyword"])
def test_states_between_layers(form: str, tmp_path: Path) -> None:
    """An encoder and a decoder: states are inputs of a call, or its keyword."""

    def place(name: str, index: int = 0) -> list[Any]:
        return [name, 0, index, {}]

    first = recurrent("LSTM", "encoder", 4, return_state=True)
    second = recurrent("LSTM", "decoder", 4, return_sequences=True)
    states = [place("encoder", 1), place("encoder", 2)]
    calls: list[Any] = [[place("b"), *states]]
    if form == "keyword":
        given = {"initial_state": [[*s[:3]] for s in states]}
        calls = [[["b", 0, 0, given]]]
    layers = [
        {**entered("a", None, 3), "name": "a", "inbound_nodes": []},
        {**entered("b", None, 2), "name": "b", "inbound_nodes": []},
        {**first, "name": "encoder", "inbound_nodes": [[place("a")]]},
        {**second, "name": "decoder", "inbound_nodes": calls},
    ]
    config = {
        "name": "model",
        "layers": layers,
        "input_layers": [["a", 0, 0], ["b", 0, 0]],
        "output_layers": [["decoder", 0, 0]],
    }
    weights = {
        "encoder": arrays("encoder/lstm_cell", (3, 16), (4, 16), (16,)),
        "decoder": arrays("decoder/lstm_cell_1", (2, 16), (4, 16), (16,), seed=1),
    }
    write(tmp_path / "old.h5", {"class_name": "Functional", "config": config}, weights)
    model = seqir.models.load_model(tmp_path / "old.h5")
    rng = np.random.default_rng(2)
    x = [rng.normal(size=(2, 5, n)).astype("float32") for n in (3, 2)]
    inputs = [keras.Input((None, n)) for n in (3, 2)]
    _, *found = keras.layers.LSTM(4, return_state=True)(inputs[0])
    y = keras.layers.LSTM(4, return_sequences=True)(inputs[1], initial_state=found)
    theirs = keras.Model(inputs, y)
    theirs.set_weights(model.get_weights())
    wanted = theirs.predict(x, verbose=0)
    assert_allclose(model.predict(x, verbose=0), wanted, 1e-5, 1e-5)
