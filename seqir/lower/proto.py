"""From a lowered model to bytes, without a second copy of the weights.

The file is written as its small messages (`seqir.wire`), then the initializers, each a
header and the array's own memory. Nothing but lengths has to be computed, and the onnx
package is asked for one thing only: the types of tensors that the graph has none for.
The numbers of fields are those of ``onnx.proto``.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from seqir import dtypes, wire
from seqir.ir import Array
from seqir.lower import opsets
from seqir.lower.emit import OnnxBody, OnnxNode, RawAttribute
from seqir.lower.lowering import OnnxModel
from seqir.narrow import is_sequence
from seqir.operators.kinds import ONNX_CODE
from seqir.shapes import Dim
from seqir.tensortype import OpaqueType, TensorType, type_of

if TYPE_CHECKING:
    import onnx

INLINE_LIMIT: Final = 1024
"""Arrays up to this many bytes stay in the model even if weights go elsewhere:
shapes and axes must be readable without them."""

MAX_FILE: Final = 2**31 - 2**20
"""Protobuf cannot read a message of 2 GiB."""

_GRAPH: Final = 7  # ModelProto.graph
_INITIALIZER: Final = 5  # GraphProto.initializer
_VALUE_INFO: Final = 13  # GraphProto.value_info
_RAW_DATA: Final = 9  # TensorProto.raw_data
_EXTERNAL: Final = 1  # TensorProto.EXTERNAL


def to_proto(model: OnnxModel) -> onnx.ModelProto:
    """The whole model as an `onnx.ModelProto` in memory (it copies the weights)."""
    import onnx

    return onnx.ModelProto.FromString(b"".join(chunks(model)))


def chunks(
    model: OnnxModel,
    external: Mapping[str, Mapping[str, str]] | None = None,
    *,
    complete: bool = True,
) -> Iterator[bytes | memoryview]:
    """The serialized model, piece by piece.

    `external` names the initializers whose data is elsewhere, with the entries that
    say where. `complete`: tensors inside of operators that are several nodes have
    types too, which a reader of a file wants to see and a runtime infers itself. Sizes
    that only a run knows have names at inputs and outputs then, and none in between:
    a user who fixes the size of an input would contradict them.
    """
    graph = _graph(model, named=not complete)
    if complete:
        graph += _types_inside(model)
    headers: list[tuple[bytes, Array | None]] = []
    size = len(graph)
    for name, array in model.initializers.items():
        where = (external or {}).get(name)
        header = _tensor(array, name, where)
        body, raw = 0, where is None and not _is_text(array)
        if raw:
            body = array.nbytes
            header += wire.head(_RAW_DATA, body)
        framed = wire.head(_INITIALIZER, len(header) + body) + header
        headers.append((framed, array if raw else None))
        size += len(framed) + body
    yield _about(model)
    yield wire.head(_GRAPH, size)
    yield graph
    for header, array in headers:
        yield header
        if array is not None:
            yield raw_bytes(array)


def split(model: OnnxModel) -> tuple[bytes, dict[str, Array]]:
    """The model with its big arrays taken out, and those arrays by name.

    This is what a session takes: the arrays are shared with it, not copied.
    """
    big = {n: a for n, a in model.initializers.items() if _goes_elsewhere(a)}
    places = {
        name: {"location": "memory", "offset": "0", "length": str(array.nbytes)}
        for name, array in big.items()
    }
    return b"".join(chunks(model, places, complete=False)), big


def write_external(model: OnnxModel, file: BinaryIO) -> tuple[Any, str]:
    """Write the big arrays to a file of their own, aligned to 4 KiB.

    Returns what `chunks` needs to know about them but for the file's name, and a hash
    of what was written.
    """
    places: dict[str, dict[str, str]] = {}
    digest = hashlib.sha256()
    offset = 0
    for name, array in model.initializers.items():
        if not _goes_elsewhere(array):
            continue
        padding = -offset % 4096
        for piece in (bytes(padding), raw_bytes(array)):
            file.write(piece)
            digest.update(piece)
        offset += padding
        places[name] = {"offset": str(offset), "length": str(array.nbytes)}
        offset += array.nbytes
    return places, digest.hexdigest()


def _goes_elsewhere(array: Array) -> bool:
    """Whether an array is not in the model where weights are not."""
    return array.nbytes > INLINE_LIMIT and not _is_text(array)


def _is_text(array: Array) -> bool:
    return array.dtype == object


def raw_bytes(array: Array) -> memoryview:
    """The array's memory in the order that ONNX wants (row by row, little-endian)."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).data


