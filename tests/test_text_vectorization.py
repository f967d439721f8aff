"""Texts become numbers: as documented, as plain Python does it, and in one file."""

import string
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.models import load_model

TEXTS = np.array(
    ["Earth, wind and FIRE!", "wind & water; and", "", "été d'ÉTÉ\tfire\nfire"]
)
WORDS = ["earth", "wind", "and", "fire"]


def ids(text: str, words: list[str]) -> list[int]:
    """What the default settings make of a text."""
    text = "".join(c.lower() if c.isascii() else c for c in text)
    text = "".join(c for c in text if c not in string.punctuation)
    return [words.index(w) + 2 if w in words else 1 for w in text.split()]


@pytest.mark.parametrize("length", [None, 1, 3, 9])
@pytest.mark.parametrize("column", [False, True])
def test_words_are_their_places(length: int | None, column: bool) -> None:
    layer = layers.TextVectorization(vocabulary=WORDS, output_sequence_length=length)
    x = TEXTS[:, None] if column else TEXTS
    rows = [ids(text, WORDS) for text in TEXTS.tolist()]
    width = length or max(map(len, rows))
    wanted = [(row + [0] * width)[:width] for row in rows]
    np.testing.assert_array_equal(layer(x), wanted)
    assert layer(x).dtype == np.int64
    assert layer.compute_output_shape(x.shape) == (4, length)
    np.testing.assert_array_equal(layer(x.tolist()), wanted)


@pytest.mark.parametrize(
    ("how", "text", "words"),
    [
        (None, "A, b", ["A,", "b"]),
        ("lower", "A, B", ["a,", "b"]),
        ("strip_punctuation", "A, B-c", ["A", "Bc"]),
        (lambda x: np.char.replace(x, "x", " "), "AxB", ["A", "B"]),
    ],
)
def test_texts_are_standardized(how: Any, text: str, words: list[str]) -> None:
    layer = layers.TextVectorization(standardize=how)
    layer.adapt([text])
    assert sorted(layer.get_vocabulary(include_special_tokens=False)) == sorted(words)
    found = [layer.get_vocabulary()[i] for i in layer(np.array([text]))[0]]
    assert found == words


def dashes(texts: Any) -> Any:
    return [text.split("-") for text in texts]


@pytest.mark.parametrize(
    ("how", "text", "words"),
    [
        ("whitespace", "a  b\va\fb c ", ["a", "b", "a", "b", "c"]),
        ("character", "ab é", ["a", "b", " ", "é"]),
        (dashes, "a-b", ["a", "b"]),
    ],
)
def test_texts_are_split(how: Any, text: str, words: list[str]) -> None:
    layer = layers.TextVectorization(split=how, standardize=None)
    layer.adapt(np.array([text, text]))
    vocabulary = layer.get_vocabulary()
    assert set(vocabulary[2:]) == set(words)
    assert [vocabulary[i] for i in layer(np.array([[text]]))[0]] == words


def test_words_that_are_split_already_are_taken_as_they_are() -> None:
    x = np.array([["a", "b", "z"], ["b", "", ""]])
    given = {"split": None, "standardize": None, "vocabulary": ["a", "b"]}
    layer = layers.TextVectorization(**given)
    np.testing.assert_array_equal(layer(x), [[2, 3, 1], [3, 0, 0]])
    longer = layers.TextVectorization(**given, output_sequence_length=4)
    np.testing.assert_array_equal(longer(x), [[2, 3, 1, 0], [3, 0, 0, 0]])
    shorter = layers.TextVectorization(**given, output_sequence_length=2)
    np.testing.assert_array_equal(shorter(x), [[2, 3], [3, 0]])


@pytest.mark.parametrize(
    ("ngrams", "wanted"),
    [
        (2, ["a", "b", "c", "a b", "b c"]),
        ((2,), ["a b", "b c"]),
        ((3, 1), ["a b c", "a", "b", "c"]),
    ],
)
def test_neighbours_are_words_too(ngrams: Any, wanted: list[str]) -> None:
    layer = layers.TextVectorization(ngrams=ngrams)
    layer.adapt(["a b c"])
    vocabulary = layer.get_vocabulary()
    assert [vocabulary[i] for i in layer(["a b c"])[0]] == wanted


def test_the_most_frequent_words_come_first() -> None:
    data = ["foo bar", "bar baz", "baz bada boom"]
    layer = layers.TextVectorization(max_tokens=5)
    array = np.array(data)
    for form in (data, array, array[:, None], iter([data[:1], data[1:]])):
        layer.adapt(form)
        assert layer.get_vocabulary() == ["", "[UNK]", "baz", "bar", "foo"]
    np.testing.assert_array_equal(
        layer([["foo qux bar"], ["qux baz"]]), [[4, 1, 3], [1, 2, 0]]
    )


