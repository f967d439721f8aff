"""The nodes of a graph that was read from a file, in the scopes that they lie in.

A scope is a part of a program whose nodes have one prefix: ``layer1/bn1``. Names of
nodes say it, or what PyTorch notes beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from seqir.ir import Graph, Node, Op
from seqir.operators.foreign import Foreign

READABLE = 60
"""Rows that a list has, if there is no other depth to show it in."""
_HOOK = "_empty_nn_module_stack_from_metadata_hook"
"""What PyTorch calls the scope of nodes that it knows none of."""
_MOST_KINDS = 3


@dataclass(eq=False)
class Scope:
    """A node of a file, or the nodes with one prefix."""

    name: str
    """Within the scope around it."""
    path: str
    class_name: str = ""
    """Of the module that it was, where the file says so."""
    nodes: list[Node] = field(default_factory=list[Node])
    """All that lie in it, at any depth."""
    parts: dict[str, Scope] = field(default_factory=dict[str, "Scope"])

    @property
    def kind(self) -> str:
        """What it is: a class of modules, or its operators."""
        if self.class_name:
            return self.class_name
        kinds = [*dict.fromkeys(kind_of(n.op) for n in self.nodes if n.operands)]
        if len(kinds) > _MOST_KINDS:
            return f"{len(self.nodes)} nodes"
        return ", ".join(kinds)

    def rows(self, most: int) -> Iterator[tuple[Scope, int]]:
        """The scopes inside with their depths, down to `most`, outer ones first."""
        stack = [(part, 0) for part in reversed(self.parts.values())]
        while stack:
            scope, depth = stack.pop()
            yield scope, depth
            if depth + 1 < most:
                stack += [(part, depth + 1) for part in reversed(scope.parts.values())]

    def readable_depth(self) -> int:
        """The largest depth to which the rows are few enough to be read."""
        depth, rows = 1, len(self.parts)
        while rows <= READABLE:
            deeper = sum(1 for _ in self.rows(depth + 1))
            if deeper == rows:
                return depth
            rows = deeper
            depth += rows <= READABLE
        return depth


def kind_of(op: Op) -> str:
    """The ONNX operator that one of the IR is, or its own name in ONNX's style."""
    if isinstance(op, Foreign):
        return op.kind
    if len(op.reads) == 1:
        return op.reads[0]
    own = "".join(part.capitalize() for part in op.called.split("_"))
    return next((name for name in op.reads if name.lower() == own.lower()), own)


def scopes_of(graph: Graph) -> Scope:
    """The whole graph as one scope; constants are in none."""
    whole = Scope("", "")
    for number, node in enumerate(graph.nodes):
        if not node.operands and not node.source:
            continue  # a constant
        named = [value.name for value in node.results if value.name]
        name = node.source or (named[0] if named else f"{node.op.called}_{number}")
        _enter(whole, node, _places(name, graph.scopes.get(name, "")))
    whole.parts = _tidy(whole)
    while len(whole.parts) == 1:
        (only,) = whole.parts.values()
        if not only.parts:
            break
        whole.parts = only.parts
    return whole


def _enter(whole: Scope, node: Node, places: list[tuple[str, str]]) -> None:
    """Put a node into its scopes, the outermost first."""
    scope, path = whole, ""
    scope.nodes.append(node)
    for name, class_name in places:
        path = f"{path}/{name}" if path else name
        scope = scope.parts.setdefault(name, Scope(name, path, class_name))
        scope.nodes.append(node)


def _places(name: str, namespace: str) -> list[tuple[str, str]]:
    """The scopes of a node and itself at last: their names and classes.

    PyTorch notes ``: net.Net/layer1: net.Block/layer1.bn1: torch.BatchNorm2d/relu: ..``
    of which the last is the node.
    """
    if not namespace:
        parts = [part for part in name.split("/") if part]
        return [(part, "") for part in parts] or [(name, "")]
    places: list[tuple[str, str]] = []
    before = ""
    for entry in namespace.split("/")[:-1]:
        module, _, class_name = entry.partition(": ")
        if module and module != _HOOK:
            own = module.removeprefix(f"{before}.") if before else module
            places.append((own, class_name.rpartition(".")[2]))
            before = module
    return [*places, (name, "")]


def _tidy(scope: Scope) -> dict[str, Scope]:
    """The parts of a scope, with those that have one part only joined to it."""
    found: dict[str, Scope] = {}
    stack = [(part, found) for part in reversed(scope.parts.values())]
    while stack:
        part, into = stack.pop()
        name = part.name
        inside = {id(node) for inner in part.parts.values() for node in inner.nodes}
        own = [node for node in part.nodes if id(node) not in inside]
        while len(part.parts) == 1 and not own:
            (inner,) = part.parts.values()
            if not inner.parts:  # a node alone is known by its scope
                part.parts = {}
                break
            name = f"{name}/{inner.name}"
            class_name = inner.class_name or part.class_name
            part = Scope(name, inner.path, class_name, inner.nodes, inner.parts)
        tidy = Scope(name, part.path, part.class_name, part.nodes)
        into[name] = tidy
        if part.parts and own:  # a node has the name of a scope
            name = kind_of(own[0].op)
            stack.append((Scope(name, part.path, "", own), tidy.parts))
        stack += [(inner, tidy.parts) for inner in reversed(part.parts.values())]
    return found
