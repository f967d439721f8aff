"""Older forms of ONNX operators, turned into that of opset 17 before they are read.

What moved from attributes to inputs is moved; an operator that means something else now
is spelled with what it means. Behind this there is one form, to which readers and what
is written again belong. Opsets from 17 on are read as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import onnx

from seqir import dtypes
from seqir.errors import UnsupportedError
from seqir.reading.messages import proto_of
from seqir.reading.take import FileNode
from seqir.tensortype import TensorType

NEWEST_OF_OLD: Final = 17
"""The opset whose forms older ones are turned into."""
LEAST: Final = 7
"""The oldest opset whose forms are read: since it broadcasting is NumPy's."""


class Around(Protocol):
    """What is known of the tensors that a node reads."""

    def type_of(self, name: str) -> TensorType | None: ...


Renew = Callable[[FileNode, Around], list[FileNode] | None]
_OLD: dict[str, list[tuple[int, Renew]]] = {}


def before(opset: int, *kinds: str) -> Callable[[Renew], Renew]:
    """Say that a function renews nodes of these operators written before an opset."""

    def add(renew: Renew) -> Renew:
        for kind in kinds:
            _OLD.setdefault(kind, []).append((opset, renew))
        return renew

    return add


def renewed(node: FileNode, around: Around) -> list[FileNode]:
    """What a node of the main domain is in the form of opset 17, if it is older."""
    if node.domain or node.version >= NEWEST_OF_OLD:
        return [node]
    _check(node)
    version, node.version = node.version, NEWEST_OF_OLD
    nodes = [node]
    for opset, change in _OLD.get(node.kind, ()):
        if version < opset:
            nodes = change(node, around) or nodes
    return nodes


def _check(node: FileNode) -> None:
    """UnsupportedError for what opset 7 changed, the first with new broadcasting."""
    if node.version >= LEAST:
        return
    then, since = (
        onnx.defs.get_schema(node.kind, version, "").since_version
        for version in (node.version, LEAST)
    )
    if then != since:
        raise UnsupportedError(
            f"the node {node.name or node.outputs[0]!r} is a {node.kind} of opset "
            f"{node.version}, from before 2018: convert the file with "
            f"onnx.version_converter.convert_version(model, {LEAST}) first"
        )


def _moved(node: FileNode, name: str, place: int, dtype: Any = np.int64) -> None:
    """An attribute becomes an input."""
    value = node.value(name)
    if value is not None:
        node.set(name, None)
        node.add_input(place, name, value, dtype)


def _as_x(node: FileNode, around: Around, name: str, place: int) -> FileNode | None:
    """An attribute becomes an input of the element type of the first one.

    Where that is not known, the node that comes back makes it of that type.
    """
    type_ = around.type_of(node.inputs[0])
    value = node.value(name)
    dtype = np.float32 if type_ is None else dtypes.to_numpy(type_.dtype)
    _moved(node, name, place, dtype)
    if type_ is not None or value is None:
        return None
    given = node.inputs[place]
    node.inputs[place] = f"{given}/cast"
    cast = _made("CastLike", [given, node.inputs[0]], node.inputs[place], node)
    cast.constants[given] = node.constants.pop(given)
    return cast


@before(13, "Squeeze", "Unsqueeze", "ReduceSum")
def _axes(node: FileNode, around: Around) -> None:
    _moved(node, "axes", 1)


@before(13, "Split")
def _split(node: FileNode, around: Around) -> None:
    _moved(node, "split", 1)


@before(10, "Slice")
def _slice(node: FileNode, around: Around) -> None:
    axes = node.value("axes")
    _moved(node, "starts", 1)
    _moved(node, "ends", 2)
    if axes is not None:
        _moved(node, "axes", 3)


@before(10, "TopK")
def _top_k(node: FileNode, around: Around) -> None:
    k = node.value("k")
    node.set("k", None)
    node.add_input(1, "k", [k], np.int64)


@before(11, "Clip")
def _clip(node: FileNode, around: Around) -> list[FileNode]:
    nodes = [_as_x(node, around, name, i) for i, name in enumerate(("min", "max"), 1)]
    return [*filter(None, nodes), node]


@before(11, "Pad")
def _pad(node: FileNode, around: Around) -> list[FileNode]:
    _moved(node, "pads", 1)
    return [*filter(None, [_as_x(node, around, "value", 2)]), node]


@before(12, "Dropout")
def _dropout(node: FileNode, around: Around) -> None:
    _moved(node, "ratio", 1, np.float32)


@before(10, "Upsample")
def _upsample(node: FileNode, around: Around) -> None:
    """``Upsample`` is ``Resize`` by scales, asymmetric, rounded down."""
    scales = node.value("scales")
    if scales is not None:
        node.set("scales", None)
        node.inputs = node.inputs[:1]
        node.add_input(2, "scales", scales, np.float32)
    else:
        node.inputs = [node.inputs[0], "", node.inputs[1]]
    _as_resize(node)


