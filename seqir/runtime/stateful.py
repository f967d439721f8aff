"""Running a graph that changes variables, for any number of threads.

The variables lie in slots, as in a training. A run claims them, so that runs of
whatever graphs on one of them come one after the other, each from where the last one
ended, and so that nobody assigns to them in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqir.ir import Array
from seqir.ops.changes import claim
from seqir.ops.variable import Variable
from seqir.runtime import engine
from seqir.runtime.device import resolve
from seqir.runtime.slot import placed
from seqir.runtime.step import StepSession
from seqir.runtime.values import to_ort


class StatefulSession:
    """A session some of whose inputs are variables, with new values as outputs.

    Attributes:
        input_names: what `run` must be given.
    """

    changes_state = True

    def __init__(
        self,
        model: bytes,
        initializers: Mapping[str, Array],
        state: Mapping[str, Variable],
        outputs: Sequence[str],
        *,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Make a session of a serialized model.

        Args:
            model: a serialized ModelProto.
            initializers: as for `Session`.
            state: the variables by the inputs that read them; the new value of each is
                the output ``<input>:new``.
            outputs: the other outputs, in order.
            device: see `seqir.runtime.resolve`.
            threads: as for `Session`.

        Raises: what `Session` raises.
        """
        self._device = resolve(device).name
        self._state = dict(state)
        self._step = StepSession(
            model,
            initializers,
            placed(self._state, self._device),
            {name: f"{name}:new" for name in state},
            {},
            fresh=outputs,
            device=self._device,
            threads=threads,
        )
        self.input_names = tuple(self._step.fed)

    @property
    def usable(self) -> bool:
        """Whether this process has made it."""
        return self._step.session.usable

    def run(
        self, feeds: Mapping[str, Array], held: Mapping[str, object] | None = None
    ) -> list[Array]:
        """The outputs, as arrays that belong to the caller; the variables move on.

        `held` is as for `Session.run`.

        Raises: as `Session.run`; the variables are then as they were.
        """
        ort = engine.load()
        values = {n: to_ort(ort, a) for n, a in feeds.items()}
        values.update(held or {})
        while True:
            slots = placed(self._state, self._device)
            with claim(frozenset(slots.values())):
                if all(v.slot is slots[name] for name, v in self._state.items()):
                    self._step.place(slots)
                    return self._step.advance(feeds, values)
