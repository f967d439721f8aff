"""Sizes in a vector that a graph computes are sizes again in a shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, ops
from seqir.errors import ShapeError

X = np.arange(1, 13, dtype=np.float32).reshape(3, 4)


class Calls(layers.Layer):
    """What a function makes of x."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


def repeats(batch: Any) -> Any:
    """[batch, 1, 2], written as programs for other backends do."""
    ends = ops.convert_to_tensor([1, 2])
    return ops.concatenate([ops.expand_dims(batch, -1), ends], 0)


FOLLOWED: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...], Any]] = {
    "tile": (
        lambda x: ops.tile(ops.ones((1, 2, 3)), repeats(ops.shape(x)[0])),
        (None, 2, 6),
        np.ones((3, 2, 6)),
    ),
    "zeros": (
        lambda x: ops.zeros(ops.stack([ops.shape(x)[0] * 2, 5])),
        (None, 5),
        np.zeros((6, 5)),
    ),
    "a part of a shape, in int64": (
        lambda x: ops.ones(
            ops.cast(ops.convert_to_tensor(ops.shape(x)), "int64")[::-1]
        ),
        (4, None),
        np.ones((4, 3)),
    ),
    "a product": (
        lambda x: ops.reshape(x, ops.prod(ops.stack([*ops.shape(x)]), keepdims=True)),
        (None,),
        X.ravel(),
    ),
    "reshape": (
        lambda x: ops.reshape(x, ops.stack([ops.shape(x)[0], 2, -1])),
        (None, 2, 2),
        X.reshape(3, 2, 2),
    ),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_sizes_are_followed_through_vectors(name: str) -> None:
    function, shape, expected = FOLLOWED[name]
    x = seqir.Input((4,))
    y = Calls(function)(x)
    assert y.shape == shape
    np.testing.assert_array_equal(seqir.Model(x, y).predict(X, verbose=0), expected)


def test_numbers_that_the_data_say_are_computed_sizes() -> None:
    def cut(x: Any) -> Any:
        most = ops.cast(ops.max(x), "int32")
        return ops.tile(ops.ones((1, 2)), ops.stack([most, ops.shape(x)[0]]))

    x = seqir.Input((4,))
    y = Calls(cut)(x)
    assert y.shape == (None, None)
    assert seqir.Model(x, y).predict(X, verbose=0).shape == (12, 6)


def test_one_computed_number_repeats() -> None:
    x = seqir.Input((4,))
    y = Calls(lambda x: ops.repeat(x, ops.cast(ops.min(x) + 1, "int32"), 0))(x)
    found = seqir.Model(x, y).predict(X, verbose=0)
    np.testing.assert_array_equal(found, np.repeat(X, 2, 0))


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda x: ops.zeros(x[0]), "must be integers, and .* got <Traced f32"),
        (lambda x: ops.zeros(ops.cast(x[:, 0], "int32")), "got <Traced i32.batch"),
        (
            lambda x: ops.repeat(x, ops.stack([1, 2, 3, ops.shape(x)[0]]), 1),
            "repeat needs numbers of times that are known before the run",
        ),
    ],
)
def test_what_is_no_vector_of_sizes_is_refused(function: Any, match: str) -> None:
    with pytest.raises(ShapeError, match=match):
        Calls(function)(seqir.Input((4,)))