def _about(model: OnnxModel) -> bytes:
    """All of a ModelProto but its graph."""
    return b"".join(
        [
            wire.integer(1, opsets.ir_version(model.opset)),
            wire.text(2, "seqir"),
            wire.text(3, model.metadata.get("seqir.version", "")),
            wire.text(6, f"Made by seqir from the model {model.name!r}."),
            *(
                wire.message(8, wire.text(1, domain) + wire.integer(2, version))
                for domain, version in _domains(model).items()
            ),
            *(wire.message(14, _entry(*item)) for item in model.metadata.items()),
        ]
    )


def _domains(model: OnnxModel) -> dict[str, int]:
    """The parts of ONNX that the model uses, with their versions."""
    return {"": model.opset, **dict(sorted(model.domains.items()))}


def _graph(model: OnnxModel, *, named: bool) -> bytes:
    """The fields of a GraphProto but for its initializers.

    `named`: unknown sizes between inputs and outputs have their names.
    """
    kinds = ", ".join(dict.fromkeys(model.sources.values()))
    inside = ((n, t) for n, t in model.types.items() if n not in model.outputs)
    return b"".join(
        [
            *(wire.message(1, _node(n, model.sources)) for n in model.nodes),
            wire.text(2, model.name),
            wire.text(10, f"{model.name}: {kinds}" if kinds else model.name),
            *(wire.message(11, _value(n, t)) for n, t in model.inputs.items()),
            *(wire.message(12, _value(n, t)) for n, t in model.outputs.items()),
            *(wire.message(_VALUE_INFO, _value(n, t, named=named)) for n, t in inside),
        ]
    )


def _body(body: OnnxBody, sources: Mapping[str, str]) -> bytes:
    """A GraphProto inside of a node."""
    return b"".join(
        [
            *(wire.message(1, _node(node, sources)) for node in body.nodes),
            wire.text(2, body.name),
            *(wire.message(11, _value(n, t)) for n, t in body.inputs.items()),
            *(wire.message(12, _value(n, t)) for n, t in body.outputs.items()),
            *(wire.message(_VALUE_INFO, _value(n, t)) for n, t in body.types.items()),
        ]
    )


def _types_inside(model: OnnxModel) -> bytes:
    """The types of tensors inside operators that lower to several nodes.

    The graph has no values for them, so ONNX's own inference fills them in.
    """
    made = {name for node in model.nodes for name in node.outputs if name}
    missing = made - model.types.keys() - model.outputs.keys()
    if not missing:
        return b""
    import onnx

    probe = onnx.GraphProto.FromString(_graph(model, named=True))
    for name, array in model.initializers.items():
        if not _goes_elsewhere(array):
            tensor = _tensor(array, name)
            if not _is_text(array):
                tensor += wire.message(_RAW_DATA, bytes(raw_bytes(array)))
            probe.initializer.add().ParseFromString(tensor)
        else:
            probe.input.add().ParseFromString(_value(name, type_of(array)))
    proto = onnx.helper.make_model(
        probe,
        ir_version=opsets.ir_version(model.opset),
        opset_imports=[
            onnx.OperatorSetIdProto(domain=domain, version=version)
            for domain, version in _domains(model).items()
        ],
    )
    inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    found = [v for v in inferred.graph.value_info if v.name in missing]
    for value in found:
        for dim in value.type.tensor_type.shape.dim:
            dim.ClearField("dim_param")
    return b"".join(
        wire.message(_VALUE_INFO, v.SerializeToString(deterministic=True))
        for v in found
    )


