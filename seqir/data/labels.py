"""Class labels: their range, and their weights as sample weights."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from seqir.data.convert import Array, to_array
from seqir.errors import ArgumentError, DTypeError
from seqir.narrow import is_mapping
from seqir.plain import is_array, is_numpy_scalar

SMOOTHED: Final = 1e-2
"""By how much a row of probabilities may miss 1."""


def check_labels(
    y: Any, classes: int, what: str = "y", ignore_class: int | None = None
) -> None:
    """Check that labels are class numbers from 0 to ``classes - 1``.

    `what` names the labels in the error; labels equal to `ignore_class` may have any
    value.

    Raises: ArgumentError with the first wrong label and where it is.
    """
    labels = to_array(y, what)
    with np.errstate(invalid="ignore"):  # NaN compares as wrong
        wrong = ~((labels >= 0) & (labels < classes) & (labels == np.floor(labels)))
    if ignore_class is not None:
        wrong &= labels != ignore_class
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ArgumentError(
            f"{what} holds the label {labels[where]} at "
            f"{what}[{', '.join(map(str, where))}]; {classes} classes have the "
            f"labels 0 to {classes - 1}"
        )


class ClassWeights:
    """Weights of samples by their classes; 1 for a class that has none.

    Labels are class numbers (rounded), or one-hot: then their last axis is longer than
    1 and the largest value of a row is the class. With `numbers` they are class
    numbers whatever their shape, and every one has a weight of its own.

    Shapes: y[*batch], y[*batch, 1] or y[*batch, classes] to [*batch], float32.
    Raises: ArgumentError if `given` is not a dict from class numbers to numbers.
    Source: ``class_weight`` of ``keras.Model.fit``.
    """

    def __init__(self, given: Any, *, numbers: bool = False) -> None:
        finite = int | float | np.integer | np.floating
        if not is_mapping(given) or not all(
            _is_whole(key) and isinstance(value, finite) and np.isfinite(value)
            for key, value in given.items()
        ):
            raise ArgumentError(
                "class_weight has to be a dict from class numbers to finite numbers, "
                f"got {given!r}"
            )
        self.weights = {int(key): float(value) for key, value in given.items()}
        self.numbers = numbers

    def of(self, y: Any) -> Array:
        """The weight of each label.

        Raises: ArgumentError if y is not one array, or has rows that are not of one
            class; DTypeError if labels are not finite.
        """
        if not is_array(y):
            parts = "none" if y is None else f"a {type(y).__name__}"
            raise ArgumentError(
                f"class_weight needs one array of labels as y, found {parts}; "
                "for several outputs pass sample_weight"
            )
        if not np.isfinite(y).all():
            raise DTypeError(
                "class_weight needs finite labels, y holds NaN or infinity"
            )
        labels: Array = y
        if y.ndim > 1 and y.shape[-1] == 1:
            labels = y[..., 0]
        elif y.ndim > 1 and not self.numbers:
            labels = _of_rows(y)
        classes, positions = np.unique(np.rint(labels), return_inverse=True)
        weights = [self.weights.get(int(label), 1.0) for label in classes]
        return np.asarray(weights, np.float32)[positions.reshape(labels.shape)]


def _is_whole(key: object) -> bool:
    number = key.item() if is_numpy_scalar(key) else key
    if isinstance(number, float):
        return number.is_integer()
    return isinstance(number, int)


def _of_rows(y: Array) -> Array:
    """The class of each row along the last axis.

    A row has one class if one of its values is positive, or it is a distribution.
    """
    rows = y.astype(np.float64, copy=False)
    one = (rows > 0).sum(-1) == 1
    spread = (rows >= 0).all(-1) & (np.abs(rows.sum(-1) - 1) < SMOOTHED)
    wrong = np.argwhere(~(one | spread))
    if len(wrong):
        at = tuple(int(i) for i in wrong[0])
        raise ArgumentError(
            "class_weight needs class numbers or one-hot rows as y, found "
            f"y[{', '.join(map(str, at))}] = {y[at].tolist()}, which is not of one "
            "class; if these are class numbers give y a last axis of size 1, else "
            "pass sample_weight"
        )
    return np.argmax(y, axis=-1)
