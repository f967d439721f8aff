"""Each function of ``keras.ops`` is there, or is refused with a reason."""

from __future__ import annotations

import inspect
import os
import re

import pytest

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras")

from seqir import ops  # noqa: E402
from seqir.errors import AbsentError, UnsupportedError  # noqa: E402
from seqir.ops.refused import PARTLY, REFUSED  # noqa: E402
from tools import ops_table  # noqa: E402

NAMES = [
    name
    for name in dir(keras.ops)
    if not name.startswith("_") and not inspect.ismodule(getattr(keras.ops, name))
]


@pytest.mark.parametrize("name", NAMES)
def test_functions_are_there_or_refused(name: str) -> None:
    assert hasattr(ops, name) != (name in REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_functions_say_why_and_what_to_use(name: str) -> None:
    assert hasattr(keras.ops, name)
    sentence = f"seqir has no ops.{name}: {REFUSED[name]}"
    with pytest.raises(AbsentError, match=f"^{re.escape(sentence)}$") as caught:
        getattr(ops, name)
    assert isinstance(caught.value, UnsupportedError | AttributeError)
    assert "\n" not in sentence
    assert ";" in sentence, "what to use instead stands behind the semicolon"
    assert name not in ops.__all__


def test_names_that_keras_lacks_too_are_no_functions() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'") as caught:
        getattr(ops, "nonsense")  # noqa: B009
    assert not isinstance(caught.value, AbsentError)
    assert not hasattr(ops, "nonsense")


def test_functions_that_are_there_in_part_are_there() -> None:
    assert set(PARTLY) <= set(ops.__all__)


def test_the_page_says_what_the_code_does() -> None:
    made = ops_table.page()
    assert ops_table.PAGE.read_text() == made, "run python -m tools.ops_table"
