"""What a file is, its content says; and what of its weights is taken."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    LoadError,
    ShapeError,
    UnsupportedError,
)
from seqir.models import load_model

h5py = pytest.importorskip("h5py")
X = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)


def model_of(units: int = 4, name: str = "hidden") -> Any:
    return seqir.Sequential(
        [
            seqir.Input((3,)),
            layers.Dense(units, name=name),
            layers.BatchNormalization(name="norm"),
            layers.Dense(2, name="end"),
        ]
    )


def randomized(model: Any) -> Any:
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.2, 1, w.shape) for w in model.get_weights()])
    return model


def renamed(path: Path, name: str) -> Path:
    return Path(shutil.copy(path, path.with_name(name)))


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("m.h5", "n.keras"),  # as Keras up to 2.12 wrote them
        ("m.hdf5", "n.KERAS"),
        ("m.keras", "n.h5"),
        ("m.keras", "n.hdf5"),
        ("m.keras", "n.weights.h5"),
        ("m.keras", "n.model"),
        ("m.h5", "n"),
    ],
)
def test_names_say_nothing_of_whole_models(
    written: str, named: str, tmp_path: Path
) -> None:
    model = randomized(model_of())
    model.save(tmp_path / written)
    path = renamed(tmp_path / written, named)
    found = load_model(path)
    np.testing.assert_array_equal(found(X), model(X))
    twin = model_of()
    twin.load_weights(path)
    np.testing.assert_array_equal(twin(X), model(X))


def test_names_say_nothing_of_weights(tmp_path: Path) -> None:
    """Keras up to 2.11 wrote the older layout under names that end in .weights.h5."""
    model = randomized(model_of())
    model.save(tmp_path / "m.h5")
    model.save_weights(tmp_path / "m.weights.h5")
    older = renamed(tmp_path / "m.h5", "older.weights.h5")
    with h5py.File(older, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["layer_names"] = file["model_weights"].attrs["layer_names"]
        for name in list(file["model_weights"]):
            file.move(f"model_weights/{name}", name)
        del file["model_weights"]
    for path in (older, renamed(tmp_path / "m.weights.h5", "newer.h5")):
        twin = model_of()
        twin.load_weights(path)
        np.testing.assert_array_equal(twin(X), model(X))
    twin = model_of()
    twin.load_weights(older, by_name=True)
    np.testing.assert_array_equal(twin(X), model(X))
    with pytest.raises(UnsupportedError, match="holds weights and no model"):
        load_model(older)


@pytest.mark.parametrize("name", ["n.pt", "n.onnx", "n.pkl"])
def test_other_kinds_are_refused_whatever_is_in_them(name: str, tmp_path: Path) -> None:
    model_of().save(tmp_path / "m.keras")
    with pytest.raises(UnsupportedError, match=f"{name} is not read: "):
        load_model(renamed(tmp_path / "m.keras", name))


def test_files_that_are_neither(tmp_path: Path) -> None:
    for name in ("n.keras", "n.h5"):
        (tmp_path / name).write_bytes(b"neither of them")
        with pytest.raises(CorruptFileError, match=f"{name} is "):
            load_model(tmp_path / name)
        with pytest.raises(LoadError, match="there is no file"):
            load_model(tmp_path / f"no-{name}")
    with pytest.raises(UnsupportedError, match="missing is not read"):
        load_model(tmp_path / "missing")


def test_safetensors_that_fit_in_part(tmp_path: Path) -> None:
    kept = randomized(model_of())
    kept.save_weights(tmp_path / "m.safetensors")
    path = tmp_path / "m.safetensors"
    other = model_of(5, "wider")
    before = other.get_weights()
    with pytest.raises(ShapeError, match="belongs to another model"):
        other.load_weights(path)
    with pytest.warns(UserWarning, match="left out of m.safetensors.*'wider'.*'norm'"):
        other.load_weights(path, skip_mismatch=True)
    after, wanted = other.get_weights(), kept.get_weights()
    for i, (mine, old, its) in enumerate(zip(after, before, wanted, strict=True)):
        np.testing.assert_array_equal(mine, its if i == len(after) else old)
    same_width = model_of(4, "other")
    same_width.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(same_width(X), kept(X))


def test_safetensors_with_other_layers(tmp_path: Path) -> None:
    kept = randomized(model_of())
    kept.save_weights(tmp_path / "m.safetensors")
    other = seqir.Sequential(
        [
            seqir.Input((3,)),
            layers.Dense(4, name="hidden"),
            layers.Dense(4, name="more"),
            layers.Dense(2, name="end"),
        ]
    )
    before = other.get_weights()
    with pytest.warns(UserWarning, match="norm/gamma'.*'more' has 2 weights, .* 0 in"):
        other.load_weights(tmp_path / "m.safetensors", skip_mismatch=True)
    after, its = other.get_weights(), kept.get_weights()
    wanted = [*its[:2], *before[2:4], *its[-2:]]
    for a, b in zip(after, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ArgumentError, match="by_name=True is for the older"):
        other.load_weights(tmp_path / "m.safetensors", by_name=True)


@pytest.mark.parametrize("name", ["m.weights.h5", "m.weights.json", "m.keras"])
def test_layers_to_skip(name: str, tmp_path: Path) -> None:
    kept = randomized(model_of())
    if name == "m.keras":
        kept.save(tmp_path / name)
    else:
        kept.save_weights(tmp_path / name, objects_to_skip=[kept.layers[0]])
    other = model_of()
    first = other.layers[0].get_weights()
    other.load_weights(tmp_path / name, objects_to_skip=[other.layers[0]])
    wanted = [*first, *kept.get_weights()[2:]]
    for a, b in zip(other.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(a, b)
    if name != "m.keras":
        with pytest.raises(ShapeError, match="'hidden' is not there"):
            other.load_weights(tmp_path / name)


def test_layers_to_skip_are_layers_of_files_that_have_them(tmp_path: Path) -> None:
    model = model_of()
    model.save(tmp_path / "m.h5")
    skip = [model.layers[0]]
    with pytest.raises(ArgumentError, match=r"of m\.h5 are in one order"):
        model.load_weights(tmp_path / "m.h5", objects_to_skip=skip)
    with pytest.raises(ArgumentError, match=r"of m\.safetensors are in one order"):
        model.save_weights(tmp_path / "m.safetensors", objects_to_skip=skip)
    with pytest.raises(ArgumentError, match="objects_to_skip takes layers, got 'end'"):
        model.load_weights(tmp_path / "m.h5", objects_to_skip=["end"])
