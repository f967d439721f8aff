"""Comparing two models, node by node and tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import onnx
from onnx import helper

from seqir import collector, dtypes, lower, passes, reading
from seqir.difference.attributes import given, serialized
from seqir.difference.matching import Pairs, matched
from seqir.difference.report import Change, Difference, WeightChange
from seqir.difference.weights import compared
from seqir.ir import Array
from seqir.network.base import Network, arrays_of
from seqir.reading.parse import Parsed, Source, as_array
from seqir.reading.types import Names, type_of
from seqir.tensortype import type_of as type_of_array

_LONG = 60
"""Places that the value of an attribute has in a report."""


@collector.paused()
def diff(first: Source | Network, second: Source | Network) -> Difference:
    """How the second model differs from the first; what is returned is false if not.

    Nodes are the same if they have one name and operator; those of other names are
    found by what they compute. Weights are compared number by number. An attribute
    that is not given is what ONNX says that it is then.

    Args:
        first: a path, the bytes of a file, an ``onnx.ModelProto``, or a model.
        second: another.

    Raises: as `load_onnx`; NotBuiltError for a model without an input shape.
    """
    a, b = _parsed(first), _parsed(second)
    one, other = _Side(a), _Side(b)
    pairs = matched(one.nodes, other.nodes, (a.versions, b.versions))
    tensors = _tensors(one, other, pairs)
    return Difference(
        first=a.name,
        second=b.name,
        facts=(*_opsets(a, b), *_ends(a, b)),
        nodes=(*_nodes(one, other, pairs, tensors),),
        weights=(*_weights(one, other, tensors),),
        node_count=len(other.nodes),
        weight_count=len(other.arrays),
    )


def _parsed(model: Source | Network) -> Parsed:
    """A file as it is, or what a model is lowered to."""
    if not isinstance(model, Network):
        return reading.parse(model)
    model.require_built("difference")
    graph, variables = model.trace_graph()
    graph = passes.run(passes.bind(graph, arrays_of(variables)), passes.INFERENCE)
    lowered = lower.lower(graph, opset=model.file_opset)
    return Parsed(lower.to_proto(lowered), model.name, None)


class _Side:
    """One of two models: its nodes, and the tensors that are not computed."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        proto = parsed.proto.graph
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: dict[str, onnx.TensorProto | Array] = {
            t.name: t for t in parsed.initializers
        }
        for node in proto.node:
            value = _constant(node)
            if value is None:
                self.nodes.append(node)
            else:
                self.arrays[node.output[0]] = value

    def array(self, name: str) -> Array:
        """The numbers of a tensor."""
        found = self.arrays[name]
        if isinstance(found, onnx.TensorProto):
            return self.parsed.array(found)
        return found


def _constant(node: onnx.NodeProto) -> Array | None:
    """What a ``Constant`` holds, if that is a tensor."""
    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx"):
        return None
    for attribute in node.attribute:
        if attribute.name == "value":
            return as_array(attribute.t)
    return None


def _opsets(a: Parsed, b: Parsed) -> Iterator[Change]:
    for domain in {**a.versions, **b.versions}:
        versions = a.versions.get(domain), b.versions.get(domain)
        name = f"opset {domain or 'ai.onnx'}"
        yield from _fact(name, *(None if v is None else str(v) for v in versions))


def _ends(a: Parsed, b: Parsed) -> Iterator[Change]:
    """Inputs and outputs that only one has, or of other types."""
    for what in ("input", "output"):
        types = [_types(parsed, what) for parsed in (a, b)]
        for name in {**types[0], **types[1]}:
            yield from _fact(f"{what} {name}", types[0].get(name), types[1].get(name))


def _types(parsed: Parsed, what: str) -> dict[str, str]:
    weights = {t.name for t in parsed.initializers} if what == "input" else set[str]()
    return {
        v.name: str(type_of(v.type, Names({}), "size"))
        for v in getattr(parsed.proto.graph, what)
        if v.name not in weights
    }


def _fact(name: str, before: str | None, after: str | None) -> Iterator[Change]:
    if before == after:
        return
    if before is None or after is None:
        kind = "added" if before is None else "removed"
        yield Change(kind, name, "", (str(after or before),))
    else:
        yield Change("changed", name, "", (f"{before} -> {after}",))


