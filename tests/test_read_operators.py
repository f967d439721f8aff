"""What nodes of ONNX files mean: as ONNX Runtime computes them, with gradients."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

from seqir import lower, passes, reading
from seqir.errors import SeqirError
from seqir.ir import Array, Graph, evaluate, verify
from seqir.operators.foreign import Foreign, Whole
from seqir.ops import rules
from seqir.ops.loops import pullback
from tests.read_samples import SAMPLES, ReadSample


def file_of(sample: ReadSample, free: bool = False) -> onnx.ModelProto:
    """A file of nothing but the sample's node; with unknown sizes if they are free."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(sample.inputs)]
    outputs = [f"y{i}" if wanted else "" for i, wanted in enumerate(sample.wanted)]
    node = helper.make_node(
        sample.kind, names, outputs, "the_node", domain=sample.domain, **sample.given
    )
    fixed = {i: sample.inputs[i] for i in sample.constants}
    stored = [numpy_helper.from_array(np.asarray(a), f"x{i}") for i, a in fixed.items()]
    inputs = [
        helper.make_tensor_value_info(
            f"x{i}",
            helper.np_dtype_to_tensor_dtype(x.dtype),
            [f"size_{n}" if free and n > 1 else n for n in x.shape],
        )
        for i, x in enumerate(sample.inputs)
        if x is not None and i not in fixed
    ]
    results = [onnx.ValueInfoProto(name=name) for name in outputs if name]
    graph = helper.make_graph([node], "one", inputs, results, stored)
    imports = [helper.make_opsetid("", sample.opset)]
    if sample.domain:
        imports.append(helper.make_opsetid(sample.domain, 1))
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def read_of(sample: ReadSample, free: bool = False) -> Graph:
    read = reading.read(reading.parse(file_of(sample, free)))
    return passes.bind(verify(read.graph), read.weights)


def feeds_of(sample: ReadSample) -> dict[str, Array]:
    return {
        f"x{i}": x
        for i, x in enumerate(sample.inputs)
        if x is not None and i not in sample.constants
    }


def run(model: onnx.ModelProto, feeds: dict[str, Array]) -> dict[str, Array]:
    session = ort.InferenceSession(model.SerializeToString())
    names = [v.name for v in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def assert_same(found: dict[str, Array], wanted: dict[str, Array]) -> None:
    assert list(found) == list(wanted)
    for name, y in wanted.items():
        assert found[name].dtype == y.dtype
        np.testing.assert_allclose(found[name], y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_node_means_what_onnx_runtime_computes(sample: ReadSample) -> None:
    feeds = feeds_of(sample)
    wanted = run(file_of(sample), feeds)
    graph = read_of(sample)
    assert all(
        isinstance(n.op, Whole) or type(n.op) is not Foreign for n in graph.nodes
    )
    assert_same(evaluate(graph, feeds), wanted)
    if not sample.static:
        free = read_of(sample, free=True)
        assert type(free.nodes[-1].op) is not Foreign
        assert_same(evaluate(free, feeds), wanted)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_node_is_written_again_as_it_was(sample: ReadSample) -> None:
    before = file_of(sample)
    graph = read_of(sample)
    if not any(isinstance(node.op, Whole) for node in graph.nodes):
        return
    after = lower.to_proto(lower.lower(graph, opset=sample.opset))
    (node,) = after.graph.node
    (own,) = before.graph.node
    for name in ("name", "op_type", "domain", "input", "output", "attribute"):
        assert getattr(node, name) == getattr(own, name)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_node_that_breaks_the_rules_of_onnx_is_no_accident(
    sample: ReadSample,
) -> None:
    for change in (_without_operands, _without_attributes, _with_text, _with_negatives):
        model = file_of(sample)
        change(model.graph.node[0])
        try:
            graph = reading.read(reading.parse(model)).graph
        except SeqirError:
            continue
        verify(graph)


def _without_operands(node: onnx.NodeProto) -> None:
    del node.input[1:]


def _without_attributes(node: onnx.NodeProto) -> None:
    del node.attribute[:]


def _with_text(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        attribute.CopyFrom(helper.make_attribute(attribute.name, "text"))


def _with_negatives(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.ints:
            attribute.ints[:] = [-7] * (len(attribute.ints) + 1)
        elif attribute.type == onnx.AttributeProto.INT:
            attribute.i = -7


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.smooth], ids=str)
def test_a_node_has_the_gradient_of_central_differences(sample: ReadSample) -> None:
    graph = read_of(sample)
    feeds = feeds_of(sample)
    first = next(n for n, x in feeds.items() if x.dtype == np.float32)
    ys = evaluate(graph, feeds)
    rng = np.random.default_rng(0)
    seeds = {n: rng.normal(size=y.shape).astype(np.float32) for n, y in ys.items()}
    walk = pullback(rules, graph, [True] * len(ys))
    given = feeds | {f"seed_{n}": s for n, s in seeds.items()}
    slope = evaluate(walk, given)[first]
    way = rng.normal(size=feeds[first].shape)
    wide = {n: _wide(x) for n, x in feeds.items()}
    step = 1e-3

    def loss(move: float) -> float:
        moved = {**feeds, first: (wide[first] + move * way).astype(np.float32)}
        found = evaluate(graph, moved)
        return sum(float((_wide(found[n]) * s).sum()) for n, s in seeds.items())

    wanted = (loss(step) - loss(-step)) / (2 * step)
    np.testing.assert_allclose((slope * way).sum(), wanted, rtol=2e-2, atol=2e-2)


def test_an_image_is_resized_to_the_size_of_another() -> None:
    text = """<ir_version: 9, opset_import: ["": 18]>
    resize (float[n, 3, h, w] x, float[n, 2, p, q] like) => (float[n, 5, p, q] y) {
        sizes = Shape <start = 2> (like)
        others = Shape <end = 2> (x)
        all = Concat <axis = 0> (others, sizes)
        larger = Resize <mode = "linear"> (x, , , all)
        y = Concat <axis = 1> (larger, like)
    }"""
    model = onnx.parser.parse_model(text)
    graph = reading.read(reading.parse(model)).graph
    assert not any(type(node.op) is Foreign for node in graph.nodes)
    assert graph.outputs["y"].type.shape == ("n", 5, "p", "q")
    rng = np.random.default_rng(0)
    feeds = {
        "x": rng.random((2, 3, 4, 5), np.float32),
        "like": rng.random((2, 2, 7, 3), np.float32),
    }
    assert_same(evaluate(graph, feeds), run(model, feeds))


def _wide(x: Array) -> Array:
    return x.astype(np.float64)
