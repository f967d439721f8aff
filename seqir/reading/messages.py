"""Messages of ONNX files, as the walk asks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx

from seqir import dtypes
from seqir.ir import Array
from seqir.reading.take import FileNode


def proto_of(node: FileNode) -> onnx.NodeProto:
    """The node as a message."""
    proto = onnx.NodeProto(op_type=node.kind, domain=node.domain, name=node.name)
    proto.input.extend(node.inputs)
    proto.output.extend(node.outputs)
    proto.attribute.extend(node.attributes.values())
    return proto


def expect_text(names: Iterable[object]) -> None:
    """Raise ValueError for a name of a damaged file whose bytes are no text."""
    for name in names:
        if type(name) is not str:
            raise ValueError(f"{name!r} is no text")


def bodies_of(attribute: onnx.AttributeProto) -> list[onnx.GraphProto]:
    """The graphs that an attribute is."""
    own = [attribute.g] if attribute.HasField("g") else []
    return [*attribute.graphs, *own]


def free_names(graph: onnx.GraphProto) -> Iterator[str]:
    """Names that a graph reads and does not define."""
    defined = {v.name for v in graph.input} | {t.name for t in graph.initializer}
    defined |= {t.values.name for t in graph.sparse_initializer}
    expect_text(v.name for v in graph.output)
    for node in graph.node:
        expect_text((*node.input, *node.output))
        yield from (n for n in node.input if n and n not in defined)
        for attribute in node.attribute:
            for inner in bodies_of(attribute):
                yield from (n for n in free_names(inner) if n not in defined)
        defined.update(node.output)
    yield from (v.name for v in graph.output if v.name not in defined)


def defined_in(graph: onnx.GraphProto) -> Iterator[str]:
    """Names that a graph gives to its own tensors."""
    yield from (v.name for v in graph.input)
    yield from (t.name for t in graph.initializer)
    yield from (name for node in graph.node for name in node.output if name)


def constant_of(node: FileNode) -> Array | None:
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
            return found if has_type(found) else None
    return None


def has_type(array: Array) -> bool:
    """Whether the IR has the element type."""
    return array.dtype == object or array.dtype.name in dtypes.ALL
