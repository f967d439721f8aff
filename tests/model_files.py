"""A small valid model in every kind of file, for tests that then do something to it."""

import atexit
import functools
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

import seqir
from seqir import layers, ops
from seqir.models import load_model

Edit = Callable[[Any], Any]
KINDS = (
    "m.keras", "m.h5", "m.weights.h5", "m.safetensors", "m.weights.json", "m.json",
    "graph.json", "keras2.json",
)  # fmt: skip
KERAS_2 = Path(__file__).parent / "data" / "keras2.zip"
"""Files that Keras 2 wrote."""


def model() -> Any:
    """The model that is in the files; its names do not depend on other models."""
    found = seqir.Sequential(
        [
            seqir.Input((3,), name="x"),
            layers.Dense(4, activation="relu", name="hidden"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(2, name="out"),
        ],
        name="tiny",
    )
    found.compile("adam", "mse")
    return found


def graph() -> Any:
    """A model of branches, a function, a shared layer and a model inside of it."""
    image = seqir.Input((8, 8, 3), name="image")
    more = seqir.Input((4,), name="more")
    shared = layers.Dense(4, name="shared", kernel_regularizer="l2")
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="conv")(image)
    x = layers.ReLU(6.0, name="cap")(x)
    x = layers.Reshape((16, 4), name="rows")(x)
    x = ops.mean(x, axis=1)
    inner = seqir.Sequential(
        [seqir.Input((4,)), layers.Dense(4, name="in"), layers.Dropout(0.5)],
        name="inner",
    )
    x = layers.Add(name="add")([shared(inner(x)), shared(more)])
    x = layers.Concatenate(name="both")([x * 2.0, more])
    return seqir.Model([image, more], layers.Softmax(name="end")(x), name="graph")


def keras_2() -> dict[str, Any]:
    """A model as Keras 2 describes it: models inside, functions, how it is trained."""

    def stored(name: str, attribute: str) -> Any:
        with zipfile.ZipFile(KERAS_2) as archive:
            file = h5py.File(io.BytesIO(archive.read(f"{name}.h5")))
        return json.loads(file.attrs[attribute])

    found = stored("connected", "model_config")
    text = json.dumps(stored("functions", "model_config")["config"])
    more = json.loads(text.replace('"a"', '"left"').replace('"b"', '"right"'))
    layers = more["layers"][:20]
    names = {layer["name"] for layer in layers}
    config = found["config"]
    config["layers"] += layers
    config["input_layers"] += more["input_layers"]
    config["output_layers"] += [e for e in more["output_layers"] if e[0] in names]
    return {**found, "compile_config": stored("task binary", "training_config")}


_HOME = tempfile.TemporaryDirectory(prefix="seqir_models")
atexit.register(_HOME.cleanup)


@functools.cache
def folder() -> Path:
    """One file of each kind; not to be changed."""
    found = Path(_HOME.name)
    made = model()
    for name in KINDS:
        if name.startswith(("m.keras", "m.h5")):
            made.save(found / name)
            load_model(found / name)  # what is imported then, is
        elif name.endswith("weights.json"):
            made.save_weights(found / name)
            made.load_weights(found / name)
        elif name == "keras2.json":
            (found / name).write_text(json.dumps(keras_2()))
        elif name.endswith("json"):
            (found / name).write_text((made if name == "m.json" else graph()).to_json())
        else:
            made.save_weights(found / name)
            made.load_weights(found / name)
    return found


def copy(kind: str, to: Path) -> Path:
    """A copy of the valid file of a kind, in the folder `to`."""
    for path in folder().iterdir():
        if path.name == kind or (kind == "m.weights.json" and "_0" in path.name):
            shutil.copy(path, to)
    return to / kind


def members(path: Path | None = None) -> dict[str, bytes]:
    """The members of a ``.keras`` file, of the valid one unless it is said."""
    with zipfile.ZipFile(path or folder() / "m.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, content: dict[str, bytes]) -> Path:
    """A ``.keras`` file of these members."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def keras_file(path: Path, edit: Edit) -> Path:
    """The valid ``.keras`` file with another configuration; `edit` may return one."""
    content = members()
    config = json.loads(content["config.json"])
    config = edit(config) or config
    return pack(path, {**content, "config.json": json.dumps(config).encode()})


def legacy_file(path: Path, edit: Edit) -> Path:
    """The valid ``.h5`` file with another configuration."""
    shutil.copy(folder() / "m.h5", path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = json.dumps(edit(config) or config)
    return path


def weights_file(path: Path, edit: Edit) -> Path:
    """The valid ``.weights.h5`` file after `edit` had it open."""
    shutil.copy(folder() / "m.weights.h5", path)
    with h5py.File(path, "r+") as file:
        edit(file)
    return path
