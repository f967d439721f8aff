"""Attention beside Keras: masks, sizes of the run, files, training behaviour."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, ops
from seqir.layers import (
    AdditiveAttention,
    Attention,
    Embedding,
    GroupQueryAttention,
    Input,
    MultiHeadAttention,
)

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
QUERY = RNG.normal(size=(2, 5, 6)).astype(np.float32)
VALUE = RNG.normal(size=(2, 7, 6)).astype(np.float32)
READ = RNG.random((2, 5, 7)) < 0.5
READ[0, 1] = False  # a query that may read nothing
KNOWN = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]], bool)
PRESENT = np.array([[1, 1, 0, 1, 0, 1, 1], [1, 1, 1, 1, 1, 0, 0]], bool)


def pair(name: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """The layer of both libraries, built, with equal weights."""
    made = [getattr(kt.layers, name)(*args, **kwargs) for kt in (seqir, keras)]
    for layer in made:
        layer(QUERY, VALUE)
    weights = [RNG.normal(size=w.shape) for w in made[0].weights]
    for layer in made:
        layer.set_weights(weights)
    return made[0], made[1]


def same(found: Any, wanted: Any) -> None:
    several = isinstance(wanted, tuple | list)
    mine, theirs = ([*y] if several else [y] for y in (found, wanted))
    for y, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(y, np.asarray(other), atol=2e-5)


MASKS: dict[str, dict[str, Any]] = {
    "none": {},
    "causal": {"use_causal_mask": True},
    "attention": {"attention_mask": READ},
    "numbers": {"attention_mask": READ.astype(np.float32)},
    "of each head": {"attention_mask": np.stack([READ, ~READ], axis=1)},
    "value": {"value_mask": PRESENT},
    "key": {"key_mask": PRESENT, "use_causal_mask": True},
    "query": {"query_mask": KNOWN},
    "all": {
        "query_mask": KNOWN,
        "value_mask": PRESENT,
        "attention_mask": READ,
        "use_causal_mask": True,
    },
}


@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("name", ["MultiHeadAttention", "GroupQueryAttention"])
def test_masks_are_those_of_keras(name: str, masks: str, scores: bool) -> None:
    args = (2, 3) if name == "MultiHeadAttention" else (3, 2, 1)
    mine, theirs = pair(name, *args)
    call = {**MASKS[masks], "return_attention_scores": scores}
    same(mine(QUERY, VALUE, **call), theirs(QUERY, VALUE, **call))


@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_masks_of_one_head_are_those_of_keras(name: str) -> None:
    mine, theirs = (getattr(kt.layers, name)() for kt in (seqir, keras))
    for masks in ([KNOWN, PRESENT], [None, PRESENT], [KNOWN, None]):
        for causal in (False, True):
            call = {"mask": masks, "use_causal_mask": causal}
            xs = [QUERY, VALUE]
            mine(xs)
            theirs(xs)
            mine.set_weights([np.asarray(w) for w in theirs.get_weights()])
            call["return_attention_scores"] = True
            same(mine(xs, **call), theirs(xs, **call))


def words_model(kt: Any, time: int | None) -> Any:
    words, others = (kt.Input((time,), dtype="int32") for _ in range(2))
    embed = kt.layers.Embedding(9, 6, mask_zero=True)
    x, y = embed(words), embed(others)
    z = kt.layers.MultiHeadAttention(2, 3, name="self")(x, x, use_causal_mask=True)
    z = kt.layers.LayerNormalization()(kt.layers.Add()([x, z]))
    z = kt.layers.MultiHeadAttention(2, 3, name="cross")(z, y)
    z = kt.layers.GroupQueryAttention(3, 2, 1)(z, y)
    z = kt.layers.Attention(use_scale=True)([z, y])
    z = kt.layers.AdditiveAttention()([z, y])
    return kt.Model([words, others], kt.layers.GlobalAveragePooling1D()(z))


@pytest.mark.parametrize("time", [6, None])
def test_masks_of_words_go_through_models_and_files(
    time: int | None, tmp_path: Path
) -> None:
    keras.utils.clear_session(free_memory=False)
    mine, theirs = (words_model(kt, time) for kt in (seqir, keras))
    names = [layer.name for layer in theirs.layers]
    assert [layer.name for layer in mine.layers] == names
    assert [w.path for w in mine.weights] == [w.path for w in theirs.weights]
    theirs.set_weights([RNG.normal(size=w.shape) * 0.5 for w in theirs.weights])
    words = [np.array([[3, 4, 0, 5, 0, 0], [1, 2, 3, 4, 5, 6]], np.int32)] * 2
    words[1] = words[1][:, ::-1].copy()
    wanted = np.asarray(theirs(words))
    theirs.save(tmp_path / "theirs.keras")
    again = seqir.models.load_model(tmp_path / "theirs.keras")
    same(again(words), wanted)
    again.save(tmp_path / "mine.keras")
    same(keras.models.load_model(tmp_path / "mine.keras")(words), wanted)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine.load_weights(tmp_path / "theirs.weights.h5")
    same(mine(words), wanted)
    assert mine.export(tmp_path / "mine.onnx").nodes


def test_a_gate_is_kept_where_keras_keeps_it(tmp_path: Path) -> None:
    models = []
    for kt in (seqir, keras):
        x = kt.Input((5, 6))
        y = kt.layers.MultiHeadAttention(2, 3, use_gate=True)(x, x)
        y = kt.layers.GroupQueryAttention(3, 2, 1, use_gate=True)(y, x)
        models.append(kt.Model(x, y))
    mine, theirs = models
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine.load_weights(tmp_path / "theirs.weights.h5")
    same(mine(QUERY), theirs(QUERY))


def test_what_keras_2_wrote_of_it_opens() -> None:
    shapes = {f"{name}_shape": [None, 5, 6] for name in ("query", "key", "value")}
    config = MultiHeadAttention(2, 3, name="heads").get_config()
    for name in ("sliding_window", "use_gate", "seed"):
        del config[name]
    tensors = [["x", 0, 0, {"value": ["x", 0, 0], "use_causal_mask": True}]]
    entries = [
        {
            "class_name": "InputLayer",
            "name": "x",
            "config": {"batch_input_shape": [None, 5, 6], "name": "x"},
            "inbound_nodes": [],
        },
        {
            "class_name": "MultiHeadAttention",
            "name": "heads",
            "config": config | shapes | {"dtype": "float32"},
            "inbound_nodes": [tensors],
        },
    ]
    found = {
        "class_name": "Functional",
        "config": {
            "name": "m",
            "layers": entries,
            "input_layers": [["x", 0, 0]],
            "output_layers": [["heads", 0, 0]],
        },
        "keras_version": "2.15.0",
    }
    model = seqir.models.model_from_json(json.dumps(found))
    layer = model.get_layer("heads")
    wanted = layer(QUERY, QUERY, use_causal_mask=True)
    np.testing.assert_allclose(model(QUERY), wanted, atol=1e-6)


def test_attention_of_a_class_of_your_own() -> None:
    class Sharp(MultiHeadAttention):
        def _compute_attention(
            self, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any
        ) -> Any:
            return super()._compute_attention(query * 100, key, value, *args, **kwargs)

    layer = Sharp(2, 3)
    _, scores = layer(QUERY, QUERY, return_attention_scores=True)
    assert scores.max() > 0.99
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("layer", [Attention(dropout=0.5), AdditiveAttention(0, 0.5)])
def test_scores_are_dropped_in_training(layer: Any) -> None:
    call = {"return_attention_scores": True}
    _, plain = layer([QUERY, VALUE], **call)
    _, dropped = layer([QUERY, VALUE], training=True, **call)
    kept = dropped != 0
    assert 0.2 < kept.mean() < 0.8
    np.testing.assert_allclose(dropped[kept], 2 * plain[kept], rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MultiHeadAttention(2, 3, dropout=0.5, seed=1),
        lambda: GroupQueryAttention(3, 2, 1, dropout=0.5, seed=1),
    ],
)
def test_heads_drop_in_training_and_give_all_scores(make: Any) -> None:
    layer = make()
    call = {"return_attention_scores": True}
    y, plain = layer(QUERY, VALUE, **call)
    z, scores = layer(QUERY, VALUE, training=True, **call)
    np.testing.assert_array_equal(scores, plain)
    assert np.abs(y - z).max() > 1e-3


def test_penalties_are_those_of_the_projections() -> None:
    x = Input((5, 6))
    layer = MultiHeadAttention(2, 3, activity_regularizer="l2", kernel_regularizer="l2")
    model = seqir.Model(x, layer(x, x))
    model(QUERY, training=True)
    assert len(model.losses) == 8
    assert layer.get_config()["activity_regularizer"]["class_name"] == "L2"


def test_flash_attention_is_accepted() -> None:
    plain = MultiHeadAttention(2, 3)
    flash = MultiHeadAttention(2, 3, flash_attention=True)
    plain(QUERY, VALUE)
    flash(QUERY, VALUE)
    flash.set_weights(plain.get_weights())
    np.testing.assert_array_equal(flash(QUERY, VALUE), plain(QUERY, VALUE))
    assert "flash_attention" not in flash.get_config()


def test_kernels_start_as_wide_as_their_fans_say() -> None:
    layer = MultiHeadAttention(8, 64)
    layer.build((None, 4, 64), (None, 4, 64))
    limit = np.sqrt(6 / (64 + 512))
    for kernel in (layer.query_dense.kernel, layer.output_dense.kernel):
        assert 0.9 * limit < np.abs(kernel.numpy()).max() <= limit
    seeded = MultiHeadAttention(2, 3, kernel_initializer=seqir.initializers.HeNormal())
    seeded.build((None, 4, 6), (None, 4, 6))
    query, key = seeded.query_dense.kernel.numpy(), seeded.key_dense.kernel.numpy()
    assert np.abs(query - key).max() > 0.01


def test_einsum_dense_on_sizes_of_the_run() -> None:
    x = Input((None, None, 4))
    model = seqir.Model(x, layers.EinsumDense("...x,xy->...y", 3, bias_axes="y")(x))
    for sizes in ((2, 3), (5, 1)):
        given = RNG.normal(size=(2, *sizes, 4)).astype(np.float32)
        kernel, bias = model.get_weights()
        np.testing.assert_allclose(model(given), given @ kernel + bias, atol=1e-5)


def test_embedded_words_are_read_in_a_function_of_tensors() -> None:
    words = np.array([[1, 2, 0]], np.int32)
    x = Embedding(5, 6, mask_zero=True)(words)
    y = MultiHeadAttention(2, 3)(x, x)
    assert ops.shape(y) == (1, 3, 6)


def test_steps_of_one_value_are_masked_for_all_layers_behind() -> None:
    x = RNG.normal(size=(2, 5, 6)).astype(np.float32)
    x[0, 3:] = x[1, 0] = -1.0
    models = []
    for kt in (seqir, keras):
        steps = kt.Input((None, 6))
        y = kt.layers.Masking(-1.0)(steps)
        y = kt.layers.MultiHeadAttention(2, 3)(y, y)
        models.append(kt.Model(steps, kt.layers.GlobalAveragePooling1D()(y)))
    mine, theirs = models
    mine.set_weights([RNG.normal(size=w.shape) for w in theirs.weights])
    theirs.set_weights(mine.get_weights())
    same(mine(x), theirs(x))
    masked = layers.Masking(-1.0)(x)
    np.testing.assert_array_equal(masked[0, 3:], 0)
