"""JSON from files that nobody vouches for.

Python's own reader accepts more than JSON is, takes the last of two equal keys, and
can be made to recurse without end or to fill the memory. Here a text is measured
before it is read.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any, Final

from seqir.errors import CorruptFileError

MAX_BYTES: Final = 16 << 20
"""Longest text. The configuration of a model of a thousand layers has one MiB."""
MAX_VALUES: Final = 1_000_000
"""Most values: an empty list is two bytes of text and fifty of memory."""
MAX_DEPTH: Final = 128
"""Deepest nesting: a model inside a model takes four levels."""

_INTEGERS: Final = range(-(1 << 63), 1 << 64)
_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def parse(text: bytes | str, where: str) -> Any:
    """The value that a JSON text stands for; `where` names it in messages.

    ``Infinity`` is taken, because Keras writes it for a limit that is none; ``NaN``
    is not, because no setting can be one.

    Raises: CorruptFileError if it is not JSON, has a key twice, or is longer, deeper
        or larger than any configuration.
    """
    if len(text) > MAX_BYTES:
        raise CorruptFileError(
            f"{where} has {len(text):,} bytes, more than the {MAX_BYTES:,} that a "
            "configuration may have"
        )
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError as error:
            raise _not_json(where, f"byte {error.start} is not UTF-8") from error
    _measure(text, where)
    try:
        value = json.loads(
            text,
            object_pairs_hook=partial(_object, where),
            parse_int=partial(_integer, where),
            parse_constant=partial(_constant, where),
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _not_json(where, f"{error.msg} at {place}") from error
    if _SURROGATE.search(text):
        _check_characters(value, where)
    return value


def _measure(text: str, where: str) -> None:
    """CorruptFileError if reading the text would take too much stack or memory."""
    depth, values = 0, 1
    for token in _TOKEN.finditer(text):
        symbol = token[0]
        if symbol in "[{":
            depth += 1
            values += 1
        elif symbol in "]}":
            depth -= 1
        elif symbol == ",":
            values += 1
        if depth > MAX_DEPTH:
            raise CorruptFileError(
                f"{where} is nested more than {MAX_DEPTH} levels deep, as no "
                "configuration is"
            )
        if values > MAX_VALUES:
            raise CorruptFileError(
                f"{where} holds more than {MAX_VALUES:,} values, as no configuration "
                "does"
            )


def _object(where: str, pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise CorruptFileError(
            f"{where} has the key {twice[:80]!r} twice in one object"
        )
    return found


def _integer(where: str, digits: str) -> int:
    if len(digits) > 20 or (value := int(digits)) not in _INTEGERS:
        raise CorruptFileError(
            f"{where} holds the integer {digits[:30]}..., which takes more than 64 bits"
        )
    return value


def _constant(where: str, word: str) -> float:
    if word == "NaN":
        raise CorruptFileError(f"{where} holds NaN, which is not a value of a setting")
    return float(word)


def _check_characters(value: object, where: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise CorruptFileError(
            f"{where} holds half a character, {error.object[error.start]!a}"
        ) from error


def _not_json(where: str, why: str) -> CorruptFileError:
    return CorruptFileError(f"{where} is not JSON: {why}")
