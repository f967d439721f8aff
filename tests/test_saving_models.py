"""Models of every form: Keras's open in seqir, seqir's open in Keras."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_cases import CASES, WITH_FUNCTIONS, WITH_MASKS, random_graph

import seqir
from seqir import nest
from seqir.errors import UnsupportedError
from seqir.models import load_model, model_from_json

keras = pytest.importorskip("keras")
pytest.importorskip("h5py")

OLDER = [name for name in CASES if name not in (*WITH_FUNCTIONS, *WITH_MASKS)]


def arrays(model: Any) -> Any:
    rng = np.random.default_rng(1)

    def like(tensor: Any) -> Any:
        if "int" in tensor.dtype:
            return rng.integers(0, 7, (3, *tensor.shape[1:])).astype(tensor.dtype)
        return rng.normal(size=(3, *tensor.shape[1:])).astype(np.float32)

    made = [like(t) for t in model.inputs]
    named = isinstance(model.input, dict) if len(made) > 1 else False
    if named:
        return {t.name: x for t, x in zip(model.inputs, made, strict=True)}
    return made if len(made) > 1 else made[0]


def randomize(model: Any) -> None:
    rng = np.random.default_rng(2)
    model.set_weights(
        [np.abs(rng.normal(size=w.shape)) * 0.5 + 0.1 for w in model.weights]
    )


def agree(mine: Any, theirs: Any) -> None:
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    x = arrays(theirs)
    wanted, found = theirs(x), mine(x)
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
    for a, b in zip(nest.flatten(found), nest.flatten(wanted), strict=True):
        b = np.asarray(b, np.float32)
        half = 2e-3 if "16" in str(mine.get_config()) else 2e-5
        np.testing.assert_allclose(a, b, rtol=half, atol=half * np.abs(b).max())
    assert [x.name for x in mine.layers] == [x.name for x in theirs.layers]
    assert len(mine.trainable_weights) == len(theirs.trainable_weights)


@pytest.fixture
def theirs(request: Any) -> Any:
    keras.utils.clear_session(free_memory=False)
    model = CASES[request.param](keras)
    randomize(model)
    model.case = request.param
    return model


@pytest.mark.parametrize("theirs", CASES, indirect=True)
def test_keras_files_open_here_and_go_back(theirs: Any, tmp_path: Path) -> None:
    theirs.save(tmp_path / "theirs.keras")
    mine = load_model(tmp_path / "theirs.keras")
    agree(mine, theirs)
    mine.save(tmp_path / "mine.keras")
    agree(mine, keras.models.load_model(tmp_path / "mine.keras"))


@pytest.mark.parametrize("theirs", OLDER, indirect=True)
def test_older_files_open_here_and_go_back(theirs: Any, tmp_path: Path) -> None:
    theirs.save(tmp_path / "theirs.h5")
    mine = load_model(tmp_path / "theirs.h5")
    agree(mine, theirs)
    mine.save(tmp_path / "mine.h5")
    agree(mine, keras.models.load_model(tmp_path / "mine.h5"))


@pytest.mark.parametrize("name", CASES)
def test_models_made_here_open_in_keras(name: str, tmp_path: Path) -> None:
    """Not from Keras's configuration, but from seqir's own layers."""
    mine = CASES[name](seqir)
    randomize(mine)
    for suffix in (".keras", ".h5"):
        if suffix == ".h5" and name in WITH_FUNCTIONS:
            continue
        mine.save(tmp_path / f"m{suffix}")
        agree(mine, keras.models.load_model(tmp_path / f"m{suffix}"))
    mine.save_weights(tmp_path / "m.weights.h5")
    other = CASES[name](keras)
    other.load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(mine.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("seed", range(24))
def test_graphs_of_any_form(seed: int, tmp_path: Path) -> None:
    keras.utils.clear_session(free_memory=False)
    with np.errstate(all="ignore"):  # Keras finds shapes with arrays nobody filled
        theirs = random_graph(keras, seed)
        randomize(theirs)
        theirs.save(tmp_path / "theirs.keras")
        agree(load_model(tmp_path / "theirs.keras"), theirs)
        seqir.utils.clear_session()
        mine = random_graph(seqir, seed)
        mine.set_weights(theirs.get_weights())
        mine.save(tmp_path / "mine.keras")
        agree(load_model(tmp_path / "mine.keras"), theirs)
        agree(keras.models.load_model(tmp_path / "mine.keras"), theirs)


@pytest.mark.parametrize("theirs", CASES, indirect=True)
def test_weights_go_both_ways(theirs: Any, tmp_path: Path) -> None:
    mine = CASES[theirs.case](seqir)
    for suffix, options in (
        (".weights.h5", {}),
        (".weights.json", {"max_shard_size": 0.01}),
    ):
        randomize(theirs)
        theirs.save_weights(tmp_path / f"theirs{suffix}", **options)
        mine.set_weights([np.zeros(w.shape) for w in mine.weights])
        mine.load_weights(tmp_path / f"theirs{suffix}")
        for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        theirs.set_weights([np.zeros(w.shape) for w in mine.weights])
        mine.save_weights(tmp_path / f"mine{suffix}", **options)
        theirs.load_weights(tmp_path / f"mine{suffix}")
        for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("theirs", CASES, indirect=True)
def test_json_goes_both_ways(theirs: Any) -> None:
    weights = theirs.get_weights()  # a call can change those of both models
    mine = model_from_json(theirs.to_json())
    mine.set_weights(weights)
    agree(mine, theirs)
    back = keras.models.model_from_json(mine.to_json())
    for model in (mine, back):
        model.set_weights(weights)
    agree(mine, back)
    assert json.loads(mine.to_json())["class_name"] == type(theirs).__name__


def owned(k: Any) -> dict[str, Any]:
    """A layer, a function and a model of the user's, made with Keras or with seqir."""

    class Gain(k.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.gain = self.add_weight(input_shape[-1:], name="gain")

        def call(self, x: Any) -> Any:
            return x + self.gain

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    def thrice(x: Any) -> Any:
        return k.ops.relu(x) * 3.0

    class Own(k.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.dense = k.layers.Dense(3)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    return {"Gain": Gain, "thrice": thrice, "Own": Own}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_classes_that_keras_knows_by_a_package(suffix: str, tmp_path: Path) -> None:
    register = keras.saving.register_keras_serializable("own")
    gain, thrice = (register(owned(keras)[name]) for name in ("Gain", "thrice"))
    dense = keras.layers.Dense(3, activation=thrice)
    theirs = keras.Sequential([keras.Input((4,)), gain(), dense])
    path = tmp_path / f"m{suffix}"
    theirs.save(path)
    with pytest.raises(UnsupportedError, match=r"'Gain': \.\.\..*'thrice': \.\.\."):
        load_model(path)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    for package in ("", "own>"):
        own = {f"{package}{name}": mine for name, mine in owned(seqir).items()}
        np.testing.assert_allclose(load_model(path, own)(x), theirs(x), rtol=1e-5)


def test_a_model_with_a_call_of_its_own(tmp_path: Path) -> None:
    theirs = owned(keras)["Own"]()
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    wanted = theirs(x)
    theirs.save(tmp_path / "m.keras")
    with pytest.raises(UnsupportedError, match="'Own' is a class of test_sav"):
        load_model(tmp_path / "m.keras")
    mine = load_model(tmp_path / "m.keras", owned(seqir))
    np.testing.assert_allclose(mine(x), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        "layers.deserialize",
        "utils.deserialize_keras_object",
        "saving.deserialize_keras_object",
    ],
)
def test_models_are_known_to_what_reads_them_first(function: str) -> None:
    """In a process that has not used any model before."""
    config = {"name": "empty", "layers": []}
    stored = {"module": "keras", "class_name": "Sequential", "config": config}
    code = f"import seqir\nprint(seqir.{function}({stored}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "<Sequential name=empty, built=False>\n", run.stderr
