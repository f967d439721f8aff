"""What is written without the onnx package is what the onnx package writes."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import onnx
import pytest
from graphs import graph_value

from seqir import lower, ops, wire
from seqir.ir import Builder
from seqir.lower.emit import OnnxNode
from seqir.lower.lowering import OnnxModel
from seqir.ops.tensor import Traced
from seqir.tensortype import TensorType

VALUES: tuple[Any, ...] = (
    0, 1, -1, 127, 128, 2**40, -(2**63), True, 0.0, -1.5, 1e-30, "", "linear", "größer",
    (3,), (1, 2, -3), (0.5, 2), ("a", "b"), [7, 8],
)  # fmt: skip


def model_of(**attributes: Any) -> OnnxModel:
    """A model of one node with these attributes."""
    node = OnnxNode("Made", ["x", ""], ["y"], attributes, "layer")
    scalar, open_ = TensorType("float32", ()), TensorType("int64", ("n", 0, 300))
    return OnnxModel(
        "g", 17, [node], {"w": np.ones((2, 200), np.int8)}, {"x": open_},
        {"y": scalar}, {"inside": scalar}, {"layer": "Made"}, {"seqir.version": "1"},
    )  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_attributes_are_those_of_onnx(value: Any) -> None:
    (node,) = lower.to_proto(model_of(value=value)).graph.node
    given = list(value) if isinstance(value, tuple) else value
    wanted = onnx.helper.make_attribute("value", given)
    assert node.attribute[0].SerializeToString() == wanted.SerializeToString()


def test_an_array_is_an_attribute() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    (node,) = lower.to_proto(model_of(value=array)).graph.node
    (found,) = node.attribute
    assert found.type == onnx.AttributeProto.TENSOR
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(found.t), array)


def test_messages_are_those_of_onnx() -> None:
    """Read and written again they are as long, so nothing is missing or double."""
    model = model_of(one=1, many=(2, 3))
    data = b"".join(lower.proto.chunks(model))  # pyright: ignore[reportAttributeAccessIssue]
    read = onnx.ModelProto.FromString(data)
    assert len(read.SerializeToString()) == len(data)
    assert [x.name for x in read.graph.node[0].attribute] == ["one", "many"]
    assert read.graph.node[0].doc_string == "layer (Made)"
    assert list(read.graph.node[0].input) == ["x", ""]
    (dims,) = [x.type.tensor_type.shape.dim for x in read.graph.input]
    assert [d.dim_param or d.dim_value for d in dims] == ["n", 0, 300]
    assert read.graph.output[0].type.tensor_type.HasField("shape")
    assert read.graph.value_info[0].name == "inside"


def test_long_payloads_have_long_heads() -> None:
    assert wire.message(1, b"x" * 300)[:3] == b"\x0a\xac\x02"
    assert wire.head(16, 2**35).startswith(b"\x82\x01")


def test_running_and_training_import_no_onnx() -> None:
    code = (
        "import json, sys, numpy, seqir\n"
        "from seqir import layers\n"
        "m = seqir.Sequential([seqir.Input((4,)), layers.Dense(3, 'softmax')])\n"
        "m.compile('adam', 'sparse_categorical_crossentropy')\n"
        "x, y = numpy.zeros((8, 4), 'float32'), numpy.zeros(8, 'int32')\n"
        "m.fit(x, y, verbose=0), m.predict(x, verbose=0), m.evaluate(x, y, verbose=0)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"onnx", "google.protobuf"} & set(json.loads(run.stdout))


def test_a_session_takes_tensors_of_unknown_type() -> None:
    """Inside of an operator that is several nodes; a file has their types."""
    b = Builder("g")
    x = b.input("x", TensorType("float32", ("n", 4)))
    lowered = lower.lower(
        b.finish({"y": graph_value(ops.log_softmax(Traced(b, x) * 2))})
    )
    file, arrays = lower.split(lowered)
    assert not arrays
    shown = onnx.ModelProto.FromString(file).graph
    whole = lower.to_proto(lowered).graph
    made = {name for node in whole.node for name in node.output}
    assert made == {v.name for v in (*whole.value_info, *whole.output)}
    assert shown.node == whole.node
