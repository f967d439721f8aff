"""ONNX files of a few nodes, as others may write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]

KINDS = {
    "f32": TensorProto.FLOAT,
    "f16": TensorProto.FLOAT16,
    "f64": TensorProto.DOUBLE,
    "i32": TensorProto.INT32,
    "i64": TensorProto.INT64,
    "u8": TensorProto.UINT8,
    "b1": TensorProto.BOOL,
    "str": TensorProto.STRING,
}


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A node; names with spaces between them, ``-`` for no operand."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(kind, names, outputs.split(), **attributes)


def value(name: str, kind: str, shape: Shape | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, KINDS[kind], shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[str, Shape]],
    outputs: Mapping[str, tuple[str, Shape | None]],
    weights: Mapping[str, Any] | None = None,
    *,
    opset: int = 17,
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model of nodes."""
    stored = [
        numpy_helper.from_array(np.asarray(array), name)
        for name, array in (weights or {}).items()
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [value(name, *type) for name, type in inputs.items()],
        [value(name, *type) for name, type in outputs.items()],
        stored,
    )
    imports = [helper.make_opsetid("", opset)]
    imports += [helper.make_opsetid(domain, 1) for domain in domains]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def saved(path: Path, *args: Any, **kwargs: Any) -> Path:
    """The model as a file."""
    onnx.save(model(*args, **kwargs), path)
    return path


def floats(*shape: int) -> np.ndarray[Any, Any]:
    """Weights of a shape, always the same."""
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, shape).astype(np.float32)
