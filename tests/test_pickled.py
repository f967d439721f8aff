"""Reading data from pickles: what it is, and that nothing in one ever runs."""

import contextlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_files import lists, python2_batch
from hypothesis import given
from hypothesis import strategies as st

from seqir.datasets.pickled import read_pickled
from seqir.errors import CorruptFileError, LoadError, UnsafeFileError

RNG = np.random.default_rng(0)


def read(data: bytes) -> Any:
    return read_pickled(data, "file")


# Data.

LEAF = st.integers(-(2**70), 2**70) | st.none() | st.booleans()
TEXT = st.text(max_size=300)
PLAIN = st.recursive(
    LEAF | TEXT | st.binary(max_size=300),
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner) | st.tuples(inner),
)
KINDS = (dict, list, tuple, np.ndarray, int, str, bytes, type(None))


@given(PLAIN, st.sampled_from([3, 4, 5]))
def test_plain_data(value: Any, protocol: int) -> None:
    assert read(pickle.dumps(value, protocol)) == value


@given(st.lists(st.lists(st.integers(-300, 100_000))), st.sampled_from([3, 4]))
def test_rows_of_integers(rows: list[list[int]], protocol: int) -> None:
    assert read(pickle.dumps(lists(rows), protocol)) == rows


@pytest.mark.parametrize("dtype", ["u1", "<i4", ">i8", "f2", "<f8", ">f4", "bool"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays(dtype: str, order: Any, protocol: int) -> None:
    array = np.asarray(RNG.integers(0, 2, (3, 4)).astype(dtype), order=order)
    found = read(pickle.dumps({"a": array, "b": array}, protocol))
    for value in found.values():
        assert value.dtype == array.dtype
        np.testing.assert_array_equal(value, array)


def test_python_2() -> None:
    data = RNG.integers(0, 256, (300, 300), np.uint8)
    content = python2_batch(data, label="batch", labels=[6, 9], names=["a", "b"])
    found = read(content)
    np.testing.assert_array_equal(found.pop(b"data"), data)
    assert found == {b"label": b"batch", b"labels": [6, 9], b"names": [b"a", b"b"]}


# Attacks.


class Call:
    """Pickled, it is a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def open_canary() -> None:
    raise AssertionError("this has run")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("wrap", [lambda a: a, lambda a: [a], lambda a: {"x": [1, a]}])
@pytest.mark.parametrize(
    "function",
    [os.system, eval, exec, getattr, __import__, open, np.load, open_canary],  # pyright: ignore[reportDeprecated]
)
def test_calls(tmp_path: Path, function: Any, wrap: Any, protocol: int) -> None:
    canary = tmp_path / "canary"
    attack = Call(function, f"open({str(canary)!r}, 'w')")
    data = pickle.dumps(wrap(attack), protocol)
    with pytest.raises(UnsafeFileError, match=r"which is not data|has no opcode"):
        read(data)
    assert not canary.exists()


def test_the_name_and_the_file_are_told() -> None:
    with pytest.raises(UnsafeFileError, match=r"it asks for posix\.system,") as caught:
        read(pickle.dumps(Call(os.system, "true"), 2))  # pyright: ignore[reportDeprecated]
    assert caught.value.__notes__ == ["in file"]


NDARRAY = b"cnumpy\nndarray\n"
DTYPE = b"cnumpy\ndtype\n"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
ARRAY = RECONSTRUCT + b"(" + NDARRAY + b"K\0C\1btR"
U1 = DTYPE + b"(C\2u1K\0K\1tR(K\3C\1|NNNK\0K\0K\0tb"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"(cos\nsystem\no.", "it asks for os.system, which is not data"),
        (b"(S'true'\nios\nsystem\n.", "a pickle of data has no opcode STRING"),
        (b"(ios\nsystem\n.", "a pickle of data has no opcode INST"),
        (b"(" + NDARRAY + b"o.", "a pickle of data has no opcode OBJ"),
        (NDARRAY + b")\x81.", "a pickle of data has no opcode NEWOBJ"),
        (NDARRAY + b")}\x92.", "a pickle of data has no opcode NEWOBJ_EX"),
        (b"P1\n.", "a pickle of data has no opcode PERSID"),
        (b"K\1Q.", "a pickle of data has no opcode BINPERSID"),
        (b"\x82\1.", "a pickle of data has no opcode EXT1"),
        (b"\x97.", "a pickle of data has no opcode NEXT_BUFFER"),
        (b"G\0\0\0\0\0\0\0\0.", "a pickle of data has no opcode BINFLOAT"),
        (b"\xff.", "a pickle of data has no opcode 0xff"),
        (
            b"X\2\0\0\0osX\6\0\0\0system\x93.",
            "it asks for os.system, which is not data",
        ),
        (b"cnumpy\nload\n.", "it asks for numpy.load, which is not data"),
        (NDARRAY + b")R.", "it asks to call ndarray, which no data needs"),
        (NDARRAY + b"(K\1tR.", "it asks to call ndarray, which no data needs"),
        (RECONSTRUCT + b"(K\1tR.", "it asks to call reconstruct, which no data needs"),
        (b"K\1(K\1tR.", "it asks to call int, which no data needs"),
        (DTYPE + b"(K\1tR.", "it asks to take as text int, which no data needs"),
        (b"}}b.", "it asks to fill dict, which no data needs"),
        (NDARRAY + b"K\1a.", "it asks to append to ndarray, which no data needs"),
        (NDARRAY + b"K\1K\1s.", "it asks to put items into ndarray, which no data"),
        (NDARRAY + b".", "it asks to hold ndarray, which no data needs"),
        (
            b"}K\1" + DTYPE + b"(C\2u1K\0K\1tRs.",
            "it asks to hold DType, which no data n",
        ),
        (ARRAY + b"(K\1K\1\x85K\1\x89C\1\1tb.", "it asks to fill an array of int, whi"),
        (
            ARRAY + b"(K\1K\1\x85" + DTYPE + b"(C\3V99K\0K\1tR\x89C\1\1tb.",
            r"it has an array of \|V99",
        ),
        (
            ARRAY + b"(K\1K\1\x85" + DTYPE + b"(C\1OK\0K\1tR\x89](K\1etb.",
            "it has an array of objects that are not lists",
        ),
    ],
)
def test_programs_that_no_data_needs(data: bytes, text: str) -> None:
    with pytest.raises(UnsafeFileError, match=text):
        read(data)


def test_lists_of_something_else() -> None:
    for row in ([None], ["a"], [[1]], [True]):
        with pytest.raises(UnsafeFileError, match="it has lists of something else"):
            read(pickle.dumps(lists([[1], row]), 4))


def test_an_array_cannot_grow_out_of_a_small_file() -> None:
    row = list(range(1000))
    with pytest.raises(UnsafeFileError, match="its lists hold one another many times"):
        read(pickle.dumps(lists([row] * 1000), 4))
    with pytest.raises(CorruptFileError, match=r"its array of shape \(255, 255\)"):
        read(ARRAY + b"(K\1K\xffK\xff\x86" + U1 + b"\x89C\1\1tb.")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "file is damaged: it is not a pickle"),
        (b".", "file is damaged: it is not a pickle"),
        (b"K", "file is damaged: it is not a pickle"),
        (b"C\x09abc", "the file ends too early"),
        (b"h\1.", "file is damaged: it is not a pickle"),
        (b"]e.", "file is damaged: it is not a pickle"),
        (b"}(K\1u.", "file is damaged: it is not a pickle"),
        (b"}]K\1s.", "file is damaged: it is not a pickle"),
        (b"cnumpy", "file is damaged: it is not a pickle"),
        (ARRAY + b".", "its array has no contents"),
        (ARRAY + b"(K\1K\2\x85" + U1 + b"\x89C\1\1tb.", "its array of shape"),
    ],
)
def test_damaged_files(data: bytes, text: str) -> None:
    with pytest.raises(CorruptFileError, match=text):
        read(data)


GOOD = pickle.dumps({"a": lists([[1, 2], [300]]), "b": np.ones((2, 3), np.uint8)}, 3)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255))))
def test_changed_bytes_end_in_an_error_or_in_data(
    changes: list[tuple[int, int]],
) -> None:
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    try:
        found = read(bytes(data))
    except LoadError:
        return
    assert isinstance(found, KINDS)


@given(st.binary(max_size=60))
def test_any_bytes_end_in_an_error_or_in_data(data: bytes) -> None:
    with contextlib.suppress(LoadError):
        assert isinstance(read(data + b"."), KINDS)
