"""CIFAR-10: 60,000 small photos of ten classes."""

from __future__ import annotations

from typing import Final

import numpy as np

from seqir.datasets.cifar import read_batches
from seqir.datasets.remote import Remote
from seqir.datasets.split import Pair
from seqir.ir import Array

FILE: Final = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
_BATCHES: Final = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def load_data() -> tuple[Pair, Pair]:
    """Images and classes, to train with and to test with.

    The classes are airplane, automobile, bird, cat, deer, dog, frog, horse, ship and
    truck.

    Shapes: x[50000, 32, 32, 3], y[50000, 1]; x[10000, 32, 32, 3], y[10000, 1]; uint8.
        Channels come first if that is the image data format.
    Raises: what `seqir.downloads.fetch` raises.
    Source: ``keras.datasets.cifar10``; Krizhevsky, Learning Multiple Layers of
        Features from Tiny Images, 2009.
    """
    names = [f"cifar-10-batches-py/{name}" for name in _BATCHES]
    *training, (x_test, y_test) = read_batches(FILE.fetch(), names, "labels")
    x_train = np.concatenate([images for images, _ in training])
    y_train = np.concatenate([classes for _, classes in training])
    return (x_train, _column(y_train)), (x_test, _column(y_test))


def _column(classes: Array) -> Array:
    return classes.astype(np.uint8).reshape(-1, 1)
