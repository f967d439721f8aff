"""Files in the form of Keras 2: as Keras 3 reads them, and what it does not read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir.errors import UnsupportedError
from seqir.models import load_model

h5py = pytest.importorskip("h5py")
keras = pytest.importorskip("keras")

GLOROT = {"class_name": "GlorotUniform", "config": {"seed": None}}
ZEROS = {"class_name": "Zeros", "config": {}}
ONES = {"class_name": "Ones", "config": {}}
NOTHING = {
    f"{what}_{kind}": None
    for what in ("kernel", "bias")
    for kind in ("regularizer", "constraint")
}
CONV = {
    "strides": [1, 1], "padding": "same", "data_format": "channels_last",
    "dilation_rate": [1, 1], "groups": 1, "activation": "linear", "use_bias": True,
    "kernel_initializer": GLOROT, "bias_initializer": ZEROS,
    "activity_regularizer": None, **NOTHING,
}  # fmt: skip
NORM = {
    "axis": [3], "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True,
    "beta_initializer": ZEROS, "gamma_initializer": ONES,
    "moving_mean_initializer": ZEROS, "moving_variance_initializer": ONES,
    "beta_regularizer": None, "gamma_regularizer": None, "beta_constraint": None,
    "gamma_constraint": None,
}  # fmt: skip
DENSE = {
    "units": 3, "activation": "softmax", "use_bias": True,
    "kernel_initializer": GLOROT, "bias_initializer": ZEROS,
    "activity_regularizer": None, **NOTHING,
}  # fmt: skip


def layer(kind: str, name: str, *before: str, **config: Any) -> dict[str, Any]:
    base = {} if kind == "InputLayer" else {"trainable": True}
    return {
        "class_name": kind,
        "config": {"name": name, **base, "dtype": "float32", **config},
        "name": name,
        "inbound_nodes": [[[b, 0, 0, {}] for b in before]] if before else [],
    }


LAYERS = [
    layer("InputLayer", "input_1", batch_input_shape=[None, 6, 6, 3], sparse=False,
          ragged=False),
    layer("Conv2D", "conv", "input_1", filters=4, kernel_size=[3, 3], **CONV),
    layer("BatchNormalization", "norm", "conv", **NORM),
    layer("ReLU", "relu", "norm", max_value=6.0, negative_slope=0.0, threshold=0.0),
    layer("Conv2D", "side", "input_1", filters=4, kernel_size=[1, 1], **CONV),
    layer("Add", "add", "relu", "side"),
    layer("GlobalAveragePooling2D", "pool", "add", data_format="channels_last",
          keepdims=False),
    layer("Dropout", "drop", "pool", rate=0.5, noise_shape=None, seed=None),
    layer("Dense", "scores", "drop", **DENSE),
]  # fmt: skip
FUNCTIONAL = {
    "class_name": "Functional",
    "config": {
        "name": "model",
        "trainable": True,
        "layers": LAYERS,
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["scores", 0, 0]],
    },
}
WEIGHTS = {
    "conv": {"kernel": (3, 3, 3, 4), "bias": (4,)},
    "norm": dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (4,)),
    "side": {"kernel": (1, 1, 3, 4), "bias": (4,)},
    "scores": {"kernel": (4, 3), "bias": (3,)},
}
TRAINING = {
    "loss": "sparse_categorical_crossentropy",
    "metrics": None,
    "weighted_metrics": None,
    "loss_weights": None,
    "optimizer_config": {
        "class_name": "Adam",
        "config": {
            "name": "Adam", "weight_decay": None, "clipnorm": None,
            "global_clipnorm": None, "clipvalue": None, "use_ema": False,
            "ema_momentum": 0.99, "ema_overwrite_frequency": None,
            "jit_compile": False, "is_legacy_optimizer": False,
            "learning_rate": 0.002, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07,
            "amsgrad": False,
        },
    },
}  # fmt: skip


def write(path: Path, config: Any, weights: Any, training: Any = None) -> Path:
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.11.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        root = file.create_group("model_weights")
        layers = [entry["config"]["name"] for entry in config["config"]["layers"]]
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for name in layers:
            group = root.create_group(name)
            shapes = weights.get(name, {})
            names = [f"{name}/{weight}:0" for weight in shapes]
            group.attrs["weight_names"] = [n.encode() for n in names]
            for own, shape in zip(names, shapes.values(), strict=True):
                value = rng.normal(size=shape).astype(np.float32)
                group[own] = np.abs(value) + 0.1 if "variance" in own else value
    return path


def agree(path: Path, shape: tuple[int, ...]) -> Any:
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    mine = load_model(path, compile=False)
    theirs = keras.models.load_model(path, compile=False)
    wanted = np.asarray(theirs(x))
    np.testing.assert_allclose(mine(x), wanted, rtol=1e-5, atol=1e-6)
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    return mine


def test_a_functional_model(tmp_path: Path) -> None:
    path = write(tmp_path / "m.h5", FUNCTIONAL, WEIGHTS, TRAINING)
    mine = agree(path, (2, 6, 6, 3))
    assert [x.name for x in mine.layers] == [e["name"] for e in LAYERS]
    compiled = load_model(path)
    assert float(compiled.optimizer.learning_rate) == pytest.approx(0.002)
    compiled.fit(np.ones((4, 6, 6, 3)), np.zeros(4, np.int32), verbose=0)


def test_a_stack_without_an_input_layer(tmp_path: Path) -> None:
    """Keras 3 takes ``batch_input_shape`` for a shape without the batch."""
    entries = [
        {k: v for k, v in entry.items() if k in ("class_name", "config")}
        for entry in (LAYERS[1], LAYERS[2], LAYERS[6], LAYERS[8])
    ]
    first = {**entries[0]["config"], "batch_input_shape": [None, 6, 6, 3]}
    bare = [{**entries[0], "config": first}, *entries[1:]]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": bare}}
    mine = load_model(write(tmp_path / "m.h5", config, WEIGHTS))
    entries.insert(0, LAYERS[0])
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": entries}}
    same = agree(write(tmp_path / "n.h5", config, WEIGHTS), (2, 6, 6, 3))
    x = np.random.default_rng(1).normal(size=(2, 6, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(mine(x), same(x))
    assert mine.input_shape == (None, 6, 6, 3)


def test_a_stack_that_is_a_list(tmp_path: Path) -> None:
    """Before 2.2.3 a stack had no name of its own."""
    config = {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [LAYERS[8]]},
    }
    first = {**LAYERS[8]["config"], "batch_input_shape": [None, 4]}
    stack = [{"class_name": "Dense", "config": first}]
    path = write(tmp_path / "m.h5", config, WEIGHTS)
    with h5py.File(path, "a") as file:
        whole = {"class_name": "Sequential", "config": stack}
        file.attrs["model_config"] = json.dumps(whole)
    mine = load_model(path)
    assert [x.name for x in mine.layers] == ["scores"]
    kernel, bias = mine.get_weights()
    scores = np.exp(np.ones((1, 4), np.float32) @ kernel + bias)
    np.testing.assert_allclose(mine(np.ones((1, 4))), scores / scores.sum(), rtol=1e-5)


def test_arguments_that_were_called_otherwise(tmp_path: Path) -> None:
    """Keras 3 refuses what its base class left in a separable convolution."""
    typed = {"class_name": "GlorotUniform", "config": {"seed": 3, "dtype": "float32"}}
    unused = {
        "kernel_initializer": typed,
        "kernel_regularizer": None,
        "kernel_constraint": None,
    }
    parts = {
        f"{part}_{kind}": typed if kind == "initializer" else None
        for part in ("depthwise", "pointwise")
        for kind in ("initializer", "regularizer", "constraint")
    }
    conv = {k: v for k, v in CONV.items() if k != "groups"} | unused | parts
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [
                layer("InputLayer", "i", batch_input_shape=[None, 6, 6, 3]),
                layer("SeparableConv2D", "sep", filters=4, kernel_size=[3, 3],
                      depth_multiplier=1, groups=1, **conv),
                layer("LeakyReLU", "leaky", alpha=0.25),
                layer("Flatten", "flat", data_format="channels_last"),
            ],
        },
    }  # fmt: skip
    shapes = {
        "depthwise_kernel": (3, 3, 3, 1),
        "pointwise_kernel": (1, 1, 3, 4),
        "bias": (4,),
    }
    path = write(tmp_path / "m.h5", config, {"sep": shapes})
    mine = load_model(path)
    assert mine.layers[1].negative_slope == 0.25
    ours = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.SeparableConv2D(4, 3, padding="same"),
            keras.layers.LeakyReLU(0.25),
            keras.layers.Flatten(),
        ]
    )
    ours.set_weights(mine.get_weights())
    x = np.random.default_rng(1).normal(size=(2, 6, 6, 3)).astype(np.float32)
    np.testing.assert_allclose(mine(x), np.asarray(ours(x)), rtol=1e-5, atol=1e-6)


def test_tensors_by_keyword_and_functions_of_tensorflow(tmp_path: Path) -> None:
    called = layer("TFOpLambda", "tf.math.igamma", function="math.igamma")
    called["inbound_nodes"] = [["input_1", 0, 0, {"y": ["conv", 0, 0]}]]
    changed = {**FUNCTIONAL["config"], "layers": [*LAYERS, called]}  # pyright: ignore[reportGeneralTypeIssues]
    config = {**FUNCTIONAL, "config": changed}
    path = write(tmp_path / "m.h5", config, WEIGHTS)
    with pytest.raises(UnsupportedError, match=r"TensorFlow function 'math.igamma'"):
        load_model(path)


def test_functions_of_the_user_by_their_names(tmp_path: Path) -> None:
    def thrice(x: Any) -> Any:
        return seqir.ops.relu(x) * 3.0

    def off_by_one(y_true: Any, y_pred: Any) -> Any:
        return seqir.ops.mean(seqir.ops.abs(y_true - y_pred + 1.0), axis=-1)

    scores = layer(
        "Dense", "scores", **{**DENSE, "activation": "own>thrice"},
        batch_input_shape=[None, 4],
    )  # fmt: skip
    del scores["name"], scores["inbound_nodes"]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [scores]}}
    training = {**TRAINING, "loss": "off_by_one", "metrics": ["accuracy", "Unknown"]}
    path = write(tmp_path / "m.h5", config, WEIGHTS, training)
    with pytest.raises(UnsupportedError, match=r"no function 'thrice': pass your own"):
        load_model(path)
    known: dict[str, Any] = {"thrice": thrice}
    with pytest.raises(UnsupportedError, match="no function 'off_by_one': pass your"):
        load_model(path, known)
    known["off_by_one"] = off_by_one
    with pytest.raises(UnsupportedError, match="no function 'Unknown': pass your own"):
        load_model(path, known)
    mine = load_model(path, known | {"Unknown": seqir.metrics.MeanAbsoluteError})
    x, y = np.ones((2, 4), np.float32), np.zeros((2, 3), np.float32)
    kernel, bias = mine.get_weights()
    wanted = np.maximum(x @ kernel + bias, 0) * 3
    np.testing.assert_allclose(mine(x), wanted, rtol=1e-6)
    found = mine.evaluate(x, y, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(np.abs(1 - wanted).mean())
    assert found["mean_absolute_error"] == pytest.approx(wanted.mean())


def test_weights_alone(tmp_path: Path) -> None:
    """The files of the applications: groups of layers at the root."""
    path = write(tmp_path / "m.h5", FUNCTIONAL, WEIGHTS)
    with h5py.File(path, "a") as file:
        for name in (*WEIGHTS, "input_1", "relu", "add", "pool", "drop"):
            file.move(f"model_weights/{name}", name)
        file.attrs["layer_names"] = file["model_weights"].attrs["layer_names"]
        del file["model_weights"], file.attrs["model_config"]
    model = load_model(write(tmp_path / "other.h5", FUNCTIONAL, WEIGHTS))
    before = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in before])
    model.load_weights(path)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_keras_format_of_tf_keras(tmp_path: Path) -> None:
    """Keras 2.12 to 2.15: another name for the layers, calls as lists of places."""
    model = load_model(write(tmp_path / "m.h5", FUNCTIONAL, WEIGHTS))
    model.save_weights(tmp_path / "new.weights.h5")
    with h5py.File(tmp_path / "new.weights.h5", "a") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
    before = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in before])
    model.load_weights(tmp_path / "new.weights.h5")
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
