"""Losses, metrics, targets and weights of models whose outputs are nested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.errors import ArgumentError

R = np.random.default_rng(4)
X = R.normal(size=(8, 3)).astype(np.float32)
Y = [R.normal(size=(8, n)).astype(np.float32) for n in (1, 2, 3)]
W = [R.uniform(0.5, 2.0, 8).astype(np.float32) for _ in range(3)]

Shape = Callable[[Any, Any, Any], Any]

STRUCTURES: dict[str, tuple[Shape, list[str], list[str]]] = {
    # the structure; Keras 3.15's names of the losses, and what metrics begin with
    "list in dict": (lambda a, b, c: {"p": a, "q": [b, c]}, ["p", "q/B", "q/C"], []),
    "dict in dict": (
        lambda a, b, c: {"z": {"p": a, "q": b}, "k": c},
        ["z/p", "z/q", "k"],
        [],
    ),
    "dicts in list": (
        lambda a, b, c: [{"p": a}, {"q": b, "r": c}],
        ["0/p", "1/q", "1/r"],
        [],
    ),
    "list in list": (lambda a, b, c: [a, [b, c]], ["A", "1/B", "1/C"], []),
    "tuple in tuple": (lambda a, b, c: ((a, b), c), ["0/A", "0/B", "C"], []),
    "deep": (
        lambda a, b, c: {"k": [[{"u": a}], (b, c)]},
        ["k/0/0/u", "k/1/B", "k/1/C"],
        [],
    ),
    "dict": (
        lambda a, b, c: {"p": a, "q": b, "r": c},
        ["p", "q", "r"],
        ["p", "q", "r"],
    ),
    "list": (lambda a, b, c: [a, b, c], ["A", "B", "C"], []),
}


def model_of(structure: Shape) -> Any:
    x = seqir.Input((3,))
    heads = [
        layers.Dense(n, kernel_initializer="ones", name=name)(x)
        for n, name in enumerate("ABC", 1)
    ]
    return seqir.Model(x, structure(*heads))


def mse(i: int, weight: Any = None) -> float:
    """The mean squared error of output i, whose kernel is ones."""
    rows = np.square(X.sum(1, keepdims=True) - Y[i]).mean(1)
    return float((rows if weight is None else rows * weight).mean())


def mae(i: int, weight: Any = None) -> float:
    rows = np.abs(X.sum(1, keepdims=True) - Y[i]).mean(1)
    return float((rows if weight is None else rows * weight).mean())


@pytest.mark.parametrize("case", STRUCTURES)
def test_everything_in_the_structure_of_the_outputs(case: str) -> None:
    of, paths, labels = STRUCTURES[case]
    model = model_of(of)
    model.compile(
        "sgd",
        loss=of("mse", "mae", "mse"),
        loss_weights=of(1.0, 2.0, 3.0),
        metrics=of(["mae"], ["mse"], ["mae", "mse"]),
        weighted_metrics=of("mse", None, "mse"),
    )
    found = model.evaluate(X, of(*Y), sample_weight=of(*W), verbose=0, return_dict=True)
    parts = mse(0, W[0]), mae(1, W[1]), mse(2, W[2])
    a, b, c = labels or "ABC"
    mean = [mse(0, W[0]) / W[0].mean(), mse(2, W[2]) / W[2].mean()]
    wanted = {"loss": parts[0] + 2 * parts[1] + 3 * parts[2]}
    wanted |= {f"{p}_loss": v for p, v in zip(paths, parts, strict=True)}
    wanted |= {f"{a}_mae": mae(0), f"{b}_mse": mse(1), f"{c}_mae": mae(2)}
    wanted |= {f"{c}_mse": mse(2), f"{a}_mse": mean[0]}
    wanted |= {f"{c}_weighted_mse": mean[1]}
    assert found == pytest.approx(wanted, rel=1e-5)
    fitted = model.fit(X, of(*Y), sample_weight=of(*W), verbose=0).history
    assert {n: v[0] for n, v in fitted.items()} == pytest.approx(wanted, rel=1e-5)
    batch = model.train_on_batch(X, of(*Y), of(*W), return_dict=True)
    assert batch.keys() == wanted.keys()
    assert batch["loss"] < wanted["loss"]
    assert type(model.predict(X, verbose=0)) is type(of(0, 0, 0))


@pytest.mark.parametrize("case", STRUCTURES)
@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 3.0]])
def test_flat_lists_in_the_order_of_the_outputs(case: str, weights: Any) -> None:
    of, *_ = STRUCTURES[case]
    order = [place for place in seqir.nest.flatten(of(0, 1, 2))]
    model = model_of(of)
    kinds = ["mse", "mae", "mse"]
    model.compile("sgd", loss=kinds, loss_weights=weights)
    values = [
        mae(p) if k == "mae" else mse(p) for p, k in zip(order, kinds, strict=True)
    ]
    wanted = np.dot(values, weights or [1, 1, 1])
    found = model.evaluate(X, of(*Y), verbose=0)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5)


def test_one_loss_and_one_weight_for_all_nested_outputs() -> None:
    model = model_of(STRUCTURES["list in dict"][0])
    model.compile("sgd", "mse")
    y = {"p": Y[0], "q": (Y[1], Y[2])}
    found = model.evaluate(X, y, sample_weight=W[0], verbose=0)
    np.testing.assert_allclose(found[0], sum(mse(i, W[0]) for i in range(3)), rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "weights", "y", "wanted"),
    [
        ({"q": [None, "mse"]}, [None, 2.0], {"q": [None, Y[2]]}, 2 * mse(2)),
        ({"p": "mse"}, [2.0], {"p": Y[0]}, 2 * mse(0)),
        ({"p": "mse"}, {"p": 2.0}, Y[0], 2 * mse(0)),
        ({"p": "mse", "q": ["mae", None]}, None, [Y[0], Y[1]], mse(0) + mae(1)),
        ([None, "mae", None], None, Y[1], mae(1)),
    ],
)
def test_losses_of_some_outputs(loss: Any, weights: Any, y: Any, wanted: float) -> None:
    model = model_of(STRUCTURES["list in dict"][0])
    model.compile("sgd", loss, loss_weights=weights)
    found = model.evaluate(X, y, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(wanted, rel=1e-5)


def test_one_output_inside_of_structures() -> None:
    x = seqir.Input((3,))
    head = layers.Dense(1, kernel_initializer="ones", name="A")(x)
    model = seqir.Model(x, {"p": [head]})
    model.compile("sgd", loss={"p": ["mse"]}, metrics={"p": [["mae"]]})
    found = model.evaluate(X, {"p": [Y[0]]}, verbose=0, return_dict=True)
    assert found == pytest.approx({"loss": mse(0), "mae": mae(0)}, rel=1e-5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"loss": {"p": "mse", "q": "mae"}}, r"loss\['q'\] .* list of 2, got 'mae' a"),
        ({"loss": {"p": "mse", "q": ["mae"]}}, r"loss\['q'\] .* got a list of 1"),
        (
            {"loss": {"p": "mse", "s": "mae"}},
            "loss must .* got a dict of 'p', 's'",
        ),
        ({"loss": {"o": "mse"}}, "loss names the output 'o', the model has 'p', 'q'"),
        (
            {"loss": "mse", "metrics": {"q": {"B": "mae"}}},
            r"metrics\['q'\] .* got a dict of 'B'",
        ),
        ({"loss": "mse", "loss_weights": {"q": 2.0}}, r"loss_weights\['q'\] .* float"),
    ],
)
def test_another_structure_is_refused(given: dict[str, Any], words: str) -> None:
    model = model_of(STRUCTURES["list in dict"][0])
    model.compile("sgd", **given)
    with pytest.raises(ArgumentError, match=words):
        model.evaluate(X, {"p": Y[0], "q": [Y[1], Y[2]]}, verbose=0)


def test_targets_of_another_structure_are_refused() -> None:
    model = model_of(STRUCTURES["list in dict"][0])
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match=r"y\['q'\] must have the structure of the"):
        model.evaluate(X, {"p": Y[0], "q": Y[1]}, verbose=0)


def test_class_weights_are_for_one_array_of_targets() -> None:
    model = model_of(STRUCTURES["list in dict"][0])
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match="class_weight needs one array of labels"):
        model.fit(X, {"p": Y[0], "q": [Y[1], Y[2]]}, class_weight={0: 1.0}, verbose=0)
