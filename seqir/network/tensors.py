"""Values of a graph by the names that its file has: of tensors, nodes and scopes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from seqir import dtypes, naming
from seqir.errors import ArgumentError, did_you_mean
from seqir.ir import Graph, Node, Value
from seqir.narrow import is_a
from seqir.network.scopes import Scope, scopes_of

_MOST_NAMES = 12
"""Scopes that a message names."""

Named = Mapping[str, Sequence[Value]]


def tensors_of(graph: Graph) -> dict[str, list[Value]]:
    """Inputs, outputs and results by the names of their tensors."""
    found = {name: [value] for name, value in graph.inputs.items()}
    found |= {v.name: [v] for node in graph.nodes for v in node.results if v.name}
    return found | {name: [value] for name, value in graph.outputs.items()}


def leaving(graph: Graph, nodes: Iterable[Node]) -> list[Value]:
    """Results of nodes that other nodes read, or that are outputs."""
    inside = set(nodes)
    outside = {v for n in graph.nodes if n not in inside for v in n.operands}
    outside.update(graph.outputs.values())
    return [v for n in graph.nodes if n in inside for v in n.results if v in outside]


def find(
    graph: Graph, patterns: str | Iterable[str], what: str, model: str
) -> dict[str, Value]:
    """The values that are asked for, by the names of their tensors.

    A pattern is the name of a tensor, of a node or of a scope, for what these give; or
    a regular expression for such names, of which tensors come first.

    Raises: ArgumentError if nothing in the model is called so.
    """
    tensors = tensors_of(graph)
    found: dict[str, Value] = {}
    names = _names(graph)
    for pattern in [patterns] if is_a(patterns, str) else patterns:
        for value in _matches(graph, tensors, pattern, what, model):
            name = names.get(value) or naming.free(value.name or "cut", found)
            found.setdefault(name, value)
    if not found:
        raise ArgumentError(f"{what}= names no tensor of model {model!r}: give some")
    return found


def renamed(
    what: str, values: Mapping[str, Value], names: Mapping[str, str], model: str
) -> dict[str, Value]:
    """Inputs or outputs under other names.

    Raises: ArgumentError for names that are not there, or would be there twice.
    """
    for name in names:
        if name not in values:
            raise ArgumentError(
                f"{what}={name!r} is none of the {what} of model {model!r}."
                f"{did_you_mean(name, values)} There are: {', '.join(values)}"
            )
    found = {names.get(name, name): value for name, value in values.items()}
    if len(found) < len(values):
        raise ArgumentError(
            f"{what}={dict(names)} gives two {what} of model {model!r} one name"
        )
    return found


def _names(graph: Graph) -> dict[Value, str]:
    """The names of values that are inputs or outputs."""
    ends = (*graph.outputs.items(), *graph.inputs.items())
    return {value: name for name, value in ends}


def _matches(
    graph: Graph, tensors: Named, pattern: str, what: str, model: str
) -> list[Value]:
    if pattern in tensors:
        return [*tensors[pattern]]
    nodes: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.source:
            nodes.setdefault(node.source, []).append(node)
    if pattern in nodes:
        return leaving(graph, nodes[pattern])
    scopes = {scope.path: scope for scope, _ in scopes_of(graph).rows(10**9)}
    if pattern.strip("/") in scopes:
        return _of_scope(graph, scopes[pattern.strip("/")])
    try:
        matches = re.compile(pattern).fullmatch
    except re.error as error:
        raise ArgumentError(
            f"{what}={pattern!r} names nothing in model {model!r}, and is not a "
            f"regular expression: {error}"
        ) from error
    for known in (tensors, nodes, scopes):
        if names := [name for name in known if matches(name)]:
            return [v for n in names for v in _matches(graph, tensors, n, what, model)]
    every = [*tensors, *nodes, *scopes]
    outer = [path for path in scopes if "/" not in path]
    more = ", ..." if len(outer) > _MOST_NAMES else ""
    raise ArgumentError(
        f"no tensor, node or scope of model {model!r} matches {what}={pattern!r}."
        f"{did_you_mean(pattern, every)} Scopes: {', '.join(outer[:_MOST_NAMES])}{more}"
    )


def _of_scope(graph: Graph, scope: Scope) -> list[Value]:
    """What leaves a scope: numbers, where there are some beside sizes."""
    found = leaving(graph, scope.nodes)
    return [v for v in found if dtypes.is_float(v.type.dtype)] or found
