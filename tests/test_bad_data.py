"""Data that are refused: one sentence each, with the name of the array."""

import collections
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from data_samples import Endless, Frame, Loader, Numbers, generator, rows

import seqir
from seqir import data
from seqir.errors import ArgumentError, DTypeError, ShapeError, explain


def numbers(*items: Any) -> Any:
    return list(data.adapt(iter(items)).epoch(0))


def ragged() -> Any:
    array = np.empty(2, object)
    array[:] = [[1], [1, 2]]
    return array


class NoArray:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("it is on another device")


class NoLength(data.PyDataset):
    pass


Case = tuple[Callable[[], Any], type[Exception], str]

CASES: list[Case] = [
    # What is not an array.
    (lambda: data.adapt(None), ArgumentError, "x holds no array, got None"),
    (lambda: data.adapt([]), ArgumentError, r"x holds no array, got \[\]"),
    (lambda: data.adapt([rows(2), None]), ArgumentError, "a part of x is None"),
    (lambda: data.adapt([1.0, 2.0]), ArgumentError,
     r"x\[0\] takes an array, got 1.0; wrap a list of numbers in numpy.asarray"),
    (lambda: data.adapt(rows(2), [0, 1]), ArgumentError, r"y\[0\] takes an array, got"),
    (lambda: data.adapt("x.npy"), ArgumentError, "x takes an array, got 'x.npy'"),
    (lambda: data.adapt(generator), ArgumentError,
     "x takes an array, got an object of class function; call it"),
    (lambda: data.adapt(object()), ArgumentError, "class object"),
    (lambda: data.adapt([collections.deque()]), ArgumentError,
     r"x\[0\] takes an array, got an object of class deque; wrap a dataset"),
    (lambda: data.check_labels(None, 3, "y of 'digit'"), ArgumentError,
     "y of 'digit' is None where an array is needed"),
    # Arrays without numbers.
    (lambda: data.adapt({"a": ragged()}), DTypeError,
     r"x\['a'\] holds Python objects \(ragged rows, or no numbers\); it takes one of"),
    (lambda: data.adapt(np.ones(1), np.array(["a"])), DTypeError, "y holds strings"),
    (lambda: data.adapt(np.ones(1), np.array([b"a"])), DTypeError, "y holds strings"),
    (lambda: data.adapt(np.array(["2020-01-01"], "M8[D]")), DTypeError, "holds dates"),
    (lambda: data.adapt(np.array([1], "m8[D]")), DTypeError, "x holds time spans"),
    (lambda: data.adapt(np.ones(2, complex)), DTypeError, "x holds complex numbers"),
    (lambda: data.adapt(np.zeros(2, "f4,i4")), DTypeError, "x holds void64"),
    (lambda: data.adapt(np.ma.masked_array([1.0], [True])), DTypeError,
     "x is a masked array with holes; fill them"),
    (lambda: data.adapt(NoArray()), DTypeError,
     "x is not an array of numbers: it is on another device"),
    (lambda: data.adapt(seqir.Input((2,), name="a")), DTypeError, "has no numbers yet"),
    # Shapes.
    (lambda: data.adapt(np.float32(1)), ShapeError,
     r"x has the shape \(\), and needs"),
    (lambda: data.adapt(rows(0, 3)), ShapeError,
     r"x has no samples, its shape is \(0, "),
    (lambda: data.adapt({"a": rows(3), "b": rows(4)}, rows(3)), ShapeError,
     r"numbers of samples differ: 3 in x\['a'\], 4 in x\['b'\], 3 in y"),
    (lambda: data.adapt(rows(3), rows(3), np.ones(2)), ShapeError,
     "2 in sample_weight"),
    (lambda: data.adapt(Frame()), ShapeError, "x is a table without columns"),
    # Weights.
    (lambda: data.adapt(rows(2), None, np.ones(2)), ArgumentError, "without the y"),
    (lambda: data.adapt(rows(2), rows(2), np.ones(2), class_weight={}), ArgumentError,
     "both class_weight and sample_weight are given"),
    (lambda: data.adapt(rows(2), rows(2), class_weight=[1, 2]), ArgumentError,
     "class_weight has to be a dict from class numbers to finite numbers, got"),
    (lambda: data.adapt(rows(2), rows(2), class_weight={"a": 1}), ArgumentError,
     "class_weight has to be a dict"),
    (lambda: data.adapt(rows(2), [rows(2)], class_weight={0: 1}), ArgumentError,
     "class_weight needs one array of labels as y, found a list"),
    (lambda: data.adapt(rows(2), class_weight={0: 1}), ArgumentError, "y, found none"),
    (lambda: data.adapt(rows(1), np.array([np.nan]), class_weight={0: 1}), DTypeError,
     "class_weight needs finite labels"),
    (lambda: data.adapt(rows(2), [rows(2), rows(2)], rows(2, 3)), ShapeError,
     r"several y has the shape \(None,\), found \(None, 3\)"),
    (lambda: data.adapt(rows(2), {"p": rows(2)}, {"q": rows(2)}), ArgumentError,
     r"expected y\['p'\], found sample_weight\['q'\]"),
    # Arguments.
    (lambda: data.adapt(rows(2), batch_size=0), ArgumentError,
     "batch_size must be an integer >= 1, got 0"),
    (lambda: data.adapt(rows(2), batch_size=2.5), ArgumentError, "got 2.5"),
    (lambda: data.adapt(rows(2), batch_size=True), ArgumentError, "got True"),
    (lambda: data.adapt(rows(2), steps=-1), ArgumentError,
     "the number of steps must be an integer >= 1, got -1"),
    (lambda: data.adapt(rows(2), shuffle="all"), ArgumentError,
     "shuffle must be True, False or 'batch', got 'all'"),
    (lambda: data.adapt(generator(2), rows(2)), ArgumentError,
     "y is given, but x is a generator, which has to give its batches as"),
    (lambda: data.adapt(Numbers(2), None, rows(2)), ArgumentError,
     "sample_weight is given, but x is a Numbers"),
    (lambda: data.prefetch(iter([]), depth=0), ArgumentError,
     "depth must be an integer >= 1, got 0"),
    (lambda: data.split(rows(4), None, None, 1.5), ArgumentError,
     "validation_split must be a number > 0 and < 1, got 1.5"),
    (lambda: data.split(rows(10), None, None, 0.99), ArgumentError,
     "validation_split=0.99 of 10 samples leaves 0 for training and 10 for validation"),
    (lambda: data.split(generator(2), None, None, 0.5), ArgumentError,
     "validation_split needs arrays, x is a generator; pass validation_data"),
    # Batches of generators.
    (lambda: numbers(()), ArgumentError, "found a tuple of 0"),
    (lambda: numbers((1, 2, 3, 4)), ArgumentError,
     r"a batch is x, \(x,\), \(x, y\) or \(x, y, sample_weight\), found a tuple of 4"),
    (lambda: numbers(), ArgumentError,
     "the tuple_iterator gave no batch for fit; it is empty, or has ended before"),
    (lambda: list(data.adapt(Loader()).epoch(0)), ArgumentError,
     "the Loader gave no batch for fit; it is empty"),
    (lambda: data.adapt(Loader()).signature, ArgumentError, "gave no batch"),
    (lambda: numbers(rows(2), (rows(2), rows(2))), ArgumentError,
     "a batch has to consist of x as the first one, found x, y"),
    (lambda: numbers(rows(2), np.arange(2)), DTypeError,
     "x has to be float32 as in the first batch, found int64"),
    (lambda: numbers(rows(2), rows(2, 3)), ShapeError,
     r"in the first batch, \(None,\), found \(None, 3\)"),
    (lambda: numbers(None), ArgumentError, "x holds no array, got None"),
    (lambda: numbers((rows(2), rows(3))), ShapeError, "2 in x, 3 in y"),
    # Datasets.
    (lambda: Numbers(1, workers=-1), ArgumentError, "workers must be an integer"),
    (lambda: Numbers(1, max_queue_size=-1), ArgumentError,
     "max_queue_size must be an integer >= 0"),
    (lambda: data.adapt(Numbers(0)), ArgumentError, "the Numbers has no batches"),
    (lambda: data.adapt(Endless(0)), ArgumentError,
     "the Endless has no end: pass the number of steps"),
    (lambda: data.adapt(NoLength()), NotImplementedError, "NoLength has no __len__"),
    (lambda: NoLength()[0], NotImplementedError, "NoLength has no __getitem__"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), CASES)
