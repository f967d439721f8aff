"""IMDB: 50,000 reviews of films, which are good or bad."""

from __future__ import annotations

from typing import Final

import numpy as np

from seqir.datasets.readers import read_json, read_npz
from seqir.datasets.remote import STORE, Remote
from seqir.datasets.split import Pair
from seqir.datasets.words import Numbering, as_array, shuffled

FILE: Final = Remote(
    f"{STORE}/imdb.npz",
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
)
WORDS: Final = Remote(
    f"{STORE}/imdb_word_index.json", "bfafd718b763782e994055a2d397834f"
)


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Pair, Pair]:
    """Reviews as lists of numbers of words, and 1 for good ones, 0 for bad ones.

    Word number 1 is the most frequent one; to each, `index_from` is added, and each
    review begins with `start_char`. Numbers from `num_words` on, and those below
    `skip_top`, become `oov_char`, or are left out if that is None. Reviews of `maxlen`
    numbers or more are left out. `path` is the name of the file in the cache.

    Shapes: x[25000], y[25000]; x[25000], y[25000]; x are arrays of lists, y int64.
    Raises: ArgumentError if no review is short enough; what `seqir.downloads.fetch`
        raises.
    Source: ``keras.datasets.imdb``; Maas et al., Learning Word Vectors for Sentiment
        Analysis, 2011.
    """
    numbering = Numbering(num_words, skip_top, maxlen, start_char, oov_char, index_from)
    names = ("x_train", "y_train", "x_test", "y_test")
    x_train, y_train, x_test, y_test = read_npz(FILE.fetch(path), *names)
    # The second half is shuffled with what is left of the first one's random numbers.
    rng = np.random.RandomState(seed)
    training = numbering.numbered(*shuffled(x_train, y_train, rng))
    test = numbering.numbered(*shuffled(x_test, y_test, rng))
    texts = numbering.limited(training[0] + test[0])
    count = len(training[0])
    return (
        (as_array(texts[:count]), training[1]),
        (as_array(texts[count:]), test[1]),
    )


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """The number of each word, before `index_from` is added.

    Raises: what `seqir.downloads.fetch` raises.
    Source: ``keras.datasets.imdb.get_word_index``.
    """
    return read_json(WORDS.fetch(path))
