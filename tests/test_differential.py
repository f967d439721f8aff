"""No passes = all passes = NumPy = ONNX Runtime = ONNX's reference evaluator."""

from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
from corpus import MODELS, guide_cnn, random_feeds, randomize
from hypothesis import given
from hypothesis import strategies as st

import seqir
from seqir import layers, lower, passes
from seqir.errors import ShapeError
from seqir.ir import evaluate, verify
from seqir.lower import opsets
from seqir.network.base import arrays_of

OPSETS = (17, 18, 20, 21, opsets.newest())


def close(found: Any, wanted: Any) -> None:
    for name, value in wanted.items():
        assert found[name].shape == value.shape
        assert found[name].dtype == value.dtype
        scale = max(float(np.abs(value).max(initial=0)), 1e-3)
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5 * scale)


def graphs(model: seqir.Model) -> tuple[Any, Any]:
    naive, variables = model.trace_graph(batch="batch")
    naive = passes.bind(naive, arrays_of(variables))
    return naive, passes.run(naive, passes.INFERENCE, check=True)


def run_onnx(graph: Any, feeds: Any, opset: int, *, optimize: bool) -> dict[str, Any]:
    proto = lower.to_proto(lower.lower(graph, opset=opset))
    onnx.checker.check_model(proto, full_check=True)
    options = onnxruntime.SessionOptions()
    if not optimize:
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        )
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return dict(zip(graph.outputs, session.run(None, feeds), strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_all_ways_to_compute_a_model_agree(name: str) -> None:
    model = randomize(MODELS[name]())
    naive, optimized = graphs(model)
    verify(naive)
    feeds = random_feeds(naive)
    wanted = evaluate(naive, feeds)
    close(evaluate(optimized, feeds), wanted)
    close(run_onnx(naive, feeds, 17, optimize=False), wanted)
    for opset in OPSETS:
        close(run_onnx(optimized, feeds, opset, optimize=True), wanted)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("opset", [17, opsets.newest()])
def test_the_reference_evaluator_agrees(name: str, opset: int) -> None:
    naive, optimized = graphs(randomize(MODELS[name]()))
    feeds = random_feeds(naive, batch=2)
    proto = lower.to_proto(lower.lower(optimized, opset=opset))
    found = onnx.reference.ReferenceEvaluator(proto).run(None, feeds)
    close(dict(zip(optimized.outputs, found, strict=True)), evaluate(naive, feeds))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_called_equals_its_graph(name: str) -> None:
    model = randomize(MODELS[name]())
    naive, _ = graphs(model)
    feeds = random_feeds(naive)
    wanted = evaluate(naive, feeds)
    given_ = feeds if len(feeds) > 1 else next(iter(feeds.values()))
    found = model(given_)
    values = list(found.values()) if isinstance(found, dict) else found
    values = values if isinstance(values, list) else [values]
    ordered = sorted(found) if isinstance(found, dict) else None
    if ordered:
        values = [found[k] for k in ordered]
    close(dict(zip(naive.outputs, values, strict=True)), wanted)


def test_the_folded_batch_norms_are_gone() -> None:
    _, optimized = graphs(randomize(MODELS["batch_normalized"]()))
    kinds = [type(node.op).__name__ for node in optimized.nodes]
    assert "BatchNorm" not in kinds
    assert kinds.count("Transpose") == 1  # at the input; Flatten's is in the weights


def test_the_guide_model_has_one_transpose() -> None:
    _, optimized = graphs(guide_cnn())
    kinds = [type(node.op).__name__ for node in optimized.nodes]
    assert kinds.count("Transpose") == 1
    assert not {"Cast", "ExpandDims", "Squeeze", "Add", "Reshape"} & set(kinds)


SPATIAL = st.one_of(
    st.builds(
        lambda f, k, s, p: layers.Conv2D(f, k, strides=s, padding=p),
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(1, 2),
        st.sampled_from(["valid", "same"]),
    ),
    st.builds(
        lambda k, p: layers.DepthwiseConv2D(k, padding=p),
        st.integers(1, 3),
        st.sampled_from(["valid", "same"]),
    ),
    st.builds(
        lambda k, s: layers.Conv2DTranspose(2, k, strides=s),
        st.integers(1, 3),
        st.integers(1, 2),
    ),
    st.builds(lambda k: layers.MaxPooling2D(k, padding="same"), st.integers(1, 3)),
    st.builds(lambda k: layers.AveragePooling2D(k), st.integers(1, 2)),
    st.builds(layers.BatchNormalization),
    st.builds(lambda a: layers.LayerNormalization(axis=a), st.sampled_from([-1, 1])),
    st.builds(layers.Activation, st.sampled_from(["relu", "tanh", "softmax", "elu"])),
    st.builds(layers.PReLU),
    st.builds(lambda p: layers.ZeroPadding2D(p), st.integers(1, 2)),
    st.builds(layers.UpSampling2D),
    st.builds(lambda n: layers.Dense(n, activation="relu"), st.integers(1, 4)),
    st.builds(lambda: layers.Permute((2, 1, 3))),
    st.builds(lambda: layers.Rescaling(0.5, 0.1)),
)


@given(stack=st.lists(SPATIAL, min_size=1, max_size=6), seed=st.integers(0, 99))
def test_random_stacks_agree(stack: list[Any], seed: int) -> None:
    model = seqir.Sequential([seqir.Input((7, 6, 2))])
    for layer in stack:
        try:
            model.add(layer)
        except ShapeError:  # it has shrunk to nothing: a shorter stack is as good
            break
    if not model.built:
        return
    model.add(layers.GlobalMaxPooling2D())
    naive, optimized = graphs(randomize(model, seed))
    feeds = random_feeds(naive, seed)
    wanted = evaluate(naive, feeds)
    close(evaluate(optimized, feeds), wanted)
    close(run_onnx(optimized, feeds, 17, optimize=True), wanted)
