"""The walk over the nodes of a file: each becomes operators of the IR, or stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
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
from seqir.reading.composed import composed
from seqir.reading.parse import Parsed
from seqir.reading.registry import Reader, functions_for, operators_for
from seqir.reading.take import FileNode, NotKnown, Take
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
        self.b = Builder(proto.name or "graph")
        self.names = Names(dims)
        self.more = list(inputs)
        """Initializers that are inputs."""
        self.opset = parsed.versions.get("", older.NEWEST_OF_OLD)
        self.tensors = {t.name: t for t in parsed.initializers}
        self.env: dict[str, Value] = {}
        self.known = _Known(parsed)
        self.weights: dict[str, Array] = {}
        self.typed: set[str] = set()
        """Weights that an operator of the IR reads."""
        self.statistics: set[str] = set()
        self.declared = {v.name: v.type for v in (*proto.value_info, *proto.output)}

    def run(self) -> ReadGraph:
        """The graph of the file."""
        proto = self.parsed.proto.graph
        for value in proto.input:
            if value.name not in self.tensors:  # else it is the default of a weight
                type_ = type_of(value.type, self.names, f"{value.name}_size")
                self.env[value.name] = self.b.input(value.name, type_)
        for name in self.more:
            if name not in self.tensors:
                raise ArgumentError(
                    f"inputs={name!r} is no initializer of {self.parsed.name}."
                    f"{did_you_mean(name, self.tensors)}"
                )
            type_ = type_of_array(self.parsed.array(self.tensors[name]))
            self.env[name] = self.b.input(name, type_)
        self.names.check()
        for node in proto.node:
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
        return node

    def value(self, name: str) -> Value:
        """The value of a tensor of the file; a weight or constant when first asked for.

        Raises: CorruptFileError for a tensor that no node before has made.
        """
        if name not in self.env:
            array = self.known.get(name)
            if array is None:
                raise CorruptFileError(
                    f"{self.parsed.name} reads {name!r}, which no node before makes: "
                    "its nodes are not in order, or one is missing"
                )
            self.env[name] = self._stored(name, array)
        return self.env[name]

    def rank_of(self, name: str) -> int | None:
        """The rank of a tensor, if it is known."""
        if name not in self.env and name not in self.known:
            return None  # inside of a body
        type_ = self.value(name).type
        return None if type_.dtype == dtypes.OPAQUE else type_.rank

    def _stored(self, name: str, array: Array) -> Value:
        """An initializer: a weight if it is several floating-point numbers."""
        dtype = dtypes.canonical(array.dtype) if _has(array) else None
        if name in self.tensors and array.ndim and dtype and dtypes.is_float(dtype):
            self.weights[name] = array
            return self.b.param(name, type_of_array(array))
        with self.b.at(""):
            return self.b(Constant(FrozenArray(array, name)))

    def read(self, node: FileNode) -> None:
        """One node: its outputs enter `env`."""
        self.known.add(node.constants)
        if self.opset < older.NEWEST_OF_OLD:
            for attribute in node.attributes.values():
                for body in bodies_of(attribute):
                    self._renew_body(body)
        if node.kind == "Constant" and not node.domain:
            array = _constant(node)
            if array is not None:
                self.known.add({node.outputs[0]: array})
                return
        if node.scope:
            self.b.scopes.setdefault(node.name, node.scope)
        captured = _captured(node, self)
        operands = [self.value(n) if n else None for n in node.inputs]
        before = len(self.b.nodes)
        with self.b.at(node.name), self.b.active():
            results = None
            if not captured:
                results = self._typed(node, operands) or self._function(node, operands)
            if results is None:
                results = self._foreign(node, operands, captured)
            else:
                self.typed.update(n for n in node.inputs if n in self.weights)
                self._note_statistics(node)
        names = [n for n in node.outputs if n]
        new = {v for made in self.b.nodes[before:] for v in made.results if not v.name}
        called: dict[Value, Value] = {}
        for name, value in zip(names, results, strict=True):
            if value in new and value not in called:
                called[value] = self.b.call(value, name)
            self.env[name] = called.get(value, value)

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
            except (SeqirError, NotKnown):
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
        b = Region(self.b) if reader.whole else self.b
        inside = [v and Value(v.type) for v in operands] if reader.whole else operands
        try:
            with b.active():
                take = Take(node, b, inside, self.known)
                found = reader.read(take)
                if found is None:
                    raise NotKnown
                self.statistics |= take.fixed
                values = [value_of(b, y) for y in as_tuple(found)]
        except (SeqirError, NotKnown):
            self.b.forget(before)
            return None
        chosen = _wanted(node, values)
        if not isinstance(b, Region) or chosen is None:
            return chosen
        if b.captured:
            return None
        meaning = Graph(
            "meaning",
            {f"input_{i}": v for i, v in enumerate(inside) if v is not None},
            {},
            tuple(b.nodes),
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
        except SeqirError:
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


class _Known:
    """Values that are known by name: constants, and initializers when asked for."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._tensors = {t.name: t for t in parsed.initializers}
        self._arrays: dict[str, Array] = {}

    def add(self, arrays: Mapping[str, Array]) -> None:
        """Some more of them."""
        self._arrays.update(arrays)

    def get(self, name: str) -> Array | None:
        """The values of that name, if they are known."""
        if name not in self._arrays and name in self._tensors:
            self._arrays[name] = self._parsed.array(self._tensors[name])
        return self._arrays.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays or name in self._tensors


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
    return Walk(parsed, inputs, dims or {}).run()


def proto_of(node: FileNode) -> onnx.NodeProto:
    """The node as a message."""
    proto = onnx.NodeProto(op_type=node.kind, domain=node.domain, name=node.name)
    proto.input.extend(node.inputs)
    proto.output.extend(node.outputs)
    proto.attribute.extend(node.attributes.values())
    return proto


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
            found.update(dict.fromkeys(_free_names(graph)))
    return [n for n in found if n in walk.env or n in walk.known]


def bodies_of(attribute: onnx.AttributeProto) -> list[onnx.GraphProto]:
    """The graphs that an attribute is."""
    own = [attribute.g] if attribute.HasField("g") else []
    return [*attribute.graphs, *own]


def _free_names(graph: onnx.GraphProto) -> Iterator[str]:
    """Names that a graph reads and does not define."""
    defined = {v.name for v in graph.input} | {t.name for t in graph.initializer}
    defined |= {t.values.name for t in graph.sparse_initializer}
    for node in graph.node:
        yield from (n for n in node.input if n and n not in defined)
        for attribute in node.attribute:
            for inner in bodies_of(attribute):
                yield from (n for n in _free_names(inner) if n not in defined)
        defined.update(node.output)
    yield from (v.name for v in graph.output if v.name not in defined)


def _constant(node: FileNode) -> Array | None:
    """The values of a ``Constant`` node; None for a sparse one."""
    for name, dtype in (
        ("value", None),
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
        ("value_string", object),
        ("value_strings", object),
    ):
        if name in node.attributes:
            found = np.asarray(node.value(name), dtype)
            return found if _has(found) else None
    return None


def _has(array: Array) -> bool:
    """Whether the IR has the element type."""
    return array.dtype == object or array.dtype.name in dtypes.ALL


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
