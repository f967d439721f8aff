"""Branches and loops of ONNX files are read with what is inside of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import seqir
from seqir import lower, passes, reading
from seqir.ir import verify
from seqir.operators.control import Cond, Scan, While
from seqir.operators.foreign import Foreign

RNG = np.random.default_rng(0)

BRANCH = """
<ir_version: 8, opset_import: ["": {opset}]>
branch (float[3] x, bool flag) => (float[3] y)
<float[3] w = {{1.0, 2.0, 3.0}}> {{
   z = Mul(x, w)
   y = If (flag) <
      then_branch = then () => (float[3] a) {{
        one = Constant <value = float {{1.0}}> ()
        b = Add(z, one)
        a = Mul(b, x)
      }},
      else_branch = otherwise () => (float[3] c) {{
        one = Constant <value = float {{3.0}}> ()
        c = Sub(z, one)
      }}
   >
}}
"""
LOOP = """
<ir_version: 8, opset_import: ["": {opset}]>
loop (float[3] x, int64 count) => (float[3] y)
<bool yes = {{1}}, float[3] w = {{1.0, 2.0, 3.0}}> {{
   y = Loop (count, yes, x) <
      body = step (int64 i, bool before, float[3] a) => (bool goes_on, float[3] b) {{
        weighted = Mul(a, w)
        part = Cast <to = 1> (i)
        shifted = Add(weighted, part)
        total = ReduceSum <keepdims = 0> (shifted)
        limit = Constant <value = float {{40.0}}> ()
        goes_on = Less(total, limit)
        b = Identity(shifted)
      }}
   >
}}
"""
SCAN = """
<ir_version: 8, opset_import: ["": {opset}]>
scan (float[2] h, float[2, T] x) => (float[2] last, float[2, T] y)
<float[2, 2] w = {{0.5, 0.1, -0.2, 0.3}}> {{
   last, y = Scan <
      num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1],
      scan_input_directions = [{turned}], scan_output_directions = [{turned}],
      body = step (float[2] before, float[2] part) => (float[2] after, float[2] out) {{
        product = MatMul(w, before)
        sum = Add(product, part)
        after = Tanh(sum)
        out = Mul(after, part)
      }}
   > (h, x)
}}
"""
KNOWN = """
<ir_version: 8, opset_import: ["": {opset}]>
known (float[3] x) => (float[3] y) {{
   flag = Constant <value = bool {{1}}> ()
   chosen = If (flag) <
      then_branch = then () => (float[3] a) {{ inner = Exp(x)
        a = Neg(inner) }},
      else_branch = otherwise () => (float[1] c) {{
        c = Constant <value = float[1] {{3.0}}> () }}
   >
   y = Abs(chosen)
}}
"""
OPSETS = (11, 13, 17, 21)


def model_of(text: str, **given: Any) -> onnx.ModelProto:
    model = onnx.parser.parse_model(text.format(**given))
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> list[Any]:
    return ort.InferenceSession(model.SerializeToString()).run(None, dict(feeds))


def kinds(model: onnx.ModelProto) -> set[type]:
    """Classes of the operators that are read; the same is computed before and after."""
    return {type(node.op) for node in verify(read(model).graph).nodes}


def read(model: onnx.ModelProto) -> reading.ReadGraph:
    return reading.read(reading.parse(model))


def assert_computes(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> None:
    found = read(model)
    graph = passes.bind(found.graph, found.weights)
    graph = passes.run(graph, passes.INFERENCE, check=True)
    again = lower.to_proto(lower.lower(graph, opset=found.versions[""]))
    onnx.checker.check_model(again, full_check=True)
    for one, other in zip(run(again, feeds), run(model, feeds), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def numbers(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype("float32")


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("flag", [True, False])
def test_a_branch_reads_from_around(opset: int, flag: bool) -> None:
    model = model_of(BRANCH, opset=opset)
    assert {Cond} == kinds(model) & {Cond, Foreign}
    assert_computes(model, {"x": numbers(3), "flag": np.array(flag)})


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_a_loop_ends_at_its_count_or_condition(opset: int, count: int) -> None:
    model = model_of(LOOP, opset=opset)
    assert {While} == kinds(model) & {While, Foreign}
    assert_computes(model, {"x": numbers(3), "count": np.array(count)})


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("turned", [0, 1])
def test_a_scan_goes_along_any_axis(opset: int, turned: int) -> None:
    model = model_of(SCAN, opset=opset, turned=turned)
    assert {Scan} == kinds(model) & {Scan, Foreign}
    assert_computes(model, {"h": numbers(2), "x": numbers(2, 5)})


@pytest.mark.parametrize("opset", OPSETS)
def test_a_branch_whose_condition_is_known_is_taken(opset: int) -> None:
    model = model_of(KNOWN, opset=opset)
    assert not kinds(model) & {Cond, Foreign}
    names = {v.name for v in read(model).graph.values()}
    assert {"inner", "chosen", "y"} <= names
    assert_computes(model, {"x": numbers(3)})


@pytest.mark.parametrize("text", [BRANCH, SCAN])
def test_bodies_have_gradients(text: str) -> None:
    model = seqir.load_onnx(model_of(text, opset=17, turned=0))
    arrays = {"h": numbers(2), "x": numbers(2, 5)}
    if text is BRANCH:
        arrays = {"x": numbers(3), "flag": np.array(True)}
    found = seqir.grad(model, wrt=["w", "x"])
    gradients = dict(zip(found.output_names, found(arrays), strict=True))
    direction = {
        "x": numbers(*arrays["x"].shape),
        "w": numbers(*model.variables[0].shape),
    }

    def total(step: float) -> float:
        """The sum of the outputs some way along the direction."""
        model.variables[0].assign(weight + step * direction["w"])
        given = arrays | {"x": arrays["x"] + step * direction["x"]}
        ys = model(given)
        each = ys if isinstance(ys, list) else [ys]
        return sum(float(np.sum(np.asarray(y), dtype="float64")) for y in each)

    weight = model.variables[0].numpy()
    exact = sum(np.sum(gradients[f"d/{n}"] * d) for n, d in direction.items())
    slope = (total(1e-2) - total(-1e-2)) / 2e-2
    assert exact == pytest.approx(slope, abs=5e-3)
