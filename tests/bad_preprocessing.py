"""Wrong uses of layers that prepare data: what is raised, and what it says."""

from collections.abc import Callable
from typing import Any

import numpy as np

from seqir import layers as k
from seqir.errors import ArgumentError, NotBuiltError, UnsupportedError

Case = tuple[str, Callable[[], Any], type[Exception], str]

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)

CATEGORIES: list[Case] = [
    ("bins of nothing", lambda: k.Discretization(), ArgumentError,
     "takes bin_boundaries, or num_bins to find them by adapt"),
    ("bins twice", lambda: k.Discretization([1.0], 2), ArgumentError,
     r"bin_boundaries=\[1.0\] and num_bins=2"),
    ("no bins", lambda: k.Discretization(num_bins=0), ArgumentError,
     "num_bins must be an integer >= 1, got 0"),
    ("exact bins", lambda: k.Discretization(num_bins=2, epsilon=0), ArgumentError,
     "epsilon must be"),
    ("unordered bins", lambda: k.Discretization([1.0, 0.0, 2.0]), ArgumentError,
     r"bin_boundaries must be numbers in their order, got \[1.0, 0.0, 2.0\]"),
    ("bins of text", lambda: k.Discretization(["a"]), ArgumentError,
     "numbers in their order"),
    ("mode of bins", lambda: k.Discretization([1.0], output_mode="ints"),
     ArgumentError, "output_mode must be 'int', .*Did you mean 'int'"),
    ("sparse bins", lambda: k.Discretization([1.0], sparse=True), UnsupportedError,
     "dense tensors: leave sparse=False"),
    ("unknown bins", lambda: k.Discretization(num_bins=2, name="d")(ROWS),
     NotBuiltError, "layer 'd' does not know its bins: call adapt"),
    ("adapt given bins", lambda: k.Discretization([1.0], name="d").adapt(ROWS),
     ArgumentError, "layer 'd' was given bin_boundaries"),
    ("bins of no data", lambda: k.Discretization(num_bins=2, name="d").adapt([]),
     ArgumentError, "adapt of layer 'd' got no data"),
    ("bins of a number", lambda: k.Discretization(num_bins=2, name="d").adapt(5),
     ArgumentError, "array or an iterable of batches, got 5"),
    ("how many categories", lambda: k.CategoryEncoding(), ArgumentError,
     "needs num_tokens, how many categories there are"),
    ("no categories", lambda: k.CategoryEncoding(0), ArgumentError,
     "num_tokens must be"),
    ("mode of categories", lambda: k.CategoryEncoding(3, "int"), ArgumentError,
     "output_mode must be 'one_hot', 'multi_hot' or 'count'"),
    ("weights of no counts",
     lambda: k.CategoryEncoding(3, name="c")([1], count_weights=np.ones(1)),
     ArgumentError, "layer 'c' takes count_weights with output_mode='count', it has"),
]  # fmt: skip

CASES = CATEGORIES
