"""Losses against Keras: at once on arrays, and as graphs run by ONNX Runtime."""

import inspect
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from loss_cases import (
    CASES,
    FUNCTIONS,
    NAMES,
    both,
    close,
    keras_says,
    normal,
    run,
    simplex,
    trace,
    uniform,
    unit,
)

from seqir import autodiff, config, losses, lower, ops, passes
from seqir.errors import ArgumentError, ShapeError
from seqir.ir import Trace, evaluate
from seqir.losses.labels import aligned
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "none"])
@pytest.mark.parametrize("case", CASES)
def test_classes_have_the_numbers_of_keras(case: str, reduction: str) -> None:
    name, kwargs, y_true, y_pred = CASES[case]
    own, other = both(name, reduction=reduction, **kwargs)
    wanted = keras_says(other, y_true, y_pred)
    close(own(y_true, y_pred), wanted)
    close(run(own, y_true, y_pred), wanted)


@pytest.mark.parametrize("case", CASES)
def test_functions_have_the_numbers_of_keras(case: str) -> None:
    name, kwargs, y_true, y_pred = CASES[case]
    own, function = (getattr(m, FUNCTIONS[name]) for m in (losses, keras.losses))
    if name == "CategoricalGeneralizedCrossEntropy":
        kwargs = {"q": 0.5, **kwargs}  # without a default in Keras
    wanted = keras_says(function, np.array(y_true), y_pred, **kwargs)
    close(own(y_true, y_pred, **kwargs), wanted)
    close(run(lambda y, p: own(y, p, **kwargs), y_true, y_pred), wanted)


SMOOTH = [
    # Clipped at both ends, and a value near 1e5 that hides what moves its last digits.
    case
    for case in CASES
    if case not in ("bce_edges", "ctc_too_short")
]


def central_differences(f: Callable[[Any], float], x: Any, step: float) -> Any:
    gradient = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        near, far = x.copy(), x.copy()
        near[i] -= step
        far[i] += step
        gradient[i] = (f(far) - f(near)) / (2 * step)
    return gradient


