"""Features and vocabularies that Keras has learned with TensorFlow, in its files."""

import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import CorruptFileError, UnsupportedError
from seqir.models import load_model
from seqir.saving import register_keras_serializable

ARCHIVE = Path(__file__).parent / "data" / "tables.zip"
with zipfile.ZipFile(ARCHIVE) as _found:
    NAMES = sorted(n.removesuffix(".keras") for n in _found.namelist() if "." in n
                   and n.endswith(".keras"))  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(path)
    return path


def without_vowels(x: Any) -> Any:
    lower = [re.sub("[A-Z]", lambda found: found[0].lower(), text) for text in x.flat]
    return np.array([re.sub("[aeiou]", "", t) for t in lower]).reshape(x.shape)


def at_letters(x: Any) -> Any:
    return [list(text) for text in x]


OWN = {"without_vowels": without_vowels, "at_letters": at_letters}


def load(path: Path) -> Any:
    return load_model(path, custom_objects=OWN)


def cases(folder: Path, name: str) -> tuple[Any, dict[str, Any]]:
    """Inputs, and outputs by their names."""
    with np.load(folder / f"{name}.npz") as kept:
        arrays = dict(kept)
    inputs = {k[2:]: v for k, v in arrays.items() if k.startswith("x_")}
    return inputs or arrays["x"], {k: v for k, v in arrays.items() if k[0] == "y"}


def outputs(model: Any, x: Any) -> dict[str, Any]:
    if isinstance(model, seqir.Model) and isinstance(x, dict):
        x = {name: values[:, None] for name, values in x.items()}
    y = model(x)
    return {f"y_{k}": v for k, v in y.items()} if isinstance(y, dict) else {"y": y}


@pytest.mark.parametrize("name", NAMES)
def test_what_keras_has_learned_is_known(
    folder: Path, name: str, tmp_path: Path
) -> None:
    x, expected = cases(folder, name)
    model = load(folder / f"{name}.keras")
    found = outputs(model, x)
    assert found.keys() == expected.keys()
    for key, y in expected.items():
        assert found[key].shape == y.shape
        np.testing.assert_allclose(found[key], y, rtol=1e-6, err_msg=key)
    model.save(tmp_path / "again.keras")
    again = outputs(load(tmp_path / "again.keras"), x)
    for key, y in found.items():
        np.testing.assert_array_equal(again[key], y)


def test_groups_of_weights_are_where_keras_has_them(
    folder: Path, tmp_path: Path
) -> None:
    h5py = pytest.importorskip("h5py")

    def groups(path: Path) -> list[str]:
        found: list[str] = []
        with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as file:

            def note(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    found.append(name)

            h5py.File(file).visititems(note)
        return found  # fmt: skip

    for name in ("weighted", "space", "space_model"):
        load(folder / f"{name}.keras").save(tmp_path / "a.keras")
        assert groups(tmp_path / "a.keras") == groups(folder / f"{name}.keras")


def test_a_vocabulary_of_another_size_is_refused(folder: Path, tmp_path: Path) -> None:
    changed = tmp_path / "counts.keras"
    shutil.copy(folder / "counts.keras", tmp_path / "whole.keras")
    with (
        zipfile.ZipFile(tmp_path / "whole.keras") as whole,
        zipfile.ZipFile(changed, "w") as file,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            cut = content[: content.rindex(b"\n")] if "assets" in name else content
            file.writestr(name, cut)
    with pytest.raises(CorruptFileError, match="a vocabulary of 4 places, and the voc"):
        load(changed)


@register_keras_serializable("mine")
def shouted(x: Any) -> Any:
    return np.char.upper(x)


def test_functions_of_texts_are_kept_by_name(tmp_path: Path) -> None:
    layer = layers.TextVectorization(standardize=shouted, split=at_letters)
    layer.adapt(np.array(["ab", "b"]))
    model = seqir.Sequential([seqir.Input((1,), dtype="string"), layer])
    x = np.array([["ba"], ["xb"]])
    model.save(tmp_path / "a.keras")
    again = load_model(tmp_path / "a.keras", custom_objects={"at_letters": at_letters})
    assert again.layers[0].get_vocabulary() == ["", "[UNK]", "B", "A"]
    np.testing.assert_array_equal(again(x), model(x))
    with pytest.raises(UnsupportedError, match="no function 'at_letters': pass your"):
        load_model(tmp_path / "a.keras")
