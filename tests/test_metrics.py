"""Metrics against Keras: at once on arrays, and as graphs run by ONNX Runtime."""

import copy
import functools
import inspect
import json
import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from seqir import losses, lower, metrics, ops, passes, runtime
from seqir.errors import ArgumentError, NotBuiltError, ShapeError
from seqir.ir import Trace
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType, type_of

RNG = np.random.default_rng(11)
SIZES = (6, 6, 3)
"""Samples of the batches: the last one is smaller."""

Batch = tuple[Any, ...]
Maker = Callable[[int], Any]


def normal(*shape: int) -> Maker:
    return lambda n: RNG.normal(size=(n, *shape)).astype(np.float32)


def uniform(*shape: int) -> Maker:
    return lambda n: RNG.uniform(0.02, 0.98, size=(n, *shape)).astype(np.float32)


def integers(*shape: int, high: int) -> Maker:
    return lambda n: RNG.integers(0, high, size=(n, *shape)).astype(np.int32)


def binary(*shape: int) -> Maker:
    return lambda n: RNG.integers(0, 2, size=(n, *shape)).astype(np.float32)


def signs(*shape: int) -> Maker:
    return lambda n: RNG.choice([-1.0, 1.0], size=(n, *shape)).astype(np.float32)


def simplex(*shape: int) -> Maker:
    def make(n: int) -> Any:
        x = uniform(*shape)(n)
        return x / x.sum(-1, keepdims=True)

    return make


def hot(*shape: int, classes: int) -> Maker:
    number = integers(*shape, high=classes)
    return lambda n: np.eye(classes, dtype=np.float32)[number(n)]


def grid(*shape: int, steps: int) -> Maker:
    """Scores that lie on thresholds, 0 and 1 among them."""
    return lambda n: (integers(*shape, high=steps + 1)(n) / steps).astype(np.float32)


def ranked(*shape: int) -> Maker:
    """Numbers of classes, the best one first."""
    count = shape[-1]
    return lambda n: np.argsort(-uniform(*shape[:-1], count)(n)).astype(np.float32)


def twos(maker: Maker) -> Maker:
    """Some values far out of the usual range."""
    return lambda n: 2 * maker(n) - 0.5


PAIR = (normal(4), normal(4))
SCORES = (binary(4), uniform(4))
CLASSES = (hot(classes=5), simplex(5))
NUMBERS = (integers(high=5), simplex(5))
PIXELS = (integers(3, 2, high=4), integers(3, 2, high=4))
THRESHOLDS = {"thresholds": [0.1, 0.5, 0.9]}
EVEN = {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}
AUCS = {
    f"auc_{curve}_{method}": ("AUC", {"curve": curve, "summation_method": method}, *s)
    for curve, s in (
        ("ROC", SCORES),
        ("PR", SCORES),
        ("PRGAIN", (binary(), uniform())),
    )
    for method in ("interpolation", "majoring", "minoring")
}