def slope_of(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient of a loss by y_pred."""

    def slope(y_true: Any, y_pred: Any) -> Any:
        (found,) = autodiff.gradient(loss(y_true, y_pred), [y_pred])
        assert found is not None
        return found

    return slope


def with_gradient(loss: Callable[..., Any], feeds: dict[str, Any]) -> Any:
    """A graph whose output is the gradient of a loss."""
    b, slope = trace(slope_of(loss), feeds)
    return b.finish({"slope": slope.value})


@pytest.mark.parametrize("case", SMOOTH)
def test_gradients_are_those_of_central_differences(case: str) -> None:
    name, kwargs, y_true, y_pred = CASES[case]
    y_pred = y_pred.astype(np.float64)
    if np.asarray(y_true).dtype.kind == "f":
        y_true = y_true.astype(np.float64)
    own = getattr(losses, name)(dtype="float64", **kwargs)
    wanted = central_differences(lambda p: float(own(y_true, p)), y_pred, 1e-6)
    feeds = {"y": np.asarray(y_true), "p": y_pred}
    found = evaluate(with_gradient(own, feeds), feeds)["slope"]
    scale = max(float(np.abs(wanted).max()), 1e-3)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.parametrize("case", SMOOTH)
def test_onnx_runtime_computes_the_gradients(case: str) -> None:
    name, kwargs, y_true, y_pred = CASES[case]
    own = getattr(losses, name)(**kwargs)
    wide = getattr(losses, name)(dtype="float64", **kwargs)
    feeds = {"y": np.asarray(y_true), "p": y_pred.astype(np.float64)}
    wanted = evaluate(with_gradient(wide, feeds), feeds)["slope"]
    found = run(slope_of(own), y_true, y_pred)
    scale = max(float(np.abs(wanted).max()), 1e-3)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * scale)


def test_extreme_logits_give_numbers() -> None:
    x = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [0.0, 0.0, 0.0]], np.float32)
    y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], np.float32)
    number = np.array([1, 0, 2], np.int32)
    for name, labels in (
        ("BinaryCrossentropy", y),
        ("BinaryFocalCrossentropy", y),
        ("CategoricalCrossentropy", y),
        ("CategoricalFocalCrossentropy", y),
        ("SparseCategoricalCrossentropy", number),
    ):
        own = getattr(losses, name)(from_logits=True)
        assert np.isfinite(own(labels, x))
        assert np.isfinite(run(own, labels, x))
        assert np.isfinite(run(slope_of(own), labels, x)).all()


@pytest.mark.parametrize("name", ["Circle", "CTC", "CosineSimilarity"])
def test_what_is_nowhere_defined_in_keras_gives_numbers(name: str) -> None:
    own, y_true, y_pred = {
        # nobody has a partner; a zero vector; labels that do not fit into the time
        "Circle": (losses.Circle(), np.arange(4, dtype=np.int32), unit(4, 3)),
        "CosineSimilarity": (losses.CosineSimilarity(), unit(4, 3), 0 * unit(4, 3)),
        "CTC": (losses.CTC(), np.array([[1, 1, 1]], np.int32), normal(1, 2, 3)),
    }[name]
    assert np.isfinite(own(y_true, y_pred))
    assert np.isfinite(run(slope_of(own), y_true, y_pred)).all()


def test_crossentropy_of_logits_is_exact_far_out() -> None:
    x = np.linspace(-60, 60, 25, dtype=np.float32)[:, None]
    for y in (np.zeros_like(x), np.ones_like(x), np.full_like(x, 0.3)):
        wide = x.astype(np.float64)
        wanted = np.logaddexp(wide, 0) - y * wide
        found = run(lambda y, x: losses.binary_crossentropy(y, x, True), y, x)
        np.testing.assert_allclose(found, wanted[:, 0], rtol=1e-5, atol=1e-6)


def test_logits_of_zero_pull_towards_the_label() -> None:
    y, x = np.array([[0.0], [1.0]], np.float32), np.zeros((2, 1), np.float32)
    own = losses.BinaryCrossentropy(from_logits=True, reduction="sum")
    close(run(slope_of(own), y, x), np.array([[0.5], [-0.5]], np.float32))


def test_the_known_numbers() -> None:
    y = np.array([[0, 1, 0], [0, 0, 1]], np.float32)
    p = np.array([[0.05, 0.9, 0.05], [0.1, 0.2, 0.7]], np.float32)
    for name, wanted in {
        "CategoricalCrossentropy": 0.2310178,
        "BinaryCrossentropy": 0.1488544,
        "KLDivergence": 0.2310150,
        "Poisson": 0.4103392,
        "MeanSquaredError": 0.0258333,
        "MeanAbsoluteError": 0.1333334,
        "MeanSquaredLogarithmicError": 0.0126882,
        "Huber": 0.0129167,
        "LogCosh": 0.0127819,
        "Hinge": 0.8,
        "SquaredHinge": 0.8258333,
        "CategoricalHinge": 0.325,
        "CosineSimilarity": -0.9747536,
        "Dice": 0.2,
        "BinaryFocalCrossentropy": 0.0072317,
        "CategoricalFocalCrossentropy": 0.0041443,
    }.items():
        assert getattr(losses, name)()(y, p) == pytest.approx(wanted, abs=1e-7)
    sparse = losses.SparseCategoricalCrossentropy()
    assert sparse(np.array([1, 2]), p) == pytest.approx(0.2310178, abs=1e-7)


class WorstError(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.max(ops.absolute(y_true - y_pred), axis=-1)


def test_own_losses() -> None:
    y_true, y_pred = np.arange(6).reshape(2, 3), normal(2, 3)
    worst = WorstError()
    assert (worst.name, WorstError().name) == ("worst_error", "worst_error_1")
    assert repr(worst) == "<WorstError name=worst_error>"
    wanted = np.float32(np.abs(y_true - y_pred).max(-1).mean())
    close(worst(y_true, y_pred), wanted)
    close(run(worst, y_true, y_pred), wanted)
    again = WorstError.from_config(worst.get_config())
    assert again.get_config() == worst.get_config()
    with pytest.raises(NotImplementedError, match="Loss has no call"):
        losses.Loss()(y_true, y_pred)


def test_own_functions() -> None:
    def cubed(y_true: Any, y_pred: Any, scale: float = 1.0) -> Any:
        return ops.mean(scale * ops.absolute(y_true - y_pred) ** 3, axis=-1)

    loss = losses.LossFunctionWrapper(cubed, name="cubed", scale=2.0)
    y_true, y_pred = normal(4), normal(4, 1)
    wanted = np.float32(2 * np.mean(np.abs(y_true[:, None] - y_pred) ** 3))
    close(loss(y_true, y_pred), wanted)
    close(run(loss, y_true, y_pred), wanted)
    assert loss.scale == 2.0
    assert loss.get_config()["fn"] is cubed
    again = losses.LossFunctionWrapper.from_config(loss.get_config())
    assert again.get_config() == loss.get_config()
    with pytest.raises(AttributeError, match="'LossFunctionWrapper' has no attribute"):
        _ = loss.size
    with pytest.raises(ArgumentError, match="has no config, so it cannot be stored"):
        losses.serialize(loss)


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_those_of_keras(name: str) -> None:
    def arguments(of: Any) -> Any:
        return {p.name: p.default for p in inspect.signature(of).parameters.values()}

    own, other = getattr(losses, name), getattr(keras.losses, name)
    assert list(arguments(own).items()) == list(arguments(other).items())
    own, other = (getattr(m, FUNCTIONS[name]) for m in (losses, keras.losses))
    wanted = arguments(other)
    if name == "CategoricalGeneralizedCrossEntropy":
        wanted["q"] = 0.5
    assert arguments(own) == wanted


def test_all_losses_of_keras_are_there() -> None:
    theirs = {n for n in dir(keras.losses) if not n.startswith("_")}
    assert theirs <= set(losses.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_stored_in_the_form_of_keras(name: str) -> None:
    kwargs: dict[str, Any] = {"reduction": "sum", "name": "other"}
    if "label_smoothing" in inspect.signature(getattr(losses, name)).parameters:
        kwargs["label_smoothing"] = 0.25
    own, other = both(name, **kwargs)
    stored = json.loads(json.dumps(losses.serialize(own)))
    theirs = keras.losses.serialize(other)
    assert {**stored, "config": {}} == {**theirs, "config": {}}
    assert theirs["config"].items() <= stored["config"].items()
    if name != "CategoricalGeneralizedCrossEntropy":  # Keras does not find its own
        assert keras.losses.deserialize(stored).get_config() == other.get_config()
    for again in (losses.get(stored), losses.deserialize(theirs), pickle_of(own)):
        assert type(again) is type(own)
        assert again.get_config() == own.get_config()
    function = getattr(losses, FUNCTIONS[name])
    assert losses.deserialize(losses.serialize(function)) is function


def pickle_of(loss: Any) -> Any:
    return pickle.loads(pickle.dumps(loss))


def test_wrapped_functions_are_stored_by_name() -> None:
    loss = losses.LossFunctionWrapper(losses.huber, name="near", delta=0.5)
    stored = json.loads(json.dumps(losses.serialize(loss)))
    again = losses.deserialize(stored)
    assert (again.fn, again.delta, again.name) == (losses.huber, 0.5, "near")


def test_losses_by_name() -> None:
    assert losses.get(None) is None
    for name in NAMES:
        assert type(losses.get(name)) is getattr(losses, name)
        assert losses.get(FUNCTIONS[name]) is getattr(losses, FUNCTIONS[name])
    for alias, name in {
        "mse": "mean_squared_error",
        "mae": "mean_absolute_error",
        "mape": "mean_absolute_percentage_error",
        "msle": "mean_squared_logarithmic_error",
        "bce": "binary_crossentropy",
        "kld": "kl_divergence",
    }.items():
        found = losses.get(alias)
        assert found is losses.get(alias.upper()) is getattr(losses, name)
        assert found.__name__ == keras.losses.get(alias).__name__
    assert losses.get("logcosh") is losses.log_cosh
    assert losses.get("kullback_leibler_divergence") is losses.kl_divergence
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    loss = losses.Huber()
    assert losses.get(loss) is loss


def test_class_numbers_are_not_rounded() -> None:
    logits, y = normal(2, 2100), np.array([2049, 2051], np.int64)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float16")
    exact = losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
    assert loss.class_numbers
    assert loss(y, logits) == pytest.approx(np.asarray(exact).mean(), rel=2e-3)
    assert not losses.MeanSquaredError().class_numbers


def test_ignored_bytes() -> None:
    y, p = np.array([0, 255, 2, 255], np.uint8), simplex(4, 3)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    wanted = -np.log([p[0, 0], p[2, 2]]).mean()
    assert loss(y, p) == pytest.approx(wanted, rel=1e-5)
    assert run(loss, y, p) == pytest.approx(wanted, rel=1e-5)


def test_policies_say_what_is_computed_in() -> None:
    policy = keras.DTypePolicy("mixed_float16")
    assert losses.MeanSquaredError(dtype=policy).dtype == "float16"
    assert losses.MeanSquaredError().dtype == config.floatx()
    half = losses.MeanSquaredError(dtype="bfloat16")
    assert half(normal(3, 2), normal(3, 2)).dtype.name == "bfloat16"
    close(losses.MeanSquaredError()([[0, 1]], [[1, 1]]), np.float32(0.5))


def test_epsilon_is_that_of_the_settings() -> None:
    y, p = np.ones((1, 2), np.float32), np.zeros((1, 2), np.float32)
    config.set_epsilon(1e-3)
    try:
        found = losses.binary_crossentropy(y, p)
    finally:
        config.set_epsilon(1e-7)
    assert found == pytest.approx(-math.log(1e-3), rel=1e-5)


def test_reference_pairs_of_circle() -> None:
    labels, others = np.array([0, 1, 2]), np.array([1, 0, 0, 2, 1])
    a, b = unit(3, 4), unit(5, 4)
    kwargs = {"ref_labels": others, "ref_embeddings": b, "remove_diagonal": False}
    wanted = keras.losses.circle(labels, a, **kwargs)
    close(losses.circle(labels, a, **kwargs), wanted)


UNKNOWN = TensorType("float32", ("batch", "classes"))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: losses.MeanSquaredError(reduction="avg"),
            ArgumentError,
            "reduction must be 'sum_over_batch_size', 'mean', .* got 'avg'",
        ),
        (
            lambda: losses.MeanSquaredError(reduction="means"),
            ArgumentError,
            "Did you mean 'mean'",
        ),
        (
            lambda: losses.MeanSquaredError()(normal(4), normal(4, 3, 1)),
            ShapeError,
            r"y_true f32\[4\] and y_pred f32\[4, 3, 1\] must have as many axes",
        ),
        (
            lambda: losses.Huber()(normal(4, 3), normal(4, 3), normal(4, 3)),
            ShapeError,
            r"losses f32\[4\] are for samples, their weights f32\[4, 3\] must not",
        ),
        (
            lambda: losses.categorical_crossentropy(np.arange(4), simplex(4, 3)),
            ShapeError,
            "a number for each class; class numbers go into the losses called sparse",
        ),
        (
            lambda: losses.categorical_focal_crossentropy(
                np.ones((4, 1)), simplex(4, 3)
            ),
            ShapeError,
            "class numbers go into the losses called sparse",
        ),
        (
            lambda: losses.categorical_crossentropy(normal(4, 1), uniform(4, 1)),
            ShapeError,
            r"f32\[4, 1\] has one class, whose probability is always 1: use binary",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy(
                np.zeros(4, int), uniform(4, 1)
            ),
            ShapeError,
            "has one class",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy(
                np.zeros(3, int), uniform(4, 2)
            ),
            ShapeError,
            "class numbers, one for each sample",
        ),
        (
            lambda: losses.CategoricalGeneralizedCrossEntropy()(
                np.zeros((4, 3)), uniform(4, 2)
            ),
            ShapeError,
            "class numbers, one for each sample",
        ),
        (
            lambda: losses.categorical_crossentropy(
                simplex(4, 3), simplex(4, 3), axis=True
            ),
            ArgumentError,
            "axis must be an integer, got True",
        ),
        (
            lambda: losses.BinaryCrossentropy(label_smoothing=1.5)(
                uniform(4, 3), uniform(4, 3)
            ),
            ArgumentError,
            "label_smoothing must be a number from 0 to 1, got 1.5",
        ),
        (
            lambda: losses.binary_crossentropy(normal(4, 1), uniform(4, 3)),
            ShapeError,
            "must have one shape",
        ),
        (
            lambda: losses.CategoricalGeneralizedCrossEntropy(q=1),
            ArgumentError,
            "q must be a number > 0 and < 1, got 1",
        ),
        (
            lambda: losses.categorical_generalized_cross_entropy(
                np.zeros(4), uniform(4, 2), "half"
            ),
            ArgumentError,
            "q must be a number > 0 and < 1, got 'half'",
        ),
        (
            lambda: losses.ctc(np.zeros(4), normal(4, 3, 2)),
            ShapeError,
            r"ctc takes y_true \[batch, labels\] and y_pred \[batch, time, classes\]",
        ),
        (
            lambda: losses.get("mean_square_error"),
            ArgumentError,
            "not a loss. Did you mean 'mean_squared_error'",
        ),
        (
            lambda: losses.get(3),
            ArgumentError,
            "3 is not a loss: pass a name, a Loss or",
        ),
        (
            lambda: losses.get({"class_name": "Hubert", "config": {}}),
            ArgumentError,
            "'Hubert' is not a loss. Did you mean 'Huber'",
        ),
        (
            lambda: losses.deserialize({"config": {}}),
            ArgumentError,
            "what is stored for losses is",
        ),
        (
            lambda: losses.deserialize({"class_name": "Mine", "module": "mine"}),
            ArgumentError,
            "mine.Mine is not one of seqir's losses: pass the object itself",
        ),
    ],
)
def test_wrong_uses(call: Callable[[], Any], error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_sizes_that_must_be_known() -> None:
    b = Trace("unknown")
    with b.active():
        y, p = (Traced(b, b.input(name, UNKNOWN)) for name in ("y", "p"))
        with pytest.raises(
            ShapeError, match="needs a known number of classes: classes"
        ):
            losses.categorical_crossentropy(y, p, label_smoothing=0.1)
        steps = Traced(b, b.input("steps", TensorType("float32", ("batch", "time", 3))))
        with pytest.raises(ShapeError, match="ctc unrolls time: the sizes of y_true"):
            losses.ctc(y, steps)


def test_graphs_are_small() -> None:
    counts = {
        ("SparseCategoricalCrossentropy", "sparse_logits"): 7,
        ("CategoricalCrossentropy", "cce_logits"): 7,
        ("BinaryCrossentropy", "bce_logits"): 8,
        ("MeanSquaredError", "mse"): 4,
        ("Huber", "huber"): 7,
    }
    for (name, case), count in counts.items():
        _, kwargs, y_true, y_pred = CASES[case]
        b, loss = trace(getattr(losses, name)(**kwargs), {"y": y_true, "p": y_pred})
        graph = passes.run(b.finish({"loss": loss.value}), passes.STRUCTURE)
        kinds = [node.op_type for node in lower.lower(graph).nodes]
        assert len(kinds) == count, kinds
        assert "Where" not in kinds


def test_alignment_leaves_scalars_alone() -> None:
    y_true, y_pred = aligned(0.0, normal(3, 2))
    assert (np.ndim(y_true), y_pred.shape) == (0, (3, 2))
