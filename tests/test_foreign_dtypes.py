"""Element types of TensorFlow and PyTorch as `dtype`, by what they offer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import seqir as keras
from seqir import layers, ops
from seqir.errors import DTypeError


class OfTensorFlow:
    """What ``tf.float16`` offers."""

    name = "float16"
    as_numpy_dtype = np.float16


class OfTorch:
    """What ``torch.float16`` offers."""

    def __init__(self, name: str = "float16") -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"torch.{self._name}"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    keras.config.set_floatx("float32")
    keras.mixed_precision.set_global_policy("float32")


X = np.ones((2, 2, 3), np.float32)


@pytest.mark.parametrize("dtype", [OfTensorFlow(), OfTorch(), "torch.float16"])
@pytest.mark.parametrize(
    "found",
    [
        lambda dtype: ops.cast(X, dtype).dtype,
        lambda dtype: ops.zeros((2,), dtype=dtype).dtype,
        lambda dtype: ops.convert_to_tensor([1.0], dtype=dtype).dtype,
        lambda dtype: X.dtype if dtype is None else ops.ones_like(X, dtype).dtype,
        lambda dtype: keras.Input((2,), dtype=dtype).dtype,
        lambda dtype: layers.Dense(2, dtype=dtype).compute_dtype,
        lambda dtype: keras.Variable([1.0], dtype=dtype).dtype,
        lambda dtype: keras.initializers.Zeros()((2,), dtype=dtype).dtype,
        lambda dtype: keras.losses.MeanSquaredError(dtype=dtype).dtype,
        lambda dtype: keras.metrics.Mean(dtype=dtype).dtype,
        lambda dtype: keras.random.normal((2,), dtype=dtype).dtype,
        lambda dtype: keras.backend.standardize_dtype(dtype),
        lambda dtype: keras.utils.pad_sequences([[1]], dtype=dtype).dtype,
        lambda dtype: keras.utils.img_to_array(X, dtype=dtype).dtype,
        lambda dtype: keras.config.set_floatx(dtype) or keras.config.floatx(),
        lambda dtype: (
            keras.mixed_precision.set_global_policy(dtype)
            or layers.Dense(2).compute_dtype
        ),
    ],
)
def test_types_of_other_libraries(found: Callable[[Any], Any], dtype: Any) -> None:
    assert found(dtype) == "float16"


def test_types_that_seqir_has_not() -> None:
    with pytest.raises(DTypeError, match="'qint8' is not an element type of seqir"):
        ops.cast(X, OfTorch("qint8"))