def _tensors(one: _Side, other: _Side, pairs: Pairs) -> dict[str, str]:
    """Names of tensors of the first model, with those of the second that they are."""
    found: dict[str, str] = {}
    graphs = one.parsed.proto.graph, other.parsed.proto.graph
    inputs = [[v.name for v in graph.input] for graph in graphs]
    outputs = [[v.name for v in graph.output] for graph in graphs]
    for a, b in (inputs, outputs):
        found.update((name, name) for name in a if name in b)
        own, others = ([n for n in a if n not in b], [n for n in b if n not in a])
        found.update(zip(own, others, strict=False))
    found.update((name, name) for name in one.arrays if name in other.arrays)
    taken = set(found.values())
    for i, j in pairs.items():
        a, b = one.nodes[i], other.nodes[j]
        found.update(zip(a.output, b.output, strict=False))
        for x, y in zip(a.input, b.input, strict=False):
            free = x not in found and y not in taken
            if free and x in one.arrays and y in other.arrays:
                found[x] = y
                taken.add(y)
    return found


def _nodes(
    one: _Side, other: _Side, pairs: Pairs, tensors: Mapping[str, str]
) -> Iterator[Change]:
    taken = set(pairs.values())
    for i, node in enumerate(one.nodes):
        if i not in pairs:
            yield Change("removed", _called(node), _operator(node))
            continue
        now = other.nodes[pairs[i]]
        details = (*_attributes(one, other, node, now), *_wires(node, now, tensors))
        names = _called(node), _called(now)
        if details:
            yield Change("changed", names[1], _operator(now), details)
        elif names[0] != names[1]:
            yield Change("renamed", names[1], _operator(now), (f"was {names[0]}",))
    for j, node in enumerate(other.nodes):
        if j not in taken:
            yield Change("added", _called(node), _operator(node))


def _called(node: onnx.NodeProto) -> str:
    return node.name or next(filter(None, node.output), "")


def _operator(node: onnx.NodeProto) -> str:
    plain = node.domain in ("", "ai.onnx")
    return node.op_type if plain else f"{node.domain}.{node.op_type}"


def _attributes(
    one: _Side, other: _Side, node: onnx.NodeProto, now: onnx.NodeProto
) -> Iterator[str]:
    sides = ((one, node), (other, now))
    found = [given(side.parsed.versions, each) for side, each in sides]
    for name in {**found[0], **found[1]}:
        before, after = (_shown(values.get(name)) for values in found)
        raw = [serialized(values.get(name)) for values in found]
        if raw[0] == raw[1]:
            continue
        same = before == after
        yield f"{name} differs inside" if same else f"{name}: {before} -> {after}"


def _shown(attribute: onnx.AttributeProto | None) -> str:
    if attribute is None:
        return "not given"
    value: Any = helper.get_attribute_value(attribute)
    if isinstance(value, onnx.GraphProto):
        return f"a graph of {len(value.node)} nodes"
    if isinstance(value, onnx.TensorProto):
        return str(type_of_array(as_array(value)))
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def _wires(
    node: onnx.NodeProto, now: onnx.NodeProto, tensors: Mapping[str, str]
) -> Iterator[str]:
    """Operands that are other tensors now."""
    count = max(len(node.input), len(now.input))
    for place in range(count):
        before = node.input[place] if place < len(node.input) else ""
        after = now.input[place] if place < len(now.input) else ""
        if (tensors.get(before, before) if before else "") != after:
            yield f"operand {place}: {before or 'none'} -> {after or 'none'}"


def _is_float(array: Array) -> bool:
    return type_of_array(array).dtype in dtypes.FLOATS


def _weights(
    one: _Side, other: _Side, tensors: Mapping[str, str]
) -> Iterator[WeightChange]:
    kept: set[str] = set()
    for name in one.arrays:
        now = tensors.get(name, name)
        if now not in other.arrays:
            yield WeightChange("removed", name, str(type_of_array(one.array(name))))
            continue
        kept.add(now)
        change = compared(now, one.array(name), other.array(now))
        if change is not None:
            yield change
        elif now != name and _is_float(other.array(now)):  # sizes have no names
            yield WeightChange(
                "renamed", now, str(type_of_array(other.array(now))), name
            )
    for name in other.arrays:
        if name not in kept:
            yield WeightChange("added", name, str(type_of_array(other.array(name))))
