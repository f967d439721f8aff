"""The walk over the nodes of a file: each becomes operators of the IR, or stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import onnx
from onnx import numpy_helper, shape_inference

from seqir import dtypes, shapes
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    SeqirError,
    did_you_mean,
)
from seqir.ir import Array, Builder, FrozenArray, Graph, Region, Value
from seqir.operators.constant import Constant
from seqir.operators.foreign import Foreign, Whole
from seqir.ops.apply import as_tuple, value_of
from seqir.passes.dead import eliminate_dead
from seqir.reading import older
from seqir.reading.bodies import control
from seqir.reading.composed import composed
from seqir.reading.messages import (
    bodies_of,
    constant_of,
    defined_in,
    expect_text,
    free_names,
    has_type,
    proto_of,
)
from seqir.reading.parse import Parsed
from seqir.reading.registry import Reader, functions_for, operators_for
from seqir.reading.scope import Known, Scope
from seqir.reading.take import MALFORMED, UNREADABLE, FileNode, NotKnown, Take
from seqir.reading.types import Names, to_proto, type_of
from seqir.tensortype import TensorType, opaque
from seqir.tensortype import type_of as type_of_array

_SMALL = 1 << 12
"""Bytes of values that ONNX's inference is told."""


@dataclass
class ReadGraph:
    """What was read: a graph, and the weights that are its params."""

    graph: Graph
    weights: dict[str, Array]
    versions: dict[str, int]
    """Of the domains of the file."""
    frozen: set[str] = field(default_factory=set[str])
    """Weights that no training changes: statistics, and those that only nodes without
    a gradient read."""


