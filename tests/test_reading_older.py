"""Nodes of older opsets compute what they did after they are read and written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import (
    NotImplemented as NotImplementedByRuntime,
)

from seqir import lower, passes, reading
from seqir.errors import UnsupportedError
from seqir.ir import verify

RNG = np.random.default_rng(0)


def x(*shape: int, dtype: str = "float32") -> Any:
    return RNG.standard_normal(shape).astype(dtype)


@dataclass(frozen=True)
class Old:
    """A node as opsets up to some one have it."""

    kind: str
    opsets: tuple[int, ...]
    inputs: tuple[Any, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    outputs: int = 1

    def __str__(self) -> str:
        types = "_".join(a.dtype.name for a in self.inputs[:1])
        return f"{self.kind}_{types}_{'_'.join(map(str, self.attributes))}"


ORDERED = np.sort(x(1, 1, 4, 4))
IMAGE = x(1, 2, 4, 4)
SCALES = np.array([1, 1, 2, 3], "float32")
SMALLER = np.array([1, 1, 0.5, 1.5], "float32")
CELL = {"hidden_size": 3}
CASES = [
    *(
        Old(kind, (7, 11, 12), (x(2, 3, 4),), {"axis": axis})
        for kind in ("Softmax", "LogSoftmax", "Hardmax")
        for axis in (0, 1, 2)
    ),
    *(
        Old("Clip", (7, 10), (x(4, dtype=d),), {"min": -0.5})
        for d in ("float32", "float64")
    ),
    Old("Clip", (7, 10), (x(4, dtype="float16"),), {"min": -0.5, "max": 0.5}),
    Old("Clip", (7, 10), (x(4),)),
    *(
        Old("Pad", (7, 10), (x(2, 3, dtype=d),), {"pads": [0, 1, 2, 0], "value": v})
        for d in ("float32", "float64")
        for v in (0.0, 1.5)
    ),
    Old("Pad", (7, 10), (x(2, 3),), {"pads": [0, 1, 1, 0], "mode": "reflect"}),
    Old("Pad", (10,), (x(3, 3),), {"pads": [-1, 0, 0, -1]}),
    Old("Dropout", (7, 10, 11), (x(4),), {"ratio": 0.3}),
    Old("TopK", (7, 9), (x(3, 5),), {"k": 2, "axis": 0}, 2),
    Old("TopK", (10,), (x(3, 5), np.array([2])), {}, 2),
    Old(
        "Slice", (7, 9), (x(3, 5),), {"starts": [1, 0], "ends": [-1, 3], "axes": [1, 0]}
    ),
    Old("Slice", (7, 9), (x(3, 5),), {"starts": [1], "ends": [100]}),
    Old("Squeeze", (7, 11, 12), (x(1, 3, 1),), {"axes": [0]}),
    Old("Squeeze", (7, 11), (x(1, 3, 1),)),
    Old("Unsqueeze", (7, 11), (x(3),), {"axes": [0, 2]}),
    Old("ReduceSum", (7, 11), (x(2, 3),), {"axes": [1], "keepdims": 0}),
    Old("ReduceMean", (7, 11, 13), (x(2, 3),), {"axes": [0]}),
    Old("ReduceMax", (7, 11, 12), (x(2, 3),)),
    Old("ReduceL2", (7, 11), (x(2, 3),), {"axes": [0]}),
    Old("Split", (7, 11), (x(5, 2),), {"split": [2, 3]}, 2),
    Old("Split", (7, 11), (x(4, 2),), {}, 2),
    Old("Upsample", (7, 8), (IMAGE,), {"scales": [1.0, 1.0, 2.0, 3.0]}),
    Old(
        "Upsample", (7, 8), (IMAGE,), {"scales": [1.0, 1.0, 2.0, 2.0], "mode": "linear"}
    ),
    Old("Upsample", (9,), (IMAGE, SCALES)),
    Old("Upsample", (9,), (IMAGE, SCALES), {"mode": "linear"}),
    Old("Resize", (10,), (IMAGE, SCALES)),
    Old("Resize", (10,), (IMAGE, SMALLER), {"mode": "linear"}),
    Old(
        "BatchNormalization",
        (7, 8),
        (IMAGE, x(2), x(2), x(2), x(2) ** 2),
        {"spatial": 1},
    ),
    Old("BatchNormalization", (9, 13), (IMAGE, x(2), x(2), x(2), x(2) ** 2)),
    Old("Gemm", (7, 9, 11), (x(2, 3), x(4, 3), x(4)), {"transB": 1, "alpha": 0.5}),
    Old("Cast", (7, 9), (x(3),), {"to": 7}),
    Old("Scatter", (9, 10), (x(3, 3), np.array([[1, 0, 2]]), x(1, 3))),
    Old("ScatterElements", (11, 13), (x(3, 3), np.array([[1, 0, 2]]), x(1, 3))),
    Old("MaxPool", (7, 8, 10), (ORDERED,), {"kernel_shape": [2, 2], "strides": [2, 2]}),
    Old("MaxPool", (8, 11), (ORDERED,), {"kernel_shape": [2, 2], "strides": [2, 2]}, 2),
    Old(
        "MaxUnpool",
        (9, 11),
        (x(1, 1, 2, 2), np.array([[[[5, 7], [13, 15]]]])),
        {"kernel_shape": [2, 2], "strides": [2, 2]},
    ),
    Old(
        "AveragePool", (7, 10), (IMAGE,), {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1]}
    ),
    Old(
        "RoiAlign",
        (10, 15),
        (IMAGE, np.array([[0, 0, 3, 2.5]], "float32"), np.array([0])),
        {"output_height": 2, "output_width": 2, "sampling_ratio": 2},
    ),
    Old("PRelu", (7, 9), (x(2, 3), x(3))),
    Old("Flatten", (7, 9, 11), (x(2, 3, 4),), {"axis": 2}),
    Old("ArgMax", (7, 11, 12), (x(2, 3),), {"axis": 1, "keepdims": 0}),
    Old("DepthToSpace", (7, 11), (x(1, 4, 2, 2),), {"blocksize": 2}),
    Old("LSTM", (7, 13), (x(2, 1, 4), x(1, 12, 4), x(1, 12, 3)), CELL, 3),
    Old("GRU", (7, 13), (x(2, 1, 4), x(1, 9, 4), x(1, 9, 3)), CELL, 2),
    Old("RNN", (7, 13), (x(2, 1, 4), x(1, 3, 4), x(1, 3, 3)), CELL, 2),
    Old("Constant", (7, 9, 11), (), {"value": helper.make_tensor("v", 1, [2], [1, 2])}),
    Old("Shape", (7, 13), (x(2, 3),)),
    Old("Reshape", (7, 13), (x(2, 3), np.array([3, -1]))),
    Old("GatherND", (11,), (x(2, 3), np.array([[0, 1]]))),
    Old("CumSum", (11, 13), (x(3), np.array(0))),
    Old("Sum", (7, 8), (x(3), x(3))),
]


def model_of(case: Old, opset: int, *, known: bool = True) -> onnx.ModelProto:
    """A model of the node; without `known` nothing is said of the sizes."""
    names = [f"x{i}" for i in range(len(case.inputs))]
    outputs = [f"y{i}" for i in range(case.outputs)]
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape if known else None
        )
        for name, a in zip(names, case.inputs, strict=True)
    ]
    node = helper.make_node(case.kind, names, outputs, **case.attributes)
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph([node], "old", inputs, results)
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=4)
    inferred = onnx.shape_inference.infer_shapes(model)
    for value in inferred.graph.output:
        if value.type.WhichOneof("value") is None:
            dtype = helper.np_dtype_to_tensor_dtype(case.inputs[0].dtype)
            value.type.tensor_type.elem_type = dtype
    return inferred


def run(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> list[Any]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options)
    return session.run(None, dict(feeds))


def original(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> list[Any]:
    """What the model computes; by ONNX where ONNX Runtime has no old kernel for it."""
    try:
        return run(model, feeds)
    except NotImplementedByRuntime:
        return list(ReferenceEvaluator(model).run(None, dict(feeds)))


def assert_same(model: onnx.ModelProto, case: Old) -> None:
    feeds = {f"x{i}": a for i, a in enumerate(case.inputs)}
    found = reading.read(reading.parse(model))
    graph = passes.bind(verify(found.graph), found.weights)
    graph = passes.run(graph, passes.INFERENCE, check=True)
    again = lower.to_proto(lower.lower(graph, opset=found.versions[""]))
    if all(value.type.tensor_type.HasField("shape") for value in model.graph.output):
        onnx.checker.check_model(again, full_check=True)
    for one, other in zip(run(again, feeds), original(model, feeds), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_old_nodes_compute_what_they_did(case: Old) -> None:
    for opset in case.opsets:
        assert_same(model_of(case, opset), case)


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.kind in ("Softmax", "Clip", "Pad", "Hardmax")],
    ids=str,
)
def test_so_do_those_of_unknown_rank(case: Old) -> None:
    assert_same(model_of(case, case.opsets[0], known=False), case)


def test_every_operator_that_has_changed_since_opset_7_is_here() -> None:
    """Attributes that went or got another default need a rule, and so a case."""
    versions: dict[str, dict[int, Any]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if not schema.domain and schema.since_version <= 17:
            versions.setdefault(schema.name, {})[schema.since_version] = schema
    changed: set[str] = set()
    for name, found in versions.items():
        newest = found[max(found)]
        first = max((v for v in found if v <= 7), default=min(found))
        for version, old in found.items():
            if first <= version and _differs(old, newest):
                changed.add(name)
    assert changed - {"Scan"} <= {case.kind for case in CASES}  # see the backend cases


def _differs(old: Any, new: Any) -> bool:
    then, now = old.attributes, new.attributes
    return (
        new.deprecated
        or len(old.inputs) > len(new.inputs)
        or bool(then.keys() - now.keys())
        or any(then[a].default_value != now[a].default_value for a in then)
    )


def test_what_no_later_opset_has_is_refused() -> None:
    operands = (x(2, 3), *(np.ones(3, "float32") for _ in range(4)))
    case = Old("BatchNormalization", (7,), operands, {"spatial": 0})
    with pytest.raises(UnsupportedError, match=r"'y0' normalizes each place by itself"):
        reading.read(reading.parse(model_of(case, 7)))
    with pytest.raises(
        UnsupportedError, match=r"'y0' is a Add of opset 6, from before"
    ):
        reading.read(reading.parse(model_of(Old("Add", (6,), (x(2), x(2))), 6)))
    model = model_of(Old("Abs", (13,), (x(2),)), 13)
    model.opset_import[0].version = 9999
    with pytest.raises(UnsupportedError, match=r"is of opset 9999, and the installed"):
        reading.parse(model)
