"""Files and models that are refused when they are loaded or saved, in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_saving import Odd, Silent, rewrite, saved, shared, stack

import seqir
from seqir import layers, ops
from seqir.errors import (
    CorruptFileError,
    NotBuiltError,
    UnsafeFileError,
    UnsupportedError,
)
from seqir.models import load_model, model_from_json

h5py = pytest.importorskip("h5py")


def at(config: Any, index: int) -> Any:
    return config["config"]["layers"][index]


def entry(kind: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": {"name": "x", **config}}


def replaced(new: Any) -> Any:
    def change(config: Any) -> None:
        config["config"]["layers"][3] = new

    return change


BAD: list[tuple[Any, type[Exception], str]] = [
    (entry("Lambda"), UnsafeFileError, r"'stack/x' \(Lambda\): Lambda runs Python"),
    (entry("TFSMLayer"), UnsupportedError, "TFSMLayer wraps a TensorFlow SavedModel"),
    (entry("Fancy"), UnsupportedError, "has no layer 'Fancy'"),
    (
        {"module": None, "class_name": "Fancy", "config": {}},
        UnsupportedError,
        r"layer 'stack/Fancy' \(Fancy\): seqir has no layer 'Fancy'",
    ),
    (entry("Foo", "my.pkg"), UnsafeFileError, "my.pkg.Foo is not a class of Keras"),
    (
        {**entry("Foo", "my.pkg"), "registered_name": "pkg>Foo"},
        UnsupportedError,
        r"'Foo' is a class of my.pkg: pass it as custom_objects=\{'Foo'",
    ),
    (
        entry("StringLookup", vocabulary="/etc/passwd"),
        UnsafeFileError,
        "its vocabulary='/etc/passwd' names a file",
    ),
    (
        entry("Dense", units=-1),
        CorruptFileError,
        r"'stack/x' \(Dense\): units must be an integer >= 1, got -1",
    ),
    (entry("Dense", unit=1), CorruptFileError, "unit"),
    (entry("Dense", units=[1]), CorruptFileError, "units"),
    (
        entry("Dense", units=1, quantization_config={"a": 1}),
        UnsupportedError,
        "Dense of seqir has no 'quantization_config'",
    ),
    (
        entry("Dense", units=1, dtype={"class_name": "QuantizedDTypePolicy"}),
        UnsupportedError,
        "dtype policy 'QuantizedDTypePolicy'",
    ),
    (
        entry("Activation", activation={"class_name": "__lambda__", "config": {}}),
        UnsafeFileError,
        "it holds a lambda",
    ),
    (
        entry(
            "Activation",
            activation={
                "class_name": "function",
                "module": "os",
                "config": "system",
            },
        ),
        UnsafeFileError,
        "the function os.'system' is not one of Keras",
    ),
    (
        entry("Activation", activation=entry("Nope")),
        CorruptFileError,
        "activation 'Nope' is not a layer of seqir",
    ),
    (
        entry("Rescaling", scale={"class_name": "__tensor__", "config": 3}),
        CorruptFileError,
        "an array is stored as value and dtype, got 3",
    ),
    (entry("Fancy", "keras.src.ops.numpy"), UnsupportedError, "operation 'Fancy'"),
    ("Dense", CorruptFileError, "a layer is stored as"),
]


@pytest.mark.parametrize(("new", "error", "words"), BAD)
def test_layers_that_cannot_be(
    new: Any, error: Any, words: str, tmp_path: Path
) -> None:
    path = rewrite(saved(tmp_path), replaced(new))
    with pytest.raises(error, match=words) as caught:
        load_model(path)
    assert type(caught.value) is error
    assert str(caught.value).startswith("m.keras cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_all_reasons_are_given_at_once(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        for index, kind in enumerate(("Fancy", "Fancier", "Fanciest"), 1):
            config["config"]["layers"][index] = entry(kind)

    path = rewrite(saved(tmp_path), change)
    with pytest.raises(UnsupportedError, match=r"'Fancy'.*'Fancier'.*'Fanciest'"):
        load_model(path)

    def many(config: Any) -> None:
        config["config"]["layers"][1:] = [entry("Fancy")] * 30

    with pytest.raises(UnsupportedError, match="; and 10 more"):
        load_model(rewrite(path, many))


GRAPH = {
    "a layer twice": (
        lambda c: c["config"]["layers"].append(c["config"]["layers"][1]),
        "two layers have the name",
    ),
    "no inputs": (lambda c: c["config"].pop("input_layers"), "has no input_layers"),
    "no layers": (lambda c: c["config"].pop("layers"), "has no list of layers"),
    "places": (
        lambda c: c["config"].update(output_layers=["twice", 9, 0]),
        "there is no output 0 of call 9 of layer 'twice'",
    ),
    "another form": (
        lambda c: c["config"].update(output_layers=["twice", "0"]),
        "is not a place",
    ),
    "a number": (lambda c: c["config"].update(output_layers=3), "3 is not a place"),
    "a call": (
        lambda c: at(c, 2).update(inbound_nodes=["x"]),
        "a call of layer 'twice' is stored as 'x'",
    ),
    "no calls": (
        lambda c: at(c, 2).update(inbound_nodes=None),
        "no list of inbound_nodes",
    ),
    "a circle": (
        lambda c: at(c, 2)["inbound_nodes"].__setitem__(
            0, {"args": [place("twice", 2)], "kwargs": {}}
        ),
        "layer 'twice' needs call 2 of layer 'twice', which is not there or needs",
    ),
    "nothing": (
        lambda c: at(c, -1).update(inbound_nodes=[{"args": [[1.0]], "kwargs": {}}]),
        "function 'sum' is called on no tensor",
    ),
    "too many parts": (
        lambda c: at(c, -1).update(
            class_name="ArraySplit",
            config={"name": "sum", "indices_or_sections": 10**7, "axis": 1},
        ),
        "array_split into 10,000,000 parts, as no model does",
    ),
    "no such argument": (
        lambda c: at(c, -1)["config"].update(where=3),
        "ops.sum has no argument 'where', which is 3 here",
    ),
}


def place(name: str, call: int) -> dict[str, Any]:
    found = {"keras_history": [name, call, 0], "shape": [None, 4], "dtype": "float32"}
    return {"class_name": "__keras_tensor__", "config": found}


@pytest.mark.parametrize("case", GRAPH)
def test_graphs_that_cannot_be(case: str, tmp_path: Path) -> None:
    change, words = GRAPH[case]
    path = rewrite(saved(tmp_path, shared()), lambda c: change(c) and None)
    refused = (CorruptFileError, UnsafeFileError, UnsupportedError)
    with pytest.raises(refused, match=words):
        load_model(path)


def test_what_is_no_model(tmp_path: Path) -> None:
    path = rewrite(saved(tmp_path), lambda c: entry("Dense", units=3))
    with pytest.raises(CorruptFileError, match="does not hold a model"):
        load_model(path)
    unbuilt = {"name": "s", "layers": [entry("Dense", units=3)]}
    path = rewrite(
        saved(tmp_path), lambda c: {**c, "config": unbuilt, "build_config": 3}
    )
    with pytest.raises(UnsupportedError, match=r"'s' in m.keras was saved before it"):
        load_model(path)
    path = rewrite(path, lambda c: [1])
    with pytest.raises(CorruptFileError, match="a layer is stored as"):
        load_model(path)


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    model = stack()
    model.compile("adam", "mse")
    path = saved(tmp_path, model)
    rewrite(path, lambda c: c["compile_config"].update(loss="mystery"))
    with pytest.raises(UnsupportedError, match=r"compile=False.*function 'mystery'"):
        load_model(path)
    assert load_model(path, compile=False).count_params() == model.count_params()
    rewrite(path, lambda c: c.update(compile_config=[3]))
    with pytest.raises(CorruptFileError, match=r"are not a dictionary: \[3\]"):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("m.pt", "m.pt is not read: PyTorch's files hold pickled Python objects"),
        ("m.pkl", "run code when they are read"),
        ("m.onnx", "no Keras layers"),
        ("m.tflite", "compiled model"),
        ("m", "seqir reads Keras's"),
    ],
)
def test_other_kinds_of_files(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UnsupportedError, match=words):
        load_model(tmp_path / name)
    with pytest.raises(UnsupportedError, match=words):
        stack().load_weights(tmp_path / name)


def test_folders_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="it is a folder: a SavedModel or an"):
        load_model(tmp_path)


def test_a_file_of_weights_is_no_model(tmp_path: Path) -> None:
    stack().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(UnsupportedError, match="holds weights and no model: make the"):
        load_model(tmp_path / "m.weights.h5")


def test_json_that_is_no_model() -> None:
    with pytest.raises(CorruptFileError, match="the JSON text"):
        model_from_json("{")
    with pytest.raises(UnsupportedError, match=r"TensorFlow function 'math.igamma'"):
        model_from_json(json.dumps(entry("TFOpLambda", function="math.igamma")))


def test_saving_what_cannot_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with pytest.raises(NotBuiltError, match="is not built yet and has no weights to s"):
        seqir.Sequential([layers.Dense(3)]).save(path)
    with pytest.raises(NotBuiltError, match="has no weights to load"):
        seqir.Sequential([layers.Dense(3)]).load_weights(tmp_path / "m.weights.h5")
    with pytest.raises(UnsupportedError, match=r"cannot save a model as '.*m.pt'"):
        stack().save(tmp_path / "m.pt")
    with pytest.raises(UnsupportedError, match=r"cannot save weights as '.*m.h5'"):
        stack().save_weights(tmp_path / "m.h5")
    silent = seqir.Sequential([seqir.Input((3,)), Silent(2.0, name="s")])
    with pytest.raises(UnsupportedError, match="layer 's' does not have 'factor'"):
        silent.save(path)
    nameless = stack()
    nameless.compile("sgd", lambda y, p: ops.mean(y - p, axis=-1))
    with pytest.raises(UnsupportedError, match="no name that a file could keep"):
        nameless.save(path)
    x = seqir.Input((3,))
    for y, name in ((ops.mish(x), "mish"), (ops.map(ops.exp, x), "map")):
        with pytest.raises(UnsupportedError, match=f"a call of {name}, which files"):
            seqir.Model(x, y).save(path)
    odd = seqir.Sequential([seqir.Input((3,)), Odd()])
    with pytest.raises(UnsupportedError, match=r"\{1\} of type set cannot be kept in"):
        odd.save(path)
    assert not list(tmp_path.iterdir())
