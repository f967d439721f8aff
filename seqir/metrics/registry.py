"""Metrics by name, for what a model learns, and as a dictionary."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, overload

from seqir import losses, naming, ops
from seqir.errors import ArgumentError
from seqir.metrics import (
    accuracy,
    confusion,
    correlation,
    curves,
    f_score,
    iou,
    probabilistic,
    reduction,
    regression,
)
from seqir.metrics.base import Metric
from seqir.registry import Registry, listed

REGISTRY: Final = Registry(
    "metrics",
    "metric",
    Metric,
    hint=": pass a name, a Metric or a function",
    spellings=lambda name: (name, naming.to_snake_case(name)),
    wraps=losses.REGISTRY,
)
_FILES: Final = (
    accuracy, confusion, correlation, curves, f_score, iou, probabilistic, reduction,
    regression,
)  # fmt: skip
_SHORT: Final = {
    "acc": accuracy.Accuracy,
    "bce": probabilistic.BinaryCrossentropy,
    "kld": probabilistic.KLDivergence,
    "logcosh": regression.LogCoshError,
    "mae": regression.MeanAbsoluteError,
    "mape": regression.MeanAbsolutePercentageError,
    "mse": regression.MeanSquaredError,
    "msle": regression.MeanSquaredLogarithmicError,
}
REGISTRY.add(
    (thing for thing in listed(*_FILES) if inspect.isclass(thing)),
    _SHORT | {name.upper(): cls for name, cls in _SHORT.items()},
)

Task = Literal["binary", "sparse_categorical", "categorical"]

_FAMILIES: Final[dict[str, dict[Task, type[Metric]]]] = {
    "accuracy": {
        "binary": accuracy.BinaryAccuracy,
        "sparse_categorical": accuracy.SparseCategoricalAccuracy,
        "categorical": accuracy.CategoricalAccuracy,
    },
    "crossentropy": {
        "binary": probabilistic.BinaryCrossentropy,
        "sparse_categorical": probabilistic.SparseCategoricalCrossentropy,
        "categorical": probabilistic.CategoricalCrossentropy,
    },
}
_FAMILIES["acc"] = _FAMILIES["accuracy"]
_FAMILIES["ce"] = _FAMILIES["crossentropy"]


@overload
def get(identifier: str | Mapping[str, Any] | Callable[..., Any]) -> Metric: ...
@overload
def get(identifier: object) -> Metric | None: ...
def get(identifier: Any) -> Metric | None:
    """The metric for a name, class, instance, function, dictionary or None.

    A function of labels and predictions, or a loss, becomes a `MeanMetricWrapper`.

    Raises: ArgumentError for anything else, with the nearest known name.
    """
    if isinstance(identifier, str):
        identifier = REGISTRY.find(identifier)
    if inspect.isclass(identifier):
        identifier = _made(identifier)
    made = REGISTRY.get(identifier)
    if made is None or isinstance(made, Metric):
        return made
    name = getattr(made, "__name__", type(made).__name__)
    name = getattr(made, "name", naming.to_snake_case(name))
    return reduction.MeanMetricWrapper(made, name)


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """The metric for labels and predictions like these; a name stays its name.

    "accuracy" (or "acc") and "crossentropy" (or "ce") are what fits the task, see
    `task_of`; everything else is what `get` gives.

    Raises: ArgumentError for what is not a metric.
    """
    if isinstance(identifier, str):
        family = _FAMILIES.get(identifier.lower())
        cls = family[task_of(y_true, y_pred)] if family else REGISTRY.find(identifier)
        return _made(cls, name=identifier)
    metric: Metric | None = get(identifier)
    if metric is None:
        raise ArgumentError("None is not a metric: leave it out")
    return metric


def check_name(name: str) -> None:
    """ArgumentError unless `resolve` knows a metric of this name."""
    if name.lower() not in _FAMILIES:
        REGISTRY.find(name)


def task_of(y_true: Any, y_pred: Any) -> Task:
    """What labels and predictions of these shapes say about each other.

    One score for each sample is "binary"; several with one label, a class number,
    are "sparse_categorical"; several with as many labels are "categorical".
    """
    labels, scores = ops.shape(y_true), ops.shape(y_pred)
    if scores[-1:] == (1,):
        return "binary"
    fewer = len(labels) < len(scores)
    return "sparse_categorical" if fewer or labels[-1:] == (1,) else "categorical"


def _made(cls: Any, **arguments: Any) -> Any:
    """An instance of a class that needs no other arguments."""
    try:
        inspect.signature(cls).bind(**arguments)
    except TypeError as error:
        raise ArgumentError(
            f"{cls.__name__} cannot be made by its name alone ({error}): pass "
            f"{cls.__name__}(...) with its arguments"
        ) from None
    return cls(**arguments)


serialize = REGISTRY.serialize
deserialize = REGISTRY.deserialize

__all__ = ["check_name", "deserialize", "get", "resolve", "serialize", "task_of"]