@pytest.mark.parametrize("mode", ["multi_hot", "count", "tf_idf"])
def test_words_are_counted(mode: str) -> None:
    data = ["a b b", "a c", "d"]
    layer = layers.TextVectorization(output_mode=mode)
    layer.adapt(data)
    words = layer.get_vocabulary()
    assert words[0] == "[UNK]"
    rows = [[text.split().count(w) for w in words] for text in data]
    wanted = np.array(rows, np.float32)
    if mode == "multi_hot":
        wanted = np.minimum(wanted, 1)
    if mode == "tf_idf":
        wanted *= np.log(1 + 3 / (1 + (wanted > 0).sum(0)))
    np.testing.assert_allclose(layer(data), wanted, rtol=1e-6)


def classifier(layer: Any) -> Any:
    return seqir.Sequential(
        [
            layer,
            layers.Embedding(layer.vocabulary_size(), 8, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, "sigmoid"),
        ]
    )


REVIEWS = np.array(
    ["Good movie, really", "bad film!", "good film", "bad BAD movie"] * 8
)
GOOD = np.array([1.0, 0, 1, 0] * 8)


@pytest.fixture(scope="module")
def trained() -> Any:
    layer = layers.TextVectorization(output_sequence_length=5)
    layer.adapt(REVIEWS)
    model = classifier(layer)
    rate = seqir.optimizers.Adam(0.05)
    model.compile(rate, "binary_crossentropy", metrics=["accuracy"])
    model.fit(REVIEWS, GOOD, epochs=20, verbose=0)
    return model


def test_a_model_learns_from_texts(trained: Any) -> None:
    loss, accuracy = trained.evaluate(REVIEWS, GOOD, verbose=0)
    assert accuracy == 1
    assert loss < 0.1
    assert trained.predict(np.array(["a good one"]), verbose=0)[0, 0] > 0.8
    text_apart = seqir.Sequential(trained.layers[1:])
    apart = text_apart(trained.layers[0](REVIEWS))
    np.testing.assert_allclose(trained(REVIEWS), apart, rtol=1e-6)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_files_keep_words_and_weights(trained: Any, ending: str, tmp_path: Any) -> None:
    trained.save(tmp_path / f"text{ending}")
    opened = load_model(tmp_path / f"text{ending}")
    np.testing.assert_array_equal(opened(REVIEWS), trained(REVIEWS))
    assert opened.layers[0].get_vocabulary() == trained.layers[0].get_vocabulary()


def test_one_file_makes_classes_of_texts(trained: Any, tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    report = trained.export(tmp_path / "text.onnx")
    assert report.opset == 20
    assert list(report.inputs.values()) == ["str[batch]"]
    assert not report.before
    session = onnxruntime.InferenceSession(report.path)
    (name,) = (x.name for x in session.get_inputs())
    odd = np.array(["Good... FILM?", "", "-- été!\tbad\nMovie"], object)
    for x in (REVIEWS.astype(object), odd):
        (found,) = session.run(None, {name: x})
        np.testing.assert_allclose(found, trained(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["int", "count"])
@pytest.mark.parametrize("standardize", [None, "strip_punctuation"])
def test_files_of_other_settings(mode: str, standardize: Any, tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    layer = layers.TextVectorization(
        output_mode=mode, standardize=standardize, vocabulary=["a", "b,", "b"]
    )
    model = seqir.Sequential([seqir.Input((1,), dtype="string"), layer])
    report = model.export(tmp_path / "layer.onnx")
    session = onnxruntime.InferenceSession(report.path)
    x = np.array([["a b, c"], ["b  a"], ["A"]], object)
    (found,) = session.run(None, {next(iter(report.inputs)): x})
    np.testing.assert_array_equal(found, layer(x))


def test_a_file_takes_words_where_python_splits(tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    layer = layers.TextVectorization(
        split="character", output_sequence_length=3, name="letters"
    )
    layer.adapt(["abc"])
    x = seqir.Input((1,), dtype="string")
    model = seqir.Model(x, layers.Embedding(6, 2)(layer(x)))
    report = model.export(tmp_path / "letters.onnx")
    assert report.inputs == {"letters": "str[batch, 3]"}
    assert "the words of letters in Python, of" in report.before["letters"]
    session = onnxruntime.InferenceSession(report.path)
    (found,) = session.run(None, {"letters": np.array([["a", "c", ""]], object)})
    np.testing.assert_array_equal(found, model(np.array([["ac"]])))


def test_configurations_have_the_entries_of_keras() -> None:
    layer = layers.TextVectorization(vocabulary=WORDS, ngrams=(1, 2))
    found = layer.get_config()
    del found["name"], found["dtype"]
    assert found == {
        "trainable": True, "max_tokens": None, "ngrams": (1, 2), "sparse": False,
        "standardize": "lower_and_strip_punctuation", "split": "whitespace",
        "output_mode": "int", "output_sequence_length": None, "ragged": False,
        "pad_to_max_tokens": False, "idf_weights": None, "encoding": "utf-8",
        "vocabulary": ["", "[UNK]", *WORDS], "vocabulary_size": 6,
    }  # fmt: skip
    again = layers.TextVectorization.from_config({**found, "ngrams": [1, 2]})
    assert again.get_vocabulary() == ["", "[UNK]", *WORDS]
