"""A small valid model in every kind of file, for tests that then do something to it."""

import functools
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

import seqir
from seqir import layers
from seqir.models import load_model

Edit = Callable[[Any], Any]
KINDS = (
    "m.keras", "m.h5", "m.weights.h5", "m.safetensors", "m.weights.json", "m.json",
)  # fmt: skip


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


@functools.cache
def folder() -> Path:
    """One file of each kind; not to be changed."""
    found = Path(tempfile.mkdtemp(prefix="seqir_model_files"))
    made = model()
    for name in KINDS:
        if name.startswith(("m.keras", "m.h5")):
            made.save(found / name)
            load_model(found / name)  # what is imported then, is
        elif name == "m.json":
            (found / name).write_text(made.to_json())
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


def members() -> dict[str, bytes]:
    """The members of the valid ``.keras`` file."""
    with zipfile.ZipFile(folder() / "m.keras") as archive:
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
