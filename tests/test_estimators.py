"""Models as estimators of scikit-learn."""

import sys
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import seqir
from seqir import layers
from seqir.errors import ArgumentError, GraphError, MissingPackageError
from seqir.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
FIT = {"epochs": 30, "verbose": 0, "batch_size": 32}


def network(X: Any, y: Any, units: int = 16, last: str | None = "softmax") -> Any:  # noqa: N803
    model = seqir.Sequential(
        [
            seqir.Input(X.shape[1:]),
            layers.Dense(units, "relu"),
            layers.Dense(y.shape[1], last),
        ]
    )
    loss = "mse" if last is None else "categorical_crossentropy"
    model.compile(seqir.optimizers.Adam(0.05), loss)
    return model


def test_a_classifier_in_a_pipeline() -> None:
    seqir.utils.set_random_seed(0)
    found = make_pipeline(StandardScaler(), SKLearnClassifier(network, fit_kwargs=FIT))
    found.fit(X, NAMES)
    assert found.score(X, NAMES) > 0.9
    last = found[-1]
    assert last.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert found.decision_function(X[:5]).shape == (5, 3)
    assert (last.n_features_in_, last.epoch_) == (4, 30)  # pyright: ignore[reportAttributeAccessIssue]
    assert len(last.history_.history["loss"]) == 30  # pyright: ignore[reportAttributeAccessIssue]


def test_models_are_searched_and_scored() -> None:
    seqir.utils.set_random_seed(0)
    scaled = StandardScaler().fit_transform(X)
    estimator = SKLearnClassifier(network, fit_kwargs=FIT)
    assert cross_val_score(estimator, scaled, Y, cv=3).mean() > 0.8
    choices = {"model_kwargs": [{"units": 2}, {"units": 16}]}
    grid = GridSearchCV(estimator, choices, cv=2).fit(scaled, Y)
    assert grid.best_params_["model_kwargs"]["units"] in (2, 16)
    copied = clone(estimator)
    assert copied.get_params()["fit_kwargs"] == FIT  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(copied, "model_")


@pytest.mark.parametrize("several", [False, True])
def test_a_regressor_answers_as_it_was_taught(several: bool) -> None:
    data, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    y = np.stack((y, -y), 1) if several else y
    seqir.utils.set_random_seed(0)
    model = network(data, np.zeros((1, y.ndim)), last=None)
    found = SKLearnRegressor(model, fit_kwargs={"epochs": 20, "verbose": 0})
    before = model.get_weights()
    assert found.fit(data, y).score(data, y) > 0.3
    assert found.predict(data).shape == y.shape
    assert all(map(np.array_equal, model.get_weights(), before))
    warm = SKLearnRegressor(model, warm_start=True)
    first = warm.fit(data, y, epochs=2, verbose=0).history_.history["loss"]
    second = warm.fit(data, y, epochs=2, verbose=0).history_.history["loss"]
    assert warm.model_ is model
    assert second[-1] < first[0]


def test_a_transformer_is_a_step() -> None:
    found = SKLearnTransformer(network, fit_kwargs={"verbose": 0})
    rows = np.eye(3)[Y]
    assert found.fit_transform(X, rows).shape == (150, 3)
    assert make_pipeline(found, StandardScaler()).fit(X, rows).transform(X).any()


def test_wrong_uses_say_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = seqir.Sequential([seqir.Input((4,)), layers.Dense(3)], name="plain")
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: SKLearnRegressor(plain).fit(X, Y), GraphError,
         "the model 'plain' of SKLearnRegressor has no loss or optimizer: compile"),
        (lambda: SKLearnRegressor("mlp").fit(X, Y), ArgumentError,
         "SKLearnRegressor takes a model, or a function model.X, y. that makes one"),
        (lambda: SKLearnClassifier(network).fit(X, X[:, 0] + 0.5), ArgumentError,
         "Only binary and multiclass target types are supported. Target type: cont"),
        (lambda: SKLearnClassifier(network).fit(X, Y * 0), ArgumentError,
         "Classifier can't train when only one class is present: all targets are"),
        (lambda: SKLearnClassifier(network).predict(X), ValueError, "not fitted yet"),
    ]  # fmt: skip
    for use, error, text in cases:
        with pytest.raises(error, match=text):
            use()
    monkeypatch.delitem(sys.modules, "seqir.wrappers")
    monkeypatch.delattr(seqir, "wrappers")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(
        MissingPackageError, match="needs scikit-learn, which is not in"
    ):
        _ = seqir.wrappers
