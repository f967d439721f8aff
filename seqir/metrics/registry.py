"""Metrics by name, for what a model learns, and as a dictionary."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final, Literal

from seqir import losses, naming, ops
from seqir.errors import ArgumentError, did_you_mean
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
from seqir.stored import store, unstore

_CLASSES: Final[dict[str, type[Metric]]] = {
    cls.__name__: cls
    for cls in (
        reduction.Mean,
        reduction.MeanMetricWrapper,
        reduction.Sum,
        accuracy.Accuracy,
        accuracy.BinaryAccuracy,
        accuracy.CategoricalAccuracy,
        accuracy.SparseCategoricalAccuracy,
        accuracy.SparseTopKCategoricalAccuracy,
        accuracy.TopKCategoricalAccuracy,
        confusion.FalseNegatives,
        confusion.FalsePositives,
        confusion.Precision,
        confusion.Recall,
        confusion.TrueNegatives,
        confusion.TruePositives,
        correlation.ConcordanceCorrelation,
        correlation.PearsonCorrelation,
        curves.AUC,
        curves.PrecisionAtRecall,
        curves.RecallAtPrecision,
        curves.SensitivityAtSpecificity,
        curves.SpecificityAtSensitivity,
        f_score.F1Score,
        f_score.FBetaScore,
        iou.BinaryIoU,
        iou.IoU,
        iou.MeanIoU,
        iou.OneHotIoU,
        iou.OneHotMeanIoU,
        probabilistic.BinaryCrossentropy,
        probabilistic.CategoricalCrossentropy,
        probabilistic.CategoricalHinge,
        probabilistic.Hinge,
        probabilistic.KLDivergence,
        probabilistic.Poisson,
        probabilistic.SparseCategoricalCrossentropy,
        probabilistic.SquaredHinge,
        regression.CosineSimilarity,
        regression.LogCoshError,
        regression.MeanAbsoluteError,
        regression.MeanAbsolutePercentageError,
        regression.MeanSquaredError,
        regression.MeanSquaredLogarithmicError,
        regression.R2Score,
        regression.RootMeanSquaredError,
    )
}

_ALIASES: Final[dict[str, type[Metric]]] = {
    "acc": accuracy.Accuracy,
    "bce": probabilistic.BinaryCrossentropy,
    "kld": probabilistic.KLDivergence,
    "logcosh": regression.LogCoshError,
    "mae": regression.MeanAbsoluteError,
    "mape": regression.MeanAbsolutePercentageError,
    "mse": regression.MeanSquaredError,
    "msle": regression.MeanSquaredLogarithmicError,
}

_TABLE: Final[dict[str, type[Metric]]] = {
    **_CLASSES,
    **{naming.to_snake_case(name): cls for name, cls in _CLASSES.items()},
    **_ALIASES,
    **{name.upper(): cls for name, cls in _ALIASES.items()},
}

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


def get(identifier: Any) -> Metric | None:
    """The metric for a name, class, instance, function, dictionary or None.

    A function of labels and predictions, or a loss, becomes a `MeanMetricWrapper`.

    Raises: ArgumentError for anything else, with the nearest known name.
    """
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        return _made(_find(identifier))
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    made = _made(identifier) if inspect.isclass(identifier) else identifier
    if isinstance(made, Metric):
        return made
    if not callable(made):
        raise ArgumentError(
            f"{identifier!r} is no metric: pass a name, a Metric or a function"
        )
    name = getattr(made, "__name__", type(made).__name__)
    name = getattr(made, "name", naming.to_snake_case(name))
    return reduction.MeanMetricWrapper(made, name)


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """The metric for labels and predictions like these; a name stays its name.

    "accuracy" (or "acc") and "crossentropy" (or "ce") are what fits the task, see
    `task_of`; everything else is what `get` gives.

    Raises: ArgumentError for what is no metric.
    """
    if isinstance(identifier, str):
        family = _FAMILIES.get(identifier.lower())
        cls = family[task_of(y_true, y_pred)] if family else _find(identifier)
        return _made(cls, name=identifier)
    metric = get(identifier)
    if metric is None:
        raise ArgumentError("None is no metric: leave it out")
    return metric


def check_name(name: str) -> None:
    """ArgumentError unless `resolve` knows a metric of this name."""
    if name.lower() not in _FAMILIES:
        _find(name)


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


def serialize(metric: Metric) -> dict[str, Any]:
    """The dictionary that `deserialize` (and Keras) turns back into the metric.

    Raises: ArgumentError for the mean of a function that is not one of seqir's.
    """
    cls, config = type(metric), metric.get_config()
    if "fn" in config:
        config["fn"] = losses.serialize(config["fn"])
    own = _CLASSES.get(cls.__name__) is cls
    return store(metric, config, "metrics", own=own)


def deserialize(stored: Mapping[str, Any]) -> Metric:
    """The metric that `serialize` described.

    Raises: ArgumentError for a dictionary of another form, and for metrics that are
        not seqir's: they have to be made by whoever has them.
    """
    name, config = unstore(stored, "metrics")
    if "fn" in config:
        config["fn"] = losses.deserialize(config["fn"])
    return _find(name).from_config(config)


def _find(name: str) -> type[Metric]:
    if name not in _TABLE:
        raise ArgumentError(
            f"{name!r} is no metric.{did_you_mean(name, sorted(_TABLE))}"
        )
    return _TABLE[name]


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
