"""Fashion-MNIST: 70,000 pictures of clothes."""

from __future__ import annotations

from typing import Final

from seqir.datasets.readers import read_idx
from seqir.datasets.remote import STORE, Remote
from seqir.datasets.split import Pair

# Keras has no hashes for these; they are those of the publisher, Zalando Research.
FILES: Final = tuple(
    Remote(f"{STORE}/{name}", known_hash, "datasets/fashion-mnist")
    for name, known_hash in (
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
)


def load_data() -> tuple[Pair, Pair]:
    """Images and classes, to train with and to test with.

    The classes are t-shirt or top, trouser, pullover, dress, coat, sandal, shirt,
    sneaker, bag and ankle boot.

    Shapes: x[60000, 28, 28], y[60000]; x[10000, 28, 28], y[10000]; uint8.
    Raises: what `seqir.downloads.fetch` raises.
    Source: ``keras.datasets.fashion_mnist``; arXiv:1708.07747.
    """
    x_train, y_train, x_test, y_test = (read_idx(file.fetch()) for file in FILES)
    return (x_train, y_train), (x_test, y_test)
