"""The state of metrics: which variables belong to it, and when it starts anew."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import seqir
from seqir import layers, metrics
from seqir.ops.variable import Variable


class Family(metrics.Metric):
    """Metrics and variables inside, arranged as `arrange` says."""

    def __init__(self, arrange: Any) -> None:
        super().__init__(name="family")
        self.inner = metrics.Mean(name="inner")
        self.plain = Variable(np.float32(1.0), name="plain")
        self.all = arrange(self.inner, self.plain)
        del self.inner, self.plain

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        mean, plain = metrics.held(self)
        mean.update_state(y_pred)  # pyright: ignore[reportAttributeAccessIssue]
        plain.assign(plain + 1.0)  # pyright: ignore[reportAttributeAccessIssue, reportOperatorIssue]

    def result(self) -> Any:
        mean, plain = metrics.held(self)
        return mean.result() * plain  # pyright: ignore[reportAttributeAccessIssue]


ARRANGEMENTS: dict[str, Any] = {
    "dict": lambda m, v: {"a": m, "b": v},
    "list of lists": lambda m, v: [[m], [[v]]],
    "dict of lists": lambda m, v: {"a": [m], "b": (v,)},
    "list of dicts": lambda m, v: [{"a": m}, {"b": {"c": v}}],
}


@pytest.mark.parametrize("arrange", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
def test_all_that_a_metric_holds_starts_anew(arrange: Any) -> None:
    metric = Family(arrange)
    metric.update_state([0.0], [3.0])
    assert float(metric.result()) == 6.0
    assert len(metric.variables) == 3
    metric.reset_state()
    metric.update_state([0.0], [5.0])
    assert float(metric.result()) == 10.0
    model = seqir.Sequential([seqir.Input((1,)), layers.ReLU()])
    model.compile(loss="mse", metrics=[metric])
    ones = np.ones((4, 1), np.float32)
    for _ in range(2):
        assert model.evaluate(ones, ones, batch_size=2, verbose=0)[1] == 3.0


def test_containers_that_hold_themselves_are_walked_once() -> None:
    metric = metrics.Mean()
    loop: list[Any] = [metrics.Sum()]
    loop.append(loop)
    vars(metric)["loop"] = loop
    assert len(metric.variables) == 3


RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(3), (4, 5)).astype(np.float32)
LABELS = RNG.integers(0, 3, (4, 5))
WEIGHTS = {
    "none": None,
    "(4, 1)": np.array([[1], [2], [0], [3]], np.float32),
    "(4, 5)": RNG.uniform(0, 2, (4, 5)).astype(np.float32),
}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("ignored", [None, 1, -1])
def test_ignored_classes_have_no_weight(weights: Any, ignored: int | None) -> None:
    found, wanted = (
        package.SparseCategoricalCrossentropy(ignore_class=ignored)
        for package in (metrics, keras.metrics)
    )
    for rows in (slice(2), slice(2, None)):
        given = None if weights is None else weights[rows]
        found.update_state(LABELS[rows], P[rows], given)
        with np.errstate(invalid="ignore"):  # Keras divides 0 by 0 where it ignores
            spread = None if given is None else np.broadcast_to(given, (2, 5))
            wanted.update_state(LABELS[rows], P[rows], spread)
    assert float(found.result()) == pytest.approx(float(wanted.result()), rel=1e-6)


def test_ignored_classes_have_no_weight_in_a_training() -> None:
    model = seqir.Sequential([seqir.Input((5, 3)), layers.ReLU()])
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=1)
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=[metric])
    weights = WEIGHTS["(4, 5)"]
    found = model.evaluate(P, LABELS, sample_weight=weights, batch_size=2, verbose=0)
    kept = np.where(LABELS == 1, 0, weights)
    p = np.take_along_axis(P, LABELS[..., None], -1)[..., 0]
    assert found[1] == pytest.approx(-(kept * np.log(p)).sum() / kept.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("PrecisionAtRecall", "recall"), ("RecallAtPrecision", "precision"),
        ("SensitivityAtSpecificity", "specificity"),
        ("SpecificityAtSensitivity", "sensitivity"),
    ],
)  # fmt: skip
def test_the_bound_of_a_rate_has_its_name(name: str, bound: str) -> None:
    made = [getattr(m, name)(0.25) for m in (metrics, keras.metrics)]
    assert [getattr(metric, bound) for metric in made] == [0.25, 0.25]
