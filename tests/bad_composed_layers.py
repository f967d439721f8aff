"""Wrong uses of layers that are made of others: wrappers, attention, core."""

from collections.abc import Callable
from typing import Any

import numpy as np

from seqir import layers as k
from seqir.errors import ArgumentError, ShapeError

Case = tuple[str, Callable[[], Any], type[Exception], str]


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


WRAPPERS: list[Case] = [
    ("no layer to distribute", lambda: k.TimeDistributed("dense"), ArgumentError,
     "initialize `TimeDistributed` layer with a `keras.layers.Layer` instance"),
    ("class in place of a layer", lambda: k.Wrapper(k.Dense), ArgumentError,
     "initialize `Wrapper` layer .* Received: <class"),
    ("no steps", lambda: k.TimeDistributed(k.Dense(2))(ones(2, 3)), ShapeError,
     r"with at least 3 dimensions, received: \(2, 3\)"),
    ("mask of one axis",
     lambda: k.TimeDistributed(k.Dense(2))(ones(2, 3, 4), mask=ones(3)), ShapeError,
     r"at least 2D .* has 1 dimension\(s\) with shape \(3,\)"),
    ("mask of other steps",
     lambda: k.TimeDistributed(k.Dense(2))(ones(2, 3, 4), mask=ones(2, 4)), ShapeError,
     r"shape \(2, 4\) that is incompatible .* prefix: \(2, 3\)"),
]  # fmt: skip

CASES = [*WRAPPERS]
