"""The session of a model: made once, kept while the weights stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqir import nest
from seqir.ir import SEED, STEP, Array, SizeCheck
from seqir.ops.tensor import Variable

if TYPE_CHECKING:
    from seqir.model.base import Model
    from seqir.runtime import Session


class Runner:
    """Runs a model on arrays; one session serves every batch size."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.sessions: dict[tuple[str, int | None], Session] = {}
        self.variables: dict[str, Variable] = {}
        self.versions: list[int] = []
        self.clock = -1
        self.structure: Any = None
        self.check: SizeCheck | None = None

    def __call__(self, feeds: dict[str, Array], device: str | None = None) -> Any:
        """Outputs, in the structure of the model's outputs."""
        return nest.pack(self.structure_of(), self.outputs(feeds, device))

    def outputs(
        self, feeds: dict[str, Array], device: str | None = None
    ) -> list[Array]:
        """Outputs as a flat list."""
        session = self.session(device)
        check = self.check
        if check is not None:
            check(feeds)
        if STEP in session.input_names:
            seed, step = self.model.next_key()
            feeds = {**feeds, SEED: seed, STEP: step}
        return session.run(feeds)

    def structure_of(self) -> Any:
        """The structure of the model's outputs."""
        if self.structure is None:
            self.structure = self.model.output_structure
        return self.structure

    def session(self, device: str | None = None) -> Session:
        """The session on a device, made anew if a weight has changed."""
        if self.clock != Variable.clock:
            self._refresh()
        from seqir import runtime

        key = (device or "auto", runtime.get_threads())
        if key not in self.sessions:
            self.sessions[key] = self._make(*key)
            self.versions = self._now()
            self.clock = Variable.clock
        return self.sessions[key]

    def reset(self) -> None:
        """Forget everything: the model has changed."""
        self.sessions.clear()
        self.variables = {}
        self.versions = []
        self.clock = -1
        self.structure = None
        self.check = None

    def _refresh(self) -> None:
        if self._now() != self.versions:
            self.reset()
        self.clock = Variable.clock

    def _now(self) -> list[int]:
        """What a session is made from: weights, and the stacks inside the model."""
        if not self.sessions:
            return self.versions
        stacks = [getattr(layer, "revision", 0) for layer in self.model._walk()]
        return stacks + [v.version for v in self.variables.values()]

    def _make(self, device: str, threads: int | None) -> Session:
        from seqir import lower, passes, runtime
        from seqir.model.base import arrays_of

        graph, self.variables = self.model.trace_graph(batch="batch")
        self.check = SizeCheck(graph)
        graph = passes.bind(graph, arrays_of(self.variables))
        graph = passes.run(graph, passes.INFERENCE)
        model, arrays = lower.split(lower.lower(graph))
        return runtime.Session(model, arrays, device=device, threads=threads)

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Runner.__init__(self, state["model"])
