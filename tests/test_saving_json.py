"""JSON from files is read as Python reads it, and refused where that is a danger."""

import json
import math
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqir.errors import CorruptFileError
from seqir.formats import jsontext

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.booleans())
def test_what_json_writes_comes_back(value: object, plain: bool) -> None:
    text = json.dumps(value, ensure_ascii=plain)
    assert jsontext.parse(text, "config") == value
    assert jsontext.parse(text.encode(), "config") == value


@given(st.text(alphabet='[]{}",:\\01eutrnlasfIiNy \n') | st.text())
def test_any_text_is_refused_in_words_or_read_as_python_reads_it(text: str) -> None:
    try:
        value = jsontext.parse(text, "config")
    except CorruptFileError:
        return
    assert value == json.loads(text)


def test_infinity_is_a_limit() -> None:
    value = jsontext.parse('{"max": Infinity, "min": -Infinity}', "config")
    assert value == {"max": math.inf, "min": -math.inf}


def test_pairs_of_surrogates_are_a_character() -> None:
    assert jsontext.parse(r'"\ud83d\ude00"', "config") == "\N{GRINNING FACE}"


BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is not JSON: Expecting value at line 1, column 1"),
    "cut off": ('{"a": [1, 2', "is not JSON: .* at line 1, column"),
    "two values": ("1 2", "is not JSON: Extra data"),
    "byte order mark": ("\N{BYTE ORDER MARK}1", "is not JSON: .*BOM"),
    "not UTF-8": (b'"\xff"', "is not JSON: byte 1 is not UTF-8"),
    "UTF-16": ('"a"'.encode("utf-16"), "is not JSON: byte 0 is not UTF-8"),
    "not a number": ('{"rate": NaN}', "holds NaN"),
    "duplicate key": ('{"a": {"b": 1, "c": 2, "b": 3}}', "the key 'b' twice"),
    "5000 digits": ("9" * 5000, r"the integer 9{30}\.\.\.,"),
    "65 bits": (str(2**64), "more than 64 bits"),
    "half a character": (r'["\ud800"]', r"holds half a character, '\\ud800'"),
    "half a character in a key": (r'{"\udFff": 1}', "holds half a character"),
    "deep list": ("[" * 200_000 + "]" * 200_000, "more than 128 levels deep"),
    "deep and cut off": ('{"a":' * 200_000, "more than 128 levels deep"),
    "brackets after a bracket in a text": ('["[", ' + "[" * 999, "128 levels deep"),
    "many lists": ("[" + "[]," * 3_000_000 + "1]", "more than 1,000,000 values"),
    "many numbers": ("[" + "0," * 3_000_000 + "1]", "more than 1,000,000 values"),
    "long text": (b'"' + b"a" * (20 << 20) + b'"', "has 20,971,522 bytes, more than"),
    "long escapes": (b'"' + rb"\n" * (7 << 20), "is not JSON: Unterminated string"),
    "long quotes": (b'"' + rb"\"" * (7 << 20), "is not JSON: Unterminated string"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_in_words(name: str) -> None:
    text, words = BAD[name]
    start = time.perf_counter()
    with pytest.raises(CorruptFileError, match=words):
        jsontext.parse(text, "config.json of m.keras")
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_is_counted_exactly(opening: str) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]

    def nested(depth: int) -> Callable[[], object]:
        text = opening * depth + "0" + closing * depth
        return lambda: jsontext.parse(text, "config")

    nested(jsontext.MAX_DEPTH)()
    with pytest.raises(CorruptFileError, match="levels deep"):
        nested(jsontext.MAX_DEPTH + 1)()
