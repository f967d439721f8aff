"""The frozen front of a step: what is the same in every epoch.

What is computed from the inputs of a model and from frozen weights alone is the same
whenever a sample comes. Random numbers, and what a training changes, end the front,
and so does what has no row for each sample. A step is cut there in two graphs: the
front computes features, the rest trains on them.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from seqir import passes, runtime, shapes
from seqir.errors import UnsupportedError
from seqir.ir import Array, Graph, Node, Value
from seqir.lower import opsets
from seqir.passes.facts import is_pure
from seqir.runtime import engine

FEATURE: Final = "feature"
BATCH: Final = "batch"
"""The size that the rows of a step are counted with."""


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
        return runtime.Session.of_graph(
            self.graph,
            opset=opsets.LOWEST,
            device=self.device,
            threads=runtime.get_threads(),
        )

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
    graph: Graph, inputs: Collection[Value], frozen: Iterable[str]
) -> tuple[dict[Node, None], dict[Value, None]]:
    """The nodes of the front, and those of their results that depend on the inputs."""
    nodes: dict[Node, None] = {}
    known, varying = set(inputs), dict.fromkeys(inputs)
    labels: dict[Value, set[str]] = {}
    used: set[str] = set()
    for node in graph.nodes:
        if not known.issuperset(node.operands) or not is_pure(node.op):
            continue
        read = {label for v in node.operands for label in labels.get(v, ())}
        if node.op.constant is not None:
            read = {node.op.constant.label}
        if varying.keys().isdisjoint(node.operands):
            labels.update(dict.fromkeys(node.results, read))
        else:
            if not all(map(_has_row_for_each_sample, node.results)):
                continue
            varying.update(dict.fromkeys(node.results))
            used.update(read)
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
