"""What losses do with labels before they compare them with predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from seqir import ops, shapes
from seqir.arguments import integer, number
from seqir.errors import ShapeError
from seqir.ops.apply import coerce, floating, type_of_operand
from seqir.ops.tensor import Result, TensorLike

Function = TypeVar("Function", bound=Callable[..., Any])


def about_labels(
    counted: Callable[..., Any] | None = None,
) -> Callable[[Function], Function]:
    """Say of a loss function that its y_true are class numbers.

    ``counted(y_true, values, **kwargs)`` gives the mask of the values that a mean is
    over, or None for all of them.
    """

    def mark(function: Function) -> Function:
        vars(function).update(class_numbers=True, counted=counted)
        return function

    return mark


def same_rank(a: Any, b: Any) -> tuple[Result, Result]:
    """Two tensors with the last axis, of size 1, that only one has made equal.

    ``(N,)`` becomes ``(N, 1)``; of higher ranks, the one with the axis loses it.
    Others come back as they are.
    """
    found, other = type_of_operand(a), type_of_operand(b)
    if found.rank == other.rank + 1 and found.shape[-1] == 1:
        if other.rank == 1:
            return a, ops.expand_dims(b, -1)
        return ops.squeeze(a, -1), b
    if other.rank == found.rank + 1 and other.shape[-1] == 1:
        b, a = same_rank(b, a)
    return a, b


def aligned(y_true: TensorLike, y_pred: TensorLike) -> tuple[Result, Result]:
    """Labels and predictions in the type of the predictions and of one rank.

    Raises: ShapeError if their ranks differ by more than a last axis of size 1:
        broadcasting would compare every sample with every other one; or if a sample
        has more labels than predictions.
    """
    y_pred = floating(y_pred)
    y_true, y_pred = same_rank(coerce(y_true, y_pred.dtype), y_pred)
    labels, found = type_of_operand(y_true), type_of_operand(y_pred)
    if labels.rank != found.rank and labels.rank and found.rank:
        raise ShapeError(
            f"y_true {labels} and y_pred {found} must have as many axes as each other"
        )
    for wanted, given in zip(labels.shape[1:], found.shape[1:], strict=False):
        known = isinstance(wanted, int) and isinstance(given, int)
        if known and wanted not in (1, given):
            raise ShapeError(
                f"y_true {labels} does not fit y_pred {found}: {wanted} labels for "
                f"{given} predictions along an axis"
            )
    return y_true, y_pred


def distributions(
    y_true: TensorLike, y_pred: TensorLike, label_smoothing: float, axis: int
) -> tuple[Result, Result]:
    """Labels, smoothed, and predictions: numbers for all classes along an axis.

    Raises: ShapeError for class numbers and other labels of another shape.
    """
    check_classes(y_pred, axis)
    y_pred = floating(y_pred)
    labels, found = type_of_operand(y_true), type_of_operand(y_pred)
    if not shapes.agree(labels.shape, found.shape):
        raise ShapeError(
            f"y_true {labels} must have the shape of y_pred {found}, a number for each "
            "class; class numbers go into the losses called sparse"
        )
    wanted = coerce(y_true, y_pred.dtype)
    return smoothed(wanted, label_smoothing, found.shape[axis]), y_pred


def smoothed(y_true: Result, label_smoothing: float, classes: object) -> Result:
    """Labels with a part of them spread evenly over the classes.

    Raises: ArgumentError unless 0 <= label_smoothing <= 1; ShapeError if the number
        of classes is not known.
    """
    if not number("label_smoothing", label_smoothing, least=0, most=1):
        return y_true
    if not isinstance(classes, int):
        raise ShapeError(f"label_smoothing needs a known number of classes: {classes}")
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


def check_classes(y_pred: TensorLike, axis: int) -> None:
    """ShapeError if there is one class along the axis, whose probability is always 1.

    Raises: ArgumentError if the axis is not an integer.
    """
    found = type_of_operand(y_pred)
    if found.shape[shapes.normalize_axis(integer("axis", axis), found.rank)] == 1:
        raise ShapeError(
            f"y_pred {found} has one class, whose probability is always 1: use "
            "binary_crossentropy, or predict a number for each class"
        )


def whole(y_true: TensorLike) -> Result:
    """Class numbers in an integer type that they can be looked up by."""
    wide = type_of_operand(y_true).dtype == "int64"
    return coerce(y_true, "int64" if wide else "int32")


__all__ = ["same_rank"]
