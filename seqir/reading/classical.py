"""Nodes of ``ai.onnx.ml`` that are arithmetic: what scikit-learn's converters write."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import dtypes
from seqir.reading.registry import reads
from seqir.reading.take import Take

_ML = "ai.onnx.ml"


@reads("Scaler", domain=_ML)
def _scaler(take: Take) -> Any:
    """``(x - offset) * scale``, with a number for all features or for each."""
    x = _wide(take)
    offset, scale = (
        np.array(take.attribute(name, usual), np.float32)
        for name, usual in (("offset", (0.0,)), ("scale", (1.0,)))
    )
    return (x - offset) * scale


@reads("Normalizer", domain=_ML)
def _normalizer(take: Take) -> Any:
    """Rows over their length; those of nothing but zeros stay."""
    ops, x, kind = take.ops, _wide(take), take.attribute("norm", "MAX")
    if kind not in ("L1", "L2"):
        return None
    length = ops.norm(x, int(kind[1]), -1, keepdims=True)
    return x / ops.where(ops.equal(length, 0.0), ops.ones_like(length), length)


@reads("LinearRegressor", domain=_ML)
def _linear_regressor(take: Take) -> Any:
    """A product with the coefficients of each target, and its intercept."""
    if take.attribute("post_transform", "NONE") != "NONE":
        return None
    x, targets = _wide(take), take.attribute("targets", 1)
    factors = np.array(take.attribute("coefficients", ()), np.float32)
    y = take.ops.matmul(x, factors.reshape(targets, -1).T)
    intercepts = take.attribute("intercepts", None)
    return y if intercepts is None else y + np.array(intercepts, np.float32)


@reads("Binarizer", domain=_ML)
def _binarizer(take: Take) -> Any:
    x = take.x()
    limit = np.array(take.attribute("threshold", 0.0), dtypes.to_numpy(x.dtype))
    return take.ops.cast(take.ops.greater(x, limit), x.dtype)


@reads("ArrayFeatureExtractor", domain=_ML)
def _features(take: Take) -> Any:
    x, ops = take.x(0), take.ops
    if x.ndim < 2:
        return None
    return ops.take(x, ops.reshape(take.x(1), (-1,)), x.ndim - 1)


@reads("Imputer", domain=_ML)
def _imputer(take: Take) -> Any:
    """Numbers in the place of those that are missing."""
    x, ops, values = take.x(), take.ops, take.attribute("imputed_value_floats", None)
    if values is None or x.dtype != "float32":
        return None
    missing = take.attribute("replaced_value_float", 0.0)
    gone = ops.isnan(x) if np.isnan(missing) else ops.equal(x, np.float32(missing))
    return ops.where(gone, np.array(values, np.float32), x)


@reads("OneHotEncoder", domain=_ML)
def _one_hot_encoder(take: Take) -> Any:
    """1 for the category that a number is, along a new last axis."""
    x, known = take.x(), take.attribute("cats_int64s", None)
    if (
        known is None
        or not dtypes.is_integer(x.dtype)
        or not take.attribute("zeros", 1)
    ):
        return None
    wide = take.ops.expand_dims(take.ops.cast(x, "int64"), -1)
    return take.ops.cast(take.ops.equal(wide, np.array(known, np.int64)), "float32")


def _wide(take: Take) -> Any:
    return take.ops.cast(take.x(), "float32")
