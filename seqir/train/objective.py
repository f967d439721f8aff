"""What a training minimizes and what it reports: losses and metrics, per output."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from seqir import losses, naming, nest, ops
from seqir import metrics as metrics_room
from seqir.data import ClassWeights, noting
from seqir.errors import ArgumentError, GraphError
from seqir.ir import Trace
from seqir.layer.state import walk
from seqir.metrics.base import Metric
from seqir.narrow import is_mapping, is_sequence, is_structure
from seqir.ops.apply import value_of
from seqir.ops.reduce import count
from seqir.ops.tensor import Result, TensorLike, Traced
from seqir.ops.variable import Variable
from seqir.train.outputs import Outputs
from seqir.train.trainable import Trainable

_NUMBERS: Final = int | float | np.integer | np.floating


_BY_TASK: Final = ("crossentropy", "ce")
"""Losses whose kind depends on targets and predictions."""


class Objective:
    """Losses, loss weights and metrics as `compile` got them.

    What they are called and which kind of accuracy is meant depends on targets and
    predictions, so they are made when these are seen for the first time.
    """

    def __init__(
        self,
        loss: object = None,
        loss_weights: object = None,
        metrics: object = None,
        weighted_metrics: object = None,
    ) -> None:
        for name, given in (
            ("metrics", metrics),
            ("weighted_metrics", weighted_metrics),
        ):
            if given is not None and not is_structure(given):
                raise ArgumentError(
                    f"{name} must be a list, a tuple or a dict, got {given!r}: write "
                    f"{name}=[{given!r}]"
                )
        for each in _leaves(loss):
            if isinstance(each, str) and not _by_task(each):
                losses.get(each)
        for each in (*_leaves(metrics), *_leaves(weighted_metrics)):
            if isinstance(each, str):
                metrics_room.check_name(each)
        self.loss = loss
        self.loss_weights = loss_weights
        self.given_metrics = metrics
        self.given_weighted = weighted_metrics
        self.tracker = metrics_room.Mean(name="loss")
        self._losses: list[Any] | None = None
        self._weights: list[Any] = []
        self._names: tuple[str, ...] = ()
        self._loss_trackers: list[Any] = []
        self._metrics: dict[str, tuple[int, Any, bool]] = {}
        self._held: dict[str, Any] = {}
        """Metrics that layers have: they update them in their calls."""

    @property
    def metrics(self) -> list[Metric]:
        """All metrics, that of the loss first."""
        return [
            self.tracker,
            *filter(None, self._loss_trackers),
            *self._named_metrics.values(),
        ]

    @property
    def _named_metrics(self) -> dict[str, Metric]:
        own = {name: metric for name, (_, metric, _) in self._metrics.items()}
        return own | self._held

    @property
    def variables(self) -> list[Variable]:
        """The accumulators of all metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    @property
    def losses(self) -> list[Any]:
        """The loss of each output, None where there is none; empty before `build`."""
        return list(self._losses or ())

    def used(self, outputs: Outputs) -> list[int]:
        """The places of the outputs that have a loss."""
        found = outputs.spread("loss", self.loss)
        return [place for place, loss in enumerate(found) if loss is not None]

    @property
    def built(self) -> bool:
        """Whether losses and metrics have been made."""
        return self._losses is not None

    def results(self) -> dict[str, float]:
        """What is reported, from the accumulators as they are."""
        found = self.tracker.results()
        for tracker in filter(None, self._loss_trackers):
            found |= tracker.results()
        for name, metric in self._named_metrics.items():
            found |= _named(name, metric)
        return {name: plain(value) for name, value in found.items()}

    @property
    def names(self) -> list[str]:
        """Names of what is reported, in order."""
        return list(self.directions)

    @property
    def directions(self) -> dict[str, str | None]:
        """For each reported name, whether "up" or "down" is better."""
        trackers = [self.tracker, *filter(None, self._loss_trackers)]
        found: dict[str, str | None] = dict.fromkeys((t.name for t in trackers), "down")
        for name, metric in self._named_metrics.items():
            found |= dict.fromkeys(_named(name, metric), metric.direction)
        return found

    def labels(self, predicted: list[Traced]) -> tuple[Labels | None, ...]:
        """For each output whose targets are class numbers, which ones there are."""
        return tuple(map(_labels, self._losses or (), predicted))

    def class_weights(self, given: object) -> ClassWeights | None:
        """The `class_weight` that `fit` was given, for targets of these losses.

        Raises: ArgumentError if it is not a dict from class numbers to numbers.
        """
        if given is None:
            return None
        known = self._losses
        if known is None:  # what depends on the targets says nothing before
            known = [
                losses.get(loss) for loss in _leaves(self.loss) if not _by_task(loss)
            ]
        numbers = any(getattr(loss, "class_numbers", False) for loss in known)
        return ClassWeights(given, numbers=numbers)

    def reset(self) -> None:
        """Start all metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def build(
        self,
        outputs: Outputs,
        targets: list[Any],
        predicted: list[Any],
        held: Iterable[Any] = (),
    ) -> None:
        """Make losses and metrics for these targets and predictions, once.

        `held` are metrics that layers have.
        """
        if self._losses is not None:
            return
        found = outputs.spread("loss", self.loss)
        self._weights = outputs.spread("loss_weights", self._weights_for(outputs))
        for factor in self._weights:
            if factor is not None and not isinstance(factor, _NUMBERS):
                raise ArgumentError(f"loss_weights must be numbers, got {factor!r}")
        made = [
            None if loss is None else _loss_of(loss, y, p)
            for loss, y, p in zip(found, targets, predicted, strict=True)
        ]
        several = sum(loss is not None for loss in made) > 1
        self._loss_trackers = [
            metrics_room.Mean(name=f"{label}_loss") if several and loss else None
            for label, loss in zip(outputs.paths, made, strict=True)
        ]
        self._metrics, self._held = {}, {}
        for given, weighted in (
            (self.given_metrics, False),
            (self.given_weighted, True),
        ):
            self._add_metrics(outputs, given, targets, predicted, weighted)
        own = [metric for _, metric, _ in self._metrics.values()]
        for metric in held:
            if metric not in own:
                self._held[self._free_name("", metric.name, False)] = metric
        self._names = outputs.labels
        self._losses = made  # now all is there

    def _weights_for(self, outputs: Outputs) -> object:
        """The loss weights: a list of them may have one for each loss only."""
        given, loss = self.loss_weights, self.loss
        if is_sequence(given) and len(given) != len(outputs):
            flat = nest.flatten(given)
            if len(nest.flatten(loss)) == len(flat):
                return nest.pack(loss, flat)
        return given

    def _add_metrics(
        self,
        outputs: Outputs,
        given: object,
        targets: list[object],
        predicted: list[Any],
        weighted: bool,
    ) -> None:
        what = "weighted_metrics" if weighted else "metrics"
        for place, items in enumerate(outputs.spread(what, given, sequence=True)):
            for item in nest.flatten(items):
                if item is None:
                    continue
                label, y, p = outputs.labels[place], targets[place], predicted[place]
                if y is None:
                    raise _no_targets(f"{what} argument for", label)
                metric = metrics_room.resolve(item, y, p)
                _check_metric(metric)
                prefix = f"{label}_" if len(outputs) > 1 else ""
                name = self._free_name(prefix, metric.name, weighted)
                self._metrics[name] = (place, metric, weighted)

    def _free_name(self, prefix: str, own: str, weighted: bool) -> str:
        taken = {self.tracker.name, *self._named_metrics}
        name = f"{prefix}{own}"
        if name in taken and weighted:
            name = f"{prefix}weighted_{own}"
        return naming.free(name, taken)

    def trace(
        self,
        b: Trace,
        targets: list[Any],
        predicted: list[Any],
        weights: list[Any],
        extra: Sequence[TensorLike],
    ) -> tuple[Any, dict[str, Any]]:
        """The loss of a batch, and the values to report; their updates are recorded.

        `extra` are scalars that layers and regularizers add to the loss.

        Raises: GraphError if there is nothing to minimize.
        """
        total = self.loss_of(b, targets, predicted, weights, extra)
        self.track(b, total, predicted[0])
        self.measure(b, targets, predicted, weights)
        return total, self.reported(b)

    def loss_of(
        self,
        b: Trace,
        targets: list[Any],
        predicted: list[Any],
        weights: list[Any],
        extra: Sequence[TensorLike],
    ) -> Any:
        """The loss of a batch; that of each of several outputs is gathered.

        Raises: GraphError if there is nothing to minimize.
        """
        assert self._losses is not None, "build comes first"
        size = _batch_size(predicted[0])
        parts: list[Any] = []
        rows = zip(
            self._losses, self._weights, self._loss_trackers, self._names, targets,
            predicted, weights, strict=True,
        )  # fmt: skip
        for loss, factor, tracker, label, y, p, w in rows:
            if loss is None:
                continue
            if y is None:
                raise _no_targets(f"loss {loss.name!r} of", label)
            with (
                b.source(loss.name, type(loss).__name__),
                noting(f"in the loss {loss.name!r} of output {label!r}"),
            ):
                value = ops.cast(loss(y, p, w), "float32")
                if tracker is not None:
                    tracker.update_state(value, sample_weight=size)
                parts.append(value if factor is None else value * float(factor))
        parts += [ops.cast(value, "float32") for value in extra]
        if not parts:
            raise GraphError(
                "there is no loss to minimize: give compile a loss=, or add one with "
                "add_loss in a layer"
            )
        with b.source(self.tracker.name, "Mean"):
            return ops.add_n(parts)

    def track(self, b: Trace, loss: Result, x: Traced) -> None:
        """Gather the loss of a batch that has as many samples as x has rows."""
        with b.source(self.tracker.name, "Mean"):
            self.tracker.update_state(loss, sample_weight=_batch_size(x))

    def measure(
        self, b: Trace, targets: list[Any], predicted: list[Any], weights: list[Any]
    ) -> None:
        """Let the metrics of `compile` take a batch into account."""
        for name, (place, metric, weighted) in self._metrics.items():
            y, p = targets[place], predicted[place]
            if y is None:
                raise _no_targets(f"metric {name!r} of", self._names[place])
            with (
                b.source(name, type(metric).__name__),
                noting(f"in the metric {name!r} of output {self._names[place]!r}"),
            ):
                metric.update_state(*((y, p, weights[place]) if weighted else (y, p)))

    def reported(self, b: Trace) -> dict[str, Any]:
        """What is reported, as values of a graph."""
        found: dict[str, Any] = {}
        trackers = [self.tracker, *filter(None, self._loss_trackers)]
        every = {t.name: t for t in trackers} | self._named_metrics
        for name, metric in every.items():
            with b.source(name, type(metric).__name__):
                found |= traced_results(b, name, metric)
        return found


def held_metrics(model: Trainable) -> list[Any]:
    """The metrics that a model and the layers inside have as attributes."""
    found = (
        item
        for layer in walk(model)
        for item in metrics_room.held(layer)
        if isinstance(item, metrics_room.Metric)
    )
    return list(dict.fromkeys(found))


def _leaves(given: object) -> list[object]:
    """All losses or metrics, however they are arranged by output."""
    if is_mapping(given) and "class_name" not in given:
        given = list(given.values())
    if is_sequence(given):
        return [leaf for item in given for leaf in _leaves(item)]
    return [] if given is None else [given]


def _by_task(loss: object) -> bool:
    return isinstance(loss, str) and loss.lower() in _BY_TASK


def _check_metric(metric: Any) -> None:
    signature = inspect.signature(metric.update_state)
    taken = list(signature.parameters)
    try:
        signature.bind(None, None)
        fits = taken[1:2] != ["sample_weight"]
    except TypeError:
        fits = False
    if not fits:
        raise ArgumentError(
            f"metric {metric.name!r} ({type(metric).__name__}) cannot be used in "
            f"compile: its update_state takes ({', '.join(taken)}), it must take "
            "(y_true, y_pred)"
        )


def _no_targets(what: str, output: str) -> ArgumentError:
    return ArgumentError(
        f"the {what} output {output!r} needs targets, but y has none for it"
    )


def plain(value: object) -> Any:
    """A reported value as a float, or as a copied array if there are several."""
    array = np.asarray(value)
    return array.copy() if array.ndim else float(array)


def _named(name: str, metric: Any) -> dict[str, Any]:
    """The result of a metric under this name; a dictionary keeps its own names."""
    found = metric.results()
    return {name: found[metric.name]} if list(found) == [metric.name] else found


def traced_results(b: Trace, name: str, metric: object) -> dict[str, Any]:
    """The result of a metric, of which numbers are values of the graph, too."""
    return {
        key: found if isinstance(found, Traced) else Traced(b, value_of(b, found))
        for key, found in _named(name, metric).items()
    }


def _batch_size(x: Traced) -> Any:
    """How many samples the batch has, a number or a float32 scalar."""
    return count(x, (0,), "float32")


class Labels(NamedTuple):
    """What the targets of an output can be, if they are class numbers."""

    classes: int
    ignored: int | None
    """A number that stands for no class."""


def _labels(loss: Any, p: Any) -> Labels | None:
    """The class numbers that a loss takes as targets; None for other losses."""
    if not getattr(loss, "class_numbers", False):
        return None
    return Labels(
        p.shape[getattr(loss, "axis", -1)], getattr(loss, "ignore_class", None)
    )


def _loss_of(identifier: object, y: object, p: object) -> object:
    """The loss object for a name, a function or a loss."""
    if _by_task(identifier):
        kind = metrics_room.task_of(y, p)
        found = losses.get(f"{kind}_crossentropy")
    else:
        found = losses.get(identifier)
    if isinstance(found, losses.Loss):
        return found
    name = identifier if isinstance(identifier, str) else found.__name__
    return losses.LossFunctionWrapper(found, name=name)
