"""Element types: names, promotion, text forms."""

from __future__ import annotations

import itertools
import os
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from seqir import dtypes
from seqir.errors import DTypeError, SeqirError

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras")
keras_dtypes = pytest.importorskip("keras.src.backend.common.dtypes")


@pytest.fixture(autouse=True)
def _wide_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras keeps 64-bit types on TensorFlow only, seqir always does."""
    monkeypatch.setattr(keras_dtypes, "BIT64_TO_BIT32_DTYPE", {})


@pytest.mark.parametrize("a", dtypes.ALL)
def test_promotion_of_pairs_is_that_of_keras(a: str) -> None:
    for b in dtypes.ALL:
        assert dtypes.promote(a, b) == keras.backend.result_type(a, b), (a, b)


def test_promotion_of_triples_is_that_of_keras() -> None:
    for triple in itertools.combinations(dtypes.ALL, 3):
        assert dtypes.promote(*triple) == keras.backend.result_type(*triple), triple


@pytest.mark.parametrize("kind", [int, float])
def test_python_numbers_are_weak_as_in_keras(kind: type) -> None:
    for a in dtypes.ALL:
        found = dtypes.promote(a, weak=kind.__name__)
        assert found == keras.backend.result_type(a, kind), a


def test_python_numbers_alone_have_keras_types() -> None:
    assert dtypes.promote(weak="float") == "float32"
    assert dtypes.promote(weak="int") == "int32"
    assert dtypes.promote(weak="bool") == "bool"
    assert dtypes.promote("bool", weak="bool") == "bool"


@pytest.mark.parametrize("name", dtypes.ALL)
def test_names_round_trip(name: str) -> None:
    assert dtypes.canonical(name) == name
    assert dtypes.canonical(dtypes.to_numpy(name)) == name
    assert dtypes.canonical(dtypes.to_numpy(name).type) == name
    assert dtypes.to_numpy(name).itemsize == dtypes.itemsize(name)
    assert dtypes.is_float(name) + dtypes.is_integer(name) + (name == "bool") == 1


def test_short_names_are_unique() -> None:
    assert set(dtypes.SHORT) == {*dtypes.ALL, dtypes.STRING, dtypes.OPAQUE}
    assert len(set(dtypes.SHORT.values())) == len(dtypes.SHORT)
    assert dtypes.SHORT["bfloat16"] == "bf16"
    assert dtypes.SHORT["uint8"] == "u8"


def test_python_types_are_those_of_keras() -> None:
    assert dtypes.canonical(float) == "float32"
    assert dtypes.canonical(int) == "int32"
    assert dtypes.canonical(bool) == "bool"
    assert dtypes.canonical(np.float16) == "float16"
    assert dtypes.canonical(ml_dtypes.bfloat16) == "bfloat16"
    for text in ("string", str, bytes, np.dtype("U3"), np.dtype("S"), np.dtype("O")):
        assert dtypes.canonical(text) == "string"
    assert dtypes.to_numpy("string") == np.dtype(object)


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ("complex64", "'complex64' is not an element type of seqir; use one of bool"),
        ("flaot32", "Did you mean 'float32'?"),
        ("", "'' is not an element type"),
        (np.dtype("complex64"), "'complex64' is not an element type"),
        (object, "'object' is not an element type"),
        (None, "not an element type"),
        (3, "'3' is not an element type"),
    ],
)
def test_other_types_are_refused(bad: Any, match: str) -> None:
    with pytest.raises(DTypeError) as caught:
        dtypes.canonical(bad)
    assert match in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, SeqirError)
