"""Parts of graphs: what computes some values from others, and what that needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from seqir import naming
from seqir.errors import GraphError
from seqir.ir import Graph, Node, Value
from seqir.ir.analysis import dominating
from seqir.network.resized import with_names
from seqir.operators.sizes import Sizes
from seqir.tensortype import OpaqueType


def part(
    graph: Graph,
    outputs: Mapping[str, Value],
    inputs: Mapping[str, Value] | None = None,
) -> Graph:
    """The part of a graph that computes values from others.

    Without `inputs` it begins where the graph does, and has those inputs of it that it
    needs. Sizes are read from the inputs of the part where those have them.

    Raises: GraphError that names what is needed besides `inputs`, or what of them is
        not needed.
    """
    given = graph.inputs if inputs is None else inputs
    starts = dict.fromkeys(given.values())
    nodes, reached = _needed(graph, outputs.values(), starts, inputs is not None)
    needed = {name: value for name, value in given.items() if value in reached}
    if inputs is not None:
        _check(graph, outputs, given, nodes, reached)
    if not needed:
        raise GraphError(
            f"{', '.join(map(repr, outputs))} depend on no input of the model: they "
            "are always the same"
        )
    new = {v: Value(v.type, name) for name, v in needed.items()}
    kept: list[Node] = []
    for node in nodes:
        operands = tuple([new.get(v, v) for v in node.operands])
        if operands != node.operands:
            node = Node(node.op, operands, node.results, node.source)
        kept.append(node)
    read = {v for node in kept for v in node.operands} | {*outputs.values()}
    sources = {node.source for node in kept}
    found = Graph(
        graph.name,
        {name: new[value] for name, value in needed.items()},
        {name: value for name, value in graph.params.items() if value in read},
        tuple(kept),
        {name: new.get(value, value) for name, value in outputs.items()},
        scopes={n: s for n, s in graph.scopes.items() if n in sources},
    )
    return with_names(found)


def _needed(
    graph: Graph, outputs: Iterable[Value], starts: Collection[Value], own_sizes: bool
) -> tuple[list[Node], set[Value]]:
    """The nodes between, in order, and all values that they read or are asked for."""
    reached = set(outputs)
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if not any(v in reached and v not in starts for v in node.results):
            continue
        if own_sizes and isinstance(node.op, Sizes):
            node = _resized(node, starts)
        nodes.append(node)
        reached.update(node.operands)
    return nodes[::-1], reached


def _resized(node: Node, starts: Iterable[Value]) -> Node:
    """A node of sizes, reading them from where a part starts, if they are all there."""
    op = node.op
    assert isinstance(op, Sizes)
    if {*node.operands} <= {*starts}:
        return node
    found: dict[str, tuple[Value, int]] = {}
    for value in starts:
        for axis, dim in enumerate(value.type.shape):
            if isinstance(dim, str):
                found.setdefault(dim, (value, axis))
    if not all(name in found for name, _, _ in op.places):
        return node
    operands = [*dict.fromkeys(found[name][0] for name, _, _ in op.places)]
    places = tuple(
        (name, operands.index(found[name][0]), found[name][1])
        for name, _, _ in op.places
    )
    changed = replace(op, places=places)
    return Node(changed, tuple(operands), node.results, node.source)


def _check(
    graph: Graph,
    outputs: Mapping[str, Value],
    given: Mapping[str, Value],
    nodes: Sequence[Node],
    reached: set[Value],
) -> None:
    for name, value in given.items():
        if isinstance(value.type, OpaqueType):
            raise GraphError(
                f"a part cannot begin with the tensor {name!r}, which is {value.type}: "
                "cut at another one"
            )
    starts = set(given.values())
    missing = [v for v in graph.inputs.values() if v in reached and v not in starts]
    if missing:
        own = {value: name for name, value in graph.inputs.items()}
        more = [
            f"the tensor {own.get(v, v.name)!r} ({v.type})"
            for v in frontier(nodes, starts, missing)
        ]
        raise GraphError(
            f"the part from {', '.join(map(repr, given))} to "
            f"{', '.join(map(repr, outputs))} also needs "
            f"{', '.join(more)}: add {'it' if len(more) < 2 else 'them'} "
            "to inputs="
        )
    unread = [name for name, value in given.items() if value not in reached]
    if unread:
        raise GraphError(
            f"{', '.join(map(repr, outputs))} do not depend on "
            f"{', '.join(map(repr, unread))}: take it out of inputs="
        )


def frontier(
    nodes: Sequence[Node], starts: Iterable[Value], missing: Iterable[Value]
) -> list[Value]:
    """Values that come from what is missing and meet there what comes from the starts.

    They are what would have to be given too, the latest that have names.
    """
    depends, lacks = set(starts), set(missing)
    found: dict[Value, None] = {}
    makers = {v: node for node in nodes for v in node.results}
    for node in nodes:
        below = not depends.isdisjoint(node.operands)
        if below:
            depends.update(node.results)
            found.update((v, None) for v in node.operands if v in lacks)
        elif not lacks.isdisjoint(node.operands):
            lacks.update(node.results)
    stack, named = list(found)[::-1], dict[Value, None]()
    while stack:
        value = stack.pop()
        if value.name or value not in makers:
            named[value] = None
        else:
            stack += [v for v in makers[value].operands if v in lacks]
    return list(named) or list(missing)


def halves(graph: Graph, at: Mapping[str, Value]) -> tuple[Graph, Graph]:
    """The graph in two parts, the second of which begins with the values `at`.

    What the second needs besides crosses too, as late as possible. Outputs that do not
    depend on `at` are those of the first.

    Raises: GraphError if no output depends on `at`.
    """
    starts = dict.fromkeys(at.values())
    below = set(starts)
    for node in graph.nodes:
        if not below.isdisjoint(node.operands):
            below.update(node.results)
    late = {n: v for n, v in graph.outputs.items() if v in below and v not in starts}
    if not late:
        raise GraphError(
            f"no output depends on {', '.join(map(repr, at))}: cut at another tensor"
        )
    nodes, reached = _needed(graph, late.values(), starts, True)
    missing = [v for v in graph.inputs.values() if v in reached and v not in starts]
    more = frontier(nodes, starts, missing) if missing else []
    names = {v: n for n, v in {**graph.outputs, **graph.inputs, **at}.items()}
    begins = {names[v]: v for v in at.values() if v in reached}
    for value in more:
        begins.setdefault(names.get(value) or naming.free(value.name, begins), value)
    _, reached = _needed(graph, late.values(), dict.fromkeys(begins.values()), True)
    begins = {name: v for name, v in begins.items() if v in reached}
    inputs = set(graph.inputs.values())
    crossing = {name: v for name, v in begins.items() if v not in inputs}
    early = {n: v for n, v in graph.outputs.items() if n not in late}
    return part(graph, early | crossing), part(graph, late, begins)


def cut_values(graph: Graph) -> list[Value]:
    """Values that all that outputs need of the inputs passes, in order.

    Sizes are no dependency: what follows on a cut reads them where it begins.
    """
    inputs = set(graph.inputs.values())
    below = set(inputs)
    edges: list[tuple[Value, Value]] = []
    for node in graph.nodes:
        if isinstance(node.op, Sizes):
            continue
        read = [v for v in node.operands if v in below]
        if read:
            below.update(node.results)
            edges += [(a, b) for a in read for b in node.results]
    ends = [v for v in graph.outputs.values() if v in below]
    chain = dominating(edges, inputs, ends)
    ends += inputs
    found = [v for v in chain if v not in ends]
    if Sizes not in graph.kinds:
        return found
    return [v for v in found if _sizes_known(graph, v)]


def _sizes_known(graph: Graph, value: Value) -> bool:
    """Whether what follows can read all sizes that it needs from the value."""
    _, reached = _needed(graph, graph.outputs.values(), {value}, True)
    return reached.isdisjoint(graph.inputs.values())
