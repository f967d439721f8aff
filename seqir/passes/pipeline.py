"""Running passes in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from seqir.errors import SeqirError
from seqir.ir import Graph, in_bodies, verify

Pass: TypeAlias = Callable[[Graph], Graph]
"""A pass takes a valid graph and returns a valid graph that computes the same."""


def run(graph: Graph, passes: Iterable[Pass], *, check: bool = False) -> Graph:
    """Apply the passes one after the other; `check` verifies after each.

    A pass that comes twice has nothing to do the second time if it changed nothing the
    first time, and nothing has changed the graph since.

    An error carries the names of the pass and of those before it as a note.
    """
    done: list[str] = []
    settled: dict[Pass, Graph] = {}
    """The graph that each pass has left as it is."""
    for step in passes:
        if settled.get(step) is graph:
            continue
        name = getattr(step, "__name__", type(step).__name__)
        try:
            changed = step(in_bodies(step, graph))
            if check:
                verify(changed)
        except SeqirError as error:
            before = f" after {', '.join(done)}" if done else ""
            error.add_note(f"in pass {name}{before}")
            raise
        if changed is graph:
            settled[step] = graph
        graph = changed
        done.append(name)
    return graph
