"""Running passes in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from seqir.errors import SeqirError
from seqir.ir import Graph, verify

Pass: TypeAlias = Callable[[Graph], Graph]
"""A pass takes a valid graph and returns a valid graph that computes the same."""


def run(graph: Graph, passes: Iterable[Pass], *, check: bool = False) -> Graph:
    """Apply the passes one after the other; `check` verifies after each.

    An error carries the names of the pass and of those before it as a note.
    """
    done: list[str] = []
    for step in passes:
        name = getattr(step, "__name__", type(step).__name__)
        try:
            graph = step(graph)
            if check:
                verify(graph)
        except SeqirError as error:
            before = f" after {', '.join(done)}" if done else ""
            error.add_note(f"in pass {name}{before}")
            raise
        done.append(name)
    return graph
