"""From a lowered model to bytes, without a second copy of the weights.

A protobuf message is its fields one after the other, so the file is written as the
serialized skeleton (everything but the arrays) followed by the initializers, each a
header and the array's own memory. Nothing but lengths has to be computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from seqir import dtypes
from seqir.ir import Array
from seqir.lower import opsets
from seqir.lower.emit import OnnxNode
from seqir.lower.lowering import OnnxModel, attribute_value
from seqir.ops.convert import ONNX_CODE
from seqir.tensortype import TensorType, type_of

if TYPE_CHECKING:
    import onnx

INLINE_LIMIT: Final = 1024
"""Arrays up to this many bytes stay in the model even if weights go elsewhere:
shapes and axes must be readable without them."""

MAX_FILE: Final = 2**31 - 2**20
"""Protobuf cannot read a message of 2 GiB."""

_GRAPH: Final = 7  # ModelProto.graph
_INITIALIZER: Final = 5  # GraphProto.initializer
_RAW_DATA: Final = 9  # TensorProto.raw_data


def to_proto(model: OnnxModel) -> onnx.ModelProto:
    """The whole model as an `onnx.ModelProto` in memory (it copies the weights)."""
    import onnx

    return onnx.ModelProto.FromString(b"".join(chunks(model)))


def chunks(
    model: OnnxModel, external: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[bytes | memoryview]:
    """The serialized model, piece by piece.

    `external` names the initializers whose data is elsewhere, with the entries that
    say where.
    """
    import onnx

    skeleton = _skeleton(model)
    graph = skeleton.graph.SerializeToString(deterministic=True)
    skeleton.ClearField("graph")
    headers: list[tuple[bytes, Array | None]] = []
    size = len(graph)
    for name, array in model.initializers.items():
        tensor = onnx.TensorProto(
            name=name,
            dims=array.shape,
            data_type=ONNX_CODE[dtypes.canonical(array.dtype)],
        )
        where = (external or {}).get(name)
        if where is not None:
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in where.items():
                tensor.external_data.add(key=key, value=value)
        header = tensor.SerializeToString(deterministic=True)
        body = 0
        if where is None:
            raw = _tag(_RAW_DATA) + _varint(array.nbytes)
            header, body = header + raw, array.nbytes
        framed = _tag(_INITIALIZER) + _varint(len(header) + body) + header
        headers.append((framed, array if where is None else None))
        size += len(framed) + body
    yield skeleton.SerializeToString(deterministic=True)
    yield _tag(_GRAPH) + _varint(size)
    yield graph
    for header, array in headers:
        yield header
        if array is not None:
            yield raw_bytes(array)


def split(model: OnnxModel) -> tuple[bytes, dict[str, Array]]:
    """The model with its big arrays taken out, and those arrays by name.

    This is what a session takes: the arrays are shared with it, not copied.
    """
    big = {n: a for n, a in model.initializers.items() if a.nbytes > INLINE_LIMIT}
    places = {
        name: {"location": "memory", "offset": "0", "length": str(array.nbytes)}
        for name, array in big.items()
    }
    return b"".join(chunks(model, places)), big


def write_external(model: OnnxModel, file: BinaryIO) -> tuple[Any, str]:
    """Write the big arrays to a file of their own, aligned to 4 KiB.

    Returns what `chunks` needs to know about them but for the file's name, and a hash
    of what was written.
    """
    places: dict[str, dict[str, str]] = {}
    digest = hashlib.sha256()
    offset = 0
    for name, array in model.initializers.items():
        if array.nbytes <= INLINE_LIMIT:
            continue
        padding = -offset % 4096
        for piece in (bytes(padding), raw_bytes(array)):
            file.write(piece)
            digest.update(piece)
        offset += padding
        places[name] = {"offset": str(offset), "length": str(array.nbytes)}
        offset += array.nbytes
    return places, digest.hexdigest()


def raw_bytes(array: Array) -> memoryview:
    """The array's memory in the order that ONNX wants (row by row, little-endian)."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).data


