"""Which readers there are for an ONNX operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from seqir.ir import Op
from seqir.operators import ALL
from seqir.reading.take import Take

Read: TypeAlias = Callable[[Take], Any]
"""Makes the results of a node, one tensor or a tuple; None if it cannot."""


@dataclass(frozen=True)
class Reader:
    """A function that says what a node means in operators of the IR."""

    read: Read
    whole: bool
    """The node stays one operator, `seqir.operators.foreign.Whole`."""


_FUNCTIONS: dict[tuple[str, str], list[Reader]] = {}


def reads(*kinds: str, domain: str = "", whole: bool = True) -> Callable[[Read], Read]:
    """Say that a function reads nodes of these ONNX operators.

    With `whole` the node is written again as it was; without, as the operators that
    the function makes of it.
    """

    def add(read: Read) -> Read:
        for kind in kinds:
            _FUNCTIONS.setdefault((domain, kind), []).append(Reader(read, whole))
        return read

    return add


def functions_for(domain: str, kind: str) -> Sequence[Reader]:
    """The functions that read nodes of an ONNX operator, the first one that can."""
    return _FUNCTIONS.get((domain, kind), ())


@cache
def operators_for(kind: str) -> tuple[type[Op], ...]:
    """The operators of the IR that nodes of an ONNX operator can be."""
    return tuple(op for op in ALL if kind in op.reads)
