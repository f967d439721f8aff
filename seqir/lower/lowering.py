"""From the graph to ONNX: every operator lowers itself, names come from layers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seqir import naming
from seqir.errors import ArgumentError, GraphError
from seqir.ir import ONNX_RUNTIME, Array, Graph, Target, Value
from seqir.lower import opsets
from seqir.lower.emit import Emitter, OnnxNode, rename
from seqir.lower.kernels import runnable
from seqir.narrow import is_a
from seqir.tensortype import TensorType
from seqir.version import VERSION


@dataclass
class OnnxModel:
    """A lowered graph: what an ONNX file says, with the big arrays still shared."""

    name: str
    opset: int
    nodes: list[OnnxNode]
    initializers: dict[str, Array]
    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]
    types: dict[str, TensorType]
    """Types of the tensors between inputs and outputs, as far as the graph has them."""
    sources: dict[str, str]
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    domains: dict[str, int] = field(default_factory=dict[str, int])
    """Other parts of ONNX that it uses, with their versions."""

    @property
    def nbytes(self) -> int:
        """Bytes of all initializers."""
        return sum(a.nbytes for a in self.initializers.values())


def lower(
    graph: Graph,
    *,
    opset: int | None = None,
    metadata: Mapping[str, str] | None = None,
    target: Target = ONNX_RUNTIME,
) -> OnnxModel:
    """Lower a graph to ONNX, as the target gets it right.

    Params that are still inputs of the graph become inputs of the model, after the
    others; updates become outputs after the others, named ``<param>:new``.

    Raises: ArgumentError for an unknown opset or metadata that is not text,
        GraphError if an input and an output share a name.
    """
    opset = opsets.resolve(opset, graph)
    graph, emit = runnable(graph, opset), Emitter(opset, target)
    names: dict[Value, str] = {}
    inputs = {**graph.inputs, **graph.params}
    for name, value in inputs.items():
        names[value] = emit.fresh(name)
    outputs = dict(graph.outputs)
    outputs.update({f"{u.param}:new": u.value for u in graph.updates})
    for name in outputs:
        if name in inputs:
            raise GraphError(f"{name!r} names an input and an output of the model")
        emit.fresh(name)
    types: dict[str, TensorType] = {}
    last: dict[str, str] = {}
    given: dict[str, str] = {}
    for node in graph.nodes:
        emit.source = node.source
        results = node.op.lower(emit, node, *(names[v] for v in node.operands))
        for value, name in zip(node.results, results, strict=True):
            names[value] = name
            if name not in inputs:  # a no-op passes its operand's name through
                types[name] = value.type
                if value.name:
                    given[name] = value.name
        if node.operands and results[-1] in types:
            if not node.results[-1].name:
                last[node.source] = results[-1]
            elif results[-1] in emit.nodes[-1].outputs:  # else it is no node there
                emit.nodes[-1].name = node.source
    renamed = _output_names(emit, outputs, names, types)
    _own_names(emit, given, renamed)
    _layer_names(emit, last, renamed)
    rename(emit.nodes, renamed)
    _node_names(emit.nodes)
    for each in emit.nodes if graph.scopes else ():
        each.scope = graph.scopes.get(each.source, "")
    return OnnxModel(
        graph.name,
        emit.opset,
        emit.nodes,
        emit.initializers,
        {name: v.type for name, v in inputs.items()},
        {name: v.type for name, v in outputs.items()},
        {renamed.get(n, n): t for n, t in types.items() if n not in emit.initializers},
        dict(graph.sources),
        _metadata(graph, metadata),
        emit.domains,
    )


def _output_names(
    emit: Emitter,
    outputs: Mapping[str, Value],
    names: Mapping[Value, str],
    types: dict[str, TensorType],
) -> dict[str, str]:
    """Give outputs their names: {old tensor name: new one}."""
    made = {name for node in emit.nodes for name in node.outputs}
    renamed: dict[str, str] = {}
    copies: list[tuple[str, str]] = []
    for name, value in outputs.items():
        old = names[value]
        if old in made and old not in renamed:
            renamed[old] = name
        else:
            copies.append((old, name))
    for old, name in copies:
        # An output that is an input, a constant or another output needs a node.
        emit.nodes.append(OnnxNode("Identity", [old], [name], {}, name))
    return renamed


def _own_names(
    emit: Emitter, given: Mapping[str, str], renamed: dict[str, str]
) -> None:
    """Give tensors the names that they had in the file they come from."""
    for old, name in given.items():
        if old not in renamed and old not in emit.initializers:
            renamed[old] = emit.fresh(name)


def _node_names(nodes: Sequence[OnnxNode]) -> None:
    """Give each node a name of its own: that from its file, or of its first output."""
    taken = {node.name for node in nodes if node.name}
    seen: set[str] = set()
    for node in nodes:
        if not node.name or node.name in seen:
            own = node.name or next(filter(None, node.outputs), "")
            node.name = naming.free(own, taken)
            taken.add(node.name)
        seen.add(node.name)


def _layer_names(
    emit: Emitter, last: Mapping[str, str], renamed: dict[str, str]
) -> None:
    """Call the tensor that leaves a layer by the layer's name."""
    for source, old in last.items():
        if source and old not in renamed and old not in emit.initializers:
            renamed[old] = emit.fresh(source)


def _metadata(graph: Graph, extra: Mapping[str, str] | None) -> dict[str, str]:
    for key, value in (extra or {}).items():
        if not is_a(key, str) or not is_a(value, str):
            raise ArgumentError(f"metadata is text to text, got {key!r}: {value!r}")
    layers = {path: kind for path, kind in graph.sources.items() if path}
    return {
        "seqir.version": VERSION,
        "seqir.layers": json.dumps(layers, separators=(",", ":")),
        **(extra or {}),
    }


def check_names(kind: str, names: Sequence[str] | None, count: int) -> list[str] | None:
    """The names, if there is one of each for every input or output.

    Raises: ArgumentError for a wrong number, a double or an empty name.
    """
    if names is None:
        return None
    found = [names] if isinstance(names, str) else list(names)
    if len(found) != count:
        raise ArgumentError(
            f"{kind}_names has {len(found)} names, the model has {count} {kind}s"
        )
    for name in found:
        if not is_a(name, str) or not name:
            raise ArgumentError(f"{kind}_names must be non-empty text, got {name!r}")
    if len(set(found)) != count:
        raise ArgumentError(f"{kind}_names has a name twice: {found}")
    return found
