"""Samples of the operators on text, and what they refuse."""

import numpy as np
from operands import BATCH, BadSample, Sample, i, x

from seqir.errors import DTypeError
from seqir.ir import FrozenArray
from seqir.operators.text import (
    Join,
    Lookup,
    Lower,
    OnHost,
    Replace,
    StrictLookup,
    Words,
    sizes_of,
)
from seqir.tensortype import TensorType


def table(*items: str | int) -> FrozenArray:
    kind = object if isinstance(items[0], str) else np.int64
    return FrozenArray(np.array(items, kind))


TEXTS = ("A b, c", "", "été  ÀB", " x.y\tz ", "b")
text = x(BATCH, dtype="string", values=TEXTS)
words = x(BATCH, dtype="string", values=("A b, c", "", "été  ÀB", " x.yz ", "b"))
column = x(BATCH, 1, dtype="string", values=TEXTS)
letters = x(2, BATCH, dtype="string", values=(*"abcdeabzzb",))

TEXT: tuple[Sample, ...] = (
    Sample(Lookup(table("a", "b", "é"), table(2, 3, 4), 1), (letters,)),
    Sample(Lookup(table("b", "a"), table("first", "second"), "other"), (letters,)),
    Sample(Lookup(table(3, -1, 0), table(7, 8, 9), -5), (i(2, BATCH, dtype="int64"),)),
    Sample(Lookup(table(1, 2), table("one", "two"), ""), (i(BATCH, dtype="int64"),)),
    Sample(StrictLookup(table(*"abcdez"), table(*range(6)), -1), (letters,)),
    Sample(Lower(), (text,)),
    Sample(Lower(), (letters,)),
    Sample(Replace(".,"), (text,)),
    Sample(Replace("\t", " "), (column,)),
    Sample(Replace(" b", "-+"), (text,)),
    Sample(Join(), (text, text)),
    Sample(Join(), (column, x(1, 2, dtype="string", values=("!", "?")))),
    Sample(Words(2), (words,)),
    Sample(Words(5), (words,)),
)


def double(a: np.ndarray) -> np.ndarray:
    return a * 2


TEXT = (*TEXT, Sample(OnHost(double, "float32", sizes_of(2), "twice"), (x(2, 3),)))  # pyright: ignore[reportConstantRedefinition]

_STRING = TensorType("string", ("batch",))
_FLOAT = TensorType("float32", ("batch",))

BAD_TEXT: tuple[BadSample, ...] = (
    BadSample(Lookup(table("a"), table(1), 0), (_FLOAT,), "takes string", DTypeError),
    BadSample(Lower(), (_FLOAT,), "lower takes text, got f32", DTypeError),
    BadSample(Join(), (_STRING, _FLOAT), "join takes text", DTypeError),
    BadSample(Words(2), (TensorType("string", (2, 3)),), "a vector of texts"),
)
