"""``seqir.wrappers``: models as estimators of scikit-learn, in its pipelines."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias

import numpy as np

from seqir.errors import ArgumentError, GraphError, MissingPackageError
from seqir.ir import Array
from seqir.model import Model
from seqir.model.cloning import clone_model


def _part(name: str) -> Any:
    """A module of scikit-learn. Raises: MissingPackageError if there is none."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            "seqir.wrappers needs scikit-learn, which is not installed: "
            "pip install scikit-learn"
        ) from error


Data: TypeAlias = Any
"""What scikit-learn makes an array of."""
Tags: TypeAlias = Any
"""What scikit-learn knows of an estimator."""
_base = _part("sklearn.base")
_validation = _part("sklearn.utils.validation")


class _Estimator(_base.BaseEstimator):
    """A model with the methods of scikit-learn.

    Attributes:
        model_: the model that was trained.
        history_: what its `fit` has reported.
    """

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: Mapping[str, object] | None = None,
        fit_kwargs: Mapping[str, object] | None = None,
    ) -> None:
        # scikit-learn wants arguments as they came.
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_clone__(self) -> Self:
        model = (
            copy.deepcopy(self.model) if isinstance(self.model, Model) else self.model
        )
        return type(self)(model, self.warm_start, self.model_kwargs, self.fit_kwargs)

    def __sklearn_tags__(self) -> Tags:
        above: Any = super()
        tags = above.__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    @property
    def epoch_(self) -> int:
        """How many epochs the last `fit` took."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def fit(self, X: Data, y: Data, **kwargs: object) -> Self:  # noqa: N803
        """Train a copy of the model, or with `warm_start` the model itself.

        `kwargs` go to `Model.fit`, before those of `fit_kwargs`.

        Raises: ArgumentError for a `model` that is none, GraphError for one that is not
            compiled; ValueError of scikit-learn for X and y.
        """
        rows, answers = self._validated(X, y, multi_output=True)
        targets = self._targets(answers)
        model = self._made(rows, targets)
        options: Any = {**(self.fit_kwargs or {}), **kwargs}
        self.history_ = model.fit(rows, targets, **options)
        self.model_ = model
        return self

    def predict(self, X: Data) -> Array:  # noqa: N803
        """Predictions, in the form of the targets."""
        return self._answers(self._outputs(X))

    def _outputs(self, X: Data) -> Array:  # noqa: N803
        _validation.check_is_fitted(self)
        return self.model_.predict(self._validated(X, reset=False), verbose=0)

    def _validated(self, *args: Data, **kwargs: bool) -> Data:
        if hasattr(_validation, "validate_data"):
            return _validation.validate_data(self, *args, **kwargs)
        return self._validate_data(*args, **kwargs)  # before scikit-learn 1.6

    def _made(self, X: Array, y: Array) -> Model:  # noqa: N803
        """The model that is to be trained."""
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            found = self.model if self.warm_start else clone_model(self.model)
        elif callable(self.model):
            found = self.model(X=X, y=y, **(self.model_kwargs or {}))
        else:
            found = self.model
        name = type(self).__name__
        if not isinstance(found, Model):
            raise ArgumentError(
                f"{name} takes a model, or a function model(X, y) that makes one, got "
                f"{found!r}"
            )
        if not found.compiled or found.loss is None or found.optimizer is None:
            raise GraphError(
                f"the model {found.name!r} of {name} has no loss or optimizer: compile "
                "it with both before"
            )
        return found

    def _targets(self, y: Array) -> Array:
        """The targets as the model learns them: rows."""
        self._ndim = y.ndim
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _answers(self, outputs: Array) -> Array:
        """What the model says, in the form of the targets."""
        single = self._ndim == 1 and outputs.ndim == 2
        return np.squeeze(outputs, 1) if single else outputs


class SKLearnClassifier(_base.ClassifierMixin, _Estimator):
    """A classifier of scikit-learn: `model` learns rows with a 1 for the class.

    Source: ``keras.wrappers.SKLearnClassifier``.
    """

    def decision_function(self, X: Data) -> Array:  # noqa: N803
        """What the model says of each class."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Tags:
        above: Any = super()
        tags = above.__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags

    def _targets(self, y: Array) -> Array:
        kind = _part("sklearn.utils.multiclass").type_of_target(y)
        if kind not in ("binary", "multiclass"):
            raise ArgumentError(
                "Only binary and multiclass target types are supported. "
                f"Target type: {kind}"
            )
        if y.ndim == 2:
            y = _validation.column_or_1d(y, warn=True)
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ArgumentError(
                "Classifier can't train when only one class is present: all targets "
                f"are {self.classes_[0]!r}"
            )
        return np.eye(len(self.classes_))[places]

    def _answers(self, outputs: Array) -> Array:
        return self.classes_[np.argmax(outputs, axis=1)]


class SKLearnRegressor(_base.RegressorMixin, _Estimator):
    """A regressor of scikit-learn. Source: ``keras.wrappers.SKLearnRegressor``."""

    def __sklearn_tags__(self) -> Tags:
        above: Any = super()
        tags = above.__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(_base.TransformerMixin, _Estimator):
    """A step of a pipeline whose model says what comes out.

    Source: ``keras.wrappers.SKLearnTransformer``.
    """

    def transform(self, X: Data) -> Array:  # noqa: N803
        """What the model makes of X."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Tags:
        above: Any = super()
        tags = above.__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