CASES: dict[str, tuple[str, dict[str, Any], Maker, Maker]] = {
    "mse": ("MeanSquaredError", {}, *PAIR),
    "mse_rank_3": ("MeanSquaredError", {}, normal(4, 2), normal(4, 2)),
    "mse_column": ("MeanSquaredError", {}, normal(), normal(1)),
    "mae": ("MeanAbsoluteError", {}, *PAIR),
    "mape": ("MeanAbsolutePercentageError", {}, uniform(4), normal(4)),
    "msle": ("MeanSquaredLogarithmicError", {}, uniform(4), normal(4)),
    "rmse": ("RootMeanSquaredError", {}, *PAIR),
    "rmse_column": ("RootMeanSquaredError", {}, normal(), normal(1)),
    "logcosh": ("LogCoshError", {}, *PAIR),
    "cosine": ("CosineSimilarity", {}, *PAIR),
    "cosine_axis": ("CosineSimilarity", {"axis": 1}, normal(4, 3), normal(4, 3)),
    "r2": ("R2Score", {}, *PAIR),
    "r2_each": ("R2Score", {"class_aggregation": None}, *PAIR),
    "r2_weighted": (
        "R2Score", {"class_aggregation": "variance_weighted_average"}, *PAIR,
    ),
    "r2_adjusted": ("R2Score", {"num_regressors": 3}, *PAIR),
    "kld": ("KLDivergence", {}, simplex(4), simplex(4)),
    "poisson": ("Poisson", {}, uniform(4), uniform(4)),
    "bce": ("BinaryCrossentropy", {}, *SCORES),
    "bce_logits": (
        "BinaryCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        binary(4),
        normal(4),
    ),
    "cce": ("CategoricalCrossentropy", {"label_smoothing": 0.1}, *CLASSES),
    "cce_logits": (
        "CategoricalCrossentropy", {"from_logits": True}, hot(classes=5), normal(5),
    ),
    "scce": ("SparseCategoricalCrossentropy", {}, *NUMBERS),
    "scce_pixels": (
        "SparseCategoricalCrossentropy", {}, integers(3, high=4), simplex(3, 4),
    ),
    "hinge": ("Hinge", {}, signs(4), normal(4)),
    "squared_hinge": ("SquaredHinge", {}, signs(4), normal(4)),
    "categorical_hinge": ("CategoricalHinge", {}, hot(classes=5), normal(5)),
    "pearson": ("PearsonCorrelation", {}, *PAIR),
    "pearson_axis": ("PearsonCorrelation", {"axis": 1}, normal(5, 2), normal(5, 2)),
    "concordance": ("ConcordanceCorrelation", {}, *PAIR),
    "accuracy": ("Accuracy", {}, integers(4, high=3), integers(4, high=3)),
    "accuracy_column": ("Accuracy", {}, integers(high=3), integers(1, high=3)),
    "binary_accuracy": ("BinaryAccuracy", {}, *SCORES),
    "binary_accuracy_column": ("BinaryAccuracy", {}, binary(), uniform(1)),
    "binary_accuracy_high": ("BinaryAccuracy", {"threshold": 0.7}, *SCORES),
    "categorical_accuracy": ("CategoricalAccuracy", {}, *CLASSES),
    "categorical_accuracy_steps": (
        "CategoricalAccuracy", {}, hot(3, classes=5), simplex(3, 5),
    ),
    "sparse_accuracy": ("SparseCategoricalAccuracy", {}, *NUMBERS),
    "sparse_accuracy_column": (
        "SparseCategoricalAccuracy", {}, integers(1, high=5), simplex(5),
    ),
    "sparse_accuracy_steps": (
        "SparseCategoricalAccuracy", {}, integers(3, high=5), simplex(3, 5),
    ),
    "sparse_accuracy_float": (
        "SparseCategoricalAccuracy",
        {},
        lambda n: integers(high=5)(n).astype(np.float32),
        simplex(5),
    ),
    "top_k": ("TopKCategoricalAccuracy", {"k": 2}, *CLASSES),
    "top_k_default": ("TopKCategoricalAccuracy", {}, hot(classes=9), simplex(9)),
    "top_k_steps": (
        "TopKCategoricalAccuracy", {"k": 2}, hot(3, classes=5), simplex(3, 5),
    ),
    "sparse_top_k": ("SparseTopKCategoricalAccuracy", {"k": 2}, *NUMBERS),
    "sparse_top_k_column": (
        "SparseTopKCategoricalAccuracy", {"k": 2}, integers(1, high=5), simplex(5),
    ),
    "sparse_top_k_ids": (
        "SparseTopKCategoricalAccuracy",
        {"k": 2, "from_sorted_ids": True},
        integers(high=5),
        ranked(5),
    ),
    "tp": ("TruePositives", {}, *SCORES),
    "fp": ("FalsePositives", {}, *SCORES),
    "tn": ("TrueNegatives", {}, *SCORES),
    "fn": ("FalseNegatives", {}, *SCORES),
    "tp_column": ("TruePositives", {}, binary(), uniform(1)),
    "tp_thresholds": ("TruePositives", THRESHOLDS, *SCORES),
    "fp_thresholds": ("FalsePositives", THRESHOLDS, *SCORES),
    "tn_even": ("TrueNegatives", EVEN, binary(4), grid(4, steps=8)),
    "fn_even": ("FalseNegatives", EVEN, binary(4), grid(4, steps=8)),
    "precision": ("Precision", {}, *SCORES),
    "precision_thresholds": ("Precision", THRESHOLDS, *SCORES),
    "precision_even": ("Precision", EVEN, binary(4), grid(4, steps=8)),
    "precision_top": ("Precision", {"top_k": 2}, *CLASSES),
    "precision_top_class": (
        "Precision", {"top_k": 2, "class_id": 1, "thresholds": 0.2}, *CLASSES,
    ),
    "precision_rank_3": ("Precision", {}, binary(3, 2), uniform(3, 2)),
    "recall": ("Recall", {}, *SCORES),
    "recall_class": ("Recall", {"class_id": 2, "thresholds": 0.2}, *CLASSES),
    "recall_last_class": ("Recall", {"class_id": -1, "thresholds": 0.2}, *CLASSES),
    "recall_even": ("Recall", EVEN, binary(4), twos(uniform(4))),
    **AUCS,
    "auc_flat": ("AUC", {}, binary(), uniform()),
    "auc_grid": ("AUC", {"num_thresholds": 5}, binary(4), grid(4, steps=8)),
    "auc_two": ("AUC", {"num_thresholds": 2}, *SCORES),
    "auc_thresholds": ("AUC", THRESHOLDS, *SCORES),
    "auc_even": ("AUC", {"thresholds": [0.75, 0.25, 0.5]}, *SCORES),
    "auc_logits": ("AUC", {"from_logits": True}, binary(4), normal(4)),
    "auc_label_weights": ("AUC", {"label_weights": [1.0, 2.0, 0.0, 0.5]}, *SCORES),
    "auc_label_weights_thresholds": (
        "AUC", {"label_weights": [1.0, 2.0, 0.0, 0.5], **THRESHOLDS}, *SCORES,
    ),
    "auc_multi": ("AUC", {"multi_label": True}, *SCORES),
    "auc_multi_num": ("AUC", {"multi_label": True, "num_labels": 4}, *SCORES),
    "auc_multi_thresholds": ("AUC", {"multi_label": True, **THRESHOLDS}, *SCORES),
    "auc_multi_weights": (
        "AUC",
        {"multi_label": True, "label_weights": [1.0, 2.0, 0.0, 0.5]},
        *SCORES,
    ),
    "auc_multi_pr": ("AUC", {"multi_label": True, "curve": "PR"}, *SCORES),
    "sensitivity": ("SensitivityAtSpecificity", {"specificity": 0.6}, *SCORES),
    "specificity": ("SpecificityAtSensitivity", {"sensitivity": 0.6}, *SCORES),
    "precision_at": ("PrecisionAtRecall", {"recall": 0.5}, *SCORES),
    "recall_at": ("RecallAtPrecision", {"precision": 0.6}, *SCORES),
    "recall_at_class": (
        "RecallAtPrecision",
        {"precision": 0.3, "class_id": 1, "num_thresholds": 9},
        *CLASSES,
    ),
    "recall_at_one": (
        "RecallAtPrecision", {"precision": 0.4, "num_thresholds": 1}, *SCORES,
    ),
    "recall_never": ("RecallAtPrecision", {"precision": 1.0}, *SCORES),
    "f1": ("F1Score", {}, *CLASSES),
    "f1_micro": ("F1Score", {"average": "micro"}, *CLASSES),
    "f1_macro": ("F1Score", {"average": "macro", "threshold": 0.2}, *CLASSES),
    "fbeta": ("FBetaScore", {"beta": 2.0, "average": "weighted"}, *CLASSES),
    "iou": ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, *PIXELS),
    "iou_ignore": (
        "IoU", {"num_classes": 3, "target_class_ids": [0, 2], "ignore_class": 1},
        *PIXELS,
    ),
    "binary_iou": ("BinaryIoU", {"threshold": 0.3}, *SCORES),
    "binary_iou_one": ("BinaryIoU", {"target_class_ids": [1]}, *SCORES),
    "mean_iou": ("MeanIoU", {"num_classes": 4}, *PIXELS),
    "mean_iou_unseen": ("MeanIoU", {"num_classes": 9}, *PIXELS),
    "mean_iou_scores": (
        "MeanIoU",
        {"num_classes": 4, "sparse_y_pred": False},
        integers(3, 2, high=4),
        simplex(3, 2, 4),
    ),
    "one_hot_iou": (
        "OneHotIoU", {"num_classes": 5, "target_class_ids": [0, 3]}, *CLASSES,
    ),
    "one_hot_mean_iou": ("OneHotMeanIoU", {"num_classes": 5}, *CLASSES),
    "one_hot_mean_iou_sparse": (
        "OneHotMeanIoU",
        {"num_classes": 5, "sparse_y_pred": True},
        hot(classes=5),
        integers(high=5),
    ),
}  # fmt: skip


