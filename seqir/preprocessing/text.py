"""``seqir.preprocessing.text``: words as numbers, as programs of Keras 2 make them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Literal, get_args

import numpy as np

from seqir.arguments import integer, one_of
from seqir.errors import ArgumentError
from seqir.ir import Array

FILTERS: Final = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
Mode = Literal["binary", "count", "freq", "tfidf"]
Text = str | Sequence[str]


def text_to_word_sequence(
    input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text, in lower case and without the characters of `filters`."""
    text = input_text.lower() if lower else input_text
    text = text.translate(str.maketrans(dict.fromkeys(filters, split)))
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | Literal["md5"] | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Sequence[str]] | None = None,
) -> list[int]:
    """A number from 1 to n - 1 for each word; several words may have the same.

    Without a `hash_function` it is Python's, which differs from process to process.

    Raises: ArgumentError for n below 2.
    """
    n = integer("n", n, least=2)
    words = analyzer(text) if analyzer else _words(text, filters, lower, split)
    if hash_function == "md5":
        number = _md5
    else:
        number = hash if hash_function is None else hash_function
    return [number(word) % (n - 1) + 1 for word in words]


def one_hot(
    input_text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Sequence[str]] | None = None,
) -> list[int]:
    """`hashing_trick` with Python's own hashes."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


class Tokenizer:
    """Numbers of words: 1 for the most frequent one, or for `oov_token`.

    With `num_words` only numbers below it are given. A text is a string, or a list of
    its words.

    Attributes:
        word_index: the number of each word.
        index_word: the word of each number.
        word_counts: how often each word was seen.
        word_docs: in how many texts.
        index_docs: the same by numbers.
        document_count: how many texts were seen.

    Source: ``tf.keras.preprocessing.text.Tokenizer``.
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.document_count = 0
        self.word_counts: Counter[str] = Counter()
        self.word_docs: Counter[str] = Counter()
        self.index_docs: Counter[int] = Counter()
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def fit_on_texts(self, texts: Iterable[Text]) -> None:
        """Count the words of texts, and number them anew."""
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            self.word_counts.update(words)
            self.word_docs.update(set(words))
        ordered = [word for word, _ in self.word_counts.most_common()]
        if self.oov_token is not None:
            ordered.insert(0, self.oov_token)
        # A word that is the token as well has the later number, as in Keras.
        self.word_index = {word: place for place, word in enumerate(ordered, 1)}
        self.index_word = {place: word for word, place in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Iterable[Sequence[int]]) -> None:
        """Count the texts that numbers are in, for "tfidf"."""
        for sequence in sequences:
            self.document_count += 1
            self.index_docs.update(set(sequence))

    def texts_to_sequences(self, texts: Iterable[Text]) -> list[list[int]]:
        """The numbers of the words; unknown ones are left out, or are `oov_token`."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(
        self, texts: Iterable[Text]
    ) -> Iterator[list[int]]:
        """`texts_to_sequences`, one after another."""
        other = self.word_index.get(self.oov_token) if self.oov_token else None
        for text in texts:
            found = [self._number(word, other) for word in self._words(text)]
            yield [number for number in found if number is not None]

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """The words of numbers, with spaces between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(
        self, sequences: Iterable[Sequence[int]]
    ) -> Iterator[str]:
        """`sequences_to_texts`, one after another."""
        for sequence in sequences:
            words = [self.index_word.get(int(number)) for number in sequence]
            known = [
                word
                if word is not None and self._given(int(number))
                else self.oov_token
                for word, number in zip(words, sequence, strict=True)
            ]
            yield " ".join(word for word in known if word is not None)

    def texts_to_matrix(self, texts: Iterable[Text], mode: Mode = "binary") -> Array:
        """`sequences_to_matrix` of texts."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: Mode = "binary"
    ) -> Array:
        """A row for each sequence, with a column for each number.

        "binary" says whether it occurs, "count" how often, "freq" as a share, "tfidf"
        (1 + log count) * log(1 + texts / (1 + texts that have it)).

        Raises: ArgumentError for another `mode`, or before there are words.
        """
        one_of("mode", mode, get_args(Mode))
        size = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not size or (mode == "tfidf" and not self.document_count):
            raise ArgumentError(
                "the Tokenizer has seen no texts: call fit_on_texts, or give num_words"
            )
        matrix = np.zeros((len(sequences), size))
        for row, sequence in zip(matrix, sequences, strict=True):
            for number, count in Counter(n for n in sequence if n < size).items():
                row[number] = self._weight(number, count, len(sequence), mode)
        return matrix

    def get_config(self) -> dict[str, Any]:
        """The arguments and counts, the latter as JSON."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token")
        return {
            **{name: getattr(self, name) for name in names},
            "document_count": self.document_count,
            **{name: json.dumps(getattr(self, name)) for name in _COUNTS},
        }

    def to_json(self, **kwargs: Any) -> str:
        """What `tokenizer_from_json` reads."""
        described = {"class_name": "Tokenizer", "config": self.get_config()}
        return json.dumps(described, **kwargs)

    def _words(self, text: Text) -> list[str]:
        if self.char_level or not isinstance(text, str):
            return [part.lower() for part in text] if self.lower else list(text)
        if self.analyzer is not None:
            return list(self.analyzer(text))
        return _words(text, self.filters, self.lower, self.split)

    def _number(self, word: str, other: int | None) -> int | None:
        number = self.word_index.get(word)
        return number if number is not None and self._given(number) else other

    def _given(self, number: int) -> bool:
        return not self.num_words or number < self.num_words

    def _weight(self, number: int, count: int, length: int, mode: Mode) -> float:
        if mode == "binary":
            return 1.0
        if mode == "tfidf":
            texts = self.document_count / (1 + self.index_docs.get(number, 0))
            return (1 + np.log(count)) * np.log(1 + texts)
        return count / length if mode == "freq" else count


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The `Tokenizer` that `to_json` (or Keras) described.

    Raises: ArgumentError for what describes none.
    """
    try:
        config = dict(json.loads(json_string)["config"])
        read = {name: json.loads(config.pop(name)) for name in _COUNTS}
        document_count = int(config.pop("document_count"))
        made = Tokenizer(**config)
        made.document_count = document_count
        made.word_counts = Counter(read["word_counts"])
        made.word_docs = Counter(read["word_docs"])
        made.index_docs = Counter({int(n): c for n, c in read["index_docs"].items()})
        made.word_index = read["word_index"]
        made.index_word = {int(n): word for n, word in read["index_word"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArgumentError(
            f"tokenizer_from_json takes what to_json gave, got {json_string!r:.60}"
        ) from error
    return made


_COUNTS: Final = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
_words = text_to_word_sequence


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


__all__ = [
    "Tokenizer",
    "hashing_trick",
    "one_hot",
    "text_to_word_sequence",
    "tokenizer_from_json",
]
