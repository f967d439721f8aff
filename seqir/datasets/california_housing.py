"""California housing: prices of 20,640 districts, by eight features."""

from __future__ import annotations

from typing import Final

from seqir.arguments import one_of
from seqir.datasets.readers import read_npz
from seqir.datasets.remote import STORE, Remote
from seqir.datasets.split import Pair, check_share, shuffled_split

FILE: Final = Remote(
    f"{STORE}/california_housing.npz",
    "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
)
_SIZES: Final = {"small": 600, "large": None}


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[Pair, Pair]:
    """Features and median prices in dollars, to train with and to test with.

    The features are median income, median age of houses, average rooms, average
    bedrooms, population, average members of a household, latitude and longitude.
    `version` "small" has the first 600 districts only. `path` is the name of the file
    in the cache.

    Shapes: x[16512, 8], y[16512]; x[4128, 8], y[4128].
    Raises: ArgumentError for another version or a share that is not between 0 and 1;
        what `seqir.downloads.fetch` raises.
    Source: ``keras.datasets.california_housing``; doi:10.1016/S0167-7152(96)00140-X.
    """
    check_share(test_split)
    version = one_of("version", version, _SIZES)
    x, y = read_npz(FILE.fetch(path), "x", "y")
    size = _SIZES[version]
    return shuffled_split(x[:size], y[:size], test_split, seed)
