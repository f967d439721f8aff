"""Convolutions and pools of float64, which ONNX Runtime has not, in other operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, passes
from seqir.errors import RunError
from seqir.ir import evaluate
from seqir.lower import OnnxModel, kernels, to_proto
from seqir.lower.emit import Emitter
from seqir.lower.kernels import NO_FLOAT64
from seqir.network.base import arrays_of
from seqir.tensortype import TensorType

rng = np.random.default_rng(0)

SPATIAL: list[tuple[Any, tuple[int | None, ...]]] = [
    (lambda: layers.Conv1D(3, 3, strides=2, padding="same"), (9, 2)),
    (lambda: layers.Conv1D(3, 3, padding="causal", dilation_rate=2), (None, 2)),
    (lambda: layers.Conv2D(4, (2, 3), groups=2), (6, 7, 2)),
    (lambda: layers.Conv2D(2, 3, data_format="channels_first"), (2, None, 7)),
    (lambda: layers.Conv3D(2, 2, strides=2), (4, 5, 6, 2)),
    (lambda: layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2), (8, 7, 3)),
    (lambda: layers.SeparableConv1D(3, 2, dilation_rate=2), (9, 2)),
    (lambda: layers.Conv1DTranspose(3, 2, strides=3), (5, 2)),
    (lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same"), (4, 5, 2)),
    (lambda: layers.AveragePooling2D(3, 2, padding="same"), (7, 6, 2)),
]


@pytest.mark.parametrize(("make", "shape"), SPATIAL)
def test_layers_run_and_are_exported(
    make: Any, shape: tuple[int | None, ...], tmp_path: Path
) -> None:
    config = make().get_config() | {"dtype": "float64"}
    layer = type(make()).from_config(config)
    model = seqir.Sequential([seqir.Input(shape, dtype="float64"), layer])
    if layer.weights:
        layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    x = rng.normal(size=(2, *(d or 6 for d in shape)))
    graph, variables = model.trace_graph()
    graph = passes.bind(graph, arrays_of(variables))
    (wanted,) = evaluate(graph, dict.fromkeys(graph.inputs, x)).values()
    assert wanted.dtype == np.float64
    np.testing.assert_allclose(model.predict(x), wanted, 1e-10, 1e-12)
    report = model.export(tmp_path / "m.onnx")
    assert report.errors[0].relative < 1e-12
    assert not NO_FLOAT64 & set(report.nodes)


def test_a_model_learns() -> None:
    model = seqir.Sequential(
        [
            seqir.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu", dtype="float64"),
            layers.AveragePooling2D(2, dtype="float64"),
            layers.Flatten(dtype="float64"),
            layers.Dense(1, dtype="float64"),
        ]
    )
    model.compile(seqir.optimizers.SGD(0.05), "mse")
    x = rng.normal(size=(20, 6, 6, 1))
    losses = model.fit(x, x.mean((1, 2)), epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_these_are_what_onnxruntime_lacks() -> None:
    state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")
    there = {
        kernel.op_name
        for kernel in state.get_all_opkernel_def()
        if kernel.provider == "CPUExecutionProvider"
        and any("tensor(double)" in t for t in kernel.type_constraints.values())
    }
    assert there & NO_FLOAT64 == {"GRU", "LSTM"}  # which refuse it when they run
    for kind, gates in (("GRU", 3), ("LSTM", 4)):
        with pytest.raises(state.RuntimeException, match="does not support double"):
            run_whole(kind, gates)


def run_whole(kind: str, gates: int) -> None:
    """Let ONNX Runtime run a recurrent operator of float64."""
    import onnxruntime

    emit = Emitter(17)
    shapes = {"x": (3, 2, 4), "w": (1, 5 * gates, 4), "r": (1, 5 * gates, 5)}
    types = {name: TensorType("float64", shape) for name, shape in shapes.items()}
    y = emit(kind, *types, hidden_size=5)
    out = {y: TensorType("float64", (3, 1, 2, 5))}
    model = OnnxModel("g", 17, emit.nodes, {}, types, out, {}, {})
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(to_proto(model).SerializeToString(), options)
    session.run(None, {name: np.ones(shape) for name, shape in shapes.items()})


def test_what_is_not_there_at_all_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "NO_FLOAT64", frozenset[str]())
    model = seqir.Sequential(
        [seqir.Input((4, 4, 1), dtype="float64"), layers.UpSampling2D(dtype="float64")]
    )
    with pytest.raises(RunError, match="has no Resize for the element types of node"):
        model.predict(np.ones((1, 4, 4, 1)))
