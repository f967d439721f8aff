"""Nodes that ONNX itself composes of plainer ones: its schemas say how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import helper, numpy_helper
from onnx.inliner import inline_selected_functions

from seqir.ir import Array
from seqir.reading.take import FileNode
from seqir.reading.types import to_proto
from seqir.tensortype import TensorType


def composed(
    node: FileNode,
    types: Sequence[TensorType | None],
    known: Mapping[int, Array],
    versions: Mapping[str, int],
) -> onnx.ModelProto | None:
    """A model of the nodes that a node is composed of; None if ONNX does not say.

    Its inputs are called ``input_0``, ... by their places, and those that are known
    are constants in it; its outputs are called ``output_0``, ...
    """
    try:
        schema: Any = onnx.defs.get_schema(node.kind, node.version, node.domain)
    except onnx.defs.SchemaError:
        return None
    if not (schema.has_function or schema.has_context_dependent_function):
        return None
    names = [f"input_{i}" if t is not None else "" for i, t in enumerate(types)]
    outputs = [f"output_{i}" if n else "" for i, n in enumerate(node.outputs)]
    whole = onnx.NodeProto(op_type=node.kind, domain=node.domain)
    whole.input.extend(names)
    whole.output.extend(outputs)
    whole.attribute.extend(node.attributes.values())
    whole.attribute.extend(
        attribute.default_value
        for name, attribute in schema.attributes.items()
        if name not in node.attributes and attribute.default_value.name
    )
    nodes = [
        helper.make_node("Constant", [], [names[i]], value=numpy_helper.from_array(a))
        for i, a in known.items()
    ]
    inputs = [
        helper.make_value_info(names[i], to_proto(t))
        for i, t in enumerate(types)
        if t is not None and i not in known
    ]
    results = [onnx.ValueInfoProto(name=name) for name in outputs if name]
    graph = helper.make_graph([*nodes, whole], node.kind, inputs, results)
    imports = {**versions, node.domain: node.version}
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(d, v) for d, v in imports.items()]
    )
    try:
        found = inline_selected_functions(
            model,
            [(node.domain, node.kind)],
            exclude=False,
            inline_schema_functions=True,
        )
    except (RuntimeError, ValueError, onnx.checker.ValidationError):
        return None
    left = any(
        n.op_type == node.kind and n.domain == node.domain for n in found.graph.node
    )
    return None if left else found
