"""Texts as lists of numbers of words: how they are shuffled, numbered and cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqir.errors import ArgumentError
from seqir.ir import Array

Texts = list[list[int]]


def shuffled(
    texts: Texts | Array, labels: Array, rng: np.random.RandomState
) -> tuple[Texts, Array]:
    """Texts and their labels in the order that Keras gives them, too."""
    order = np.arange(len(texts))
    rng.shuffle(order)
    return [texts[i] for i in order], np.asarray(labels)[order]


@dataclass(frozen=True)
class Numbering:
    """How words become numbers.

    Attributes:
        num_words: numbers from here on become `oov_char`; all are kept for None or 0.
        skip_top: numbers below become `oov_char` too.
        maxlen: texts of this length or longer are left out; none for None or 0.
        start_char: what every text begins with; nothing for None.
        oov_char: what stands for a word that is not kept; nothing for None.
        index_from: what is added to each number of a word.
    """

    num_words: int | None
    skip_top: int
    maxlen: int | None
    start_char: int | None
    oov_char: int | None
    index_from: int

    def numbered(self, texts: Texts, labels: Array) -> tuple[Texts, Array]:
        """Texts that begin with the start, without those that are too long.

        Raises: ArgumentError if none is left.
        """
        start = [] if self.start_char is None else [self.start_char]
        shift = self.index_from or 0
        texts = [start + [word + shift for word in text] for text in texts]
        if not self.maxlen:
            return texts, labels
        kept = [i for i, text in enumerate(texts) if len(text) < self.maxlen]
        if not kept:
            raise ArgumentError(
                f"no text has fewer words than maxlen={self.maxlen}: give a larger one"
            )
        return [texts[i] for i in kept], labels[kept]

    def limited(self, texts: Texts) -> Texts:
        """Texts with the words that are frequent, but not too frequent."""
        end = self.num_words or max(map(max, filter(None, texts)), default=0)
        begin, unknown = self.skip_top, self.oov_char
        if unknown is None:
            return [[w for w in text if begin <= w < end] for text in texts]
        return [[w if begin <= w < end else unknown for w in text] for text in texts]


def as_array(texts: Sequence[list[int]]) -> Array:
    """An array of lists, as Keras returns them."""
    return np.array(texts, dtype=object)
