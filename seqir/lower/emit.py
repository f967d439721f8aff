"""The emitter: collects ONNX nodes and initializers under layer-derived names."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.ir import ONNX_RUNTIME, Array, ForeignNode, FrozenArray, Graph, Target
from seqir.lower import opsets
from seqir.tensortype import TensorType


@dataclass
class OnnxNode:
    """One ONNX node before it is written; names may still be replaced."""

    op_type: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    source: str
    domain: str = ""
    """Which part of ONNX has the operator; the main one has no name."""
    name: str = ""
    """Its name; that of its first output where it has none."""
    scope: str = ""
    """Where it lies, in PyTorch's way, if the file that it was read from says so."""


@dataclass
class OnnxBody:
    """A graph that is an attribute of a node; it sees the names around it."""

    name: str
    nodes: list[OnnxNode]
    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]
    types: dict[str, TensorType]
    """Types of the tensors between inputs and outputs, as far as they are known."""


@dataclass
class RawAttribute:
    """An attribute as a file had it, an ``AttributeProto``."""

    data: bytes
    names: dict[str, str]
    """What graphs in it read from around, and what that is called now."""


def rename(nodes: list[OnnxNode], names: Mapping[str, str]) -> None:
    """Give tensors other names, also where bodies read them."""
    for node in nodes:
        node.inputs = [names.get(n, n) for n in node.inputs]
        node.outputs = [names.get(n, n) for n in node.outputs]
        for value in node.attributes.values():
            if isinstance(value, OnnxBody):
                rename(value.nodes, names)
            elif isinstance(value, RawAttribute):
                value.names = {k: names.get(n, n) for k, n in value.names.items()}


@dataclass
class Emitter:
    """Writes nodes; see `seqir.ir.Emit`."""

    opset: int
    target: Target = ONNX_RUNTIME
    nodes: list[OnnxNode] = field(default_factory=list[OnnxNode])
    initializers: dict[str, Array] = field(default_factory=dict[str, Array])
    source: str = ""
    domains: dict[str, int] = field(default_factory=dict[str, int])
    """Other parts of ONNX that nodes are from, and in which versions."""
    _taken: set[str] = field(default_factory=set[str])
    _counts: dict[str, int] = field(default_factory=dict[str, int])
    """The last number that each name was given with."""
    _constants: dict[FrozenArray, str] = field(default_factory=dict[FrozenArray, str])
    _made: dict[Hashable, str] = field(default_factory=dict[Hashable, str])

    def __call__(
        self, onnx_op: str, *inputs: str, outputs: int = 1, **attributes: Any
    ) -> str:
        return self.many(onnx_op, *inputs, outputs=outputs, **attributes)[0]

    def once(self, onnx_op: str, *inputs: str, **attributes: Any) -> str:
        key = (onnx_op, inputs, tuple(sorted(attributes.items())))
        if key not in self._made:
            self._made[key] = self(onnx_op, *inputs, **attributes)
        return self._made[key]

    def many(
        self,
        onnx_op: str,
        *inputs: str,
        outputs: int,
        unread: Collection[int] = (),
        domain: str = "",
        **attributes: object,
    ) -> tuple[str, ...]:
        if domain:
            self.domains.setdefault(domain, opsets.DOMAINS.get(domain, 1))
        base = f"{self.source}/{onnx_op}" if self.source else onnx_op
        names = ["" if i in unread else self.fresh(base) for i in range(outputs)]
        self.nodes.append(
            OnnxNode(onnx_op, list(inputs), names, attributes, self.source, domain)
        )
        return tuple(names)

    def maker(self, name: str) -> str:
        makers = (n.op_type for n in reversed(self.nodes) if name in n.outputs)
        return next(makers, "")

    def foreign(self, node: ForeignNode, *inputs: str) -> tuple[str, ...]:
        if node.domain:
            self.domains[node.domain] = node.version
        elif node.version != self.opset:
            opsets.check_same_form(node.kind, node.version, self.opset)
        own = iter(inputs[: sum(node.given)])
        captured = dict(zip(node.captured, inputs[sum(node.given) :], strict=True))
        found = self.many(
            node.kind,
            *[next(own) if there else "" for there in node.given],
            outputs=len(node.wanted),
            unread=[i for i, wanted in enumerate(node.wanted) if not wanted],
            domain=node.domain,
            **{n: RawAttribute(data, captured) for n, data in node.attributes},
        )
        return tuple(name for name in found if name)

    def constant(self, array: Array | FrozenArray) -> str:
        frozen = array if isinstance(array, FrozenArray) else FrozenArray(array)
        if frozen not in self._constants:
            fallback = f"{self.source}/constant" if self.source else "constant"
            name = self.fresh(frozen.label or fallback)
            self._constants[frozen] = name
            self.initializers[name] = frozen.array
        return self._constants[frozen]

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float, dtype: str) -> str:
        return self.constant(np.array(value, dtypes.to_numpy(dtype)))

    def inline(
        self,
        graph: Graph,
        inputs: Sequence[str],
        types: dict[str, TensorType] | None = None,
    ) -> tuple[str, ...]:
        names = dict(zip(graph.inputs.values(), inputs, strict=True))
        source = self.source
        for node in graph.nodes:
            self.source = node.source
            results = node.op.lower(self, node, *(names[v] for v in node.operands))
            names.update(zip(node.results, results, strict=True))
            if types is not None:
                found = zip(results, node.results, strict=True)
                types.update((name, value.type) for name, value in found)
        self.source = source
        return tuple(names[v] for v in graph.outputs.values())

    def body(
        self, graph: Graph, captured: Sequence[str], until: Graph | None = None
    ) -> OnnxBody:
        around, made = self.nodes, self._made
        # What is made once inside is not there outside.
        self.nodes, self._made = [], dict(made)
        base = f"{self.source}/body" if self.source else "body"
        types: dict[str, TensorType] = {}
        inputs: dict[str, TensorType] = {}
        if until is not None:  # ONNX passes the number of the step and the condition
            inputs[self.fresh(f"{base}/step")] = TensorType("int64", ())
            inputs[self.fresh(f"{base}/goes_on")] = TensorType("bool", ())
        own = [*graph.inputs.values()][: len(graph.inputs) - len(captured)]
        names = [self.fresh(f"{base}/input") for _ in own]
        inputs.update((n, v.type) for n, v in zip(names, own, strict=True))
        found = list(self.inline(graph, [*names, *captured], types))
        kinds = [v.type for v in graph.outputs.values()]
        if until is not None:
            found = [*self.inline(until, [*found, *captured], types), *found]
            kinds = [TensorType("bool", ()), *kinds]
        # An output that is an input, a constant or another output needs a node.
        own_names = {name for node in self.nodes for name in node.outputs}
        for i, name in enumerate(found):
            if name not in own_names or name in found[:i]:
                found[i] = self("Identity", name)
        outputs = dict(zip(found, kinds, strict=True))
        inner = {n: t for n, t in types.items() if n in own_names and n not in outputs}
        result = OnnxBody(base, self.nodes, inputs, outputs, inner)
        self.nodes, self._made = around, made
        return result

    def fresh(self, base: str) -> str:
        """A name that nothing has yet: ``base``, ``base_1``, ``base_2``, ..."""
        name, count = base, self._counts.get(base, 0)
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        self._counts[base] = count
        return name
