"""Configurations that ask for code, for files, or for nonsense."""

import base64
import marshal
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_files import Edit, copy, keras_file, legacy_file
from refusal import Canary, refused

from seqir.errors import CorruptFileError, SeqirError, UnsafeFileError, UnsupportedError
from seqir.models import load_model

FORMATS: dict[str, Callable[[Path, Edit], Path]] = {
    "m.keras": keras_file,
    "m.h5": legacy_file,
}


def layer(kind: str, module: str | None = "keras.layers", **config: Any) -> Edit:
    """Puts a layer in the place of the one that is called 'hidden'."""
    registered = config.pop("registered_name", None)
    entry = {
        "module": module,
        "class_name": kind,
        "config": {"name": "bad", **config},
        "registered_name": registered,
    }

    def edit(config: Any) -> None:
        config["config"]["layers"][1] = entry

    return edit


def argument(**changed: Any) -> Edit:
    """Changes arguments of the Dense layer that is called 'hidden'."""

    def edit(config: Any) -> None:
        config["config"]["layers"][1]["config"] |= changed

    return edit


def stored(kind: str, module: str, config: Any = None, **more: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": config or {}, **more}


def payload(path: Path) -> str:
    """Python bytecode that makes a file, as Keras stores that of a Lambda."""
    code = compile(f"open({str(path)!r}, 'w')", "attack", "eval")
    return base64.b64encode(marshal.dumps(code)).decode()


@pytest.mark.parametrize("kind", FORMATS)
def test_lambda(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "made by the file"
    code = {"class_name": "__lambda__", "config": {"code": payload(target)}}
    path = FORMATS[kind](tmp_path / kind, layer("Lambda", function=code))
    words = rf"{kind} cannot be loaded: layer .*bad.* \(Lambda\): .*Python code"
    for safe in (True, False):
        refused(
            lambda safe=safe: load_model(path, safe_mode=safe),
            UnsafeFileError,
            words,
            folder=tmp_path,
        )
    assert not target.exists()


@pytest.mark.parametrize("kind", FORMATS)
def test_lambda_as_an_activation(tmp_path: Path, kind: str) -> None:
    code = [payload(tmp_path / "made"), None, None]
    for value in (
        {"class_name": "__lambda__", "config": {"value": code}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "os", "class_name": "function", "config": "system"},
        {"module": "keras.utils", "class_name": "function", "config": "get_file"},
    ):
        path = FORMATS[kind](tmp_path / kind, argument(activation=value))
        known = value.get("module") in ("builtins", "keras.utils")
        error = UnsupportedError if known else UnsafeFileError
        refused(lambda p=path: load_model(p), error, "hidden'", folder=tmp_path)


LAYERS: dict[str, tuple[Edit, type[SeqirError], str]] = {
    "os.system": (
        layer("system", "os", command="touch /tmp/x"),
        UnsafeFileError,
        "os.system is not a class of Keras, and no name from a file is looked up",
    ),
    "subprocess.Popen": (
        layer("Popen", "subprocess", args=["true"]),
        UnsafeFileError,
        "subprocess.Popen is not a class of Keras",
    ),
    "builtins.eval": (
        layer("eval", "builtins"),
        UnsafeFileError,
        "builtins.eval is not a class of Keras",
    ),
    "get_file": (
        layer("get_file", "keras.utils", fname="x", origin="http://127.0.0.1:9/x"),
        UnsupportedError,
        "seqir has no layer 'get_file'",
    ),
    "enable_unsafe_deserialization": (
        layer("enable_unsafe_deserialization", "keras.config"),
        UnsupportedError,
        "seqir has no layer 'enable_unsafe_deserialization'",
    ),
    "set_global_attribute": (
        layer("set_global_attribute", "keras.src.backend.common.global_state"),
        UnsupportedError,
        "seqir has no layer 'set_global_attribute'",
    ),
    "TFSMLayer": (
        layer("TFSMLayer", filepath="/etc"),
        UnsupportedError,
        "TFSMLayer wraps a TensorFlow SavedModel .* export that part to ONNX",
    ),
    "TorchModuleWrapper": (
        layer("TorchModuleWrapper", module=None),
        UnsupportedError,
        "TorchModuleWrapper wraps a PyTorch module: export that part to ONNX",
    ),
    "JaxLayer": (layer("JaxLayer"), UnsupportedError, "JaxLayer wraps a JAX function"),
    "FlaxLayer": (layer("FlaxLayer"), UnsupportedError, "wraps a Flax module"),
    "a class of its own": (
        layer("Foo", "pkg", registered_name="pkg>Foo"),
        UnsupportedError,
        r"'Foo' is a class of pkg: pass it as custom_objects=\{'Foo': \.\.\.\}",
    ),
    "a class that pretends to be Keras's": (
        layer("Foo", "keras.layers"),
        UnsupportedError,
        r"seqir has no layer 'Foo': .* custom_objects=\{'Foo': \.\.\.\}",
    ),
    "a dunder": (layer("__class__"), UnsupportedError, "has no layer '__class__'"),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_that_are_none(tmp_path: Path, name: str, kind: str) -> None:
    edit, error, words = LAYERS[name]
    path = FORMATS[kind](tmp_path / kind, edit)
    load = lambda: load_model(path)  # noqa: E731
    refused(load, error, words, folder=tmp_path)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_vocabularies_that_are_paths(tmp_path: Path, kind: str, name: str) -> None:
    canary = Canary(tmp_path / "canary")
    for place in (str(canary.path), "/etc/passwd", "http://127.0.0.1:9/x"):
        path = FORMATS[kind](tmp_path / kind, layer(name, vocabulary=place))
        refused(
            lambda p=path: load_model(p),
            UnsafeFileError,
            f"vocabulary='{place}' names a file, and no path from a file is opened",
            folder=tmp_path,
            canary=canary,
        )
    canary.close()


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    def edit(config: Any) -> None:
        layer("Lambda")(config)
        config["config"]["layers"][2] = stored("Foo", "keras.layers", {"name": "other"})

    path = keras_file(tmp_path / "m.keras", edit)
    load = lambda: load_model(path)  # noqa: E731
    refused(load, UnsafeFileError, "bad.*Lambda.*other.*Foo", folder=tmp_path)


# Names.

NAMES = ["../../evil", "/etc/x", "a\0b", "", "x" * (1 << 20), "C:\\x", 7, None, ["x"]]


@pytest.mark.parametrize("name", NAMES, ids=lambda n: repr(n)[:12])
@pytest.mark.parametrize("kind", FORMATS)
def test_names_are_never_paths(tmp_path: Path, name: Any, kind: str) -> None:
    """They are refused, or are nothing but names."""
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    path = FORMATS[kind](inside / kind, argument(name=name))
    before = sorted(tmp_path.rglob("*"))
    try:
        model = load_model(path)
    except SeqirError as error:
        assert len(str(error)) < 4000  # noqa: PT017
    else:
        for target in ("again.keras", "again.weights.h5", "again.safetensors"):
            save = model.save if target.endswith("keras") else model.save_weights
            try:
                save(inside / target)
            except SeqirError:
                continue
            before.append(inside / target)
    assert sorted(tmp_path.rglob("*")) == sorted(before)


def test_two_layers_of_one_name(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "m.keras", argument(name="out"))
    load = lambda: load_model(path)  # noqa: E731
    refused(load, CorruptFileError, "'out'", folder=tmp_path)


# Values.


def entry(kind: str, **config: Any) -> Edit:
    """The model is one layer of that kind, on an input of its rank."""
    shape = config.pop("shape", [None, 8, 8, 3])

    def edit(found: Any) -> None:
        first, *_ = found["config"]["layers"]
        first["config"]["batch_shape"] = shape
        found["config"].pop("build_input_shape")
        found.pop("build_config")
        named = {"name": "bad", **config}
        found["config"]["layers"] = [first, stored(kind, "keras.layers", named)]

    return edit


def dense(units: Any) -> Edit:
    return argument(units=units)


VALUES: dict[str, tuple[Edit, str]] = {
    "units -1": (dense(-1), "hidden'.*units.*-1"),
    "units 0": (dense(0), "hidden'.*units.*0"),
    "units 1e18": (dense(1e18), "hidden'.*units"),
    "units 10**18": (dense(10**18), "too big"),
    "units text": (dense("8"), "hidden'.*units.*'8'"),
    "units true": (dense(True), "hidden'.*units.*True"),
    "units null": (dense(None), "hidden'.*units.*None"),
    "units list": (dense([4]), "hidden'.*units.*4"),
    "activation": (argument(activation="evil"), "hidden'.*evil"),
    "initializer": (argument(kernel_initializer="evil"), "hidden'.*evil"),
    "regularizer": (argument(kernel_regularizer={"a": 1}), "hidden'"),
    "constraint": (argument(kernel_constraint=7), "hidden'.*7"),
    "dtype": (argument(dtype="float7"), "hidden'.*float7"),
    "unknown argument": (argument(evil=1), "hidden'.*evil"),
    "three sizes for two": (
        entry("Conv2D", filters=2, kernel_size=[3, 3, 3]),
        r"bad'.*kernel_size",
    ),
    "filters": (entry("Conv2D", filters=-2, kernel_size=3), "bad'.*filters.*-2"),
    "groups": (
        entry("Conv2D", filters=4, kernel_size=3, groups=2),
        r"3 channels of the input must be divisible by groups \(=2\) \(in layer 'bad'",
    ),
    "strides": (entry("Conv2D", filters=2, kernel_size=3, strides=0), "bad'.*strides"),
    "padding": (entry("Conv2D", filters=2, kernel_size=3, padding="x"), "bad'.*'x'"),
    "pool": (entry("MaxPooling2D", pool_size=-1), "bad'.*pool_size.*-1"),
    "rate": (entry("Dropout", rate=1.5), "bad'.*rate.*1.5"),
    "axis": (
        entry("BatchNormalization", axis=7),
        "axis 7 is out of range for rank 4 .in layer 'bad'",
    ),
    "target shape": (entry("Reshape", target_shape=[7, -1, -1]), "bad'"),
    "permutation": (entry("Permute", dims=[1, 1, 1]), "bad'.*dims"),
    "epsilon": (entry("BatchNormalization", epsilon="x"), "bad'.*epsilon.*'x'"),
    "quantization": (argument(quantization_config={"m": "int8"}), "hidden'.*quant"),
    "data format": (
        entry("Conv2D", filters=2, kernel_size=3, data_format="evil"),
        "bad'.*data_format.*'evil'",
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_that_make_no_sense(tmp_path: Path, name: str) -> None:
    edit, words = VALUES[name]
    path = keras_file(tmp_path / "m.keras", edit)
    with pytest.raises(SeqirError) as caught:
        load_model(path)
    refused(lambda: load_model(path), type(caught.value), words, folder=tmp_path)


SHAPES = [
    [None, -3],
    [None, 0.5],
    [None, "3"],
    [None, 10**18],
    [None, None],
    "evil",
    7,
    [None] * 1000,
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: str(s)[:20])
def test_input_shapes_that_make_no_sense(tmp_path: Path, shape: Any) -> None:
    def edit(config: Any) -> None:
        config["config"]["layers"][0]["config"]["batch_shape"] = shape

    path = keras_file(tmp_path / "m.keras", edit)
    with pytest.raises(SeqirError) as caught:
        load_model(path)
    refused(lambda: load_model(path), type(caught.value), folder=tmp_path)


STRUCTURES: dict[str, Edit] = {
    "a list": lambda config: [config],
    "a number": lambda config: 7,
    "a text": lambda config: "x",
    "empty": lambda config: {"a": 1},
    "no config": lambda config: config.pop("config") and None,
    "no layers": lambda config: config["config"].pop("layers") and None,
    "layers are a number": lambda config: config["config"].update(layers=7),
    "layers are texts": lambda config: config["config"].update(layers=["Dense"]),
    "a model in itself": lambda config: config["config"]["layers"].append(
        {**config, "config": {"name": "inner", "layers": [7]}}
    ),
    "another class of model": lambda config: config.update(class_name="Evil"),
    "module is a number": lambda config: config.update(module=7),
    "no layer at all": lambda config: config["config"].update(layers=[]),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_that_are_no_model(tmp_path: Path, name: str) -> None:
    path = keras_file(tmp_path / "m.keras", STRUCTURES[name])
    with pytest.raises(SeqirError, match=r"m\.keras") as caught:
        load_model(path)
    refused(lambda: load_model(path), type(caught.value), folder=tmp_path)


def test_the_valid_files_are_read(tmp_path: Path) -> None:
    """What is refused above is refused for what was changed."""
    for kind in FORMATS:
        assert load_model(copy(kind, tmp_path)).name == "tiny"
        assert load_model(FORMATS[kind](tmp_path / kind, lambda c: None)).name == "tiny"
    assert os.listdir(tmp_path)


# What it was compiled with.


def compiled(**changed: Any) -> Edit:
    def edit(config: Any) -> None:
        config["compile_config"] |= changed

    return edit


COMPILED: dict[str, tuple[Edit, str]] = {
    "loss by path": (
        compiled(loss=stored("function", "os", "system")),
        "os.*system.* is not one of Keras",
    ),
    "loss class": (compiled(loss=stored("Evil", "keras.losses")), "Evil"),
    "metric": (compiled(metrics=["evil"]), "evil"),
    "optimizer": (compiled(optimizer=stored("Evil", "keras.optimizers")), "Evil"),
    "optimizer of os": (compiled(optimizer=stored("system", "os")), "os.system"),
    "optimizer is a number": (compiled(optimizer=7), "optimizer"),
    "rate": (
        compiled(optimizer=stored("Adam", "keras.optimizers", {"learning_rate": "x"})),
        "learning_rate",
    ),
    "unknown setting": (
        compiled(optimizer=stored("Adam", "keras.optimizers", {"evil": 7})),
        "evil",
    ),
    "lambda": (
        compiled(loss={"class_name": "__lambda__", "config": {}}),
        "lambda, Python code",
    ),
    "no mapping": (lambda c: c.update(compile_config=[7]), "compile settings are not"),
}


@pytest.mark.parametrize("name", COMPILED)
def test_what_it_was_compiled_with(tmp_path: Path, name: str) -> None:
    edit, words = COMPILED[name]
    path = keras_file(tmp_path / "m.keras", edit)
    with pytest.raises(SeqirError) as caught:
        load_model(path)
    refused(lambda: load_model(path), type(caught.value), words, folder=tmp_path)
    assert load_model(path, compile=False).name == "tiny"
