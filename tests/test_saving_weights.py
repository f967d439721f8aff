"""Weights in files: of other models, by name, in older files, in shards."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_saving import randomize, same_weights, stack

import seqir
from seqir import layers
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    ShapeError,
    UnsafeFileError,
)
from seqir.models import clone_model, load_model

h5py = pytest.importorskip("h5py")


def test_weights_of_another_model_change_nothing(tmp_path: Path) -> None:
    model = randomize(stack())
    before = model.get_weights()
    other = seqir.Sequential([seqir.Input((4,)), layers.Dense(3), layers.Dense(2)])
    for suffix in (".weights.h5", ".weights.json", ".h5", ".safetensors"):
        path = tmp_path / f"o{suffix}"
        (other.save if suffix == ".h5" else other.save_weights)(path)
        with pytest.raises(ShapeError, match="another model"):
            model.load_weights(path)
        for mine, its in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, its)


def test_both_sides_of_a_misfit_are_named(tmp_path: Path) -> None:
    model = stack()
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "a") as file:
        file.move("layers/dense/vars", "layers/densest/vars")
        del file["layers/conv2d/vars/1"]
    with pytest.raises(ShapeError) as caught:
        model.load_weights(tmp_path / "m.weights.h5")
    words = str(caught.value)
    assert "'dense' is not there, it would be 'layers/dense/vars'" in words
    assert "the file has 'layers/densest/vars', which the model has not" in words
    assert "layer 'conv2d' (layers/conv2d) has 2 weights, the file has 1" in words


def test_what_fits_can_be_taken(tmp_path: Path) -> None:
    model = randomize(stack())
    for suffix in (".weights.h5", ".h5"):
        path = tmp_path / f"m{suffix}"
        (model.save if suffix == ".h5" else model.save_weights)(path)
        x = seqir.Sequential(
            [
                seqir.Input((8, 8, 3)),
                layers.Conv2D(4, 3),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(7),
            ]
        )
        head = x.layers[-1].get_weights()
        with pytest.raises(ShapeError, match="skip_mismatch=True"):
            x.load_weights(path)
        with pytest.warns(UserWarning, match=r"left out of m.*layer 'dense"):
            x.load_weights(path, skip_mismatch=True)
        same_weights(x.layers[0], model.layers[0])
        same_weights(x.layers[1], model.layers[1])
        np.testing.assert_array_equal(x.layers[-1].get_weights()[0], head[0])


def test_layers_by_name(tmp_path: Path) -> None:
    model = randomize(stack())
    model.save(tmp_path / "m.h5")
    other = seqir.Sequential(
        [
            seqir.Input((8, 8, 3)),
            layers.Conv2D(9, 3, name="first"),
            layers.Conv2D(4, 3, name=model.layers[0].name),
        ]
    )
    with pytest.raises(ShapeError, match=r"\(4, 4, 3, 9\)|3, 3, 9, 4"):
        other.load_weights(tmp_path / "m.h5", by_name=True)
    other = seqir.Sequential(
        [
            seqir.Input((8, 8, 3)),
            layers.Conv2D(3, 3, name="first"),
            layers.Conv2D(4, 3, name=model.layers[0].name),
        ]
    )
    other.load_weights(tmp_path / "m.h5", by_name=True)
    same_weights(other.layers[1], model.layers[0])
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ArgumentError, match=r"by_name=True is for the older .h5 files"):
        other.load_weights(tmp_path / "m.weights.h5", by_name=True)
    with pytest.raises(ShapeError, match=r"has 2 layers with weights .*the file 3"):
        other.load_weights(tmp_path / "m.h5")


def test_older_files_without_their_attributes(tmp_path: Path) -> None:
    model = stack()
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        group = file["model_weights"]
        names = group.attrs["layer_names"]
        del group.attrs["layer_names"]
    with pytest.raises(
        CorruptFileError, match=r"'model_weights' in m.h5 has no layer_"
    ):
        model.load_weights(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:  # in parts, as long lists are kept
        file["model_weights"].attrs["layer_names0"] = names[:2]
        file["model_weights"].attrs["layer_names1"] = names[2:]
    model.load_weights(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file["model_weights"].attrs["layer_names"] = np.arange(3)
        file.attrs["model_config"] = 3
    with pytest.raises(CorruptFileError, match=r"layer_names in m.h5 is not a list of"):
        model.load_weights(tmp_path / "m.h5")
    with pytest.raises(CorruptFileError, match=r"model_config in m.h5 is not text"):
        load_model(tmp_path / "m.h5")


def test_long_lists_of_names_are_kept_in_parts(tmp_path: Path) -> None:
    many = [layers.Dense(1, name=f"a_name_of_a_layer_{i:060}") for i in range(900)]
    model = randomize(seqir.Sequential([seqir.Input((1,)), *many]))
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert "layer_names1" in file["model_weights"].attrs
    same_weights(load_model(tmp_path / "m.h5"), model)


def test_shards(tmp_path: Path) -> None:
    model = seqir.Sequential([seqir.Input((64,)), layers.Dense(64), layers.Dense(64)])
    randomize(model)
    path = tmp_path / "m.weights.json"
    size = 20_000 / 2**30
    model.save_weights(path, max_shard_size=size)
    table = json.loads(path.read_text())
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "m.weights.json",
        "m_00000.weights.h5",
        "m_00001.weights.h5",
    ]
    assert table["metadata"]["total_size"] == sum(w.nbytes for w in model.weights)
    other = clone_model(model)
    other.load_weights(path)
    same_weights(model, other)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    model.save_weights(path, max_shard_size=size)  # beside those that are there
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names[0] == "m.weights.json"
    shards = [name for name in names if re.fullmatch(r"m_[0-9a-f]{8}_0.*h5", name)]
    assert names[1:] == shards
    plain = sorted(before)[1:]
    assert [(tmp_path / n).read_bytes() for n in shards] == [before[n] for n in plain]
    other.load_weights(path)
    model.save_weights(path, max_shard_size=size)  # whose names are free again
    assert {p.name for p in tmp_path.iterdir()} == before.keys()
    with pytest.raises(ArgumentError, match="more than max_shard_size="):
        model.save_weights(path, max_shard_size=size / 10)
    other.load_weights(path)  # the old ones are there still

    def broken(table: Any) -> None:
        path.write_text(json.dumps(table))
        other.load_weights(path)

    with pytest.raises(CorruptFileError, match="has no weight_map"):
        broken({})
    with pytest.raises(CorruptFileError, match="a weight_map that names no files: 3"):
        broken({"weight_map": {"/layers/dense/vars": 3}})
    for name in ("../m_00000.weights.h5", "/etc/hostname", "a\\b.h5", "m.txt"):
        with pytest.raises(
            UnsafeFileError, match=r"which is not an .h5 file beside it"
        ):
            broken({"weight_map": {"/layers/dense/vars": [name]}})
    with h5py.File(tmp_path / "m_00000.weights.h5", "a") as file:
        file.move("layers/dense/vars/1", "layers/dense/vars/x")
    path.write_text(json.dumps(table))
    with pytest.raises(CorruptFileError, match="there is no 'layers/dense/vars/1'"):
        other.load_weights(path)
