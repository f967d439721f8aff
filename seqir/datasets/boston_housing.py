"""Boston housing: prices in 506 districts, by thirteen features."""

from __future__ import annotations

from typing import Final

from seqir.datasets.readers import read_npz
from seqir.datasets.remote import STORE, Remote
from seqir.datasets.split import Pair, check_share, shuffled_split

FILE: Final = Remote(
    f"{STORE}/boston_housing.npz",
    "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
)


def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Pair, Pair]:
    """Features and median prices in thousands of dollars, to train and to test with.

    One of the features is made from the share of Black inhabitants: prefer
    `california_housing`. `path` is the name of the file in the cache.

    Shapes: x[404, 13], y[404]; x[102, 13], y[102].
    Raises: ArgumentError for a share that is not between 0 and 1; what
        `seqir.downloads.fetch` raises.
    Source: ``keras.datasets.boston_housing``; doi:10.1016/0095-0696(78)90006-2.
    """
    check_share(test_split)
    x, y = read_npz(FILE.fetch(path), "x", "y")
    return shuffled_split(x, y, test_split, seed)