def _skeleton(model: OnnxModel) -> onnx.ModelProto:
    import onnx

    graph = onnx.GraphProto(
        name=model.name, node=[_node(n, model.sources) for n in model.nodes]
    )
    graph.input.extend(_value_info(n, t) for n, t in model.inputs.items())
    graph.output.extend(_value_info(n, t) for n, t in model.outputs.items())
    graph.value_info.extend(
        _value_info(n, t) for n, t in model.types.items() if n not in model.outputs
    )
    _complete(model, graph)
    kinds = ", ".join(dict.fromkeys(model.sources.values()))
    graph.doc_string = f"{model.name}: {kinds}" if kinds else model.name
    proto = onnx.ModelProto(
        ir_version=opsets.ir_version(model.opset),
        producer_name="seqir",
        producer_version=model.metadata.get("seqir.version", ""),
        doc_string=f"Made by seqir from the model {model.name!r}.",
        opset_import=[onnx.OperatorSetIdProto(domain="", version=model.opset)],
        graph=graph,
    )
    for key, value in model.metadata.items():
        proto.metadata_props.add(key=key, value=value)
    return proto


def _complete(model: OnnxModel, graph: onnx.GraphProto) -> None:
    """Add the types of tensors inside operators that lower to several nodes.

    The graph has no values for them, so ONNX's own inference fills them in.
    """
    import onnx

    made = [name for node in graph.node for name in node.output if name]
    missing = set(made) - model.types.keys() - model.outputs.keys()
    if not missing:
        return
    probe = onnx.GraphProto()
    probe.CopyFrom(graph)
    for name, array in model.initializers.items():
        if array.nbytes <= INLINE_LIMIT:
            tensor = probe.initializer.add(name=name, dims=array.shape)
            tensor.data_type = ONNX_CODE[dtypes.canonical(array.dtype)]
            tensor.raw_data = bytes(raw_bytes(array))
        else:
            probe.input.append(_value_info(name, type_of(array)))
    proto = onnx.helper.make_model(
        probe,
        ir_version=opsets.ir_version(model.opset),
        opset_imports=[onnx.OperatorSetIdProto(domain="", version=model.opset)],
    )
    inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    graph.value_info.extend(v for v in inferred.graph.value_info if v.name in missing)


def _node(node: OnnxNode, sources: Mapping[str, str]) -> onnx.NodeProto:
    import onnx

    proto = onnx.NodeProto(op_type=node.op_type, input=node.inputs, output=node.outputs)
    proto.name = node.outputs[0]
    kind = sources.get(node.source)
    if node.source:
        proto.doc_string = f"{node.source} ({kind})" if kind else node.source
    for key, value in node.attributes.items():
        proto.attribute.append(_attribute(key, value))
    return proto


def _attribute(key: str, value: Any) -> onnx.AttributeProto:
    import onnx

    if isinstance(value, np.ndarray):
        tensor = onnx.TensorProto(
            dims=value.shape,
            data_type=ONNX_CODE[dtypes.canonical(value.dtype)],
            raw_data=value.tobytes(),
        )
        return onnx.AttributeProto(name=key, type=onnx.AttributeProto.TENSOR, t=tensor)
    return onnx.helper.make_attribute(key, attribute_value(value))


def _value_info(name: str, type: TensorType) -> onnx.ValueInfoProto:
    import onnx

    info = onnx.ValueInfoProto(name=name)
    tensor = info.type.tensor_type
    tensor.elem_type = ONNX_CODE[type.dtype]
    tensor.shape.SetInParent()
    for d in type.shape:
        if isinstance(d, int):
            tensor.shape.dim.add(dim_value=d)
        else:
            tensor.shape.dim.add(dim_param=d)
    return info


def _tag(field: int) -> bytes:
    return _varint(field << 3 | 2)  # wire type 2: a length and that many bytes


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
