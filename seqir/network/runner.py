"""The sessions of a model: made once, kept while what they are made from stays.

A weight is a constant of the session, so that the passes can fold it, until it is seen
to change. Then it becomes an input that reads the memory which a training has for it:
predicting after each step costs no new session. When no weight has changed for a while,
all are constants again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from seqir import collector, nest
from seqir.ir import SEED, STEP, Array, SizeCheck
from seqir.layer.checks import trains_unless_told
from seqir.layer.eager import revisions
from seqir.layer.state import walk
from seqir.network.base import Network, arrays_of
from seqir.network.inputs import Sizes, other_sizes
from seqir.network.names import mask_of
from seqir.network.states import predicting
from seqir.ops import changes
from seqir.ops.masks import with_masks
from seqir.ops.variable import Variable
from seqir.weak import Owner

if TYPE_CHECKING:
    from seqir.runtime import Held, HostedSession, Session, StatefulSession

REST: Final = 16
"""Runs after the last change until weights are constants again, at first."""
LONGEST_REST: Final = 1024
KEEP: Final = 16
"""Sizes beside those that a model was built for whose sessions are kept."""


@dataclass
class Form:
    """A session, and where its weights come from."""

    session: Session | StatefulSession | HostedSession
    check: SizeCheck
    fed: dict[str, Variable]
    """Weights that are inputs, by the names of these."""
    constants: dict[Variable, int]
    """Weights that are constants, with the version that was taken."""
    versions: list[int]
    """Of the weights that are inputs, when a change was last seen."""
    left: float
    """Runs until the weights that are inputs count as resting."""
    has_state: bool
    """Whether a run changes variables."""
    carriers: list[int]
    """Places of the outputs that have masks; these follow all outputs."""
    plain: bool
    """Whether a run is the session's, with nothing before it and nothing behind it."""
    runs: int = 0
    clock: int = -1
    """Where the clock of changes stood when all of this was looked at."""

    def changed(self) -> list[Variable]:
        """The constants that have changed since."""
        return [v for v, version in self.constants.items() if v.version != version]

    def advanced(self) -> None:
        """Say that a run has changed its state; for this form nothing has changed."""
        with changes.together():
            alone = self.clock == changes.clock()
            now = changes.tick()
            self.clock = now if alone else -1


