"""Losses with labels and predictions to try them on."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from seqir import losses, lower, passes, runtime
from seqir.ir import Trace
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType, type_of

RNG = np.random.default_rng(7)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def uniform(*shape: int, low: float = 0.05, high: float = 0.95) -> Any:
    return RNG.uniform(low, high, size=shape).astype(np.float32)


def integers(*shape: int, high: int) -> Any:
    return RNG.integers(0, high, size=shape).astype(np.int32)


def simplex(*shape: int) -> Any:
    x = uniform(*shape)
    return x / x.sum(-1, keepdims=True)


def hot(*shape: int, classes: int) -> Any:
    return np.eye(classes, dtype=np.float32)[integers(*shape, high=classes)]


def unit(*shape: int) -> Any:
    x = normal(*shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def trace(fn: Callable[..., Any], arrays: dict[str, Any]) -> tuple[Trace, Any]:
    """What a function makes of traced arrays whose first size is called batch."""
    b = Trace("loss")
    with b.active():
        inputs = [
            Traced(b, b.input(name, TensorType(t.dtype, ("batch", *t.shape[1:]))))
            for name, t in ((n, type_of(a)) for n, a in arrays.items())
        ]
        return b, fn(*inputs)


def run(fn: Callable[..., Any], *arrays: Any) -> Any:
    """The function traced with an unknown batch size, run by ONNX Runtime."""
    feeds = {f"x{i}": np.asarray(a) for i, a in enumerate(arrays)}
    b, y = trace(fn, feeds)
    graph = passes.run(b.finish({"y": y.value}), passes.STRUCTURE, check=True)
    model, initializers = lower.split(lower.lower(graph))
    session = runtime.Session(model, initializers, device="cpu")
    return session.run({name: feeds[name] for name in session.input_names})[0]


def close(found: Any, wanted: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)


CASES: dict[str, tuple[str, dict[str, Any], Any, Any]] = {
    "mse": ("MeanSquaredError", {}, normal(5, 3), normal(5, 3)),
    "mse_rank_3": ("MeanSquaredError", {}, normal(5, 3, 2), normal(5, 3, 2)),
    "mse_column": ("MeanSquaredError", {}, normal(5), normal(5, 1)),
    "mse_row": ("MeanSquaredError", {}, normal(5, 1), normal(5)),
    "mse_steps": ("MeanSquaredError", {}, normal(5, 3, 1), normal(5, 3)),
    "mse_whole": ("MeanSquaredError", {}, integers(5, 3, high=9), normal(5, 3)),
    "mae": ("MeanAbsoluteError", {}, normal(5, 3), normal(5, 3)),
    "mape": ("MeanAbsolutePercentageError", {}, uniform(5, 3), normal(5, 3)),
    "msle": ("MeanSquaredLogarithmicError", {}, uniform(5, 3), normal(5, 3)),
    "cosine": ("CosineSimilarity", {}, normal(5, 3), normal(5, 3)),
    "cosine_axis": ("CosineSimilarity", {"axis": 1}, normal(5, 3, 2), normal(5, 3, 2)),
    "huber": ("Huber", {}, normal(5, 3), 2 * normal(5, 3)),
    "huber_delta": ("Huber", {"delta": 0.4}, normal(5, 3), normal(5, 3)),
    "log_cosh": ("LogCosh", {}, normal(5, 3), 30 * normal(5, 3)),
    "kld": ("KLDivergence", {}, simplex(5, 3), simplex(5, 3)),
    "kld_zeros": ("KLDivergence", {}, hot(5, classes=3), simplex(5, 3)),
    "poisson": ("Poisson", {}, integers(5, 3, high=4), uniform(5, 3)),
    "bce": ("BinaryCrossentropy", {}, integers(5, 3, high=2), uniform(5, 3)),
    "bce_edges": ("BinaryCrossentropy", {}, np.eye(3, dtype="f"), np.eye(3, dtype="f")),
    "bce_smooth": (
        "BinaryCrossentropy",
        {"label_smoothing": 0.2, "axis": 1},
        integers(5, 3, 2, high=2),
        uniform(5, 3, 2),
    ),
    "bce_logits": (
        "BinaryCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        integers(5, 3, high=2),
        normal(5, 3),
    ),
    "cce": ("CategoricalCrossentropy", {}, hot(5, classes=4), uniform(5, 4)),
    "cce_smooth": (
        "CategoricalCrossentropy",
        {"label_smoothing": 0.1},
        hot(5, 2, classes=4),
        simplex(5, 2, 4),
    ),
    "cce_logits": (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        simplex(5, 4),
        9 * normal(5, 4),
    ),
    "cce_axis": (
        "CategoricalCrossentropy",
        {"axis": 1},
        simplex(5, 4, 4),
        uniform(5, 4, 4),
    ),
    "sparse": (
        "SparseCategoricalCrossentropy",
        {},
        integers(5, high=4),
        uniform(5, 4),
    ),
    "sparse_column": (
        "SparseCategoricalCrossentropy",
        {},
        integers(5, 1, high=4).astype(np.float32),
        simplex(5, 4),
    ),
    "sparse_logits": (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        integers(5, 3, 1, high=4).astype(np.int64),
        normal(5, 3, 4),
    ),
    "sparse_bytes": (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        integers(5, high=4).astype(np.uint8),
        normal(5, 4),
    ),
    "sparse_ignore": (
        "SparseCategoricalCrossentropy",
        {"ignore_class": 2},
        np.array([[0, 1, 2], [2, 2, 0], [3, 1, 1]], np.int32),
        uniform(3, 3, 4),
    ),
    "sparse_ignore_none_of_them": (
        "SparseCategoricalCrossentropy",
        {"ignore_class": -1, "from_logits": True},
        np.array([[0], [-1], [3], [-1]], np.float32),
        normal(4, 4),
    ),
    "gce": (
        "CategoricalGeneralizedCrossEntropy",
        {},
        integers(5, high=4),
        simplex(5, 4),
    ),
    "gce_q": (
        "CategoricalGeneralizedCrossEntropy",
        {"q": 0.9},
        integers(5, high=4).astype(np.float32),
        simplex(5, 4),
    ),
    "bfce": ("BinaryFocalCrossentropy", {}, integers(5, 3, high=2), uniform(5, 3)),
    "bfce_balanced": (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, "axis": 1},
        integers(5, 3, high=2),
        uniform(5, 3),
    ),
    "bfce_logits": (
        "BinaryFocalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        integers(5, 3, high=2),
        normal(5, 3),
    ),
    "cfce": ("CategoricalFocalCrossentropy", {}, hot(5, classes=4), uniform(5, 4)),
    "cfce_logits": (
        "CategoricalFocalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "alpha": 0.5, "gamma": 3.0},
        hot(5, classes=4),
        normal(5, 4),
    ),
    "hinge": ("Hinge", {}, integers(5, 3, high=2), normal(5, 3)),
    "hinge_signs": ("Hinge", {}, np.sign(normal(5, 3)), normal(5, 3)),
    "hinge_other": ("Hinge", {}, normal(5, 3), normal(5, 3)),
    "squared_hinge": ("SquaredHinge", {}, integers(5, 3, high=2), normal(5, 3)),
    "categorical_hinge": ("CategoricalHinge", {}, hot(5, classes=4), normal(5, 4)),
    "dice": ("Dice", {}, integers(5, 4, 4, 1, high=2), uniform(5, 4, 4, 1)),
    "dice_axis": (
        "Dice",
        {"axis": (1, 2, 3)},
        integers(5, 4, 4, 1, high=2),
        uniform(5, 4, 4, 1),
    ),
    "tversky": ("Tversky", {}, integers(5, 4, 4, 1, high=2), uniform(5, 4, 4, 1)),
    "tversky_weighted": (
        "Tversky",
        {"alpha": 0.2, "beta": 0.7, "axis": (1, 2, 3)},
        integers(5, 4, 4, 1, high=2),
        uniform(5, 4, 4, 1),
    ),
    "circle": ("Circle", {}, np.array([0, 1, 0, 2, 1, 0], np.int32), unit(6, 4)),
    "circle_diagonal": (
        "Circle",
        {"remove_diagonal": False, "gamma": 2.0, "margin": 0.3},
        np.array([[0], [1], [0], [2], [1]], np.float32),
        unit(5, 4),
    ),
    "ctc": (
        "CTC",
        {},
        np.array([[1, 2, 2, 0], [3, 0, 0, 0], [4, 4, 4, 4], [0, 0, 0, 0]], np.int32),
        normal(4, 9, 5),
    ),
    "ctc_too_short": ("CTC", {}, np.array([[1, 1, 2]], np.int32), normal(1, 3, 4)),
}
NAMES = sorted({case[0] for case in CASES.values()})
FUNCTIONS = {name: getattr(losses, name)().fn.__name__ for name in NAMES}


def keras_says(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with np.errstate(all="ignore"):  # it divides by zero where a class is ignored
        return np.asarray(fn(*args, **kwargs))


def both(cls: str, **kwargs: Any) -> tuple[Any, Any]:
    """The loss of seqir and that of Keras."""
    return getattr(losses, cls)(**kwargs), getattr(keras.losses, cls)(**kwargs)
