"""Running a graph part of which is Python: that part first, then a session."""

from __future__ import annotations

from collections.abc import Mapping

from seqir import lower
from seqir.ir import Array, Graph
from seqir.ops.variable import Variable
from seqir.passes.host import Apart
from seqir.runtime.session import Session
from seqir.runtime.stateful import StatefulSession


class HostedSession:
    """A session of the rest of a graph, behind the part that runs on the host.

    Attributes:
        input_names: what `run` must be given.
        output_names: what `run` returns, in this order.
    """

    def __init__(self, apart: Apart, session: Session | StatefulSession) -> None:
        assert apart.host is not None
        self._apart = apart
        self.session = session
        rest = (n for n in session.input_names if n not in apart.host.outputs)
        self.input_names = tuple(dict.fromkeys((*apart.host.inputs, *rest)))
        self.output_names = tuple(apart.rest.outputs)
        self.changes_state = session.changes_state

    @property
    def usable(self) -> bool:
        """Whether this process has made it."""
        return self.session.usable

    def run(
        self, feeds: Mapping[str, Array], held: Mapping[str, object] | None = None
    ) -> list[Array]:
        """The outputs, as `Session.run` gives them.

        Raises: what the functions of the host's part raise, and `Session.run`.
        """
        return self.session.run(self._apart.run(dict(feeds)), held)


def session_of(
    graph: Graph,
    variables: Mapping[str, Variable],
    *,
    device: str = "auto",
    threads: int | None = None,
) -> Session | StatefulSession | HostedSession:
    """A session of a graph; its runs change the variables that the graph updates.

    What the graph computes with text is Python's affair, as far as it can come first.

    Raises: what `Session` raises.
    """
    apart = Apart.of(graph)
    found: Session | StatefulSession
    if not graph.updates:
        found = Session.of_graph(apart.rest, device=device, threads=threads)
    else:
        model, arrays = lower.split(lower.lower(apart.rest))
        state = {update.param: variables[update.param] for update in graph.updates}
        found = StatefulSession(
            model, arrays, state, list(graph.outputs), device=device, threads=threads
        )
    return found if apart.host is None else HostedSession(apart, found)
