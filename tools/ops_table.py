"""The page of all functions of ``keras.ops``: ``python -m tools.ops_table``.

Writes docs/ops.md from the installed Keras, the functions of `seqir.ops` and the
reasons in `seqir.ops.refused`; a test compares the page with what this makes.
"""

from __future__ import annotations

import inspect
import os
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "numpy")

import keras

from seqir import ops
from seqir.ops.refused import PARTLY, REFUSED

PAGE = Path(__file__).parents[1] / "docs" / "ops.md"
HEAD = """# The functions of `keras.ops`

Made by `python -m tools.ops_table` from Keras {version}: of its {total} functions
{there} are there, {partly} are there in part and {refused} are refused. Asking
`seqir.ops` for one of those raises an `AbsentError` with the reason below.
Arguments for sparse and ragged tensors are left out everywhere: no tensor here is.
Those of `ops.linalg`, `ops.nn` and `ops.numpy` are the same functions by longer names.

| function | state | what is different |
|---|---|---|
"""
SPARSE = {"sparse", "ragged"}


class Row(NamedTuple):
    """A line of the table."""

    name: str
    state: str
    why: str

    def __str__(self) -> str:
        return f"| `{self.name}` | {self.state} | {self.why} |"


def rows() -> Iterator[Row]:
    """One row for each function."""
    for name in names():
        yield row(name, attrgetter(name)(keras.ops))


def names() -> list[str]:
    """All functions of ``keras.ops``, then those of ``keras.ops.image``."""
    return [
        f"{room}{name}"
        for room, module in (("", keras.ops), ("image.", keras.ops.image))
        for name in sorted(dir(module))
        if not name.startswith("_") and not inspect.ismodule(getattr(module, name))
    ]


def row(name: str, theirs: Any) -> Row:
    if name in REFUSED:
        return Row(name, "refused", REFUSED[name])
    lacking = missing(attrgetter(name)(ops), theirs)
    why = [PARTLY[name]] if name in PARTLY else []
    why += [f"no argument `{argument}`" for argument in lacking]
    return Row(name, "partly" if why else "there", "; ".join(why))


def missing(ours: Any, theirs: Any) -> list[str]:
    """The arguments of Keras's function that ours does not have."""
    mine = inspect.signature(ours).parameters
    return [
        name
        for name, p in inspect.signature(theirs).parameters.items()
        if name not in mine and name not in SPARSE and p.kind != p.VAR_KEYWORD
    ]


def page() -> str:
    """The whole text of docs/ops.md."""
    found = list(rows())
    states = Counter(r.state for r in found)
    head = HEAD.format(version=keras.__version__, total=len(found), **states)
    return head + "\n".join(map(str, found)) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