@functools.cache
def batches(case: str, weighted: bool) -> list[Batch]:
    """Labels, predictions and weights for each batch of a case."""
    *_, y_true, y_pred = CASES[case]
    found: list[Batch] = []
    for n in SIZES:
        y, p = y_true(n), y_pred(n)
        # Keras's confusion metrics have no weights for samples of three axes.
        shape = y.shape if case == "precision_rank_3" else y.shape[:1]
        weight = RNG.uniform(0.1, 2.0, shape).astype(np.float32)
        if "Io" in CASES[case][0]:  # counts: an integer for each pixel
            shape = y.shape[:1] if "one_hot" in case else y.shape
            weight = RNG.integers(0, 3, shape).astype(np.int32)
        found.append((y, p, weight) if weighted else (y, p))
    return found


def made(case: str) -> tuple[Any, Any]:
    """The metric of a case, and Keras's."""
    name, arguments, _, _ = CASES[case]
    return getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(
        **arguments
    )


class Stepped:
    """A metric's step as a graph: run by ONNX Runtime, its state fed back."""

    def __init__(self, metric: Any, batch: Batch) -> None:
        self.names = ("y_true", "y_pred", "sample_weight")[: len(batch)]
        b = Trace("metric", training=True)
        with b.active():
            types = [type_of(x) for x in batch]
            inputs = [
                Traced(b, b.input(n, TensorType(t.dtype, ("batch", *t.shape[1:]))))
                for n, t in zip(self.names, types, strict=True)
            ]
            metric.update_state(*inputs)
            outputs = {f"out/{n}": v.value for n, v in metric.results().items()}
        graph = passes.run(b.finish(outputs), passes.STRUCTURE, check=True)
        model, initializers = lower.split(lower.lower(graph))
        self.session = runtime.Session(model, initializers, device="cpu")
        self.updated = [u.param for u in graph.updates]
        first = metric.initial_values()
        self.initial = {b.bindings[v]: array for v, array in first.items()}
        self.reset()

    def reset(self) -> None:
        self.state = dict(self.initial)

    def __call__(self, *batch: Any) -> Any:
        feeds = {**self.state, **dict(zip(self.names, batch, strict=True))}
        feeds = {name: feeds[name] for name in self.session.input_names}
        results = self.session.run(feeds)
        count = len(results) - len(self.updated)
        self.state.update(zip(self.updated, results[count:], strict=True))
        return results[0] if count == 1 else results[:count]


