"""Metrics against Keras: at once on arrays, and as graphs run by ONNX Runtime."""

import copy
import functools
import inspect
import json
import pickle
import re
from typing import Any

import keras
import numpy as np
import pytest
from graphs import graph_value
from metric_cases import (
    CASES,
    CLASSES,
    PAIR,
    SCORES,
    SIZES,
    Stepped,
    batches,
    binary,
    close,
    hot,
    integers,
    made,
    normal,
    of_keras,
    simplex,
    uniform,
)

from seqir import losses, lower, metrics, ops, passes, runtime
from seqir.errors import ArgumentError
from seqir.ir import Trace
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType, type_of


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
            for p in inspect.signature(getattr(package, name)).parameters.values()
        ]
        for package in (metrics, keras.metrics)
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
        close(restored(*batch), metric(*batch))  # pyright: ignore[reportOptionalCall]


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
            traced["p"].mask = ops.convert_to_tensor(mask)  # pyright: ignore[reportAttributeAccessIssue]
            metric = metrics.MeanMetricWrapper(lambda a, b: ops.square(a - b))
            metric.update_state(
                traced["y"], traced["p"], None if weights is None else traced["w"]
            )
            found = {"out": graph_value(metric.result())}
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
