"""Recurrent layers: masks, states, cells, dropout and files, beside Keras on NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime as ort
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import seqir
from seqir import layers, nest, ops

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of Keras on NumPy

_rng = np.random.default_rng(0)
X = _rng.normal(size=(4, 5, 3)).astype("float32")
WORDS = np.array([[1, 2, 0, 0, 0], [3, 1, 2, 4, 1], [0, 0, 2, 0, 3], [0, 0, 0, 0, 0]])
MASKS: dict[str, Any] = {
    "none": None,
    "at the end": np.arange(5) < np.array([[5], [2], [1], [3]]),
    "anywhere": WORDS != 0,
}
KINDS = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}
OPTIONS: dict[str, dict[str, Any]] = {
    "last": {},
    "last and states": {"return_state": True, "use_bias": False},
    "all": {"return_sequences": True, "return_state": True},
    "backwards": {"go_backwards": True, "return_state": True},
    "all backwards": {"go_backwards": True, "return_sequences": True},
    "zeros": {"zero_output_for_mask": True, "return_sequences": True},
    "zero at the end": {"zero_output_for_mask": True},
    "zero at the end, backwards": {"zero_output_for_mask": True, "go_backwards": True},
    "written out": {"unroll": True, "return_sequences": True, "return_state": True},
    "written out backwards": {"unroll": True, "go_backwards": True},
    "a loop": {"activation": "gelu", "return_sequences": True, "return_state": True},
    "a loop backwards": {
        "activation": "gelu", "return_sequences": True, "go_backwards": True
    },
    "a loop with zeros": {"activation": "gelu", "zero_output_for_mask": True},
}  # fmt: skip


def set_weights(model: Any, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.5, tuple(w.shape)) for w in model.weights])
    return model


def close(found: Any, wanted: Any) -> None:
    for mine, theirs in zip(nest.flatten(found), nest.flatten(wanted), strict=True):
        assert_allclose(mine, np.asarray(theirs), 2e-5, 2e-5)


def pair(kind: str, *args: Any, **kwargs: Any) -> list[Any]:
    """The layer of seqir and that of Keras, with equal weights."""
    found = [getattr(lib.layers, kind)(*args, **kwargs) for lib in (seqir, keras)]
    for layer in found:
        layer.build(X.shape)
    return [set_weights(layer) for layer in found]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_masks_and_first_states(kind: str, options: str, mask: str) -> None:
    mine, theirs = pair(kind, 6, **OPTIONS[options])
    states = [_rng.normal(size=(4, 6)).astype("float32") for _ in range(KINDS[kind])]
    for given in ({}, {"initial_state": states}):
        if MASKS[mask] is not None:
            given["mask"] = MASKS[mask]
        close(mine(X, **given), theirs(X, **given))


def words_model(lib: Any, *stack: Any) -> Any:
    return set_weights(
        lib.Sequential(
            [
                lib.Input((None,), dtype="int32"),
                lib.layers.Embedding(5, 3, mask_zero=True),
                *stack,
            ]
        )
    )


def exported(model: Any, path: Path, *inputs: Any) -> list[Any]:
    model.export(path)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = zip((x.name for x in session.get_inputs()), inputs, strict=True)
    return session.run(None, dict(feeds))


def test_masks_of_words_go_through_a_stack(tmp_path: Path) -> None:
    def stack(lib: Any) -> Any:
        own = lib.layers
        return words_model(
            lib,
            own.GRU(4, return_sequences=True),
            own.SimpleRNN(3, return_sequences=True, go_backwards=True),
            own.LSTM(4, return_sequences=True),
            own.GlobalAveragePooling1D(),
        )

    mine, theirs = stack(seqir), stack(keras)
    words = WORDS[:3].astype("int32")
    close(mine.predict(words, verbose=0), theirs.predict(words, verbose=0))
    for each in (words, words[:2, :4]):
        close(exported(mine, tmp_path / "model.onnx", each), mine(each))


def test_an_encoder_hands_its_states_to_a_decoder(tmp_path: Path) -> None:
    def build(lib: Any) -> Any:
        own = lib.layers
        first, second = (lib.Input((None,), dtype="int32", name=n) for n in "ab")
        embed = own.Embedding(5, 3, mask_zero=True)
        _, *states = own.LSTM(4, return_state=True)(embed(first))
        y = own.LSTM(4, return_sequences=True)(embed(second), initial_state=states)
        return set_weights(lib.Model([first, second], own.Dense(2)(y)))

    mine, theirs = build(seqir), build(keras)
    inputs = [WORDS.astype("int32"), WORDS[::-1, :4].astype("int32")]
    wanted = theirs.predict(inputs, verbose=0)
    close(mine.predict(inputs, verbose=0), wanted)
    close(exported(mine, tmp_path / "model.onnx", *inputs), [wanted])
    mine.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    close(again.predict(inputs, verbose=0), wanted)
    theirs.save(tmp_path / "theirs.keras")
    back = seqir.models.load_model(tmp_path / "theirs.keras")
    close(back.predict(inputs, verbose=0), wanted)


def test_states_in_one_list_with_the_sequences() -> None:
    layer = layers.GRU(3)
    h = _rng.normal(size=(4, 3)).astype("float32")
    assert_array_equal(layer([X, h]), layer(X, initial_state=h))
    assert_array_equal(layer([X, h]), layer(X, initial_state=[h]))
    inputs = [seqir.Input((None, 3)), seqir.Input((3,))]
    assert_allclose(seqir.Model(inputs, layer(inputs))([X, h]), layer([X, h]), 1e-6)


@pytest.mark.parametrize(
    ("make", "nodes"),
    [
        (lambda: layers.LSTM(4), {"LSTM": 1}),
        (lambda: layers.LSTM(4, "relu", "hard_sigmoid"), {"LSTM": 1}),
        (lambda: layers.GRU(4, reset_after=False), {"GRU": 1}),
        (lambda: layers.SimpleRNN(4, lambda x: ops.tanh(x)), {"RNN": 1}),
        (lambda: layers.LSTM(4, recurrent_dropout=0.5), {"LSTM": 1}),
        (lambda: layers.GRU(4, "gelu"), {"Scan": 1}),
        (lambda: layers.RNN(layers.LSTMCell(4)), {"Scan": 1}),
    ],
)
def test_one_operator_runs_all_steps(
    make: Any, nodes: dict[str, int], tmp_path: Path
) -> None:
    stack = [seqir.Input((None,)), layers.Embedding(9, 3), make()]
    model = seqir.Sequential(stack)
    found = model.export(tmp_path / "model.onnx").nodes
    assert {name: found.get(name) for name in nodes} == nodes
    if "Scan" not in nodes:  # the words alone are transposed
        assert found == {"Cast": 1, "Transpose": 1, "Gather": 1, **nodes, "Squeeze": 1}


def test_written_out_there_is_no_loop(tmp_path: Path) -> None:
    model = seqir.Sequential([seqir.Input((5, 3)), layers.LSTM(4, unroll=True)])
    found = model.export(tmp_path / "model.onnx").nodes
    assert not {"Scan", "Loop", "LSTM"} & found.keys()


def test_the_hard_sigmoid_of_keras_2_is_one_of_onnx(tmp_path: Path) -> None:
    limits = [layers.Rescaling(0.2, 0.5), layers.ReLU(max_value=1.0)]
    gate = seqir.Sequential(limits)
    layer = layers.LSTM(4, recurrent_activation=gate)
    model = seqir.Sequential([seqir.Input((None, 3)), layer])
    assert model.export(tmp_path / "model.onnx").nodes["LSTM"] == 1
    by_step = layers.LSTM(4, recurrent_activation=gate, unroll=True)
    by_step.build(X.shape)
    by_step.set_weights(set_weights(layer).get_weights())
    assert_allclose(layer(X), by_step(X), 1e-5, 1e-6)


# States that stay from call to call.


def test_states_stay_until_they_are_reset() -> None:
    def build(lib: Any) -> Any:
        own = lib.layers
        return set_weights(
            lib.Sequential(
                [
                    lib.Input(batch_shape=(4, None, 3)),
                    own.LSTM(3, stateful=True, return_sequences=True),
                    own.GRU(2, stateful=True),
                ]
            )
        )

    mine, theirs = build(seqir), build(keras)
    assert len(mine.weights) == len(theirs.weights) == 6
    for run in (
        lambda model: model(X),
        lambda model: model(X[:, :2]),
        lambda model: model.predict(X, batch_size=4, verbose=0),
        lambda model: model.layers[0].reset_state() or model(X),
        lambda model: model.layers[1].reset_states() or model(X),
    ):
        close(run(mine), run(theirs))
        states = [model.layers[0].states for model in (mine, theirs)]
        close(*([np.asarray(v) for v in s] for s in states))
    mine.reset_states()
    assert not any(np.any(v) for layer in mine.layers for v in layer.states)
    mine.compile("sgd", "mse")
    first, *more = [mine.evaluate(X, np.ones((4, 2)), verbose=0) for _ in range(3)]
    assert first not in more


def test_states_are_in_no_file(tmp_path: Path) -> None:
    stack = [seqir.Input(batch_shape=(4, None, 3)), layers.LSTM(3, stateful=True)]
    model = seqir.Sequential(stack)
    model(X)
    model.save(tmp_path / "model.keras")
    again = seqir.models.load_model(tmp_path / "model.keras")
    assert not np.any(again.layers[0].states[0])
    assert again.layers[0].stateful
    model.reset_state()
    assert_array_equal(again(X), model(X))
    assert keras.saving.load_model(tmp_path / "model.keras").layers[0].stateful


# Cells.


def minimal(lib: Any) -> type[Any]:
    """A cell of the user's, that says no first state and no size of the output."""

    class Minimal(lib.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight((shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight((self.units, self.units), name="again")

        def call(self, x: Any, states: Any) -> Any:
            product = lib.ops.matmul(states[0], self.recurrent)
            h = lib.ops.matmul(x, self.kernel) + product
            return h, [h]

    return Minimal


@pytest.mark.parametrize("mask", MASKS)
def test_cells_of_the_user(mask: str) -> None:
    found: list[Any] = []
    for lib in (seqir, keras):
        own, cell = lib.layers, minimal(lib)
        for rnn in (
            own.RNN(cell(4), return_sequences=True),
            own.RNN([own.LSTMCell(3), own.GRUCell(2)], go_backwards=True),
            own.RNN([own.GRUCell(2), cell(4)], unroll=True, return_sequences=True),
            own.RNN(cell(3), zero_output_for_mask=True, return_state=True),
        ):
            rnn.build(X.shape)
            given = {} if MASKS[mask] is None else {"mask": MASKS[mask]}
            found.append(set_weights(rnn)(X, **given))
    half = len(found) // 2
    close(found[:half], found[half:])


def test_the_output_before_is_that_of_the_last_cell() -> None:
    """Keras takes the first state of all where the first cell has but one."""
    layer = layers.RNN([minimal(seqir)(4), layers.GRUCell(2)], return_sequences=True)
    mask = MASKS["at the end"]
    found = layer(X, mask=mask)
    for sample, length in enumerate(mask.sum(1)):
        last = np.broadcast_to(found[sample, length - 1], (5 - length, 2))
        assert_array_equal(found[sample, length:], last)


def test_a_cell_that_is_no_layer() -> None:
    class Sums:
        state_size = 3

        def __call__(self, x: Any, states: Any) -> Any:
            return self.call(x, states)

        def call(self, x: Any, states: Any) -> Any:
            return states[0] + x, [states[0] + x]

    layer = layers.RNN(Sums(), return_sequences=True)
    assert_allclose(layer(X), np.cumsum(X, 1), 1e-5, 1e-5)


def test_states_of_stacked_cells_come_in_their_lists() -> None:
    cells = [layers.LSTMCell(4), layers.GRUCell(2)]
    y, first, second = layers.RNN(cells, return_state=True)(X)
    assert [a.shape for a in first] == [(4, 4), (4, 4)]
    assert_array_equal(second[0], y)
    again = layers.RNN(cells)(X, initial_state=[first, second])
    assert np.abs(again - y).max() > 1e-3


@pytest.mark.parametrize("kind", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_a_cell_alone_is_a_step(kind: str) -> None:
    mine, theirs = (getattr(lib.layers, kind)(4) for lib in (seqir, keras))
    for cell in (mine, theirs):
        cell.build(X[:, 0].shape)
        set_weights(cell)
    assert mine.state_size == theirs.state_size
    assert mine.output_size == theirs.output_size
    start = mine.get_initial_state(batch_size=4)
    close(start, theirs.get_initial_state(batch_size=4))
    states = [np.full((4, 4), 0.3, np.float32) for _ in start]
    close(mine(X[:, 0], states), theirs(X[:, 0], states))


# Dropout.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5), (0.3, 0.4)])
def test_only_training_drops(kind: str, rates: Any) -> None:
    given = {"dropout": rates[0], "recurrent_dropout": rates[1]}
    layer = layers.RNN(getattr(layers, f"{kind}Cell")(2, **given))
    whole = getattr(layers, kind)(2, **given)
    x = np.broadcast_to(X[:, :1], X.shape).copy()
    for each in (layer, whole):
        each.build(x.shape)
        set_weights(each)
        still = each(x)
        assert_array_equal(each(x), still)
        noisy = [each(x, training=True) for _ in range(3)]
        assert np.abs(noisy[0] - noisy[1]).max() > 1e-4
    assert_allclose(layer(x), whole(x), 1e-5, 1e-6)


def test_the_mean_of_what_dropout_leaves() -> None:
    layer = layers.SimpleRNN(1, None, dropout=0.25, return_sequences=True)
    layer.build((4000, 3, 2))
    layer.set_weights([np.ones((2, 1)), np.zeros((1, 1)), np.zeros(1)])
    y = layer(np.ones((4000, 3, 2), np.float32), training=True)
    assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))  # one mask for all steps
    shares = [np.mean(np.isclose(y[:, 0], k / 0.75)) for k in range(3)]
    assert_allclose(shares, [0.0625, 0.375, 0.5625], atol=0.03)
    assert_allclose(y.mean(), 2, atol=0.05)


def test_gates_drop_on_their_own_where_states_do() -> None:
    def gates(**kwargs: Any) -> Any:
        cell = layers.LSTMCell(1, None, "relu", False, "ones", "zeros", **kwargs)
        layer = layers.RNN(cell, return_state=True)
        _, h, c = layer(np.ones((2000, 1, 1), np.float32), training=True)
        return np.stack([h, c], -1).reshape(-1, 2)

    assert len(np.unique(gates(dropout=0.5), axis=0)) == 2  # all gates or none
    several = gates(dropout=0.5, implementation=1)
    assert_allclose((several[:, 1] > 0).mean(), 0.25, atol=0.04)  # input and new state
    assert_allclose((several[:, 0] > 0).mean(), 0.125, atol=0.04)  # output as well
