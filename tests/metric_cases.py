"""Metrics with batches to try them on, at once and as graphs run by ONNX Runtime."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from seqir import lower, metrics, passes, runtime
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