def close(found: Any, wanted: Any) -> None:
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def of_keras(metric: Any, batch: Batch) -> Any:
    with warnings.catch_warnings():  # its own: 0 / 0, fewer samples than regressors
        warnings.simplefilter("ignore")
        metric.update_state(*batch)
        return metric.result()


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_numbers_are_kerass(case: str, weighted: bool) -> None:
    metric, other = made(case)
    traced, _ = made(case)
    data = batches(case, weighted)
    step = Stepped(traced, data[0])
    for batch in data:
        wanted = of_keras(other, batch)
        metric.update_state(*batch)
        close(metric.result(), wanted)
        close(step(*batch), wanted)
    metric.reset_state()
    other.reset_state()
    step.reset()
    wanted = of_keras(other, data[1])
    close(metric(*data[1]), wanted)
    close(step(*data[1]), wanted)


CLASS_NAMES = sorted({name for name, *_ in CASES.values()} | {"Mean", "Sum"})


@pytest.mark.parametrize("kind", ["Mean", "Sum"])
@pytest.mark.parametrize("shape", [(), (3,), (3, 2)])
@pytest.mark.parametrize("weight_shape", [None, (), (1,), (3,), (3, 2)])
def test_reductions_of_values_are_kerass(kind: str, shape: Any, weight_shape: Any):
    metric, other = getattr(metrics, kind)(), getattr(keras.metrics, kind)()
    if weight_shape and len(weight_shape) >= len(shape) + 1:
        weight_shape = shape[:1]
    for n in SIZES:
        values = normal(*shape)(n)
        weight = None if weight_shape is None else uniform(*weight_shape)(n)
        if weight_shape == ():
            weight = np.float32(1.5)
        close(metric(values, weight), other(values, weight))


def test_scalars_and_python_numbers_are_values() -> None:
    metric = metrics.Mean()
    metric.update_state(3.0)
    metric.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    assert float(metric.result()) == pytest.approx(7 / 3)
    total = metrics.Sum()
    total.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    assert float(total.result()) == 4.0


def test_every_name_of_keras_is_there() -> None:
    public = {n for n in dir(keras.metrics) if n[0] != "_"}
    assert public <= set(metrics.__all__)
    assert sorted(set(metrics.__all__)) == sorted(metrics.__all__)
    assert public - {"Metric", "MeanMetricWrapper"} >= set(CLASS_NAMES)
    classes = {n for n in public if inspect.isclass(getattr(keras.metrics, n))}
    assert classes - {"Metric", "MeanMetricWrapper"} == set(CLASS_NAMES)


