"""Places in vocabularies: beside Keras's documented numbers and plain dictionaries."""

from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.data import PyDataset
from seqir.models import load_model

WORDS = ["a", "b", "c", "d"]
TEXT = np.array([["a", "c", "d"], ["d", "z", "b"]])
NUMBERS = [12, 36, 1138, 42]
INTEGERS = np.array([[12, 1138, 42], [42, 1000, 36]])


def places(words: list[Any], x: Any, first: int, oov: int) -> Any:
    """Where each value is in a list, counted from `first`."""
    found = [words.index(v) + first if v in words else oov for v in x.ravel().tolist()]
    return np.reshape(found, x.shape)


@pytest.mark.parametrize(
    ("make", "words", "x", "mask"),
    [
        (layers.StringLookup, WORDS, TEXT, ""),
        (layers.IntegerLookup, NUMBERS, INTEGERS, 0),
    ],
)
def test_indices_are_places_in_the_vocabulary(
    make: Any, words: Any, x: Any, mask: Any
) -> None:
    np.testing.assert_array_equal(make(vocabulary=words)(x), places(words, x, 1, 0))
    masked = make(vocabulary=words, mask_token=mask)
    np.testing.assert_array_equal(masked(x), places(words, x, 2, 1))
    assert masked(np.array([mask])).tolist() == [0]
    assert masked.get_vocabulary() == [mask, masked.oov_token, *words]
    assert masked.get_vocabulary(include_special_tokens=False) == words
    assert masked.vocabulary_size() == 6
    whole = make(vocabulary=masked.get_vocabulary(), mask_token=mask)
    np.testing.assert_array_equal(whole(x), masked(x))
    for back in (make(vocabulary=words, mask_token=mask, invert=True),):
        found = back(masked(x))
        known = np.isin(x, words)
        assert (found[known] == x[known]).all()
        assert set(found[~known].tolist()) == {back.oov_token}
        assert back(np.array([0])).tolist() == [mask]
    given = make(vocabulary=np.array(words))
    assert given.get_vocabulary() == make(vocabulary=tuple(words)).get_vocabulary()


def test_documented_buckets_of_unknown_values() -> None:
    found = layers.IntegerLookup(vocabulary=NUMBERS, num_oov_indices=2)
    x = np.array([[12, 1138, 42], [37, 1000, 36]])
    np.testing.assert_array_equal(found(x), [[2, 4, 5], [1, 0, 3]])
    words = layers.StringLookup(vocabulary=WORDS, num_oov_indices=2)
    x = np.array([["a", "c", "d"], ["m", "z", "b"]])
    np.testing.assert_array_equal(words(x), [[2, 4, 5], [0, 1, 3]])
    farm = {"oov_method": "farmhash", "num_oov_indices": 3}
    hashed = layers.IntegerLookup(vocabulary=[7], **farm)(np.array([0, 1, 2, 3, 4, 7]))
    np.testing.assert_array_equal(hashed, [1, 0, 1, 0, 2, 3])
    salted = layers.IntegerLookup(vocabulary=[7], salt=(133, 137), **farm)
    np.testing.assert_array_equal(salted(np.arange(5)), [1, 1, 2, 0, 1])


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("mask", [None, ""])
@pytest.mark.parametrize("padded", [False, True])
def test_encodings_have_a_place_for_each_word(
    mode: str, mask: str | None, padded: bool
) -> None:
    x = np.array([["a", "c", "d", "d"], ["d", "z", "b", "z"]])
    ids, depth = places(WORDS, x, 1, 0), 9 if padded else 5
    one_hot = np.eye(depth)[ids]
    wanted = {
        "one_hot": one_hot,
        "multi_hot": one_hot.max(1),
        "count": one_hot.sum(1),
    }[mode]
    size = {"pad_to_max_tokens": True, "max_tokens": 9} if padded else {}
    layer = layers.StringLookup(
        vocabulary=WORDS, output_mode=mode, mask_token=mask, **size
    )
    np.testing.assert_array_equal(layer(x), wanted)
    np.testing.assert_array_equal(layer(np.array([[""]])).sum(), 0 if mask == "" else 1)
    assert layer.compute_output_shape((None, 4)) == (None, *wanted.shape[1:])


def test_documented_weights_of_documents() -> None:
    layer = layers.StringLookup(
        output_mode="tf_idf", vocabulary=WORDS, idf_weights=[0.25, 0.75, 0.6, 0.4]
    )
    x = np.array([["a", "c", "d", "d"], ["d", "z", "b", "z"]])
    wanted = [[0, 0.25, 0, 0.6, 0.8], [1.0, 0, 0.75, 0, 0.4]]
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-6)
    again = layers.StringLookup.from_config(layer.get_config())
    np.testing.assert_allclose(again(x), wanted, rtol=1e-6)


def test_many_places_are_counted_without_an_array_of_all() -> None:
    words = [f"w{i}" for i in range(1000)]
    x = np.array([["w3", "w3", "w999", ""], ["q", "w0", "", ""]])
    for mode, most in (("count", 2), ("multi_hot", 1)):
        layer = layers.StringLookup(vocabulary=words, output_mode=mode, mask_token="")
        found = layer(x)
        assert found.shape == (2, 1001)
        assert found[0, 4] == most
        assert found[0].sum() == most + 1
        assert np.flatnonzero(found[1]).tolist() == [0, 1]