def _node(node: OnnxNode, sources: Mapping[str, str]) -> bytes:
    """A NodeProto."""
    kind = sources.get(node.source)
    about = f"{node.source} ({kind})" if kind else node.source
    return b"".join(
        [
            *(wire.text(1, name) for name in node.inputs),
            *(wire.text(2, name) for name in node.outputs),
            wire.text(3, node.name or next(filter(None, node.outputs))),
            wire.text(4, node.op_type),
            *(
                wire.message(5, _attribute(name, value, sources))
                for name, value in node.attributes.items()
            ),
            wire.text(6, about) if about else b"",
            wire.text(7, node.domain) if node.domain else b"",
            wire.message(9, _entry("namespace", node.scope)) if node.scope else b"",
        ]
    )


def _attribute(name: str, value: Any, sources: Mapping[str, str]) -> bytes:
    """An AttributeProto: a graph, a number, a text, several of them, or an array."""
    if isinstance(value, OnnxBody):
        body = wire.message(6, _body(value, sources))
        return wire.text(1, name) + body + wire.integer(20, 5)
    if isinstance(value, RawAttribute):
        return _renamed(value) if value.names else value.data
    several = is_sequence(value)
    values: Sequence[Any] = value if several else (value,)
    if all(isinstance(v, int) for v in values):
        write, fields, kinds = wire.integer, (3, 8), (2, 7)
    elif all(isinstance(v, int | float) for v in values):
        write, fields, kinds = wire.float32, (2, 7), (1, 6)
    elif all(isinstance(v, str) for v in values):
        write, fields, kinds = wire.text, (4, 9), (3, 8)
    else:
        write, fields, kinds = _array, (5, 10), (4, 9)
    body = b"".join(write(fields[several], v) for v in values)
    return wire.text(1, name) + body + wire.integer(20, kinds[several])


def _renamed(attribute: RawAttribute) -> bytes:
    """An attribute whose graphs read what is around them by its present names."""
    import onnx

    proto = onnx.AttributeProto.FromString(attribute.data)
    graphs = [*proto.graphs, proto.g]
    while graphs:
        graph = graphs.pop()
        for node in graph.node:
            found = [attribute.names.get(name, name) for name in node.input]
            node.input[:] = found
            for inner in node.attribute:
                graphs += [*inner.graphs, inner.g]
        for output in graph.output:
            output.name = attribute.names.get(output.name, output.name)
    return proto.SerializeToString(deterministic=True)


def _array(number: int, array: Array) -> bytes:
    """A field that is an array with its values."""
    data = wire.message(_RAW_DATA, bytes(raw_bytes(array)))
    return wire.message(number, _tensor(array) + data)


def _tensor(
    array: Array, name: str | None = None, where: Mapping[str, str] | None = None
) -> bytes:
    """A TensorProto without its values, or with the place where they are."""
    fields = [wire.integer(1, size) for size in array.shape]
    fields.append(wire.integer(2, ONNX_CODE[dtypes.canonical(array.dtype)]))
    if _is_text(array):
        fields += [wire.text(6, text) for text in array.flat]
    if name is not None:
        fields.append(wire.text(8, name))
    if where is not None:
        fields += [wire.message(13, _entry(*item)) for item in where.items()]
        fields.append(wire.integer(14, _EXTERNAL))
    return b"".join(fields)


def _size(d: Dim) -> bytes:
    """The field of a Dimension."""
    return wire.integer(1, d) if isinstance(d, int) else wire.text(2, d)


def _value(name: str, type: TensorType, *, named: bool = True) -> bytes:
    """A ValueInfoProto, with names of unknown sizes or without."""
    return wire.text(1, name) + _type(type, named=named)


@functools.lru_cache(maxsize=1024)
def _type(type: TensorType, *, named: bool) -> bytes:
    """The field of a ValueInfoProto; many tensors of a model have the same."""
    if isinstance(type, OpaqueType):
        return wire.message(2, type.onnx) if type.onnx else b""
    shape = b"".join(
        wire.message(1, _size(d) if named or isinstance(d, int) else b"")
        for d in type.shape
    )
    tensor = wire.integer(1, ONNX_CODE[type.dtype]) + wire.message(2, shape)
    return wire.message(2, wire.message(1, tensor))


def _entry(key: str, value: str) -> bytes:
    """A StringStringEntryProto."""
    return wire.text(1, key) + wire.text(2, value)