@pytest.mark.parametrize("name", [*CLASS_NAMES, "Metric", "MeanMetricWrapper"])
def test_arguments_and_defaults_are_kerass(name: str) -> None:
    ours, theirs = (
        [
            (p.name, p.default, p.kind)
            for p in inspect.signature(getattr(room, name)).parameters.values()
        ]
        for room in (metrics, keras.metrics)
    )
    assert ours == theirs


@pytest.mark.parametrize("case", CASES)
def test_names_state_and_direction_are_kerass(case: str) -> None:
    metric, other = made(case)
    assert metric.name == re.sub(r"_\d+$", "", other.name)
    assert metric.direction == getattr(other, "_direction", None)
    batch = batches(case, False)[0]
    metric.update_state(*batch)
    other.update_state(*batch)
    found, wanted = (
        [(v.path.split("/")[1], tuple(v.shape), v.dtype) for v in m.variables]
        for m in (metric, other)
    )
    assert found == wanted


def test_names_count_like_kerass() -> None:
    names = [metrics.AUC().name for _ in range(2)] + [metrics.MeanIoU(2).name]
    assert names == ["auc", "auc_1", "mean_io_u"]
    assert metrics.AUC(name="a/b").variables[0].path == "a>b/true_positives"


@pytest.mark.parametrize("case", CASES)
def test_a_config_makes_an_equal_metric(case: str) -> None:
    metric, other = made(case)
    config = json.loads(json.dumps(metric.get_config()))
    again = type(metric).from_config(config)
    assert again.get_config() == metric.get_config()
    assert other.get_config().keys() - {"class_id"} <= config.keys()
    stored = json.loads(json.dumps(metrics.serialize(metric)))
    restored = metrics.get(stored)
    assert type(restored) is type(metric)
    for batch in batches(case, True):
        close(restored(*batch), metric(*batch))


def test_keras_reads_what_is_stored() -> None:
    stored = metrics.serialize(metrics.Precision(top_k=3, name="p"))
    other = keras.metrics.deserialize(stored)
    assert (other.top_k, other.name) == (3, "p")
    metric = metrics.get(keras.metrics.serialize(keras.metrics.AUC(curve="PR")))
    assert isinstance(metric, metrics.AUC)
    assert metric.curve == "PR"


def test_a_mean_of_a_loss_is_stored_by_its_name() -> None:
    metric = metrics.MeanMetricWrapper(losses.huber, name="h", delta=0.5)
    assert metric.direction == "down"
    assert metric.delta == 0.5
    stored = json.loads(json.dumps(metrics.serialize(metric)))
    again = metrics.deserialize(stored)
    assert again.get_config() == metric.get_config()
    with pytest.raises(
        AttributeError, match="'MeanMetricWrapper' has no attribute 'k'"
    ):
        _ = metric.k


FUNCTIONS = {
    "binary_accuracy": SCORES,
    "categorical_accuracy": CLASSES,
    "sparse_categorical_accuracy": (integers(1, high=5), simplex(5)),
    "top_k_categorical_accuracy": (hot(3, classes=9), simplex(3, 9)),
    "sparse_top_k_categorical_accuracy": (integers(3, high=9), simplex(3, 9)),
    "pearson_correlation": PAIR,
    "concordance_correlation": PAIR,
    "mean_squared_error": PAIR,
    "huber": PAIR,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_kerass(name: str) -> None:
    y, p = (make(5) for make in FUNCTIONS[name])
    close(getattr(metrics, name)(y, p), getattr(keras.metrics, name)(y, p))


def test_a_mask_takes_weight_away() -> None:
    y, p = normal(3)(4), normal(3)(4)
    mask = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 1]], bool)
    weight = uniform()(4)
    kept = (y - p) ** 2
    for weights in (None, weight):
        b = Trace("masked")
        with b.active():
            inputs = {"y": y, "p": p, "w": weight}
            traced = {n: Traced(b, b.input(n, type_of(a))) for n, a in inputs.items()}
            traced["p"].mask = ops.convert_to_tensor(mask)
            metric = metrics.MeanMetricWrapper(lambda a, b: ops.square(a - b))
            metric.update_state(
                traced["y"], traced["p"], None if weights is None else traced["w"]
            )
            found = {"out": metric.result().value}
        graph = passes.run(b.finish(found), passes.STRUCTURE)
        model, initializers = lower.split(lower.lower(graph))
        session = runtime.Session(model, initializers, device="cpu")
        feeds = {**inputs, **{b.bindings[v]: v.array for v in metric.variables}}
        out = session.run({n: feeds[n] for n in session.input_names})[0]
        each = mask if weights is None else mask * weight[:, None]
        wanted = (kept * each).mean(1).sum() / each.mean(1).sum()
        np.testing.assert_allclose(out, wanted, rtol=1e-5)