def test_refused(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_a_table_with_a_column_twice() -> None:
    frame = Frame(a=rows(2))
    frame.columns = ["a", "a"]
    with pytest.raises(ArgumentError, match="x is a table with two columns 'a'"):
        data.adapt(frame)


def test_errors_say_where() -> None:
    with pytest.raises(ShapeError) as caught:
        data.adapt(rows(2), rows(3), what="evaluate")
    assert explain(caught.value).endswith("(in the data of evaluate)")
    with pytest.raises(DTypeError) as caught_too:
        list(data.adapt(iter([rows(2), rows(2), np.arange(2)])).epoch(4))
    assert explain(caught_too.value).endswith("(in batch 3 of epoch 5)")


def test_a_batch_size_that_has_no_effect() -> None:
    with pytest.warns(UserWarning, match="batch_size has no effect: x is a generator"):
        data.adapt(generator(2), batch_size=3)


def test_nothing_is_imported_for_what_is_given() -> None:
    """Arrays of other libraries are known by what they offer."""
    code = (
        "import sys, numpy as np\n"
        "from seqir import data\n"
        "list(data.adapt(np.ones((3, 2)), np.ones(3)).epoch(0))\n"
        "bad = {'torch', 'pandas', 'pyarrow', 'onnx', 'onnxruntime', 'jax'}\n"
        "print(sorted(bad & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert run.stdout.strip() == b"[]"