class Walk:
    """Reads the nodes of a file in their order."""

    def __init__(
        self, parsed: Parsed, inputs: Iterable[str], dims: Mapping[str, shapes.Dim]
    ) -> None:
        self.parsed = parsed
        proto = parsed.proto.graph
        b = Builder(proto.name or "graph")
        self.names = Names(dims)
        self.more = list(inputs)
        """Initializers that are inputs."""
        self.opset = parsed.versions.get("", older.NEWEST_OF_OLD)
        self.tensors = {t.name: t for t in parsed.initializers}
        self.scope = Scope(b, Known(parsed))
        self.at = "its inputs"
        """Which node is read."""
        self.weights: dict[str, Array] = {}
        self.typed: set[str] = set()
        """Weights that an operator of the IR reads."""
        self.statistics: set[str] = set()
        self.declared = {v.name: v.type for v in (*proto.value_info, *proto.output)}

    @property
    def b(self) -> Builder:
        """What nodes are added to."""
        return self.scope.b

    @property
    def known(self) -> Known:
        """What is known before the model runs."""
        return self.scope.known

    def run(self) -> ReadGraph:
        """The graph of the file."""
        proto = self.parsed.proto.graph
        named = (*proto.input, *proto.output, *self.parsed.initializers)
        expect_text([proto.name, *(each.name for each in named)])
        for value in proto.input:
            if value.name not in self.tensors:  # else it is the default of a weight
                type_ = type_of(value.type, self.names, f"{value.name}_size")
                self.scope.values[value.name] = self.b.input(value.name, type_)
        for name in self.more:
            if name not in self.tensors:
                raise ArgumentError(
                    f"inputs={name!r} is no initializer of {self.parsed.name}."
                    f"{did_you_mean(name, self.tensors)}"
                )
            type_ = type_of_array(self.parsed.array(self.tensors[name]))
            self.scope.values[name] = self.b.input(name, type_)
        self.names.check()
        for node in proto.node:
            self.at = node.name or ", ".join(node.output)
            for each in older.renewed(self.node_of(node), self):
                self.read(each)
        outputs = {v.name: self.value(v.name) for v in proto.output}
        graph = eliminate_dead(self.b.finish(outputs))
        read = {v for node in graph.nodes for v in node.operands} | {*graph.roots}
        params = {name: v for name, v in graph.params.items() if v in read}
        graph = replace(graph, params=params)
        weights = {name: self.weights[name] for name in params}
        versions = {**self.parsed.versions, "": max(self.opset, older.NEWEST_OF_OLD)}
        return ReadGraph(
            graph,
            weights,
            versions,
            set(weights) - self.typed | (self.statistics & set(weights)),
        )

    def node_of(self, proto: onnx.NodeProto) -> FileNode:
        """A node, in the newest of its old forms."""
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        version = self.parsed.versions.get(domain, 1)
        own = (proto.op_type, domain, proto.name, *(a.name for a in proto.attribute))
        expect_text((*own, *proto.input, *proto.output))
        node = FileNode(
            proto.op_type,
            domain,
            version,
            list(proto.input),
            list(proto.output),
            {a.name: a for a in proto.attribute},
            proto.name,
        )
        for entry in proto.metadata_props:
            if entry.key == "namespace":
                node.scope = entry.value
                expect_text([node.scope])
        return node

    def value(self, name: str) -> Value:
        """The value of a tensor of the file; a weight or constant when first asked for.

        Raises: CorruptFileError for a tensor that no node before has made.
        """
        if isinstance(self.b, Region) and name not in self.scope.values:
            array = self.known.get(name)
            if array is not None:  # a body has constants of its own
                return self._stored(name, array)
        found = self.scope.get(name)
        if found is None:
            array = self.known.get(name)
            if array is None:
                raise CorruptFileError(
                    f"{self.parsed.name} reads {name!r}, which no node before makes: "
                    "its nodes are not in order, or one is missing"
                )
            found = self._stored(name, array)
        return found

    def type_of(self, name: str) -> TensorType | None:
        """The type of a tensor, if it is known."""
        if name not in self.scope:
            return None  # inside of a body
        type_ = self.value(name).type
        return None if type_.dtype == dtypes.OPAQUE else type_

    def _stored(self, name: str, array: Array) -> Value:
        """An initializer: a weight if it is several floating-point numbers."""
        dtype = dtypes.canonical(array.dtype) if has_type(array) else None
        if name in self.tensors and array.ndim and dtype and dtypes.is_float(dtype):
            root = self.scope.root
            self.weights[name] = array
            root.values[name] = param = root.b.param(name, type_of_array(array))
            return self.scope.get(name) or param
        with self.b.at(""):
            found = self.b(Constant(FrozenArray(array, name)))
        self.known.fold(self.b.nodes[-1])
        self.scope.values[name] = found
        return found

    def read(self, node: FileNode) -> None:
        """One node: its outputs enter the scope."""
        for name in filter(None, node.outputs):
            if name in self.scope:
                raise CorruptFileError(
                    f"{self.parsed.name} makes {name!r} twice: its nodes must have "
                    "names of their own for what they compute"
                )
        self.known.add(node.constants)
        if node.kind == "Constant" and not node.domain:
            array = constant_of(node)
            if array is not None:
                self.known.add({node.outputs[0]: array})
                return
        if node.scope:
            self.b.scopes.setdefault(node.name, node.scope)
        operands = [self.value(n) if n else None for n in node.inputs]
        before = len(self.b.nodes)
        with self.b.at(node.name), self.b.active():
            results = self._control(node, operands)
            if results is None:
                captured = self._kept_bodies(node)
                if not captured and not any(map(_is_opaque, operands)):
                    results = self._typed(node, operands)
                    results = results or self._function(node, operands)
                if results is None:
                    results = self._foreign(node, operands, captured)
                else:
                    self.typed.update(n for n in node.inputs if n in self.weights)
                    self._note_statistics(node)
        self._call(node, results, before)
        self._fold(node, before)

    def _call(self, node: FileNode, results: Sequence[Value], before: int) -> None:
        """Give the results of a node their names, as far as its nodes are new."""
        names = [n for n in node.outputs if n]
        made = () if isinstance(self.b, Region) else self.b.nodes[before:]
        new = {v for each in made for v in each.results if not v.name}
        called: dict[Value, Value] = {}
        for name, value in zip(names, results, strict=True):
            if value in new and value not in called:
                outside = self.scope.called.get(name, name)
                called[value] = self.b.call(value, outside)
            self.scope.values[name] = called.get(value, value)

    def _fold(self, node: FileNode, before: int) -> None:
        """Note the results that are known already: what sizes are computed from."""
        for made in self.b.nodes[before:]:
            self.known.fold(made)
        self.known.add(
            {
                name: array
                for name in node.outputs
                if name
                and (array := self.known.of(self.scope.values[name])) is not None
            }
        )

    def _control(
        self, node: FileNode, operands: Sequence[Value | None]
    ) -> list[Value] | None:
        """The results of a node with bodies, if they can be read."""
        before, seen = len(self.b.nodes), (set(self.typed), set(self.statistics))
        scope = self.scope
        try:
            found = control(self, node, operands)
        except UNREADABLE:
            found = None
        chosen = None if found is None else _wanted(node, found)
        if chosen is None:
            self.scope = scope
            self.b.forget(before)
            self.typed, self.statistics = seen
        return chosen

    def results_of(
        self,
        body: onnx.GraphProto,
        b: Builder,
        given: Sequence[Value],
        outputs: Sequence[str] = (),
    ) -> list[Value]:
        """What the nodes of a body make of its inputs; see `bodies.Around`."""
        names = [v.name for v in body.output]
        if len(body.input) != len(given) or len(outputs) not in (0, len(names)):
            raise NotKnown
        if any(name in self.scope for name in defined_in(body)):
            raise NotKnown  # the same name is another tensor inside
        called = {n: own for n, own in zip(names, outputs, strict=False) if own}
        scope = self.scope
        self.scope = inner = scope.inside(b, called)
        pairs = zip(body.input, given, strict=True)
        inner.values.update((info.name, value) for info, value in pairs)
        self.known.add({t.name: self.parsed.array(t) for t in body.initializer})
        with b.active():
            for proto in body.node:
                for each in older.renewed(self.node_of(proto), self):
                    self.read(each)
            found = [self.value(name) for name in names]
        arrays = {called[n]: self.known.get(n) for n in called}
        self.scope = scope
        self.known.add({n: a for n, a in arrays.items() if a is not None})
        return found

    def constant(self, name: str) -> Array | None:
        """The values of a tensor that is known."""
        return self.known.get(name)

    def _kept_bodies(self, node: FileNode) -> list[str]:
        """What the graphs of a node read from around, if it stays what it is.

        They take the form of the opset that is written.
        """
        if self.opset < older.NEWEST_OF_OLD:
            for name, attribute in node.attributes.items():
                if bodies_of(attribute):
                    node.attributes[name] = own = onnx.AttributeProto()
                    own.CopyFrom(attribute)
                    for body in bodies_of(own):
                        self._renew_body(body)
        return _captured(node, self)

    def _note_statistics(self, node: FileNode) -> None:
        """Remember the weights that the operator just made has for statistics."""
        for place in self.b.nodes[-1].op.statistics:
            self.statistics.add(node.inputs[place])

    def _renew_body(self, body: onnx.GraphProto) -> None:
        """Turn the nodes of a body into their newest forms."""
        nodes: list[onnx.NodeProto] = []
        for proto in body.node:
            for each in older.renewed(self.node_of(proto), self):
                for name, array in each.constants.items():
                    value = numpy_helper.from_array(array)
                    nodes.append(
                        onnx.helper.make_node("Constant", [], [name], value=value)
                    )
                for attribute in each.attributes.values():
                    for inner in bodies_of(attribute):
                        self._renew_body(inner)
                nodes.append(proto_of(each))
        del body.node[:]
        body.node.extend(nodes)

    def _typed(
        self, node: FileNode, operands: Sequence[Value | None]
    ) -> list[Value] | None:
        """The results, if the node is one operator of the IR."""
        if node.domain:
            return None
        before = len(self.b.nodes)
        for kind in operators_for(node.kind):
            take = Take(node, self.b, operands, self.known)
            try:
                found = kind.read(take)
                if found is None:
                    continue
                op, places = found
                self.statistics |= take.fixed
                given = [operands[i] for i in places]
                results = self.b.emit(op, *[v for v in given if v is not None])
            except UNREADABLE:
                self.b.forget(before)
                continue
            if chosen := _wanted(node, results):
                return chosen
            self.b.forget(before)
        return None

    def _function(
        self, node: FileNode, operands: Sequence[Value | None]
    ) -> list[Value] | None:
        """The results, if a function, or ONNX itself, says what the node means."""
        for reader in functions_for(node.domain, node.kind):
            found = self._read_by(reader, node, operands)
            if found is not None:
                return found
        return self._composed(node, operands)

    def _read_by(
        self, reader: Reader, node: FileNode, operands: Sequence[Value | None]
    ) -> list[Value] | None:
        """The results that a function makes of a node; None if it cannot."""
        before = len(self.b.nodes)
        region = Region(self.b) if reader.whole else None
        inside = operands if region is None else [v and Value(v.type) for v in operands]
        b = region or self.b
        try:
            with b.active():
                take = Take(node, b, inside, self.known, (self.b, operands))
                found = reader.read(take)
                if found is None:
                    raise NotKnown
                self.statistics |= take.fixed
                values = [value_of(b, y) for y in as_tuple(found)]
        except UNREADABLE:
            self.b.forget(before)
            return None
        chosen = _wanted(node, values)
        if region is None or chosen is None:
            return chosen
        if region.captured:
            return None
        meaning = Graph(
            "meaning",
            {f"input_{i}": v for i, v in enumerate(inside) if v is not None},
            {},
            tuple(region.nodes),
            {f"output_{i}": v for i, v in enumerate(chosen)},
        )
        return self._whole(node, operands, meaning)

    def _composed(
        self, node: FileNode, operands: Sequence[Value | None]
    ) -> list[Value] | None:
        """The results, if ONNX says of which nodes the node is composed."""
        arrays = {i: self.known.get(name) for i, name in enumerate(node.inputs) if name}
        known = {
            i: a
            for i, a in arrays.items()
            if a is not None and _is_small(a) and node.inputs[i] not in self.weights
        }
        types = [v and v.type for v in operands]
        try:
            proto = composed(node, types, known, self.parsed.versions)
            if proto is None:
                return None
            graph = read(Parsed(proto, self.parsed.name, None)).graph
        except UNREADABLE:
            return None
        if any(type(each.op) is Foreign for each in graph.nodes):
            return None
        there = [(f"input_{i}", v) for i, v in enumerate(operands) if v is not None]
        inputs = {name: graph.inputs.get(name, Value(v.type)) for name, v in there}
        if graph.params or not _symbols(graph.outputs) <= _symbols(inputs):
            return None
        return self._whole(
            node, operands, replace(graph, name="meaning", inputs=inputs)
        )

    def _whole(
        self, node: FileNode, operands: Sequence[Value | None], meaning: Graph
    ) -> list[Value]:
        """The results of a node that stays one, and whose meaning is known."""
        types = [v.type for v in meaning.outputs.values()]
        op = Whole(**_as_it_is(node, (), types, operands), meaning=meaning)
        return list(self.b.emit(op, *[v for v in operands if v is not None]))

    def _foreign(
        self,
        node: FileNode,
        operands: Sequence[Value | None],
        captured: Sequence[str],
    ) -> list[Value]:
        """The results of a node that stays what it is."""
        around = [self.value(n) for n in captured]
        types = self._inferred(node, operands, captured)
        op = Foreign(**_as_it_is(node, captured, types, [*operands, *around]))
        return list(self.b.emit(op, *[v for v in operands if v is not None], *around))

    def _inferred(
        self,
        node: FileNode,
        operands: Sequence[Value | None],
        captured: Sequence[str],
    ) -> list[TensorType]:
        """Types of a node's results, by ONNX's inference or as the file says."""
        names = [n for n in node.outputs if n]
        try:
            found = self._by_schema(node, operands, captured)
        except (
            onnx.checker.ValidationError,
            onnx.defs.SchemaError,
            shape_inference.InferenceError,
            RuntimeError,
            ValueError,
            TypeError,
        ):
            found = {}
        types: list[TensorType] = []
        for name in names:
            proto = found.get(name)
            declared = self.declared.get(name)
            best = proto if proto is not None and _is_known(proto) else declared
            best = proto if best is None else best
            if best is None:
                types.append(opaque(text="unknown"))
                continue
            types.append(type_of(best, self.names, self.b.unknown(f"{node.kind}_size")))
        return types

    def _by_schema(
        self,
        node: FileNode,
        operands: Sequence[Value | None],
        captured: Sequence[str],
    ) -> dict[str, onnx.TypeProto]:
        schema = onnx.defs.get_schema(node.kind, node.version, node.domain)
        proto = proto_of(node)
        pairs = zip(node.inputs, operands, strict=True)
        types = {n: to_proto(v.type) for n, v in pairs if v is not None}
        types |= {n: to_proto(self.value(n).type) for n in captured}
        arrays = {n: self.known.get(n) for n in node.inputs}
        data = {
            n: numpy_helper.from_array(array, n)
            for n, array in arrays.items()
            if array is not None and _is_small(array)
        }
        return shape_inference.infer_node_outputs(
            schema,
            proto,
            types,
            data,
            opset_imports=[
                onnx.helper.make_opsetid(domain, version)
                for domain, version in self.parsed.versions.items()
            ],
        )


