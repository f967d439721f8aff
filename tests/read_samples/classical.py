"""Nodes of converters of scikit-learn's models."""

from typing import Any

import numpy as np

from tests.read_samples.sample import integers, node

_ML: Any = {"domain": "ai.onnx.ml"}
_HOLES = np.array([[1, np.nan, 3], [np.nan, 5, 6]], np.float32)

SAMPLES = [
    node("Scaler", [3, 4], offset=[0.1, 0.2, 0.3, 0.4], scale=[1.0, 2.0, 3.0, 4.0],
         smooth=True, **_ML),
    node("Scaler", integers([1, 2], [3, 4]), offset=[0.5], scale=[2.0], **_ML),
    node("Normalizer", [3, 4], norm="L1", smooth=True, **_ML),
    node("Normalizer", [3, 4], norm="L2", smooth=True, **_ML),
    node("LinearRegressor", [3, 2], coefficients=[1.0, 2.0, 3.0, 4.0], targets=2,
         intercepts=[0.5, -1.0], smooth=True, **_ML),
    node("LinearRegressor", [3, 2], coefficients=[1.0, 2.0], **_ML),
    node("Binarizer", [3, 4], threshold=0.2, **_ML),
    node("ArrayFeatureExtractor", [3, 4], integers(3, 0), **_ML),
    node("Imputer", _HOLES, imputed_value_floats=[7.0, 8.0, 9.0],
         replaced_value_float=float("nan"), **_ML),
    node("OneHotEncoder", integers(3, 7, 5), cats_int64s=[5, 3], **_ML),
]  # fmt: skip
