"""Texts as the places of their words in a vocabulary."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from seqir import ops, shapes
from seqir.arguments import integer, integers, one_of
from seqir.data.convert import to_rows
from seqir.dtypes import STRING
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Array, current_builder
from seqir.layer.keywords import keyword
from seqir.layers.adapting import batches
from seqir.layers.encoding import INT, MODES, mode_of, refuse_sparse
from seqir.layers.lookup import StringLookup, WithVocabulary
from seqir.layers.vocabulary import TF_IDF, Token, Tokens, Vocabulary, checked_size
from seqir.narrow import is_sequence
from seqir.operators.text import Lower, OnHost, Replace, Words, each, filled
from seqir.ops.apply import apply
from seqir.ops.tensor import Result
from seqir.plain import listed
from seqir.shapes import format_shape
from seqir.tensortype import as_text

LOWER, STRIP = "lower", "strip_punctuation"
BOTH = "lower_and_strip_punctuation"
WHITESPACE, CHARACTER = "whitespace", "character"

_BLANK: Final = "\t\n\v\f\r"
"""What words are between, beside spaces."""

Function: TypeAlias = Callable[[Any], Any]
"""A function of an array of texts that is the user's."""


@dataclass(frozen=True)
class Tokenizer:
    """The words of texts, in Python."""

    standardize: str | Function | None
    split: str | Function | None
    ngrams: tuple[int, ...] | None
    count: shapes.Dim

    def __call__(self, x: Array) -> Array:
        return filled(self.rows(x), self.count)

    def rows(self, x: Array) -> list[list[str]]:
        """The words of each text."""
        texts = self._standardized(x)
        if callable(self.split):
            rows = [_row(row) for row in self.split(texts)]
        elif self.split == WHITESPACE:
            table = dict.fromkeys(map(ord, _BLANK), " ")
            rows = [[w for w in t.translate(table).split(" ") if w] for t in texts]
        elif self.split == CHARACTER:
            rows = [list(text) for text in texts]
        else:
            rows = [_row(row) for row in texts]
        if self.ngrams is None:
            return rows
        return [
            [" ".join(row[i : i + n]) for n in self.ngrams for i in _starts(row, n)]
            for row in rows
        ]

    def _standardized(self, x: Array) -> Array:
        how = self.standardize
        if callable(how):
            found = as_text(np.asarray(how(x.astype(str))))
            if found is None:
                raise ArgumentError(
                    "standardize gives an array of texts for an array of texts, got "
                    f"an array of {np.asarray(how(x.astype(str))).dtype}"
                )
            return found
        if how in (LOWER, BOTH):
            (x,) = Lower().evaluate(x)
        if how in (STRIP, BOTH):
            table = dict.fromkeys(map(ord, string.punctuation))
            x = each(lambda text: text.translate(table), x)
        return x


def _starts(row: Sequence[str], n: int) -> range:
    return range(len(row) - n + 1)


def _row(words: object) -> list[str]:
    """Words as strings, of whatever a function has made."""
    found = as_text(np.atleast_1d(np.asarray(words)))
    if found is None and np.size(np.asarray(words)):
        raise ArgumentError(f"split gives words for each text, got {words!r}")
    return [] if found is None else found.ravel().tolist()