def read(
    parsed: Parsed,
    *,
    inputs: Iterable[str] = (),
    dims: Mapping[str, shapes.Dim] | None = None,
) -> ReadGraph:
    """The graph of a file, in operators of the IR as far as there are some.

    `inputs` are initializers that become inputs too, `dims` what unknown sizes are.

    Raises: CorruptFileError for a file that contradicts itself, ArgumentError for an
        input or a size that it has not.
    """
    walk = Walk(parsed, inputs, dims or {})
    try:
        return walk.run()
    except SeqirError:
        raise
    except MALFORMED as error:
        raise CorruptFileError(
            f"{parsed.name} is no ONNX model: {walk.at!r} is not as ONNX says ({error})"
        ) from error


def _as_it_is(
    node: FileNode,
    captured: Sequence[str],
    types: Iterable[TensorType],
    operands: Sequence[Value | None],
) -> dict[str, Any]:
    """The fields of the operator that a node stays."""
    return {
        "kind": node.kind,
        "domain": node.domain,
        "version": node.version,
        "attributes": tuple(
            (name, proto.SerializeToString(deterministic=True))
            for name, proto in node.attributes.items()
        ),
        "captured": tuple(captured),
        "given": tuple(map(bool, node.inputs)),
        "wanted": tuple(map(bool, node.outputs)),
        "taken": tuple(v.type for v in operands if v is not None),
        "types": tuple(types),
    }


