"""From what a user passes to `Batches`."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import numpy as np

from seqir import config, nest
from seqir.arguments import integer, number
from seqir.data.arrays import ArrayBatches
from seqir.data.batch import Batch, make_batch, noting, part
from seqir.data.batches import Batches
from seqir.data.convert import is_sparse, offers_array
from seqir.data.dataset import DatasetBatches, is_dataset
from seqir.data.labels import ClassWeights
from seqir.data.stream import StreamBatches
from seqir.errors import ArgumentError
from seqir.narrow import is_structure


def adapt(
    x: Any,
    y: object = None,
    sample_weight: object = None,
    *,
    batch_size: int | None = None,
    shuffle: object = False,
    steps: int | None = None,
    seed: int = 0,
    class_weight: Any = None,
    what: str = "fit",
) -> Batches:
    """The batches of arrays, tables, a `PyDataset`, a loader or a generator.

    Arrays may lie in lists, tuples and dicts. `batch_size` is 32 for them if it is not
    given, or what makes `steps` batches of a pass. `shuffle` is a bool or "batch"
    (within batches); loaders and generators shuffle themselves. `class_weight` is a
    dict, or `ClassWeights`. `what` is where the data was passed; errors end with it.

    Raises: ArgumentError, DTypeError or ShapeError, naming the array.
    Source: the arguments of ``keras.Model.fit``.
    """
    with noting(f"in the data of {what}"):
        for name, given in (("batch_size", batch_size), ("the number of steps", steps)):
            if given is not None:
                integer(name, given, least=1)
        shuffle = _shuffle(shuffle)
        weights = _weights(class_weight)
        if not makes_batches(x):
            every = make_batch(x, y, sample_weight, weights)
            size = batch_size or (math.ceil(every.size / steps) if steps else 32)
            steps = _limited(steps)
            return ArrayBatches(every, size, shuffle, steps, seed)
        for name, given in (("y", y), ("sample_weight", sample_weight)):
            if given is not None:
                raise ArgumentError(
                    f"{name} is given, but x is a {type(x).__name__}, which has to "
                    f"give its batches as (x, y) or (x, y, sample_weight)"
                )
        if batch_size is not None:
            warnings.warn(
                f"batch_size has no effect: x is a {type(x).__name__}, "
                "which makes its batches itself",
                stacklevel=2,
            )
        steps = _limited(steps)
        if is_dataset(x):
            return DatasetBatches(x, shuffle, steps, seed, weights)
        return StreamBatches(x, steps, weights, what)


def _limited(steps: int | None) -> int | None:
    """The number of steps, or the most that an epoch may have here."""
    limit = config.max_steps_per_epoch()
    return steps if limit is None else min(steps or limit, limit)


def split(
    x: object, y: object, sample_weight: object, fraction: float
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Arrays for training, and the last ``fraction`` of them for validation, as views.

    Training gets the first ``floor(n * (1 - fraction))`` samples.

    Raises: ArgumentError if `fraction` is not between 0 and 1, leaves one side
        without samples, or x has no arrays.
    Source: ``validation_split`` of ``keras.Model.fit``.
    """
    number("validation_split", fraction, above=0, below=1)
    if makes_batches(x):
        raise ArgumentError(
            f"validation_split needs arrays, x is a {type(x).__name__}; "
            "pass validation_data"
        )
    every = make_batch(x, y, sample_weight)
    first = math.floor(every.size * (1 - fraction))
    if not 0 < first < every.size:
        raise ArgumentError(
            f"validation_split={fraction} of {every.size} samples leaves {first} for "
            f"training and {every.size - first} for validation"
        )
    return part(every, slice(first)), part(every, slice(first, None))


def whole(
    x: object, y: object, sample_weight: object, class_weight: Any, what: str
) -> Batch:
    """All samples of arrays as one batch; `what` is where they were passed.

    Raises: ArgumentError for what makes batches itself, and what `adapt` raises.
    """
    with noting(f"in the data of {what}"):
        if makes_batches(x):
            raise ArgumentError(
                f"x takes the arrays of one batch, got a {type(x).__name__}, which "
                "makes batches: pass it to fit or evaluate"
            )
        return make_batch(x, y, sample_weight, _weights(class_weight))


def makes_batches(x: object) -> bool:
    """Whether x is a source of batches, not of arrays."""
    if is_dataset(x):
        return True
    whole = is_structure(x) or isinstance(x, str | bytes) or offers_array(x)
    return hasattr(x, "__iter__") and not whole


def has_sparse(x: object) -> bool:
    """Whether there is a sparse matrix of SciPy in x."""
    return is_sparse(x) or any(map(is_sparse, nest.flatten(x)))


def _weights(given: Any) -> ClassWeights | None:
    if given is None or isinstance(given, ClassWeights):
        return given
    return ClassWeights(given)


def _shuffle(given: object) -> bool | Literal["batch"]:
    if isinstance(given, str) and given == "batch":
        return "batch"
    numbers = bool | np.bool_ | int | np.integer
    if isinstance(given, numbers) and given in (0, 1):
        return bool(given)
    raise ArgumentError(f"shuffle must be True, False or 'batch', got {given!r}")
