"""Models in bfloat16 run, train and are exported, though runtimes only move it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import seqir
from seqir import layers, lower, ops, passes
from seqir.ir import evaluate
from seqir.lower.kernels import BFLOAT16
from seqir.network.base import arrays_of

POLICIES = ["bfloat16", "mixed_bfloat16"]
bfloat16 = seqir.dtypes.to_numpy("bfloat16")
rng = np.random.default_rng(0)


def network(dtype: str) -> seqir.Sequential:
    seqir.utils.set_random_seed(0)
    return seqir.Sequential(
        [
            seqir.Input((8, 8, 2)),
            layers.Conv2D(4, 3, activation="relu", dtype=dtype),
            layers.BatchNormalization(dtype=dtype),
            layers.MaxPooling2D(dtype=dtype),
            layers.DepthwiseConv2D(2, dtype=dtype),
            layers.UpSampling2D(dtype=dtype),
            layers.AveragePooling2D(3, 2, "same", dtype=dtype),
            layers.LayerNormalization(dtype=dtype),
            layers.Conv2DTranspose(3, 2, activation="gelu", dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(3, activation="softmax", dtype=dtype),
        ]
    )


@pytest.mark.parametrize("dtype", POLICIES)
def test_models_run_with_the_numbers_of_float32(dtype: str) -> None:
    model, exact = network(dtype), network("float32")
    exact.set_weights([w.astype("float32") for w in model.get_weights()])
    x = rng.normal(size=(5, 8, 8, 2)).astype("f")
    found = model.predict(x)
    assert found.dtype == bfloat16
    np.testing.assert_allclose(found.astype("f"), exact.predict(x), 0.05, 0.02)
    graph, variables = model.trace_graph()
    graph = passes.bind(graph, arrays_of(variables))
    (wanted,) = evaluate(graph, dict.fromkeys(graph.inputs, x)).values()
    np.testing.assert_allclose(found.astype("f"), wanted.astype("f"), 0.02, 0.01)


@pytest.mark.parametrize("dtype", POLICIES)
def test_models_learn(dtype: str) -> None:
    model = network(dtype)
    # Adam's 0.999 is 1 in bfloat16, which makes its steps 0 (in Keras as well).
    model.compile(seqir.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    x, y = rng.normal(size=(30, 8, 8, 2)), np.arange(30) % 3
    losses = model.fit(x + y[:, None, None, None], y, epochs=8).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("opset", [17, 22])
def test_files_hold_what_every_opset_allows(opset: int, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    report = network("bfloat16").export(path, opset=opset)
    assert set(report.outputs.values()) == {"bf16[batch, 3]"}
    onnx.checker.check_model(onnx.load(path), full_check=True)


def test_what_is_not_cast_is_what_onnxruntime_has() -> None:
    state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")
    there = {
        kernel.op_name
        for kernel in state.get_all_opkernel_def()
        if kernel.provider == "CPUExecutionProvider"
        and any("tensor(bfloat16)" in t for t in kernel.type_constraints.values())
    }
    assert there >= BFLOAT16


def test_a_graph_without_bfloat16_is_lowered_as_it_is() -> None:
    graph = network("float32").graph()
    assert "Cast" not in {node.op_type for node in lower.lower(graph).nodes}


FUNCTIONS: list[tuple[str, Any]] = [
    ("einsum", lambda a, b: ops.einsum("ij,kj->ik", a, b)),
    ("einsum of 1", lambda a, b: ops.einsum("ij,ij->ij", a, b[:1])),
    ("inner", ops.inner),
    ("tensordot", lambda a, b: ops.tensordot(a, b, [[1], [1]])),
    ("nan_to_num", lambda a, b: ops.nan_to_num(a / (a - a))),
    ("conv", lambda a, b: ops.conv(a[None], np.ones((2, 4, 2), bfloat16))),
    ("dot", lambda a, b: ops.dot(a, ops.transpose(b))),
]


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_functions_of_arrays_and_in_models(name: str, function: Any) -> None:
    a = rng.normal(size=(3, 4)).astype(bfloat16)
    b = rng.normal(size=(2, 4)).astype(bfloat16)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = function(a, b)
        exact = function(a.astype("f"), b.astype("f"))
    assert found.dtype == bfloat16
    if name != "nan_to_num":
        np.testing.assert_allclose(found.astype("f"), exact, 0.02, 0.02)
    assert np.isfinite(found.astype("f")).all()
    x, y = (seqir.Input(batch_shape=v.shape, dtype="bfloat16") for v in (a, b))
    run = seqir.Model([x, y], function(x, y))([a, b])
    np.testing.assert_allclose(run.astype("f"), found.astype("f"), 0.02, 0.02)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,ij->ij", ((3, 4), (1, 4))),
        ("ij,jk->ik", ((3, 4), (1, 2))),
        ("bi,bj->bij", ((1, 2), (5, 3))),
        ("ij,ij->", ((3, 1), (3, 4))),
    ],
)
def test_axes_of_one_broadcast_in_einsum(equation: str, shapes: Any) -> None:
    arrays = [rng.normal(size=shape) for shape in shapes]
    wanted = np.einsum(equation, *arrays)
    np.testing.assert_allclose(ops.einsum(equation, *arrays), wanted)
