"""The frozen front of a step: computed once for each sample, not once an epoch.

What is computed from the inputs of a model and from frozen weights alone is the same
in every epoch. A step is cut there: the front computes features, the rest trains on
them. Random numbers, and what a training changes, end the front, and so does what has
no row for each sample.
"""

from __future__ import annotations

import hashlib
import itertools
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seqir import lower, passes, runtime, shapes, tensorfile
from seqir.data.arrays import ArrayBatches
from seqir.data.batch import named, take
from seqir.errors import (
    ArgumentError,
    ExportError,
    GraphError,
    LoadError,
    UnsupportedError,
)
from seqir.ir import Array, Graph, Node, Value, constant_of
from seqir.lower import opsets
from seqir.train.feeds import Feeder

if TYPE_CHECKING:
    from seqir.data import Batches
    from seqir.train.steps import Step
    from seqir.train.trainer import Trainer

FEATURE: Final = "feature"
KIND: Final = "seqir features"
BATCH: Final = "batch"
"""The size that the rows of a step are counted with."""
MEMORY: Final = "memory"
ROWS: Final = 256
"""Samples that are hashed at once."""
SAME: Final = 1e-3
"""By how much, relatively, rounding may change a feature."""


@dataclass(frozen=True)
class Front:
    """The frozen front of a step, which computes features from the model's inputs."""

    graph: Graph
    passed: tuple[str, ...]
    """Inputs of the model that the rest reads as well."""
    device: str

    @cached_property
    def key(self) -> str:
        """A hash of what is computed, weights included, and of what computes it.

        Names are not part of it: automatic ones differ from model to model.
        """
        from seqir.runtime import engine

        graph = self.graph
        nameless = replace(
            graph,
            name="front",
            inputs={f"x{i}": v for i, v in enumerate(graph.inputs.values())},
            nodes=tuple(replace(node, source="") for node in graph.nodes),
        )
        version = str(engine.load().__version__)
        parts = (nameless.fingerprint(), self.device, version)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @cached_property
    def _session(self) -> runtime.Session:
        model, arrays = lower.split(lower.lower(self.graph, opset=opsets.LOWEST))
        threads = runtime.get_threads()
        return runtime.Session(model, arrays, device=self.device, threads=threads)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """What the rest of the step is fed instead of the inputs of the model."""
        given = {name: feeds[name] for name in self.graph.inputs}
        found = zip(self._session.output_names, self._session.run(given), strict=True)
        return self.past(feeds) | dict(found)

    def past(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The inputs of the model that the rest reads as they are."""
        return {name: feeds[name] for name in self.passed}

    def release(self) -> None:
        """Give back the memory of the session; the next run makes a new one."""
        self.__dict__.pop("_session", None)


def cut(
    graph: Graph, inputs: Iterable[str], frozen: Iterable[str], device: str
) -> tuple[Front, Graph]:
    """The front of an optimized step, and the rest, which reads features.

    `inputs` are the inputs of the model, `frozen` the labels of frozen weights.

    Raises: UnsupportedError if no frozen weight is used in the front.
    """
    own = {name: graph.inputs[name] for name in inputs if name in graph.inputs}
    nodes, features = _front(graph, own.values(), frozen)
    rest = tuple(node for node in graph.nodes if node not in nodes)
    read = {v for node in rest for v in node.operands} | set(graph.roots)
    names = (f"{FEATURE}_{i}" if i else FEATURE for i in itertools.count())
    free = (n for n in names if n not in graph.inputs and n not in graph.params)
    inside = features.keys() - own.values()
    edge = {next(free): v for v in features if v in read and v in inside}
    passed = tuple(name for name, value in own.items() if value in read)
    given = {n: v for n, v in graph.inputs.items() if n not in own or n in passed}
    constants = tuple(n for n in nodes if features.keys().isdisjoint(n.results))
    front = passes.eliminate_dead(
        replace(
            graph, params={}, outputs=edge, updates=(), nodes=tuple(nodes), inputs=own
        )
    )
    used = {v for node in front.nodes for v in node.operands}
    own = {name: value for name, value in own.items() if value in used}
    return (
        Front(replace(front, inputs=own), passed, device),
        passes.eliminate_dead(
            replace(graph, inputs=given | edge, nodes=(*constants, *rest))
        ),
    )


def _front(
    graph: Graph, inputs: Iterable[Value], frozen: Iterable[str]
) -> tuple[dict[Node, None], dict[Value, None]]:
    """The nodes of the front, and those of their results that depend on the inputs."""
    nodes: dict[Node, None] = {}
    known, varying = set(inputs), dict.fromkeys(inputs)
    labels: dict[Value, str] = {}
    used: set[str] = set()
    for node in graph.nodes:
        if not known.issuperset(node.operands):
            continue
        if constant_of(node) is not None:
            labels[node.result] = node.op.array.label  # type: ignore[attr-defined]
        if not varying.keys().isdisjoint(node.operands):
            if not all(map(_has_row_for_each_sample, node.results)):
                continue
            varying.update(dict.fromkeys(node.results))
            used.update(labels[v] for v in node.operands if v in labels)
        known.update(node.results)
        nodes[node] = None
    if used.isdisjoint(frozen):
        raise UnsupportedError(
            f"cache_frozen has nothing to keep: the front of {graph.name!r} has no "
            "frozen weights, or random numbers or statistics of the batch come before "
            "them; set trainable=False on the first layers and compile again"
        )
    return nodes, varying


def _has_row_for_each_sample(value: Value) -> bool:
    first, *others = value.type.shape or (None,)
    unknown = (d for d in others if isinstance(d, str))
    return first == BATCH and not any(BATCH in shapes.symbols(d) for d in unknown)


class FrozenFeeder(Feeder):
    """Feeds steps that are cut: with features, which it may have been given."""

    cut = True

    def __init__(self, model: Trainer, *, training: bool) -> None:
        super().__init__(model, training=training)
        self._given: str | None = None
        """The key of the front that has computed what comes as x."""

    def inputs(self, step: Step, x: Any) -> dict[str, Array]:
        front = step.front
        assert front is not None
        if self._given is None:
            return front.run(super().inputs(step, x))
        if front.key != self._given:
            raise GraphError(
                f"the frozen part of model {self.model.name!r} has changed while its "
                "features were in use: freeze, thaw and assign between calls of fit, "
                "or train without cache_frozen"
            )
        return dict(x)

    def keep(self, batches: ArrayBatches, where: str | PathLike[str]) -> None:
        """Put features in the place of x, from now on.

        They are computed, or read from the folder `where` if a training before has
        left them there; "memory" is no folder.

        Raises: UnsupportedError if samples of a batch take part in each other's
            features.
        """
        step, _ = self.step_of(take(batches.whole, slice(1)))
        front = step.front
        assert front is not None
        features = _Features(front, self.model, batches)
        found = features.compute() if where == MEMORY else features.stored(Path(where))
        if front.passed:
            found |= front.past(self.model.batch_feeds(batches.whole.x))
        front.release()
        self._given = front.key
        batches.whole = batches.whole._replace(x=found)


def require_arrays(batches: Batches) -> None:
    """ArgumentError unless the batches are rows of arrays."""
    if not isinstance(batches, ArrayBatches):
        raise ArgumentError(
            "cache_frozen keeps the features of each sample and needs x to be arrays: "
            "what makes batches itself may give other samples in each epoch"
        )


class _Features:
    """What a front makes of all samples, each in a batch of the training's size."""

    def __init__(self, front: Front, model: Trainer, batches: ArrayBatches) -> None:
        self.front = front
        self.model = model
        self.whole = batches.whole
        self.size = min(batches.batch_size or 1, batches.whole.size)

    def compute(self) -> dict[str, Array]:
        """Run the front over all samples.

        Raises: UnsupportedError if samples take part in each other's features.
        """
        total = self.whole.size
        arrays: dict[str, Array] = {}
        for first in range(0, total, self.size):
            rows = slice(first, min(first + self.size, total))
            for name, part in self._of(rows).items():
                if name not in arrays:
                    arrays[name] = np.empty((total, *part.shape[1:]), part.dtype)
                arrays[name][rows] = part
        self._check(arrays)
        return arrays

    def _of(self, rows: Any) -> dict[str, Array]:
        found = self.front.run(self.model.batch_feeds(take(self.whole, rows).x))
        return {name: found[name] for name in self.front.graph.outputs}

    def _check(self, arrays: dict[str, Array]) -> None:
        """Compute some samples again, among others and in the other batch size."""
        total, size = self.whole.size, self.size
        worst = 0.0
        for count in {size, total % size or size}:
            rows = (np.arange(count)[::-1] + size // 2) % total
            for name, found in self._of(rows).items():
                worst = max(worst, _difference(found, arrays[name][rows]))
        if worst > SAME:
            raise UnsupportedError(
                f"the frozen part of model {self.model.name!r} computes with all "
                "samples of a batch: the features of a sample change by "
                f"{worst:.1g} with its neighbours, and cache_frozen cannot keep them"
            )
        if worst:
            warnings.warn(
                f"the frozen part of model {self.model.name!r} rounds in another way "
                f"in batches of another size (by {worst:.1g}): a training with "
                "cache_frozen ends near the one without, not with the same bits",
                stacklevel=2,
            )

    def stored(self, folder: Path) -> dict[str, Array]:
        """The features from a file of the folder, which is written if need be."""
        key = self._key()
        path = folder / f"features-{key[:24]}.safetensors"
        try:
            found, note = tensorfile.read(path)
            if note.get("kind") == KIND and note.get("key") == key:
                return found
            problem = f"{path} holds something else"
        except LoadError as error:
            problem = str(error) if path.exists() else ""
        if problem:
            warnings.warn(f"features are computed anew: {problem}", stacklevel=2)
        found = self.compute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tensorfile.write(path, found, {"kind": KIND, "key": key})
        except (ExportError, OSError) as error:
            warnings.warn(f"features are not kept: {error}", stacklevel=2)
        return found

    def _key(self) -> str:
        """A hash of the front, of the data, and of the size of the batches."""
        total = hashlib.sha256(f"{self.front.key} {self.size}".encode())
        for name, array in named(self.whole.x, "x"):
            total.update(f"{name} {array.dtype} {array.shape}".encode())
            for first in range(0, len(array), ROWS):
                total.update(np.ascontiguousarray(array[first : first + ROWS]).data)
        return total.hexdigest()


def _difference(found: Array, wanted: Array) -> float:
    """The largest difference of two arrays, over the largest magnitude."""
    if found.tobytes() == wanted.tobytes():
        return 0.0
    if found.dtype.kind not in "fV":
        return 1.0
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        largest = np.nanmax(np.abs(b), initial=1e-30)
        return float(np.nanmax(np.abs(a - b), initial=0.0) / largest) or 1e-30
