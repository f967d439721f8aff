"""Class labels: their range, and their weights as sample weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir.data.convert import Array, to_array
from seqir.errors import ArgumentError, DTypeError


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


def class_weights(y: Any, class_weight: Any) -> Array:
    """The weight of each sample's class; 1 for a class that has none.

    Labels are class numbers (rounded), or one-hot, which is when their last axis is
    longer than 1: then the largest one is the class.

    Shapes: y[n], y[n, 1] or y[n, classes] to [n], float32.
    Raises: ArgumentError if `class_weight` is no dict from class numbers to numbers,
        or y is not one array; DTypeError if labels are not finite.
        Source: ``class_weight`` of ``keras.Model.fit``.
    """
    numbers = int | float | np.integer | np.floating
    if not isinstance(class_weight, dict) or not all(
        isinstance(key, int | np.integer)
        and isinstance(value, numbers)
        and np.isfinite(value)
        for key, value in class_weight.items()
    ):
        raise ArgumentError(
            "class_weight has to be a dict from class numbers to finite numbers, "
            f"got {class_weight!r}"
        )
    if not isinstance(y, np.ndarray):
        parts = "none" if y is None else f"a {type(y).__name__}"
        raise ArgumentError(
            f"class_weight needs one array of labels as y, found {parts}; "
            "for several outputs pass sample_weight"
        )
    labels: Array = y
    if y.ndim > 1:
        labels = y[..., 0] if y.shape[-1] == 1 else np.argmax(y, axis=-1)
    if not np.isfinite(labels).all():
        raise DTypeError("class_weight needs finite labels, y holds NaN or infinity")
    classes, positions = np.unique(np.rint(labels), return_inverse=True)
    weights = [float(class_weight.get(int(label), 1.0)) for label in classes]
    return np.asarray(weights, np.float32)[positions]
