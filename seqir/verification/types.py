"""Types of all tensors of a file, for certain sizes of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqir.verification.file import OnnxFile


@dataclass(frozen=True)
class Types:
    """What onnx's shape inference says of a file."""

    shapes: dict[str, tuple[int | None, ...]]
    """The sizes of each tensor that has a rank; None where a size is not known."""
    dtypes: dict[str, int]
    """Element types, as ONNX numbers them."""
    fault: str = ""
    """Why the sizes of the inputs do not fit the file, or nothing."""


def infer(file: OnnxFile, sizes: Mapping[str, int]) -> Types:
    """The types of all tensors with these numbers for free sizes."""
    import onnx
    from onnx import shape_inference

    bare = file.skeleton.fixed(sizes)
    fault = ""
    try:
        bare = shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True)
    except Exception as error:
        fault = " ".join(str(error).split())
        try:
            bare = shape_inference.infer_shapes(bare, data_prop=True)
        except Exception as second:  # an operator that onnx does not know
            fault = " ".join(str(second).split())
    shapes: dict[str, tuple[int | None, ...]] = {}
    found: dict[str, int] = {}
    waiting: list[onnx.GraphProto] = [bare.graph]
    while waiting:
        graph = waiting.pop()
        for value in (*graph.input, *graph.output, *graph.value_info):
            if not value.type.HasField("tensor_type"):
                continue
            tensor = value.type.tensor_type
            found[value.name] = tensor.elem_type
            if tensor.HasField("shape"):
                shapes[value.name] = tuple(
                    d.dim_value if d.HasField("dim_value") else None
                    for d in tensor.shape.dim
                )
        for weight in graph.initializer:
            shapes[weight.name] = tuple(weight.dims)
            found[weight.name] = weight.data_type
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    waiting.append(attribute.g)
    if not fault:
        fault = _empty(file, shapes)
    return Types(shapes, found, fault)


def _empty(file: OnnxFile, shapes: Mapping[str, tuple[int | None, ...]]) -> str:
    """A tensor of no or fewer elements that is none of the file's own."""
    own = {t.name for t in file.proto.graph.initializer}
    for graph in file.graphs():
        for node in graph.node:
            for name in node.output:
                shape = shapes.get(name, ())
                if name not in own and any(d is not None and d < 1 for d in shape):
                    if node.op_type in ("Constant", "ConstantOfShape", "Slice"):
                        continue  # an empty list of axes, for example
                    return f"{name!r} would be of shape {[*shape]}"
    return ""
