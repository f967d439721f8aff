"""A recurrent layer from both ends: masks, states, one operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime as ort
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_recurrent_layers import KINDS, MASKS, X, close, set_weights

import seqir
from seqir import layers

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of Keras on NumPy

OPTIONS: dict[str, dict[str, Any]] = {
    "last": {},
    "all": {"return_sequences": True, "return_state": True},
    "a loop": {"return_sequences": True, "activation": "gelu"},
    "written out": {"return_sequences": True, "unroll": True},
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_masks_and_first_states(kind: str, options: str, mask: str) -> None:
    modes = ("concat", "ave") if options == "all" else ("sum",)
    rng = np.random.default_rng(3)
    states = [rng.normal(size=(4, 2)).astype("float32") for _ in range(2 * KINDS[kind])]
    for mode in modes:
        pair: list[Any] = []
        for lib in (seqir, keras):
            inner = getattr(lib.layers, kind)(2, **OPTIONS[options])
            layer = lib.layers.Bidirectional(inner, merge_mode=mode)
            layer.build(X.shape)
            pair.append(set_weights(layer))
        for given in ({}, {"initial_state": states}):
            if MASKS[mask] is not None:
                given["mask"] = MASKS[mask]
            close(*(layer(X, **given) for layer in pair))


def build(lib: Any, kind: str = "LSTM") -> Any:
    own = lib.layers
    cell = getattr(own, kind)
    return set_weights(
        lib.Sequential(
            [
                lib.Input((None,), dtype="int32", name="words"),
                own.Embedding(5, 3, mask_zero=True, name="table"),
                own.Bidirectional(cell(4, return_sequences=True, name="a"), name="b"),
                own.Bidirectional(cell(2, name="c"), merge_mode="mul", name="d"),
                own.Dense(1, name="out"),
            ],
            name="stack",
        )
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_is_one_operator_a_layer(kind: str, tmp_path: Path) -> None:
    mine, theirs = build(seqir, kind), build(keras, kind)
    assert [w.path for w in mine.weights] == [w.path for w in theirs.weights]
    words = np.array([[1, 2, 3, 0], [4, 0, 0, 0], [0, 2, 0, 1]], np.int32)
    found = mine.export(tmp_path / "model.onnx").nodes
    assert found[kind.removeprefix("Simple")] == 2
    session = ort.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    for each in (words, words[:2, :3]):
        wanted = theirs.predict(each, verbose=0)
        close(session.run(None, {"words": each}), [wanted])
        close(mine.predict(each, verbose=0), wanted)
    mine.save(tmp_path / "mine.keras")
    again = keras.saving.load_model(tmp_path / "mine.keras")
    close(again.predict(words, verbose=0), theirs.predict(words, verbose=0))


def test_what_stands_between_words_and_the_operator(tmp_path: Path) -> None:
    own = layers.Bidirectional(layers.LSTM(4, return_sequences=True))
    model = seqir.Sequential([seqir.Input((None,)), layers.Embedding(9, 3), own])
    found = model.export(tmp_path / "model.onnx").nodes
    assert found["LSTM"] == 1
    assert found["Transpose"] == 2  # of the words, and of what comes out
    assert found.get("Slice", 0) == 0


def test_layers_of_other_sizes_run_one_by_one() -> None:
    back = layers.GRU(2, return_sequences=True, go_backwards=True)
    ahead = layers.LSTM(3, return_sequences=True)
    layer = layers.Bidirectional(ahead, backward_layer=back)
    found = layer(X)
    assert found.shape == (4, 5, 5)
    assert_array_equal(found[..., :3], layer.forward_layer(X))
    assert_array_equal(found[..., 3:], layer.backward_layer(X)[:, ::-1])


def test_the_given_layer_is_copied_and_weights_are_taken() -> None:
    given = layers.LSTM(2, name="one")
    weights = layers.Bidirectional(given)
    weights.build(X.shape)
    first = set_weights(weights).get_weights()
    layer = layers.Bidirectional(given, weights=first)
    layer(X)
    for mine, theirs in zip(layer.get_weights(), first, strict=True):
        assert_array_equal(mine, theirs)
    assert not given.built
    names = [layer.forward_layer.name, layer.backward_layer.name]
    assert names == ["forward_one", "backward_one"]
    assert layer.backward_layer.go_backwards


def test_states_of_both_layers_stay() -> None:
    layer = layers.Bidirectional(layers.GRU(2, stateful=True))
    layer.build(X.shape)
    first = layer(X)
    assert np.abs(layer(X) - first).max() > 1e-4
    assert len(layer.states) == 2
    layer.reset_states()
    assert_allclose(layer(X), first, 1e-6)
    assert layers.Bidirectional(layers.GRU(2)).states is None


def test_dropout_differs_between_the_directions() -> None:
    inner = layers.SimpleRNN(50, None, False, "ones", "zeros", dropout=0.5)
    layer = layers.Bidirectional(inner, merge_mode=None)
    x = np.ones((64, 3, 1), np.float32)
    ahead, back = layer(x, training=True)
    assert 0.3 < (ahead[:, 0] > 0).mean() < 0.7
    assert np.abs(ahead - back).max() > 1
    assert_array_equal(*layer(x))
