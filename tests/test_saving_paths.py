"""Weights whose paths in the file are those of another release, or of Windows.

``data/keras2_paths.py`` made the files, with Keras 2.12 and 2.13.
"""

from __future__ import annotations

import copy
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.formats import paths
from seqir.formats.tree import places
from seqir.models import load_model

h5py = pytest.importorskip("h5py")
ARCHIVE = Path(__file__).parent / "data" / "keras2_paths.zip"
VERSIONS = ("2.12.0", "2.13.1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    path = tmp_path_factory.mktemp("paths")
    zipfile.ZipFile(ARCHIVE).extractall(path)
    return path


def check(model: Any, file: Path) -> None:
    stem = file.name.partition(".")[0]
    arrays = np.load(file.parent / f"{stem}.npz")
    np.testing.assert_allclose(model(arrays["x"]), arrays["y"], rtol=1e-5)


def zeroed(model: Any) -> Any:
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    return model


def with_backslashes(file: Path, to: Path) -> Path:
    """The file as it is when it was written on Windows."""

    def rename(found: Any, into: Any) -> None:
        for path in found_groups(found):
            place, _, own = path.rpartition("/")
            group = into.create_group(place.replace("/", "\\") or "/" + own)
            group = group.create_group(own) if place else group
            for name, dataset in found[path].items():
                group[name] = dataset[()]

    if file.suffix == ".h5":
        with h5py.File(file) as found, h5py.File(to, "w") as into:
            rename(found, into)
        return to
    with zipfile.ZipFile(file) as there, zipfile.ZipFile(to, "w") as here:
        weights = io.BytesIO()
        kept = io.BytesIO(there.read("model.weights.h5"))
        with h5py.File(kept) as found, h5py.File(weights, "w") as into:
            rename(found, into)
        for name in ("metadata.json", "config.json"):
            here.writestr(name, there.read(name))
        here.writestr("model.weights.h5", weights.getvalue())
    return to


def found_groups(file: Any) -> list[str]:
    groups: list[str] = []
    file.visit(lambda p: groups.append(p) if p.rpartition("/")[2] == "vars" else None)
    return groups


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("kind", ["stack", "nested"])
@pytest.mark.parametrize("version", VERSIONS)
def test_models_and_weights(
    version: str, kind: str, windows: bool, folder: Path, tmp_path: Path
) -> None:
    files = [folder / version / f"{kind}{end}" for end in (".keras", ".weights.h5")]
    shutil.copy(folder / version / f"{kind}.npz", tmp_path)
    if windows:
        files = [with_backslashes(file, tmp_path / file.name) for file in files]
    model = load_model(files[0])
    check(model, files[0])
    for file in files:
        for skip in (False, True):
            zeroed(model).load_weights(file, skip_mismatch=skip)
            check(model, file)


def shared() -> Any:
    """The model of `data/keras2_paths.py`."""
    i, x = seqir.Input((4,)), seqir.Input((4,))
    twice = layers.Dense(4)
    y = twice(layers.Dense(4)(seqir.Model(i, twice(i))(x)))
    return seqir.Model(x, layers.Dense(4)(layers.Dense(4)(y)))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_layer_in_two_models(version: str, folder: Path, tmp_path: Path) -> None:
    """Keras 2 from 2.14 on does not count what it has met, Keras 3 does."""
    file = folder / version / "shared.weights.h5"
    model = shared()
    model.load_weights(file)
    check(model, file)
    model.save_weights(tmp_path / "m.weights.h5")
    zeroed(model).load_weights(tmp_path / "m.weights.h5")
    check(model, file)
    with h5py.File(tmp_path / "m.weights.h5", "r+") as kept:
        for old, new in (("dense_2", "dense_1"), ("dense_3", "dense_2")):
            kept.move(f"layers/{old}", f"layers/{new}")
    zeroed(model).load_weights(tmp_path / "m.weights.h5")
    check(model, file)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_does_not_fit_moves_nothing_else(version: str, folder: Path) -> None:
    """Each layer gets what is its own, or nothing."""
    file = folder / version / "stack.keras"
    wanted = load_model(file)
    config = wanted.get_config()
    for entry in config["layers"]:
        if entry["config"]["name"] == wanted.layers[2].name:
            entry["config"]["units"] = 5
    other = zeroed(seqir.Sequential.from_config(config))
    with pytest.warns(UserWarning, match="left out of stack.keras"):
        other.load_weights(file, skip_mismatch=True)
    for mine, its in zip(other.layers, wanted.layers, strict=True):
        pairs = [*zip(mine.get_weights(), its.get_weights(), strict=True)]
        fits = all(a.shape == b.shape for a, b in pairs)
        for a, b in pairs:
            np.testing.assert_array_equal(a, b if fits else 0)
    with pytest.raises(seqir.errors.ShapeError, match="belong to another model"):
        other.load_weights(file)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_training_goes_on(version: str, folder: Path) -> None:
    model = load_model(folder / version / "trained.keras")
    check(model, folder / version / "trained.keras")
    assert int(model.optimizer.iterations) == 2
    assert all(np.abs(v.array).any() for v in model.optimizer.variables)


def test_paths_are_counted_anew() -> None:
    there = [
        "vars",
        "_layer_checkpoint_dependencies/dense_10/vars",
        "_layer_checkpoint_dependencies\\dense_4/vars",
        "_layer_checkpoint_dependencies/sequential_1/own/dense_5/vars",
        "_layer_checkpoint_dependencies/p_re_lu/vars",
    ]
    wanted = [
        "vars",
        "layers/dense_1/vars",
        "layers/dense/vars",
        "layers/sequential/own/dense_5/vars",
        "layers/p_re_lu/vars",
    ]
    assert paths.present(there) == dict(zip(wanted, there, strict=True))


def test_what_a_layer_keeps_for_itself_is_not_in_files() -> None:
    """Whatever its name is: only what is set as an attribute counts."""

    class Holds(layers.Layer):
        def __init__(self) -> None:
            self.early = [layers.Dense(1)]
            super().__init__()
            self.inner = {"a": layers.Dense(2)}
            self.later: Any = None
            self.later = (layers.Dense(3), [layers.Dense(4)])
            self.gone = layers.Dense(5)
            del self.gone

        def call(self, x: Any) -> Any:
            inside = [*self.early, *self.inner.values(), self.later[0]]
            for layer in (*inside, *self.later[1]):
                x = layer(x)
            return x

    holds = Holds()
    model = seqir.Sequential([layers.Input((2,)), holds])
    model.extra = [layers.Dense(6)]
    wanted = [place.path for place in places(model)]
    assert wanted == [
        "",
        "layers/holds",
        "layers/holds/early/dense",
        "layers/holds/inner/dense",
        "layers/holds/later/dense",
        "layers/holds/later/container/dense",
        "extra/dense",
    ]
    for thing in (model, holds):
        thing.__dict__["_another_private_list"] = [layers.Dense(7)]
        thing.__dict__["another"] = {"b": layers.Dense(8)}
    for again in (model, copy.deepcopy(model)):
        assert [place.path for place in places(again)] == wanted
    model.compute_output_shape((3, 2))
    assert [place.path for place in places(model)] == wanted
