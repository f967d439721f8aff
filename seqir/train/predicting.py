"""Predictions as a model's own `predict_step` makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqir import data, nest, passes, runtime
from seqir.arguments import Verbosity, verbosity
from seqir.data.batch import Batch, noting, signature_of
from seqir.errors import ArgumentError
from seqir.ir import SEED, STEP, Array
from seqir.layer.eager import revisions
from seqir.layer.state import walk
from seqir.network.predict import check_batch_axis, progress, telling
from seqir.ops import changes
from seqir.ops.apply import value_of
from seqir.ops.variable import Variable
from seqir.train.byhand import HandTrace, admitted, entered_batch
from seqir.train.compiled import KEEP
from seqir.weak import Owner

if TYPE_CHECKING:
    from seqir.runtime import HostedSession, Session, StatefulSession


class _Made(NamedTuple):
    """A step that was traced: what runs it, its inputs, weights and structure."""

    session: Session | StatefulSession | HostedSession
    inputs: tuple[str, ...]
    fed: dict[str, Variable]
    structure: object


class Predictor:
    """Runs `predict_step`, traced once for a kind of batches."""

    model = Owner["Any"]()

    def __init__(self, model: Any) -> None:
        self.model = model
        self._made: dict[object, _Made] = {}

    def run(self, batch: Batch, device: str | None) -> tuple[list[Array], object]:
        """The outputs for a batch as a list, and their structure."""
        x, y, weights = nest.map_structure(admitted, tuple(batch)[:3])
        batch = Batch(x, y, weights, batch.size)
        made = self._of(batch, device or "auto")
        arrays = [a for a in nest.flatten((x, y, weights)) if a is not None]
        feeds = dict(zip(made.inputs, map(np.ascontiguousarray, arrays), strict=True))
        if STEP in made.session.input_names:
            feeds[SEED], feeds[STEP] = self.model.next_key()
        held = runtime.Held(made.fed)
        try:
            read = [n for n in made.session.input_names if n not in made.fed]
            results = made.session.run({n: feeds[n] for n in read}, held.values)
        finally:
            held.release()
        if made.session.changes_state:
            changes.tick()
        return results, made.structure

    def _of(self, batch: Batch, device: str) -> _Made:
        kind = (signature_of(batch), device, runtime.get_threads())
        key = (kind, revisions(walk(self.model)))
        made = self._made.get(key)
        if made is None or not made.session.usable:
            made = self._trace(batch, device)
            while len(self._made) >= KEEP:
                self._made.pop(next(iter(self._made)))
            # Tracing may have built layers.
            self._made[kind, revisions(walk(self.model))] = made
        return made

    def _trace(self, batch: Batch, device: str) -> _Made:
        model = self.model
        b = HandTrace(f"{model.name}_predict_step")
        with b.active():
            inputs, given = entered_batch(b, signature_of(batch))
            with noting(f"in predict_step of model {model.name!r}"):
                found = model.predict_step(given)
            outputs = nest.flatten(found)
            if not outputs or any(y is None for y in outputs):
                raise ArgumentError(
                    f"predict_step of model {model.name!r} returns nothing to predict, "
                    f"got {found!r}: return tensors"
                )
            values = [value_of(b, y) for y in outputs]
            model.settle()
        graph = b.finish({f"output_{i}": value for i, value in enumerate(values)})
        graph = passes.run(graph, passes.STRUCTURE)
        variables: dict[str, Variable] = {name: v for v, name in b.bindings.items()}
        session = runtime.session_of(graph, variables, device=device)
        fed = {n: v for n, v in variables.items() if n in session.input_names}
        return _Made(session, inputs, fed, nest.map_structure(lambda y: None, found))


def predict(
    predictor: Predictor,
    x: object,
    *,
    batch_size: int | None,
    verbose: Verbosity,
    steps: int | None,
    callbacks: object,
    device: str | None,
) -> Any:
    """See `Model.predict`."""
    model = predictor.model
    model.stop_predicting = False
    batches = data.adapt(x, batch_size=batch_size, steps=steps, what="predict")
    parts: list[list[Array]] = []
    structure: object = None

    def run(batch: Batch) -> list[Array]:
        nonlocal structure
        results, structure = predictor.run(batch, device)
        return results

    told: Callable[[Batch], list[Array]]
    with (
        telling(callbacks, model, run) as told,
        progress(verbosity(verbose), batches.count) as advance,
    ):
        for batch in batches.epoch(0):
            found = told(batch)
            for part in found:
                check_batch_axis(part, batch.size)
            parts.append(found)
            advance()
            if model.stop_predicting:
                break
    joined = [np.concatenate(each) for each in zip(*parts, strict=True)]
    return nest.pack(structure, joined)


def predict_on_batch(predictor: Predictor, x: object) -> Any:
    """See `Model.predict_on_batch`."""
    results, structure = predictor.run(
        data.whole(x, None, None, None, "predict_on_batch"), None
    )
    return nest.pack(structure, results)
