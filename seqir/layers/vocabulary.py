"""Vocabularies: the words (or numbers) that a layer knows, in their order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from seqir import dtypes
from seqir.arguments import integer
from seqir.errors import ArgumentError, DTypeError
from seqir.ir import Array
from seqir.layers.encoding import INT
from seqir.narrow import is_path
from seqir.tensortype import as_text

TF_IDF = "tf_idf"

Token: TypeAlias = str | int
Tokens: TypeAlias = str | os.PathLike[str] | Sequence[Token] | Array
"""Words in their order, or a file with one in each line."""


@dataclass
class Vocabulary:
    """What a layer looks up: some places for what is special, then the words.

    Place 0 is that of the mask where there is one, and indices come out as they are;
    then come `num_oov` places for what is not in the vocabulary.
    """

    dtype: str
    """``string`` or ``int64``."""
    name: str
    """Of the layer, for errors."""
    mode: str
    """How the layer writes indices: `output_mode`."""
    max_tokens: int | None = None
    num_oov: int = 1
    mask: Token | None = None
    oov: Token | None = None
    invert: bool = False
    padded: bool = False
    """Whether outputs have `max_tokens` places, however many words there are."""
    encoding: str = "utf-8"
    words: list[Token] = field(default_factory=list[Token])
    expected: int = 0
    """How many places a file says that there will be, before its words come."""
    idf: Array | None = None
    """A weight for each place."""

    @property
    def first_oov(self) -> int:
        """The first place of what is not in the vocabulary."""
        return int(self.mask is not None and self.mode == INT)

    @property
    def start(self) -> int:
        """The place of the first word."""
        return self.first_oov + self.num_oov

    @property
    def places(self) -> range:
        """The places of the words."""
        return range(self.start, self.start + len(self.words))

    def __len__(self) -> int:
        return max(self.places.stop, 0 if self.words else self.expected)

    @property
    def known(self) -> bool:
        """Whether it is known how many places there are."""
        return bool(self.words or self.expected or self.padded)

    @property
    def depth(self) -> int:
        """How many places outputs have."""
        return self.max_tokens if self.padded and self.max_tokens else len(self)

    @property
    def special(self) -> list[Token | None]:
        """What stands in front of the words."""
        return [self.mask] * self.first_oov + [self.oov] * self.num_oov

    def listed(self, *, special: bool = True) -> list[Any]:
        """The words in the order of their places."""
        return [*(self.special if special else []), *self.words]

    def set(self, given: Tokens, idf_weights: Sequence[float] | Array | None) -> None:
        """Take these words; what is special may stand in front of them.

        Raises: ArgumentError for words twice, none, too many, or what is special
            among them; and for weights where there are none, or the other way round.
        """
        tokens = self._read(given)
        if not tokens:
            raise ArgumentError(
                f"the vocabulary of layer {self.name!r} is empty: give it a word"
            )
        complete = tokens[: self.start] == self.special
        words = tokens[self.start :] if complete else tokens
        twice = [word for word, count in Counter(words).items() if count > 1]
        if twice:
            raise ArgumentError(
                f"the vocabulary of layer {self.name!r} has words twice: {twice[:5]}"
            )
        reserved = [self.mask, self.oov if self.invert else None]
        for token in reserved:
            if token is not None and token in words:
                raise ArgumentError(
                    f"{token!r} is special in layer {self.name!r}, and stands at place "
                    f"{tokens.index(token)} of its vocabulary: leave it out, or begin "
                    f"the vocabulary with {self.special}"
                )
        if self.max_tokens is not None and self.start + len(words) > self.max_tokens:
            raise ArgumentError(
                f"layer {self.name!r} has max_tokens={self.max_tokens}, and its "
                f"vocabulary {self.start + len(words)} places"
            )
        self.idf = self._weights(idf_weights, len(tokens), complete=complete)
        self.words = words

    def _read(self, given: Tokens) -> list[Token]:
        if is_path(given):
            path = Path(given)
            if self.mode == TF_IDF:
                raise ArgumentError(
                    f"layer {self.name!r} needs a weight for each word: give the "
                    "vocabulary as a list, with idf_weights"
                )
            try:
                lines = path.read_text(self.encoding).splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise ArgumentError(
                    f"the vocabulary of layer {self.name!r} is the file {str(path)!r}, "
                    f"which cannot be read: {error}"
                ) from None
            given = lines
        return self.tokens(np.asarray(given).reshape(-1))

    def tokens(self, array: Array) -> list[Token]:
        """The words of an array, as Python's strings or ints.

        Raises: DTypeError for words of another type.
        """
        if not array.size:
            return []
        if self.dtype == dtypes.STRING:
            found = as_text(array)
            if found is not None:
                return found.tolist()
        else:
            with suppress(TypeError, ValueError):
                whole = array.astype(np.int64)
                if array.dtype.kind in "UO" or np.array_equal(whole, array):
                    return whole.tolist()
        raise DTypeError(
            f"layer {self.name!r} has a vocabulary of "
            f"{'text' if self.dtype == dtypes.STRING else 'integers'}, got "
            f"{array.ravel()[:3].tolist()}"
        )

    def _weights(
        self, given: Sequence[float] | Array | None, count: int, *, complete: bool
    ) -> Array | None:
        """A weight for each place, of the weights for words that came."""
        if (self.mode == TF_IDF) != (given is not None):
            raise ArgumentError(
                f"layer {self.name!r} has output_mode={self.mode!r}: idf_weights "
                "belong to 'tf_idf', and a vocabulary to idf_weights there"
            )
        if given is None:
            return None
        weights = np.asarray(given, np.float32)
        if weights.shape != (count,):
            raise ArgumentError(
                f"layer {self.name!r} needs a weight for each of the {count} words of "
                f"its vocabulary, got idf_weights of shape {weights.shape}"
            )
        return self._on_places(weights, 0 if complete else self.start)

    def _on_places(self, weights: Array, missing: int) -> Array:
        """Weights with the mean for special places, and zeros up to the depth."""
        front = np.full(missing, weights.mean() if weights.size else 0, np.float32)
        found = np.concatenate((front, weights.astype(np.float32)))
        room = (self.max_tokens or 0) - len(found) if self.padded else 0
        return np.pad(found, (0, max(room, 0)))

    def learn(self, documents: Iterable[Sequence[Sequence[Token]]]) -> bool:
        """Take the words of documents, the most frequent ones first; whether any came.

        Of words as frequent the last in the order of the alphabet comes first.
        """
        counts: Counter[Token] = Counter()
        present: Counter[Token] = Counter()
        total = 0
        for batch in documents:
            for words in batch:
                counts.update(words)
                if self.mode == TF_IDF:
                    present.update(set(words))
            total += len(batch)
        for token in (self.mask, self.oov):
            if token is not None:
                counts.pop(token, None)
        ordered = sorted(counts, key=_place_in_alphabet, reverse=True)
        ordered.sort(key=lambda word: -counts[word])
        if self.max_tokens is not None:
            ordered = ordered[: max(self.max_tokens - self.start, 0)]
        if not ordered:
            return False
        if self.mode == TF_IDF:
            seen = np.array([present[word] for word in ordered])
            self.idf = self._on_places(np.log(1 + total / (1 + seen)), self.start)
        self.words = ordered
        return True


def _place_in_alphabet(token: Token) -> Any:
    """What words are sorted by: their bytes, as TensorFlow does."""
    return token.encode() if isinstance(token, str) else token


def checked_size(name: str, max_tokens: object, padded: object) -> int | None:
    """`max_tokens` as an int.

    Raises: ArgumentError unless there is room for a word, or if it is needed.
    """
    if max_tokens is None:
        if padded:
            raise ArgumentError(f"{name} pads to max_tokens: say how many there are")
        return None
    return integer("max_tokens", max_tokens, least=2)
