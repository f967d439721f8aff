"""Files that Keras 2 itself wrote: read, computed, trained on, written anew.

``data/keras2.py`` made them, and what the models compute is Keras 2's own.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import KERAS_2

from seqir import nest
from seqir.errors import UnsupportedError
from seqir.formats import tensorflow
from seqir.models import load_model

keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")
KINDS = (".keras", ".h5")
NAMES = {Path(n).stem for n in zipfile.ZipFile(KERAS_2).namelist() if ".npz" in n}
MODELS = ("layers", "connected", "stack", "functions")
NO_STATE = "holds no state of optimizer"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    path = tmp_path_factory.mktemp("keras2")
    zipfile.ZipFile(KERAS_2).extractall(path)
    return path


def numbered(arrays: Any, letter: str) -> list[Any]:
    names = [n for n in arrays.files if n[0] == letter and n[1:].isdigit()]
    return [arrays[n] for n in sorted(names, key=lambda n: int(n[1:]))]


def check_outputs(model: Any, arrays: Any) -> None:
    inputs, wanted = numbered(arrays, "x"), numbered(arrays, "y")
    found = nest.flatten(model(inputs if len(inputs) > 1 else inputs[0]))
    for mine, its in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, its, rtol=2e-5, atol=2e-6)


def same_weights(model: Any, wanted: list[Any]) -> None:
    for mine, its in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_models_compute_the_same(
    name: str, kind: str, folder: Path, tmp_path: Path
) -> None:
    arrays = np.load(folder / f"{name}.npz")
    model = load_model(folder / f"{name}{kind}")
    check_outputs(model, arrays)
    kept = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in kept])
    model.load_weights(folder / f"{name}.weights.h5")
    same_weights(model, kept)
    model.save(tmp_path / "m.keras")
    check_outputs(load_model(tmp_path / "m.keras"), arrays)
    with np.errstate(all="ignore"):  # it finds shapes with arrays that nobody filled
        again = keras.models.load_model(tmp_path / "m.keras")
    # Its Resizing and CenterCrop put the layers beside them into training mode.
    check_outputs(partial(again, training=False), arrays)


def double(x: Any) -> Any:
    return x * 2.0


def only_last(x: Any) -> Any:
    return x[:, -1]


OWN = {"twice": double, "last": only_last}
SEQUENCES = sorted(
    name
    for name in zipfile.ZipFile(KERAS_2).namelist()
    if "/" in name and name.endswith(KINDS) and ".weights" not in name
)
"""Models of recurrent layers, attention and lookups, by the release that wrote them."""


@pytest.mark.parametrize("name", SEQUENCES)
def test_models_of_sequences_compute_the_same(
    name: str, folder: Path, tmp_path: Path
) -> None:
    path = folder / name
    arrays = np.load(path.with_suffix(".npz"))
    model = load_model(path, custom_objects=OWN)
    check_outputs(model, arrays)
    if (weights := path.with_suffix(".weights.h5")).exists():
        kept = model.get_weights()
        model.set_weights([np.zeros_like(w) for w in kept])
        model.load_weights(weights)
        same_weights(model, kept)
    if path.parent.name == "2.21.0" and path.suffix == ".h5":
        report = model.export(tmp_path / "m.onnx")
        assert max(error.relative for error in report.errors) < 1e-4
    model.save(tmp_path / "m.keras")
    check_outputs(load_model(tmp_path / "m.keras", custom_objects=OWN), arrays)


def test_names_have_no_slashes(folder: Path) -> None:
    model = load_model(folder / "connected.h5")
    assert model.get_layer("left_side").units == 4
    wanted = model.get_layer("left_side").get_weights()
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    model.load_weights(folder / "connected.h5", by_name=True)
    same_weights(model.get_layer("left_side"), wanted)


def test_functions_go_into_files_of_onnx(folder: Path, tmp_path: Path) -> None:
    report = load_model(folder / "functions.h5").export(tmp_path / "m.onnx")
    assert max(error.relative for error in report.errors) < 1e-4


def test_more_functions(folder: Path) -> None:
    model = load_model(folder / "more.h5")
    check_outputs(model, np.load(folder / "more.npz"))


def test_every_function_of_the_table_is_in_these_files(folder: Path) -> None:
    found: set[Any] = set()
    for name in ("functions", "more", "others"):
        with h5py.File(folder / f"{name}.h5") as file:
            config = json.loads(file.attrs["model_config"])["config"]
        found |= {layer["config"].get("function") for layer in config["layers"]}
    assert set(tensorflow.FUNCTIONS) <= found


@pytest.mark.parametrize("kind", KINDS)
def test_functions_that_are_not_here_are_all_named(kind: str, folder: Path) -> None:
    with pytest.raises(UnsupportedError) as caught:
        load_model(folder / f"others{kind}")
    for words in (
        "(TFOpLambda): it calls the TensorFlow function "
        "'linalg.matmul': seqir has no transpose_b=True in matmul",
        "function 'compat.v1.shape': seqir has none that does the same",
        "function 'math.add_n': seqir has none that does the same",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(n for n in NAMES if n[:4] in ("task", "opti")))
def test_trainings_go_on(name: str, kind: str, folder: Path) -> None:
    arrays = np.load(folder / f"{name}.npz")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = load_model(folder / f"{name}{kind}")
    same_weights(model, numbered(arrays, "v"))
    x, y = arrays["x"], arrays["y"]
    if "legacy" in name and kind == ".keras":  # Keras 2 does not write their state
        assert [NO_STATE in str(s.message) for s in said] == [True]
        return
    if "nadam" in name:  # whose products of momentums Keras 2 does not write
        assert ["it starts anew" in str(s.message) for s in said] == [True]
        return
    assert not said
    model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for mine, its in zip(model.get_weights(), numbered(arrays, "w"), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-4, atol=1e-5)
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    wanted = json.loads(str(arrays["found"]))
    assert set(found) == set(wanted)
    for metric, value in wanted.items():
        assert found[metric] == pytest.approx(np.float32(value), rel=1e-5, abs=1e-6)


def test_a_name_in_a_file_uses_up_no_other(folder: Path) -> None:
    assert load_model(folder / "task sparse.keras").optimizer.name == "adam"