def test_weights_of_samples_weigh_all_that_a_sample_has() -> None:
    y, p, w = binary(3, 2)(4), uniform(3, 2)(4), uniform()(4)
    metric = metrics.TruePositives()
    wanted = (y * (p > 0.5) * w[:, None, None]).sum()
    np.testing.assert_allclose(metric(y, p, w), wanted, rtol=1e-6)


@pytest.mark.parametrize("make", [metrics.AUC, metrics.Precision])
def test_a_score_that_is_no_number_is_not_positive(make: Any) -> None:
    y = np.array([1, 0, 1], np.float32)
    p = np.array([np.nan, np.nan, 0.9], np.float32)
    metric = make()
    step = Stepped(metric, (y, p))
    assert np.isfinite(step(y, p))
    counted = step.state[step.updated[0]]
    assert counted.ravel()[len(counted) // 2] == 1


def test_means_go_on_in_float64() -> None:
    metric = metrics.MeanSquaredError(dtype="float64")
    y, p = normal(3)(4).astype(np.float64), normal(3)(4).astype(np.float64)
    assert np.asarray(metric(y, p)).dtype == np.float64
    np.testing.assert_allclose(metric.result(), np.mean((y - p) ** 2), rtol=1e-14)


class Extremes(metrics.Metric):
    """As a user of Keras writes one: state of any shape, a dictionary as result."""

    def __init__(self, name: str = "extremes", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.largest = self.add_variable(
            shape=(), initializer=lambda shape, dtype: np.full(shape, -9.0, dtype)
        )
        self.total = self.add_weight(name="total")
        self.mean = metrics.Mean(name="inner")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        error = ops.absolute(y_true - y_pred)
        self.largest.assign(ops.maximum(self.largest, ops.max(error)))
        self.total.assign(self.total + ops.sum(error))
        self.mean.update_state(error)

    def result(self) -> Any:
        return {"largest": self.largest, "mean": self.mean.result()}


def test_a_metric_in_kerass_form() -> None:
    metric = Extremes()
    assert [v.path for v in metric.variables] == [
        "extremes/variable", "extremes/total", "inner/total", "inner/count",
    ]  # fmt: skip
    data = [(normal(3)(n), normal(3)(n)) for n in SIZES]
    errors = [np.abs(y - p) for y, p in data]
    step = Stepped(Extremes(), data[0])
    for count, batch in enumerate(data, 1):
        metric.update_state(*batch)
        wanted = [max(e.max() for e in errors[:count])]
        wanted += [np.concatenate(errors[:count]).mean(1).mean()]
        np.testing.assert_allclose(list(metric.results().values()), wanted, rtol=1e-6)
        np.testing.assert_allclose(step(*batch), wanted, rtol=1e-6)
    assert isinstance(metric.results()["largest"], np.ndarray)
    metric.reset_state()
    assert [float(v.array) for v in metric.variables] == [-9, 0, 0, 0]
    assert list(metric.initial_values()) == metric.variables


class Several(metrics.Metric):
    """Metrics in a list are part of the state."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = [metrics.Mean(), metrics.Sum()]


def test_metrics_in_a_list_are_found() -> None:
    metric = Several()
    assert metric.name == "several"
    assert [v.path for v in metric.variables] == [
        "mean/total",
        "mean/count",
        "sum/total",
    ]
    assert repr(metric) == "<Several name=several>"
    with pytest.raises(NotImplementedError, match="Several has no update_state"):
        metric([1.0], [1.0])
    with pytest.raises(NotImplementedError, match="Several has no result"):
        metric.result()


def test_an_assignment_is_a_reading_later() -> None:
    """One metric in two graphs: each has updates of its own, no number is changed."""
    metric = metrics.Mean()
    for _ in range(2):
        step = Stepped(metric.__class__(), (normal()(6),))
        y = normal()(6)
        close(step(y), y.mean())
    assert float(metric.total.array) == 0


def test_get() -> None:
    assert metrics.get(None) is None
    metric = metrics.Mean()
    assert metrics.get(metric) is metric
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert metrics.get("MSE").name == "mean_squared_error"
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert isinstance(metrics.get("f1_score"), metrics.F1Score)
    assert isinstance(metrics.get(metrics.Recall), metrics.Recall)
    assert isinstance(metrics.get("acc"), metrics.Accuracy)

    def worst_error(y_true: Any, y_pred: Any) -> Any:
        return ops.max(ops.absolute(y_true - y_pred), -1)

    mean = metrics.get(worst_error)
    assert isinstance(mean, metrics.MeanMetricWrapper)
    assert (mean.name, mean.direction) == ("worst_error", None)
    assert metrics.get(losses.Huber(name="h")).name == "h"
    assert metrics.get(losses.Huber()).direction == "down"
    assert metrics.get(functools.partial(worst_error)).name == "partial"


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_names_are_kerass(name: str) -> None:
    for known in (name, keras.src.utils.naming.to_snake_case(name)):
        try:
            wanted = keras.metrics.get(known)
        except TypeError:
            with pytest.raises(ArgumentError, match="cannot be made by its name alone"):
                metrics.get(known)
        else:
            assert type(metrics.get(known)).__name__ == type(wanted).__name__


@pytest.mark.parametrize(
    ("labels", "scores", "task"),
    [
        ((5,), (5, 1), "binary"),
        ((5, 1), (5, 1), "binary"),
        ((5,), (5, 3), "sparse_categorical"),
        ((5, 1), (5, 3), "sparse_categorical"),
        ((5, 3), (5, 3), "categorical"),
        ((5, 7), (5, 7, 3), "sparse_categorical"),
        ((5, 7, 1), (5, 7, 3), "sparse_categorical"),
    ],
)
def test_accuracy_is_what_the_shapes_say(labels: Any, scores: Any, task: str) -> None:
    y, p = np.zeros(labels, np.float32), np.zeros(scores, np.float32)
    assert metrics.task_of(y, p) == task
    word = "".join(part.title() for part in task.split("_"))
    for name, kind in (
        ("accuracy", "Accuracy"), ("acc", "Accuracy"), ("Accuracy", "Accuracy"),
        ("crossentropy", "Crossentropy"), ("ce", "Crossentropy"),
    ):  # fmt: skip
        metric = metrics.resolve(name, y, p)
        assert type(metric) is getattr(metrics, word + kind)
        assert metric.name == name
    if task == "binary" or len(labels) == len(scores):
        keras_metric = keras.src.trainers.compile_utils.get_metric("accuracy", y, p)
        assert type(keras_metric).__name__ == word + "Accuracy"
    assert metrics.resolve("mse", y, p).name == "mse"
    assert metrics.resolve(metrics.Mean(name="m"), y, p).name == "m"
    assert metrics.resolve(losses.log_cosh, y, p).name == "log_cosh"


def test_names_of_traced_shapes_are_resolved() -> None:
    b = Trace("traced")
    y = Traced(b, b.input("y", TensorType("int32", ("batch",))))
    p = Traced(b, b.input("p", TensorType("float32", ("batch", 4))))
    assert metrics.task_of(y, p) == "sparse_categorical"


ONE = np.ones((2, 3), np.float32)
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: metrics.get("acuracy"), ArgumentError,
     "'acuracy' is not a metric. Did you mean 'accuracy'"),
    (lambda: metrics.get(3), ArgumentError,
     "3 is not a metric: pass a name, a Metric or a function"),
    (lambda: metrics.get("mean_io_u"), ArgumentError,
     "MeanIoU cannot be made by its name alone"),
    (lambda: metrics.resolve(None, ONE, ONE), ArgumentError, "None is not a metric"),
    (lambda: metrics.deserialize({"name": "AUC"}), ArgumentError,
     "what is stored for metrics is {'class_name'"),
    (lambda: metrics.deserialize({"class_name": "X", "module": "mine"}), ArgumentError,
     "mine.X is not one of seqir's metrics"),
    (lambda: metrics.serialize(metrics.get(lambda a, b: a)), ArgumentError,
     "has no config, so it cannot be stored"),
    (lambda: metrics.Mean.from_config({"nme": "m"}), ArgumentError,
     "config {'nme': 'm'} does not fit Mean"),
    (lambda: metrics.Precision(thresholds=[0.5, 1.5]), ArgumentError,
     "thresholds must be in [0, 1], got [0.5, 1.5]"),
    (lambda: metrics.Recall(thresholds=[None]), ArgumentError,
     "thresholds must be in [0, 1], got [None]"),
    (lambda: metrics.AUC(num_thresholds=1), ArgumentError,
     "num_thresholds must be an integer >= 2, got 1"),
    (lambda: metrics.AUC(curve="RC"), ArgumentError,
     "curve must be 'ROC', 'PR' or 'PRGAIN', got 'RC'. Did you mean 'ROC'?"),
    (lambda: metrics.AUC(summation_method="mean"), ArgumentError,
     "summation_method must be 'interpolation', 'majoring' or"),
    (lambda: metrics.AUC(num_labels=2), ArgumentError,
     "num_labels is for multi_label=True only"),
    (lambda: metrics.AUC(multi_label=True)(ONE[0], ONE[0]), ShapeError,
     "AUC with multi_label=True needs scores of shape (samples, labels)"),
    (lambda: metrics.AUC(multi_label=True).result(), NotBuiltError,
     "'auc' has no result before its first batch"),
    (lambda: metrics.RecallAtPrecision(1.5), ArgumentError,
     "precision must be a number from 0 to 1, got 1.5"),
    (lambda: metrics.PrecisionAtRecall(0.5, 0), ArgumentError,
     "num_thresholds must be an integer >= 1, got 0"),
    (lambda: metrics.Precision(class_id=1)(ONE[0], ONE[0]), ShapeError,
     "class_id needs scores of shape (samples, classes), got shape (3,)"),
    (lambda: metrics.Precision()(np.ones((2, 4)), ONE), ShapeError,
     "'precision' needs a label for each score, got labels f32[2, 4] and scores f32"),
    (lambda: metrics.Precision()(ONE, ONE, np.ones(5)), ShapeError,
     "do not broadcast together"),
    (lambda: metrics.Precision().false_negatives, AttributeError,
     "'Precision' has no attribute 'false_negatives'"),
    (lambda: metrics.FBetaScore(average="median"), ArgumentError,
     "average must be 'micro', 'macro', 'weighted' or None, got 'median'"),
    (lambda: metrics.FBetaScore(beta=1), ArgumentError, "beta must be a float > 0"),
    (lambda: metrics.FBetaScore(threshold=0.0), ArgumentError,
     "threshold must be a float in (0, 1], got 0.0"),
    (lambda: metrics.F1Score()(ONE[0], ONE[0]), ShapeError,
     "F1Score needs labels and scores of shape (samples, classes), got (3,) and (3,)"),
    (lambda: metrics.F1Score().result(), NotBuiltError,
     "'f1_score' has no result before its first batch"),
    (lambda: metrics.R2Score("mean"), ArgumentError,
     "class_aggregation must be 'uniform_average', "),
    (lambda: metrics.R2Score(num_regressors=-1), ArgumentError,
     "num_regressors must be an integer >= 0, got -1"),
    (lambda: metrics.R2Score()(ONE[0], ONE[0]), ShapeError,
     "R2Score needs labels and predictions of shape (samples, outputs)"),
    (lambda: metrics.R2Score().result(), NotBuiltError,
     "'r2_score' has no result before its first batch"),
    (lambda: metrics.IoU(2, [2]), ArgumentError,
     "target_class_ids must be in [0, 2), got 2"),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_errors(index: int) -> None:
    wrong, kind, text = WRONG[index]
    with pytest.raises(kind) as error:
        wrong()
    assert text in str(error.value)


def test_variables_come_after_the_base_class() -> None:
    class Early(metrics.Metric):
        def __init__(self) -> None:
            self.total = self.add_weight(name="total")

    with pytest.raises(NotBuiltError, match=r"Early.__init__ must call super\(\)"):
        Early()


def test_more_thresholds_cost_no_more_nodes() -> None:
    counts = []
    for number in (10, 1000):
        b = Trace("auc")
        with b.active():
            y, p = (
                Traced(b, b.input(n, TensorType("float32", ("batch", 4))))
                for n in ("y", "p")
            )
            metrics.AUC(num_thresholds=number).update_state(y, p)
        counts.append(len(b.nodes))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("case", CASES)
def test_python_lists_are_batches(case: str) -> None:
    metric, other = made(case)
    y, p = batches(case, False)[0]
    wanted = of_keras(other, (y, p))
    np.testing.assert_allclose(metric(y.tolist(), p.tolist()), wanted, rtol=1e-5)


@pytest.mark.parametrize("case", ["auc_flat", "auc_multi", "mse", "f1", "iou"])
def test_copies_count_on_their_own(case: str) -> None:
    metric, _ = made(case)
    first, second, _ = batches(case, False)
    metric(*first)
    for again in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        before = [v.numpy() for v in metric.variables]
        wanted = copy.deepcopy(metric)(*second)
        close(again(*second), wanted)
        for variable, array in zip(metric.variables, before, strict=True):
            np.testing.assert_array_equal(variable.array, array)
        again.reset_state()
        assert not any(np.any(v.array) for v in again.variables)
