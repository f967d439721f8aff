"""Reuters: 11,228 newswires on 46 topics."""

from __future__ import annotations

from typing import Final

import numpy as np

from seqir.datasets.readers import read_json, read_npz
from seqir.datasets.remote import STORE, Remote
from seqir.datasets.split import Pair, check_share, training_size
from seqir.datasets.words import Numbering, as_array, shuffled

FILE: Final = Remote(
    f"{STORE}/reuters.npz",
    "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
)
WORDS: Final = Remote(
    f"{STORE}/reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921"
)
TOPICS: Final = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing",
    "money-supply", "coffee", "sugar", "trade", "reserves", "ship", "cotton", "carcass",
    "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp", "meal-feed", "alum",
    "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi",
    "iron-steel", "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem",
    "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Pair, Pair]:
    """Newswires as lists of numbers of words, and the numbers of their topics.

    `test_split` is the share of them to test with. The rest is as in
    `seqir.datasets.imdb.load_data`.

    Shapes: x[8982], y[8982]; x[2246], y[2246]; x are arrays of lists, y int64.
    Raises: ArgumentError if no newswire is short enough or the share is not between 0
        and 1; what `seqir.downloads.fetch` raises.
    Source: ``keras.datasets.reuters``.
    """
    check_share(test_split)
    numbering = Numbering(num_words, skip_top, maxlen, start_char, oov_char, index_from)
    x, y = read_npz(FILE.fetch(path), "x", "y")
    rng = np.random.RandomState(seed)
    texts, labels = numbering.numbered(*shuffled(x, y, rng))
    texts = numbering.limited(texts)
    count = training_size(len(texts), test_split)
    return (
        (as_array(texts[:count]), labels[:count]),
        (as_array(texts[count:]), labels[count:]),
    )


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """The number of each word, before `index_from` is added.

    Raises: what `seqir.downloads.fetch` raises.
    Source: ``keras.datasets.reuters.get_word_index``.
    """
    return read_json(WORDS.fetch(path))


def get_label_names() -> tuple[str, ...]:
    """The topics; the label of a newswire is the place of its topic.

    Source: ``keras.datasets.reuters.get_label_names``.
    """
    return TOPICS
