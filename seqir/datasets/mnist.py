"""MNIST: 70,000 handwritten digits."""

from __future__ import annotations

from typing import Final

from seqir.datasets.readers import read_npz
from seqir.datasets.remote import STORE, Remote
from seqir.datasets.split import Pair

FILE: Final = Remote(
    f"{STORE}/mnist.npz",
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)


def load_data(path: str = "mnist.npz") -> tuple[Pair, Pair]:
    """Images and digits, to train with and to test with.

    `path` is the name of the file in the cache.

    Shapes: x[60000, 28, 28], y[60000]; x[10000, 28, 28], y[10000]; uint8.
    Raises: what `seqir.downloads.fetch` raises.
    Source: ``keras.datasets.mnist``; LeCun et al., doi:10.1109/5.726791.
    """
    names = ("x_train", "y_train", "x_test", "y_test")
    x_train, y_train, x_test, y_test = read_npz(FILE.fetch(path), *names)
    return (x_train, y_train), (x_test, y_test)
