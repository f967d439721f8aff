"""Small files that ask for much: of memory, or of work."""

import copy
import io
import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import members, pack

import seqir as keras
from seqir import layers
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    SeqirError,
    ShapeError,
    UnsafeFileError,
)
from seqir.formats import budget
from seqir.formats.budget import LIMIT
from seqir.models import load_model, model_from_json

WIDE = 2**18


@pytest.fixture(autouse=True)
def less_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A MiB in place of 64, so that the files of the tests are made in no time."""
    monkeypatch.setattr(budget, "_ALWAYS", 1 << 20)


def hollow(
    path: Path, units: int, count: int = 1, state: bool = False, whole: bool = True
) -> Path:
    """A model of wide layers, whose weights are zeros that are packed well.

    If not `whole`, one chunk of each is stored, and HDF5 would fill in the rest.
    """
    model = keras.Sequential([keras.Input((1,))])
    for i in range(count):
        model.add(layers.Dense(1, name=f"d{i}"))
    model.compile("adam", "mse")
    if state:
        model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0)
    model.save(path)
    content = members(path)
    config = json.loads(content["config.json"])
    for layer in config["config"]["layers"][1:]:
        layer["config"]["units"] = units
    weights = io.BytesIO(content["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        found: list[str] = []
        file.visititems(lambda n, o: found.append(n) if o.parent != o.file else None)
        for name in found:
            stored = file[name]
            if not isinstance(stored, h5py.Dataset) or not stored.ndim:
                continue
            inputs = units if "dense_" in name else 1
            shape = (inputs, units) if stored.ndim == 2 else (units,)
            del file[name]
            chunk = (min(inputs, 64), min(units, 1 << 16))[-len(shape) :]
            made = file.create_dataset(name, shape, "f4", chunks=chunk, compression=1)
            made[... if whole else (slice(0, 1),) * len(shape)] = 0
    content["config.json"] = json.dumps(config).encode()
    content["model.weights.h5"] = weights.getvalue()
    return pack(path, content)


def refused_small(load: Any, words: str) -> None:
    """Refused at once, and with nothing taken."""
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        with pytest.raises(UnsafeFileError, match=words):
            load()
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
        assert time.perf_counter() - begin < 5
    finally:
        tracemalloc.stop()


def test_one_huge_layer(tmp_path: Path) -> None:
    path = hollow(tmp_path / "m.keras", WIDE)
    assert path.stat().st_size < 30_000
    refused_small(lambda: load_model(path), r"its weights would take 2,097,152 and")
    made = keras.Sequential([keras.Input((1,)), layers.Dense(WIDE, name="d0")])
    before = made.weights[0].array
    refused_small(lambda: made.load_weights(path), "set the environment variable SEQIR")
    assert made.weights[0].array is before


def test_one_chunk_of_a_huge_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was never written is damage, whatever HDF5 would fill in."""
    monkeypatch.setattr(budget, "_ALWAYS", 64 << 20)
    path = hollow(tmp_path / "m.keras", 16 * WIDE, whole=False)
    assert path.stat().st_size < 30_000
    tracemalloc.start()
    with pytest.raises(CorruptFileError, match="it has 1 of its 64 chunks"):
        load_model(path)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_many_large_layers(tmp_path: Path) -> None:
    path = hollow(tmp_path / "m.keras", 2**10, 3)
    refused_small(lambda: load_model(path), "model.weights.h5 in m.keras has .* bytes")


def test_the_state_of_an_optimizer_counts(tmp_path: Path) -> None:
    path = hollow(tmp_path / "m.keras", 2**17, state=True)
    refused_small(lambda: load_model(path), "its weights would take")
    load_model(path, compile=False)


def test_slots_are_not_made_for_weights_that_are_not_there(tmp_path: Path) -> None:
    path = hollow(tmp_path / "m.keras", 16 * WIDE, state=True, whole=False)
    content = members(path)
    weights = io.BytesIO(content["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        del file["layers"]
    content["model.weights.h5"] = weights.getvalue()
    pack(path, content)
    tracemalloc.start()
    with pytest.raises(ShapeError, match="'d0' is not there"):
        load_model(path)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_more_is_allowed_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hollow(tmp_path / "m.keras", WIDE)
    monkeypatch.setenv(LIMIT, str(3 << 20))
    assert load_model(path, compile=False).count_params() == 2 * WIDE
    monkeypatch.setenv(LIMIT, "1000")
    with pytest.raises(UnsafeFileError, match="where 1,000 are allowed"):
        load_model(path)
    monkeypatch.setenv(LIMIT, "2GB")
    with pytest.raises(ArgumentError, match="must be a number of bytes, got '2GB'"):
        load_model(path)


# Models that call models.


def calling(inner: Any, calls: int = 10) -> dict[str, Any]:
    """The description of a model that calls another one, or a layer, so often."""
    x = keras.Input((4,))
    y, layer = x, inner or layers.Dense(4)
    for _ in range(calls):
        y = layer(y)
    return json.loads(keras.Model(x, y).to_json())


def tower(depth: int) -> dict[str, Any]:
    """Models in models, each calling the inner one ten times."""
    x = keras.Input((4,))
    level = calling(keras.Model(x, layers.Dense(4)(x)))
    found = level
    for _ in range(depth):
        outer = copy.deepcopy(level)
        for layer in outer["config"]["layers"]:
            if layer["class_name"] == "Functional":
                layer["config"] = found["config"]
        found = outer
    return found


@pytest.mark.parametrize("depth", [4, 8, 20])
def test_models_that_call_models_that_call_models(tmp_path: Path, depth: int) -> None:
    text = json.dumps(tower(depth))
    assert len(text) < 80_000
    words = r"spells out [\d,]+ calls of layers and stands for [12]"
    load = lambda: model_from_json(text)  # noqa: E731
    refused_small(load, words)
    inner = json.dumps({"class_name": "Sequential", "config": {"layers": [tower(8)]}})
    refused_small(lambda: model_from_json(inner), words)
    path = pack(tmp_path / "m.keras", {**members(), "config.json": text.encode()})
    refused_small(lambda: load_model(path), f"m.keras {words}")


def test_repetition_that_models_do_have() -> None:
    """A cell that is called a hundred times, in a model that is called three times."""
    x = keras.Input((4,))
    cell = keras.Model(x, layers.Dense(4)(layers.Dense(4)(x)))
    y = x
    for _ in range(100):
        y = cell(y)
    unrolled = keras.Model(x, y)
    text = json.dumps(calling(unrolled, 3))
    assert len(model_from_json(text).weights) == 4


def test_descriptions_that_are_none() -> None:
    for config in (
        [],
        {"layers": 3},
        {"layers": [None, [], {"config": {"layers": 1}}]},
    ):
        with pytest.raises(SeqirError):
            model_from_json(json.dumps({"class_name": "Functional", "config": config}))