class Runner:
    """Runs a model on arrays; one session serves every batch size."""

    model = Owner["Network"]()

    def __init__(self, model: Network, sizes: Sizes | None = None) -> None:
        self.model = model
        self._sizes = sizes
        """Others than those that the model was built for."""
        self.reset()

    def reset(self) -> None:
        """Forget everything: the model has changed."""
        self._forms: dict[tuple[str, int | None, bool], Form] = {}
        self._differ = True
        """Whether a call may keep more of what it changes than a prediction."""
        self._moving: dict[Variable, None] = {}
        """Weights that have been seen to change."""
        self._rest = REST
        self._revisions: tuple[object, ...] = ()
        self._structure: object = None
        self._others: dict[Sizes, Runner] = {}

    def for_sizes(self, feeds: dict[str, Array]) -> Runner:
        """This runner, or the one for the sizes that these arrays have."""
        sizes = other_sizes(self.model, feeds)
        if sizes is None or sizes == self._sizes:
            return self
        if sizes not in self._others:
            while len(self._others) >= KEEP:
                self._others.pop(next(iter(self._others)))
            self._others[sizes] = Runner(self.model, sizes)
        return self._others[sizes]

    def __call__(self, feeds: dict[str, Array], *, called: bool = False) -> Any:
        """Outputs, in the structure of the model's outputs.

        A model that is `called` keeps what its layers assign to whatever variable, a
        prediction what is kept in `predicting`.
        """
        with Prediction(self, called=called) as prediction:
            return nest.pack(self.structure_of(), prediction.run(feeds))

    def structure_of(self) -> Any:
        """The structure of the model's outputs."""
        if self._structure is None:
            self._structure = self.model.output_structure
        return self._structure

    def form(self, device: str | None = None, *, called: bool = False) -> Form:
        """The session for a device, made anew if the model is another one now."""
        from seqir import runtime

        called = called and self._differ
        key = (device or "auto", runtime.get_threads(), called)
        form = self._forms.get(key)
        if form and form.left > 0 and form.clock == changes.clock():
            return form
        with runtime.making():
            clock = changes.clock()
            if revisions(walk(self.model)) != self._revisions:
                self.reset()
            form = self._forms.get(key)
            if form is None or not self._fits(form):
                fold = form is not None and not form.left > 0
                form = self._forms[key] = self._make(*key, fold=fold)
                if not self._differ:
                    self._forms[*key[:2], False] = form
                self._revisions = revisions(walk(self.model))
            form.clock = clock
            return form

    def _fits(self, form: Form) -> bool:
        """Whether a form is right for the weights as they are."""
        changed = form.changed()
        if changed:
            if self._moving and not form.fed and form.runs < self._rest:
                self._rest = min(2 * self._rest, LONGEST_REST)  # it did not pay
            self._moving |= dict.fromkeys(changed)
            form.left = math.inf
            return False
        versions = [v.version for v in form.fed.values()]
        if versions != form.versions:
            form.versions, form.left = versions, self._rest
        return form.left > 0 and form.session.usable

    @collector.paused()
    def _make(
        self, device: str, threads: int | None, called: bool, *, fold: bool
    ) -> Form:
        """A new form; with `fold` all weights that no run changes are constants."""
        from seqir import passes, runtime

        draws = trains_unless_told(walk(self.model))
        graph, variables = self.model.trace_graph(
            training=None if called and draws else False,
            batch="batch",
            sizes=self._sizes,
            with_masks=True,
        )
        kept = predicting(self.model, graph, variables)
        same = (kept.outputs, kept.updates) == (graph.outputs, graph.updates)
        self._differ = draws or not same
        graph = graph if called else kept
        masked = [mask_of(name) in graph.outputs for name in kept.outputs]
        carriers = [i for i, is_masked in enumerate(masked) if is_masked]
        state = {update.param for update in graph.updates}
        moving = {} if fold else self._moving
        rest = {name: v for name, v in variables.items() if name not in state}
        fed = {name: v for name, v in rest.items() if v in moving}
        constants = {name: v for name, v in rest.items() if name not in fed}
        with changes.together():
            arrays = arrays_of(constants)
            taken = {v: v.version for v in constants.values()}
            versions = [v.version for v in fed.values()]
        check = SizeCheck(graph)
        graph = passes.run(passes.bind(graph, arrays), passes.INFERENCE)
        session = runtime.session_of(graph, variables, device=device, threads=threads)
        fed = {name: v for name, v in fed.items() if name in session.input_names}
        left = self._rest if fed else math.inf
        more = STEP in session.input_names or check.nodes or state or carriers
        return Form(
            session, check, fed, taken, versions, left, bool(state), carriers, not more
        )

    def __getstate__(self) -> dict[str, object]:
        return {"model": self.model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Runner.__init__(self, state["model"])


class Prediction:
    """Some runs of a model that see one state of all its weights; a context.

    What a run changes itself the next one finds so.
    """

    def __init__(
        self, runner: Runner, device: str | None = None, *, called: bool = False
    ) -> None:
        self._runner = runner
        self._device = device
        self._called = called
        self._form: Form | None = None
        self._sizes: Sizes | None = None
        """Of the last run, which the form is right for."""
        self._held: Held | None = None

    def run(self, feeds: dict[str, Array]) -> list[Array]:
        """Outputs for a batch as a flat list."""
        sizes = tuple([array.shape[1:] for array in feeds.values()])
        if sizes != self._sizes:
            runner = self._runner.for_sizes(feeds)
            if runner is not self._runner:
                with Prediction(runner, self._device, called=self._called) as other:
                    return other.run(feeds)
            self._sizes = sizes
        form = self._form or self._begin()
        form.runs += 1
        form.left -= 1
        session = form.session
        if form.plain:
            return session.run(feeds, self._held and self._held.values)
        form.check(feeds)
        if STEP in session.input_names:
            seed, step = self._runner.model.next_key()
            feeds = {**feeds, SEED: seed, STEP: step}
        results = session.run(feeds, self._held and self._held.values)
        if form.has_state:
            form.advanced()
        return with_masks(results, form.carriers)

    def _begin(self) -> Form:
        """Take the form that is right now, and hold the weights that it reads."""
        from seqir import runtime

        while True:
            form = self._form = self._runner.form(self._device, called=self._called)
            if not form.fed:
                return form
            self._held = runtime.Held(form.fed)
            if not form.changed():  # so what is held and what is constant go together
                return form
            self._held.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            self._held.release()
