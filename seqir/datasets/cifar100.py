"""CIFAR-100: 60,000 small photos of a hundred classes."""

from __future__ import annotations

from typing import Final

from seqir.arguments import one_of
from seqir.datasets.cifar import read_batches
from seqir.datasets.remote import Remote
from seqir.datasets.split import Pair

FILE: Final = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
)


def load_data(label_mode: str = "fine") -> tuple[Pair, Pair]:
    """Images and classes, to train with and to test with.

    `label_mode` is "fine" for the hundred classes, "coarse" for the twenty groups of
    them.

    Shapes: x[50000, 32, 32, 3], y[50000, 1]; x[10000, 32, 32, 3], y[10000, 1]; images
        are uint8, classes int64. Channels come first if that is the image data format.
    Raises: ArgumentError for another mode; what `seqir.downloads.fetch` raises.
    Source: ``keras.datasets.cifar100``; Krizhevsky, Learning Multiple Layers of
        Features from Tiny Images, 2009.
    """
    one_of("label_mode", label_mode, ("fine", "coarse"))
    names = ["cifar-100-python/train", "cifar-100-python/test"]
    batches = read_batches(FILE.fetch(), names, f"{label_mode}_labels")
    training, test = ((images, classes.reshape(-1, 1)) for images, classes in batches)
    return training, test
