"""``seqir.utils``: the functions that Keras keeps under that name."""

from __future__ import annotations

import gc
import importlib
import random
from typing import Any

import numpy as np

from seqir import dtype_policies, initializers, naming
from seqir.errors import ArgumentError
from seqir.plain import python

_ELSEWHERE = {
    "PyDataset": "seqir.data",
    "array_to_img": "seqir.images",
    "get_file": "seqir.downloads",
    "image_dataset_from_directory": "seqir.images",
    "img_to_array": "seqir.images",
    "load_img": "seqir.images",
    "save_img": "seqir.images",
}


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and the initializers' random numbers.

    Raises: ArgumentError unless the seed is an integer >= 0.
    """
    seed = python(seed)
    initializers.set_random_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def clear_session() -> None:
    """Start anew: the next Dense is ``dense``, and no dtype policy is set.

    Models that nobody holds are freed; those that are held go on as they are.
    """
    dtype_policies.reset()
    naming.reset()
    gc.collect()


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Integers as rows with a 1 at their place. Source: ``keras.utils``.

    Raises: ArgumentError if a label is out of range.
    """
    labels = np.asarray(x, np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    n = int(labels.max()) + 1 if num_classes is None else num_classes
    if labels.size and (labels.min() < 0 or labels.max() >= n):
        raise ArgumentError(
            f"labels must be from 0 to {n - 1}, got {labels.min()} to {labels.max()}"
        )
    return np.eye(n, dtype=np.float32)[labels]


def plot_model(model: Any, to_file: Any = "model.svg", **options: Any) -> Any:
    """Draw a model; see `seqir.plot.plot_model`."""
    from seqir.plot import plot_model as plot

    return plot(model, to_file, **options)


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module 'seqir.utils' has no attribute {name!r}")