class TextVectorization(WithVocabulary):
    """Texts as the places of their words in a vocabulary.

    Letters A to Z become small ones, punctuation goes, and what is between blanks is a
    word, unless `standardize` and `split` say otherwise. Place 0 is that of no word, 1
    that of unknown ones.

    Shapes: x[N] or x[N, 1] -> "int": y[N, output_sequence_length], or as long as the
        longest text; else y[N, size of the vocabulary].
    Source: Keras 3 ``layers.TextVectorization``.
    """

    max_tokens: int | None = None
    standardize: str | Function | None = BOTH
    split: str | Function | None = WHITESPACE
    ngrams: int | tuple[int, ...] | None = None
    output_mode: str = INT
    output_sequence_length: int | None = None
    pad_to_max_tokens: bool = False
    vocabulary: Tokens | None = None
    idf_weights: Any = None
    sparse: bool = False
    ragged: bool = False
    encoding: str = "utf-8"
    name: str = keyword(default=None)

    single_input = True

    def setup(self) -> None:
        refuse_sparse(self.sparse)
        refuse_sparse(self.ragged, "ragged")
        if not callable(self.standardize):
            one_of("standardize", self.standardize, (BOTH, LOWER, STRIP, None))
        if not callable(self.split):
            one_of("split", self.split, (WHITESPACE, CHARACTER, None))
        self.output_mode = mode_of(self.output_mode, (*MODES, TF_IDF))
        self._widths = self._ngram_widths()
        if self.output_sequence_length is not None:
            if self.output_mode != INT:
                raise ArgumentError(
                    "output_sequence_length is for output_mode='int', got "
                    f"{self.output_mode!r}"
                )
            integer("output_sequence_length", self.output_sequence_length, least=1)
        words = Vocabulary(
            STRING,
            self.name,
            self.output_mode,
            checked_size("pad_to_max_tokens", self.max_tokens, self.pad_to_max_tokens),
            mask="",
            oov="[UNK]",
            padded=bool(self.pad_to_max_tokens),
            encoding=self.encoding,
        )
        # Files of Keras keep the words there, too.
        self._lookup_layer = StringLookup()
        self._lookup_layer._begin(words, None, None)
        self._begin(words, self.vocabulary, self.idf_weights)

    def _ngram_widths(self) -> tuple[int, ...] | None:
        if self.ngrams is None:
            return None
        found = integers("ngrams", self.ngrams, least=1)
        several = is_sequence(listed(self.ngrams))
        return found if several else tuple(range(1, found[0] + 1))

    @property
    def input_dtype(self) -> str:
        """What a model that begins with the layer takes."""
        return STRING

    def call(self, x: Result) -> Result:
        return self._written(self._looked_up(self._tokens(x)))

    def _tokens(self, x: Result) -> Result:
        """The words of each text, empty ones behind them."""
        length = self.output_sequence_length
        if self.split is None:
            if self.standardize is not None or self._widths is not None:
                return self._in_python(x)
            return x if length is None or x.ndim < 2 else _fitted(x, length)
        if x.ndim == 2 and x.shape[1] == 1:
            x = ops.squeeze(x, 1)
        if x.ndim != 1:
            raise ShapeError(
                f"layer {self.name!r} takes texts of the shape (batch,) or (batch, 1), "
                f"got {format_shape(x.shape)}: give one text for each sample"
            )
        plain = self.split == WHITESPACE and self._widths is None
        if not plain or callable(self.standardize):
            return self._in_python(x)
        if self.standardize in (LOWER, BOTH):
            x = apply(Lower(), x)
        if self.standardize in (STRIP, BOTH):
            x = apply(Replace(string.punctuation), x)
        return apply(Words(self._count()), apply(Replace(_BLANK, " "), x))

    def _in_python(self, x: Result) -> Result:
        tokenizer = Tokenizer(self.standardize, self.split, self._widths, self._count())
        words = OnHost(
            tokenizer, STRING, (-1, tokenizer.count), f"the words of {self.name}"
        )
        return apply(words, x)

    def _count(self) -> shapes.Dim:
        """How many words there are; a name where the longest text says it."""
        if self.output_sequence_length is not None:
            return self.output_sequence_length
        b = current_builder()
        assert b is not None, "a layer is called inside a trace"
        return b.unknown("words")

    def _documents(
        self, data: object, steps: int | None
    ) -> Iterator[list[list[Token]]]:
        tokenizer = Tokenizer(self.standardize, self.split, self._widths, "words")
        for batch in batches(data, self.name, steps, to_rows):
            texts = np.array(self._words.tokens(batch.reshape(-1)), object)
            if self.split is None:
                texts = texts.reshape(len(batch), -1)
            yield [[*row] for row in tokenizer.rows(texts)]

    def _described(self) -> dict[str, object]:
        found = super()._described() | self._words_kept
        found["ngrams"] = listed(self.ngrams)
        size = len(self._words) if self._words.words else None
        return found | {"vocabulary_size": size}


def _fitted(words: Result, length: int) -> Result:
    """So many words of each row, empty ones where there are less."""
    blank = ops.broadcast_to(np.array([[""]], object), (ops.shape(words)[0], length))
    return ops.concatenate([words, blank], axis=1)[:, :length]


__all__ = ["TextVectorization"]