class Batches(PyDataset):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return TEXT[index : index + 1], np.zeros(1)


@pytest.mark.parametrize(
    "data",
    [TEXT, TEXT.tolist(), TEXT.astype("S"), TEXT.astype(object), iter(TEXT), Batches()],
    ids=["array", "list", "bytes", "objects", "iterator", "dataset"],
)
def test_words_are_learned_by_how_often_they_are_there(data: Any) -> None:
    layer = layers.StringLookup()
    layer.adapt(data)
    assert layer.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"]
    np.testing.assert_array_equal(layer(TEXT), [[5, 3, 1], [1, 2, 4]])


def test_integers_are_learned() -> None:
    layer = layers.IntegerLookup(max_tokens=4, mask_token=0)
    layer.adapt(np.array([[5, 5, 0], [7, -2, 7], [5, 0, 0]]))
    assert layer.get_vocabulary() == [0, -1, 5, 7]
    layer.adapt(iter([np.array([9]), np.array([9, 8])]))
    assert layer.get_vocabulary() == [0, -1, 9, 8]


def test_weights_of_documents_are_learned() -> None:
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt(TEXT)
    idf = np.log(1 + 2 / (1 + np.array([2, 1, 1, 1, 1])))
    wanted = np.concatenate([[idf.mean()], idf])
    np.testing.assert_allclose(layer(np.array([["z"]]))[0, 2], wanted[2], rtol=1e-6)
    np.testing.assert_allclose(layer(np.array([["?"]]))[0, 0], wanted[0], rtol=1e-6)


def test_a_vocabulary_may_be_a_file(tmp_path: Any) -> None:
    path = tmp_path / "words.txt"
    path.write_text("ähre\nb\n", "utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "ähre", "b"]
    other = layers.StringLookup()
    other.load_vocabulary(str(path))
    assert other(np.array(["b"])).tolist() == [2]
    (tmp_path / "numbers.txt").write_text("5\n-3\n")
    numbers = layers.IntegerLookup(vocabulary=str(tmp_path / "numbers.txt"))
    assert numbers(np.array([-3])).tolist() == [2]


def model_of_words(layer: Any) -> Any:
    x = seqir.Input((3,), dtype="string")
    vectors = layers.Embedding(9, 2)(layer(x))
    return seqir.Model(x, layers.Dense(1)(layers.Flatten()(vectors)))


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_models_take_text_and_files_keep_the_words(ending: str, tmp_path: Any) -> None:
    layer = layers.StringLookup(mask_token="")
    model = model_of_words(layer)
    before = model.predict(TEXT, verbose=0)
    layer.adapt(TEXT)
    after = model.predict(TEXT, verbose=0)
    assert (before != after).any()
    model.save(tmp_path / f"model{ending}")
    opened = load_model(tmp_path / f"model{ending}")
    np.testing.assert_array_equal(opened.predict(TEXT, verbose=0), after)
    np.testing.assert_array_equal(model(TEXT.astype("S")), after)
    cloned = seqir.models.clone_model(model)
    cloned.set_weights(model.get_weights())
    np.testing.assert_array_equal(cloned(TEXT), after)


def test_models_learn_from_text() -> None:
    layer = layers.StringLookup(vocabulary=WORDS, num_oov_indices=2)
    model = model_of_words(layer)
    model.compile(seqir.optimizers.SGD(0.5), "mse")
    x, y = np.tile(TEXT, (8, 1)), np.tile([[0.0], [1.0]], (8, 1))
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 10
    assert model.evaluate(x, y, verbose=0) < losses[0] / 10
    with_numbers = model_of_words(layer)
    with_numbers.set_weights(model.get_weights())
    np.testing.assert_array_equal(with_numbers(x), model(x))


def test_one_file_takes_text(tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = model_of_words(layers.StringLookup(vocabulary=WORDS))
    report = model.export(tmp_path / "words.onnx")
    assert list(report.inputs.values()) == ["str[batch, 3]"]
    assert report.opset == 17
    session = onnxruntime.InferenceSession(report.path)
    (found,) = session.run(None, {session.get_inputs()[0].name: TEXT.astype(object)})
    np.testing.assert_allclose(found, model(TEXT), rtol=1e-6)
    back = seqir.Sequential(
        [
            seqir.Input((2,), dtype="int64"),
            layers.StringLookup(vocabulary=WORDS, invert=True),
        ]
    )
    report = back.export(tmp_path / "back.onnx")
    session = onnxruntime.InferenceSession(report.path)
    (found,) = session.run(None, {next(iter(report.inputs)): np.array([[1, 4]])})
    assert found.tolist() == [["a", "d"]]


def test_a_file_takes_hashes_that_python_makes(tmp_path: Any) -> None:
    lookup = layers.StringLookup(vocabulary=WORDS, num_oov_indices=3, name="words")
    model = model_of_words(lookup)
    report = model.export(tmp_path / "hashed.onnx")
    assert list(report.before) == ["words"]
    assert "in Python, of" in report.before["words"]
    assert "before   words: " in str(report)
