"""What the two CIFAR datasets have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqir import config
from seqir.datasets.pickled import read_pickled
from seqir.datasets.readers import read_tar
from seqir.datasets.split import Pair
from seqir.errors import CorruptFileError
from seqir.ir import Array
from seqir.narrow import is_dict


def read_batches(path: Path, names: list[str], labels: str) -> list[Pair]:
    """Images and labels of some files of the archive.

    Shapes: images[n, 32, 32, 3], or [n, 3, 32, 32] if that is the image data format;
        labels[n].
    Raises: CorruptFileError or UnsafeFileError.
    """
    contents = read_tar(path, names)
    return [_read_batch(contents[name], f"{path}: {name}", labels) for name in names]


def _has(batch: object, *keys: bytes) -> bool:
    return is_dict(batch) and set(keys) <= set[object](batch)


def _read_batch(content: bytes, what: str, labels: str) -> Pair:
    read = read_pickled(content, what)
    if not _has(read, b"data", labels.encode()):
        raise CorruptFileError(f"{what} has no data and {labels}")
    images: Array = np.asarray(read[b"data"])
    classes: Array = np.asarray(read[labels.encode()])
    if images.shape != (len(classes), 3 * 32 * 32) or classes.dtype.kind not in "iu":
        raise CorruptFileError(f"{what} has other {labels} than images of 32 x 32 x 3")
    images = images.reshape(-1, 3, 32, 32)
    if config.image_data_format() == "channels_last":
        images = images.transpose(0, 2, 3, 1)
    return images, classes
