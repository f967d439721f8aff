"""Each function of ``keras.ops`` is there, or is refused with a reason."""

from __future__ import annotations

import os
import re
from operator import attrgetter

import pytest

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras")

from seqir import ops  # noqa: E402
from seqir.errors import AbsentError, UnsupportedError  # noqa: E402
from seqir.ops.refused import PARTLY, REFUSED  # noqa: E402
from tools import ops_table  # noqa: E402


def has(name: str) -> bool:
    try:
        return callable(attrgetter(name)(ops))
    except AttributeError:
        return False


@pytest.mark.parametrize("name", ops_table.names())
def test_functions_are_there_or_refused(name: str) -> None:
    assert has(name) != (name in REFUSED)


@pytest.mark.parametrize("package", ["linalg", "nn", "numpy"])
def test_packages_hold_the_same_functions(package: str) -> None:
    """``ops.nn.relu`` is ``ops.relu``; what is refused says the same in both places."""
    ours = getattr(ops, package)
    theirs = [n for n in dir(getattr(keras.ops, package)) if not n.startswith("_")]
    assert set(ours.__all__) == set(theirs) - set(REFUSED)
    for name in theirs:
        if name in REFUSED:
            said = re.escape(f"ops.{name}: {REFUSED[name]}")
            with pytest.raises(AbsentError, match=said):
                getattr(ours, name)
        else:
            assert getattr(ours, name) is getattr(ops, name)
    with pytest.raises(AttributeError, match=f"'seqir.ops.{package}' has no attribute"):
        _ = ours.nonsense


@pytest.mark.parametrize("name", REFUSED)
def test_refused_functions_say_why_and_what_to_use(name: str) -> None:
    assert attrgetter(name)(keras.ops)
    sentence = f"seqir has no ops.{name}: {REFUSED[name]}"
    with pytest.raises(AbsentError, match=f"^{re.escape(sentence)}$") as caught:
        attrgetter(name)(ops)
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
    assert all(map(has, PARTLY))


def test_the_page_says_what_the_code_does() -> None:
    made = ops_table.page()
    assert ops_table.PAGE.read_text() == made, "run python -m tools.ops_table"
