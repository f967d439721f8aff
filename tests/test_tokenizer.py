"""``preprocessing.text``: words and their numbers are those of Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras.src.legacy.preprocessing import text as keras_text

from seqir.errors import ArgumentError
from seqir.preprocessing import text

TEXTS: list[Any] = [
    "The cat sat on the mat.",
    "The dog, the DOG!  and\tthe\nlog",
    ["cat", "Sat", "dog"],
    "",
]
NEW = ["the bird sat; the cat", "nothing known", ["mat"]]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_words": 4},
        {"oov_token": "<oov>"},
        {"oov_token": "<oov>", "num_words": 3},
        {"lower": False, "filters": "."},
        {"char_level": True},
        {"analyzer": lambda line: line.split("t")},
        {"split": "t"},
    ],
)
def test_a_tokenizer_beside_keras(options: dict[str, Any]) -> None:
    ours, theirs = text.Tokenizer(**options), keras_text.Tokenizer(**options)
    for one in (ours, theirs):
        one.fit_on_texts(TEXTS)
    numbered = "word_counts", "word_docs", "index_docs", "word_index", "index_word"
    for name in (*numbered, "document_count"):
        assert getattr(ours, name) == getattr(theirs, name), name
    sequences = ours.texts_to_sequences(NEW)
    assert sequences == theirs.texts_to_sequences(NEW)
    assert ours.sequences_to_texts(sequences) == theirs.sequences_to_texts(sequences)
    modes = "binary", "count", "freq", "tfidf"
    for mode in modes:
        np.testing.assert_allclose(
            ours.texts_to_matrix(NEW, mode), theirs.texts_to_matrix(NEW, mode)
        )
    read = text.tokenizer_from_json(theirs.to_json())
    again = keras_text.tokenizer_from_json(ours.to_json())
    assert read.get_config().keys() == again.get_config().keys()
    if "analyzer" not in options:
        assert read.texts_to_sequences(NEW) == sequences
        assert again.texts_to_sequences(NEW) == sequences
    for one in (ours, theirs):
        one.fit_on_sequences([[1, 1, 2], [9]])
    assert ours.index_docs == theirs.index_docs


def test_words_and_hashes_beside_keras() -> None:
    line = "Well, well: HASHES of words, of all!"
    for options in ({}, {"lower": False}, {"filters": "l"}, {"split": "l"}):
        assert text.text_to_word_sequence(line, **options) == (
            keras_text.text_to_word_sequence(line, **options)
        )
    assert text.one_hot(line, 9) == keras_text.one_hot(line, 9)
    for function in ("md5", len):
        assert text.hashing_trick(line, 9, function) == (
            keras_text.hashing_trick(line, 9, function)
        )


def test_wrong_calls() -> None:
    with pytest.raises(ArgumentError, match="the Tokenizer has seen no texts: call"):
        text.Tokenizer().texts_to_matrix(["a"])
    with pytest.raises(ArgumentError, match="mode must be 'binary', 'count', 'freq'"):
        text.Tokenizer(3).texts_to_matrix(["a"], "other")
    with pytest.raises(ArgumentError, match="n must be an integer >= 2, got 1"):
        text.one_hot("a", 1)
    for wrong in ("{}", "none", "[1]"):
        with pytest.raises(ArgumentError, match="tokenizer_from_json takes what to"):
            text.tokenizer_from_json(wrong)