@before(11, "Resize")
def _resize(node: FileNode, around: Around) -> None:
    node.inputs = [node.inputs[0], "", node.inputs[1]]
    _as_resize(node)


def _as_resize(node: FileNode) -> None:
    node.kind = "Resize"
    mode = node.value("mode", "nearest")
    node.set("mode", "linear" if mode in ("linear", "bilinear") else mode)
    node.set("coordinate_transformation_mode", "asymmetric")
    node.set("nearest_mode", "floor")


@before(9, "Scan")
def _scan(node: FileNode, around: Around) -> None:
    """One ``Scan`` for all samples is one for each, in one along the first axis."""
    if len(node.inputs) == len(node.attributes["body"].g.input):
        return  # that one
    if node.inputs.pop(0):
        raise UnsupportedError(
            f"the node {node.name or node.outputs[0]!r} is a Scan of opset 8 with "
            "sequences of several lengths: mask them, and write it in opset 9 or later"
        )
    body, scanned = node.attributes["body"].g, node.value("num_scan_inputs")
    states = len(body.input) - scanned
    inner = FileNode("Scan", "", NEWEST_OF_OLD, [], [], {}, node.name)
    inner.attributes["body"] = node.attributes["body"]
    inner.set("num_scan_inputs", scanned)
    inner.set("scan_input_directions", node.value("directions"))
    given = [_one_more(v, node, bool(i >= states)) for i, v in enumerate(body.input)]
    found = [_one_more(v, node, bool(i >= states)) for i, v in enumerate(body.output)]
    inner.inputs, inner.outputs = [v.name for v in given], [v.name for v in found]
    graph = onnx.GraphProto(name=f"{body.name}_of_one")
    graph.node.append(proto_of(inner))
    graph.input.extend(given)
    graph.output.extend(found)
    node.set("directions", None)
    node.set("body", graph)
    node.set("num_scan_inputs", len(given))


def _one_more(
    value: onnx.ValueInfoProto, node: FileNode, sliced: bool
) -> onnx.ValueInfoProto:
    """A tensor of a body as the body around it has it: perhaps with its steps."""
    type_ = onnx.TypeProto()
    type_.CopyFrom(value.type)
    if sliced and type_.tensor_type.HasField("shape"):
        steps = onnx.TensorShapeProto.Dimension()
        sizes = [steps, *type_.tensor_type.shape.dim]
        del type_.tensor_type.shape.dim[:]
        type_.tensor_type.shape.dim.extend(sizes)
    return onnx.ValueInfoProto(name=f"{node.outputs[0]}/{value.name}", type=type_)


@before(16, "RoiAlign")
def _roi_align(node: FileNode, around: Around) -> None:
    node.set("coordinate_transformation_mode", "output_half_pixel")


@before(18, "Scatter")
def _scatter(node: FileNode, around: Around) -> None:
    node.kind = "ScatterElements"


@before(14, "BatchNormalization")
def _batch_normalization(node: FileNode, around: Around) -> None:
    if not node.value("spatial", 1):
        raise UnsupportedError(
            f"the node {node.name or node.outputs[0]!r} normalizes each place by "
            "itself (spatial=0), which no opset after 8 has: write it as Sub, Div, Mul "
            "and Add"
        )
    node.set("spatial", None)
    node.set("is_test", None)
    node.set("consumed_inputs", None)
    del node.outputs[1:]


@before(13, "Softmax", "LogSoftmax", "Hardmax")
def _softmax(node: FileNode, around: Around) -> list[FileNode] | None:
    """Before opset 13 it was taken over all axes from `axis` on, made one."""
    axis, type_ = node.value("axis", 1), around.type_of(node.inputs[0])
    node.set("axis", -1)
    if type_ is not None and axis % max(type_.rank, 1) == type_.rank - 1:
        return None
    (x, *_), (y, *_) = node.inputs, node.outputs
    flat, sizes, found = (f"{y}/{part}" for part in ("flat", "sizes", "softmax"))
    node.inputs, node.outputs = [flat], [found]
    flatten = _made("Flatten", [x], flat, node)
    flatten.set("axis", axis)
    shape = _made("Shape", [x], sizes, node)
    return [flatten, node, shape, _made("Reshape", [found, sizes], y, node)]


def _made(kind: str, inputs: list[str], output: str, like: FileNode) -> FileNode:
    """A node beside another one."""
    name = f"{like.name}/{kind}" if like.name else ""
    return FileNode(kind, "", NEWEST_OF_OLD, inputs, [output], {}, name, like.scope)