def _wanted(node: FileNode, results: Sequence[Value]) -> list[Value] | None:
    """The results that the file has names for; None if there are more of those."""
    if len(results) < len(node.outputs):
        return None
    pairs = zip(node.outputs, results, strict=False)
    return [value for name, value in pairs if name]


def _captured(node: FileNode, walk: Walk) -> list[str]:
    """What the graphs among a node's attributes read from around."""
    found: dict[str, None] = {}
    for attribute in node.attributes.values():
        for graph in bodies_of(attribute):
            found.update(dict.fromkeys(free_names(graph)))
    return [n for n in found if n in walk.scope]


def _is_opaque(value: Value | None) -> bool:
    return value is not None and value.type.dtype == dtypes.OPAQUE


def _is_small(array: Array) -> bool:
    return array.nbytes <= _SMALL and array.dtype != object


def _is_known(proto: onnx.TypeProto) -> bool:
    """Whether a type says more than that there is one."""
    kind = proto.WhichOneof("value")
    if kind is None:
        return False
    return kind != "tensor_type" or proto.tensor_type.HasField("shape")


def _symbols(values: Mapping[str, Value]) -> set[str]:
    """The names of sizes in the types of values."""
    dims = [d for v in values.values() for d in v.type.shape]
    return {name for d in dims for name in shapes.symbols(d)}
