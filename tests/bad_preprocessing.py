"""Wrong uses of layers that prepare data: what is raised, and what it says."""

import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import seqir
from seqir import layers as k
from seqir.errors import (
    ArgumentError,
    DTypeError,
    NotBuiltError,
    ShapeError,
    UnsupportedError,
)

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


def words(**given: Any) -> Any:
    return k.StringLookup(name="w", **given)


def texts(**given: Any) -> Any:
    return k.TextVectorization(name="t", **given)


def export(layer: Any, opset: int | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        x = seqir.Input((1,), dtype="string")
        seqir.Model(x, layer(x)).export(f"{folder}/m.onnx", opset=opset)


def behind_a_network() -> None:
    """A hash of what a training changes, which no file and no session has."""
    x = seqir.Input((2,))
    y = k.Hashing(3)(k.Dense(2)(x))
    model = seqir.Model(x, k.Embedding(3, 1)(y))
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the first weights have no gradient
        model.fit(np.ones((1, 2)), np.ones((1, 2, 1)), verbose=0)


ONE = np.array(["a"])
LOOKUPS: list[Case] = [
    ("a known word's place alone", lambda: words(vocabulary=["b"], num_oov_indices=0)(
     ONE), ArgumentError, r"\['a'\] are not in a vocabulary that has no place for"),
    ("no words", lambda: words(vocabulary=[]), ArgumentError,
     "the vocabulary of layer 'w' is empty"),
    ("words twice", lambda: words(vocabulary=["a", "a"]), ArgumentError,
     r"has words twice: \['a'\]"),
    ("a mask among words", lambda: words(vocabulary=["a", ""], mask_token=""),
     ArgumentError, "'' is special in layer 'w', and stands at place 1"),
    ("too many words", lambda: words(vocabulary=["a", "b"], max_tokens=2),
     ArgumentError, "max_tokens=2, and its vocabulary 3 places"),
    ("room for a word", lambda: words(max_tokens=1), ArgumentError, "max_tokens must"),
    ("padding without a size", lambda: words(pad_to_max_tokens=True), ArgumentError,
     "pads to max_tokens: say how many there are"),
    ("no such file", lambda: words(vocabulary="no/words.txt"), ArgumentError,
     "the file 'no/words.txt', which cannot be read"),
    ("a file without weights", lambda: words(vocabulary="words.txt", idf_weights=[1.0],
     output_mode="tf_idf"), ArgumentError, "needs a weight for each word"),
    ("words without weights", lambda: words(vocabulary=["a"], output_mode="tf_idf"),
     ArgumentError, "idf_weights belong to 'tf_idf'"),
    ("weights of counts", lambda: words(vocabulary=["a"], idf_weights=[1.0]),
     ArgumentError, "has output_mode='int': idf_weights belong to"),
    ("weights alone", lambda: words(idf_weights=[1.0], output_mode="tf_idf"),
     ArgumentError, "idf_weights belong to a vocabulary"),
    ("too few weights", lambda: words(vocabulary=["a", "b"], idf_weights=[1.0],
     output_mode="tf_idf"), ArgumentError, "each of the 2 words"),
    ("words that are numbers", lambda: words(vocabulary=[1, 2]), DTypeError,
     "has a vocabulary of text, got"),
    ("numbers that are words", lambda: k.IntegerLookup(vocabulary=["a"]), DTypeError,
     "has a vocabulary of integers, got"),
    ("words of an inverted count", lambda: words(invert=True, output_mode="count"),
     ArgumentError, "an inverted lookup gives words"),
    ("a mask of another type", lambda: words(mask_token=3), ArgumentError,
     "mask_token must be text or None, got 3"),
    ("salt of a remainder", lambda: k.IntegerLookup(salt=3), ArgumentError,
     "salt is for hashes"),
    ("too much salt", lambda: k.Hashing(3, salt=[1, 2, 3]), ArgumentError,
     r"salt is one integer or two, got \[1, 2, 3\]"),
    ("narrow words", lambda: k.IntegerLookup(vocabulary_dtype="int32"), ArgumentError,
     "vocabulary_dtype must be 'int64'"),
    ("adapt given words", lambda: words(vocabulary=["a"]).adapt(ONE), ArgumentError,
     "layer 'w' was given its vocabulary"),
    ("words of no data", lambda: words().adapt([]), ArgumentError, "got no data"),
    ("unknown words", lambda: words(output_mode="count")(ONE), NotBuiltError,
     "layer 'w' does not know its vocabulary: call adapt"),
    ("a lookup of numbers", lambda: words()(np.ones(2)), DTypeError,
     "lookup takes string, got f32"),
    ("bytes of another encoding", lambda: words()(np.array([b"\xff"])), DTypeError,
     "text in UTF-8, which b'\\\\xff' is not"),
    ("a mask of text for numbers", lambda: k.Hashing(3, mask_value=1, name="h")(ONE),
     ArgumentError, "layer 'h' hashes text, its mask_value is 1"),
    ("a cross of one", lambda: k.HashedCrossing(3, name="c")([ONE]), ArgumentError,
     "layer 'c' crosses a list of at least two features"),
    ("a cross of rows", lambda: k.HashedCrossing(3, name="c")([ONE, np.ones((2, 3))]),
     ShapeError, r"crosses features of one shape, \(batch,\) or"),
    ("a cross of fractions", lambda: k.HashedCrossing(3, name="c")([ONE, np.ones(1)]),
     DTypeError, "layer 'c' crosses integers and text, got float64"),
    ("a hash behind a network", behind_a_network, UnsupportedError,
     "is computed in Python, and only from what enters a model"),
]  # fmt: skip

TEXTS: list[Case] = [
    ("ragged words", lambda: texts(ragged=True), UnsupportedError,
     "dense tensors: leave ragged=False"),
    ("an unknown standard", lambda: texts(standardize="upper"), ArgumentError,
     "standardize must be"),
    ("an unknown split", lambda: texts(split="word"), ArgumentError, "split must be"),
    ("a length of counts", lambda: texts(output_mode="count", output_sequence_length=2),
     ArgumentError, "output_sequence_length is for output_mode='int'"),
    ("several texts", lambda: texts(vocabulary=["a"])(np.array([["a", "b"]])),
     ShapeError, "layer 't' takes texts of the shape"),
    ("numbers as texts", lambda: texts(standardize=len)(ONE), ArgumentError,
     "standardize gives an array of texts"),
    ("numbers as words", lambda: texts(split=lambda x: [[1.5]])(ONE), ArgumentError,
     "split gives words for each text"),
    ("an early opset", lambda: export(texts(vocabulary=["a"]), 17), ArgumentError,
     "opset 17 has no operators for .*: use opset=20"),
    ("text for a number", lambda: seqir.Sequential([seqir.Input((1,)), k.Dense(1)])(
     np.array([["a"]])), DTypeError, "takes float32, got text: make the Input with"),
    ("a number for text", lambda: seqir.Sequential([seqir.Input((1,), dtype="string"),
     texts(vocabulary=["a"])])(np.ones((1, 1))), DTypeError, "takes text, got float64"),
    ("sums of text", lambda: seqir.ops.sum(np.array(["a"])), DTypeError,
     "text where numbers are needed"),
    ("a layer on text", lambda: k.Add()([seqir.Input((3,), dtype="string")] * 2),
     DTypeError, "add computes with numbers, not with text"),
    ("numbers as text", lambda: seqir.ops.cast(np.ones(2), "string"), DTypeError,
     "got float64 where text is needed"),
    ("text and numbers", lambda: seqir.ops.add(np.array(["a"]), 1), DTypeError,
     "text and numbers do not mix"),
]  # fmt: skip

CASES = [*CATEGORIES, *LOOKUPS, *TEXTS]
